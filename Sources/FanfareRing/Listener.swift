import CFanfareKernel
import Glibc

/// Opens listening sockets: at the edge, before and outside of shards, because it may block and answers in words.
public enum Listener {
    /// A listening TCP socket at `address`, blocking as multishot accept wants it.
    ///
    /// TCP_NODELAY and TCP_NOTSENT_LOWAT are set on the listener, from which accepted sockets inherit them. IPv6 listeners
    /// take IPv6 only. With `reusePort` several shards listen at one address and the kernel spreads connections over them.
    public static func openTCP(
        address: SocketAddress, reusePort: Bool, backlog: Int = RingLimits.acceptBacklog
    ) throws(ListenerError) -> Int32 {
        let family = address.family == .v6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ListenerError("socket", address, errno) }
        do throws(ListenerError) {
            try set(descriptor, SOL_SOCKET, SO_REUSEADDR, address)
            if reusePort { try set(descriptor, SOL_SOCKET, SO_REUSEPORT, address) }
            if address.family == .v6 { try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, address) }
            let options = fanfare_set_stream_options(descriptor, Int32(RingLimits.unsentLowBytes))
            guard options == 0 else { throw ListenerError("setsockopt", address, -options) }
            try bind(descriptor, address)
            try startListening(descriptor, address, backlog)
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// A listening Unix socket at `path` with the permissions `mode`.
    ///
    /// A socket that is there already and that nobody answers on is left over from a process that was killed: it is
    /// removed. One that answers is `inUse`; anything else than a socket is never removed.
    public static func openUnix(
        path: String, mode: mode_t = 0o600, backlog: Int = RingLimits.acceptBacklog
    ) throws(ListenerError) -> Int32 {
        let address: SocketAddress
        do { address = try SocketAddress(path: path) } catch { throw ListenerError(error) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ListenerError("socket", address, errno) }
        do throws(ListenerError) {
            // Before bind, so that the socket never exists with wider permissions (bind applies the umask to these).
            guard fchmod(descriptor, mode) == 0 else { throw ListenerError("fchmod", address, errno) }
            if isStale(address) { _ = unsafe unlink(path) }
            try bind(descriptor, address)
            guard unsafe chmod(path, mode) == 0 else { throw ListenerError("chmod", address, errno) }
            try startListening(descriptor, address, backlog)
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Whether a socket lies at `address` that refuses connections.
    private static func isStale(_ address: SocketAddress) -> Bool {
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        let answer = unsafe address.withSockaddr { name, length in unsafe connect(probe, name, length) }
        // A plain file refuses with ECONNREFUSED as well.
        guard answer < 0, errno == ECONNREFUSED else { return false }
        var status = stat()
        return unsafe lstat(address.path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }

    private static func set(
        _ descriptor: Int32, _ level: Int32, _ option: Int32, _ address: SocketAddress
    ) throws(ListenerError) {
        var on: Int32 = 1
        guard unsafe setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw ListenerError("setsockopt", address, errno)
        }
    }

    private static func bind(_ descriptor: Int32, _ address: SocketAddress) throws(ListenerError) {
        let answer = unsafe address.withSockaddr { name, length in unsafe Glibc.bind(descriptor, name, length) }
        guard answer == 0 else { throw ListenerError("bind", address, errno) }
    }

    private static func startListening(
        _ descriptor: Int32, _ address: SocketAddress, _ backlog: Int
    ) throws(ListenerError) {
        guard listen(descriptor, Int32(backlog)) == 0 else { throw ListenerError("listen", address, errno) }
    }
}

/// Why nothing listens at an address.
public enum ListenerError: Error, Equatable, CustomStringConvertible {
    /// Another process listens there.
    case inUse(address: String)
    /// The address is not one of this machine's, or the directory of the path does not exist.
    case unavailable(address: String)
    /// Not allowed: a port below 1024, or a directory that is not ours.
    case denied(address: String)
    /// The text is no address.
    case malformed(SocketAddress.ParseError)
    /// Anything else: the call that failed and its errno.
    case failed(call: String, address: String, number: Int32)

    init(_ call: String, _ address: SocketAddress, _ number: Int32) {
        let address = address.description
        self =
            switch number {
            case EADDRINUSE: .inUse(address: address)
            case EADDRNOTAVAIL, ENOENT, ENOTDIR: .unavailable(address: address)
            case EACCES, EPERM: .denied(address: address)
            default: .failed(call: call, address: address, number: number)
            }
    }

    init(_ error: SocketAddress.ParseError) { self = .malformed(error) }

    public var description: String {
        switch self {
        case .inUse(let address): "\(address) is in use by another process; stop it or choose another address"
        case .unavailable(let address): "\(address) is not an address of this machine, or its directory does not exist"
        case .denied(let address):
            "listening on \(address) is not allowed; use a port from 1024 on, a directory of your own, or CAP_NET_BIND_SERVICE"
        case .malformed(let error): error.description
        case .failed(let call, let address, let number): "\(call) for \(address) failed with errno \(number)"
        }
    }
}
