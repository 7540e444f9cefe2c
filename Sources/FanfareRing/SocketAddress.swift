import FanfareBase
import Glibc

/// Where a socket is: an IPv4 or IPv6 address with a port, or a path. Never a name to be resolved.
@safe public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// The most bytes a sockaddr has here: a sockaddr_un with its path.
    public static let bytesMax = MemoryLayout<sockaddr_un>.size
    /// The longest path of a Unix socket, its terminating zero not counted.
    public static let pathBytesMax = MemoryLayout<sockaddr_un>.size - MemoryLayout<sa_family_t>.size - 1

    /// Which kind of address.
    public enum Family: Sendable {
        /// IPv4, and its 4 bytes in network order.
        case v4
        /// IPv6, and its 16 bytes in network order.
        case v6
        /// A path.
        case unix
    }

    /// Why a text is no address.
    public enum ParseError: Error, Equatable, CustomStringConvertible {
        /// There is no `:PORT` at the end, or PORT is no number up to 65535.
        case port(String)
        /// What is before the port is no IPv4 address and no IPv6 address in brackets.
        case host(String)
        /// The path is empty or longer than `pathBytesMax`.
        case path(String)

        public var description: String {
            switch self {
            case .port(let text): "\"\(text)\" does not end in :PORT with a port from 0 to 65535"
            case .host(let text): "\"\(text)\" is neither an IPv4 address nor an IPv6 address in brackets"
            case .path(let text): "\"\(text)\" is not unix: and a path of 1 to \(SocketAddress.pathBytesMax) bytes"
            }
        }
    }

    /// The sockaddr as the kernel takes it.
    let bytes: [UInt8]

    /// Parses `127.0.0.1:8080`, `[::1]:8080` or `unix:PATH`.
    public init(parsing text: String) throws(ParseError) {
        if text.hasPrefix("unix:") {
            try self.init(path: String(text.dropFirst("unix:".count)))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = Self.port(text[text.index(after: colon)...]) else {
            throw .port(text)
        }
        let host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        let family = isBracketed ? AF_INET6 : AF_INET
        guard let octets = Self.octets(isBracketed ? host.dropFirst().dropLast() : host, family) else {
            throw .host(text)
        }
        self.init(octets: octets, port: port)
    }

    /// The address of these 4 or 16 bytes in network order, such as a resolver gives.
    ///
    /// - Precondition: there are 4 or 16 bytes.
    public init(octets: [UInt8], port: UInt16, scope: UInt32 = 0) {
        invariant(octets.count == 4 || octets.count == 16, "an IP address has 4 or 16 bytes")
        if octets.count == 4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin_addr) { target in unsafe target.copyBytes(from: octets) }
            bytes = unsafe withUnsafeBytes(of: address) { source in unsafe Array(source) }
        } else {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { target in unsafe target.copyBytes(from: octets) }
            bytes = unsafe withUnsafeBytes(of: address) { source in unsafe Array(source) }
        }
    }

    /// The Unix socket at `path`.
    public init(path: String) throws(ParseError) {
        let path = Array(path.utf8)
        guard !path.isEmpty, path.count <= Self.pathBytesMax, !path.contains(0) else {
            throw .path(String(decoding: path, as: UTF8.self))
        }
        let family = unsafe withUnsafeBytes(of: sa_family_t(AF_UNIX)) { source in unsafe Array(source) }
        bytes = family + path + [0]
    }

    /// The address of the other end of a connected socket; nil when it has none (any more).
    public static func peer(of descriptor: Int32) -> Self? {
        unsafe asked { address, length in unsafe getpeername(descriptor, address, length) }
    }

    /// The address a socket is bound to; nil when it is no socket.
    public static func local(of descriptor: Int32) -> Self? {
        unsafe asked { address, length in unsafe getsockname(descriptor, address, length) }
    }

    /// Which kind of address.
    public var family: Family {
        switch Int32(load(0, sa_family_t.self)) {
        case AF_INET: .v4
        case AF_INET6: .v6
        default: .unix
        }
    }

    /// The 4 or 16 bytes of an IP address in network order; none for a path.
    public var octets: ArraySlice<UInt8> {
        switch family {
        case .v4: bytes[4..<8]
        case .v6: bytes[8..<24]
        case .unix: []
        }
    }

    /// The port; 0 for a path.
    public var port: UInt16 { family == .unix ? 0 : UInt16(bigEndian: load(2, UInt16.self)) }

    /// The path of a Unix socket; empty for IP addresses and unnamed sockets.
    public var path: String {
        family == .unix ? String(decoding: bytes.dropFirst(2).prefix { $0 != 0 }, as: UTF8.self) : ""
    }

    /// As `init(parsing:)` takes it.
    public var description: String {
        switch family {
        case .v4: "\(Self.text(octets, AF_INET)):\(port)"
        case .v6: "[\(Self.text(octets, AF_INET6))]:\(port)"
        case .unix: "unix:\(path)"
        }
    }

    /// Calls `body` with the sockaddr.
    public func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe bytes.withUnsafeBytes { source in
            // Safe: the bytes are a whole sockaddr of the family they begin with.
            unsafe body(source.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(source.count))
        }
    }

    /// The operation that connects to this address, with the sockaddr kept in `region` until the next `enter`; nil when
    /// the region is full.
    public func connect(token: Token, in region: ByteRegion) -> Operation? {
        guard let address = unsafe bytes.withUnsafeBytes({ source in unsafe region.append(source) }) else { return nil }
        return unsafe Operation(.connect, token: token, address: address, length: bytes.count)
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
            return nil
        }
        return UInt16(text)
    }

    private static func octets(_ text: Substring, _ family: Int32) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }
        var octets = [UInt8](repeating: 0, count: family == AF_INET ? 4 : 16)
        return unsafe inet_pton(family, String(text), &octets) == 1 ? octets : nil
    }

    private static func text(_ octets: ArraySlice<UInt8>, _ family: Int32) -> String {
        var text = [UInt8](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        unsafe octets.withUnsafeBytes { source in
            unsafe text.withUnsafeMutableBytes { target in
                let target = unsafe target.assumingMemoryBound(to: CChar.self)
                _ = unsafe inet_ntop(family, source.baseAddress, target.baseAddress, socklen_t(target.count))
            }
        }
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func asked(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Self? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutableBytes(of: &storage) { target in
            // Safe: the storage holds any sockaddr, and the kernel is told its size.
            guard unsafe ask(target.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length) == 0 else {
                return nil
            }
            return unsafe Self(bytes: Array(target.prefix(Int(length))))
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func load<Number: BitwiseCopyable>(_ offset: Int, _: Number.Type) -> Number {
        unsafe bytes.withUnsafeBytes { source in unsafe source.loadUnaligned(fromByteOffset: offset, as: Number.self) }
    }
}
