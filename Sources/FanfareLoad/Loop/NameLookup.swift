import FanfareBase
import FanfareRing
import Glibc

/// Looks up where a service is. Blocking: before a loop runs, never in it.
package enum NameLookup {
    /// Why there is no address.
    package struct Failure: Error, CustomStringConvertible {
        /// A sentence for a person.
        package let description: String
    }

    /// The addresses to try, in order; never empty.
    package static func addresses(of url: ServiceURL) throws(Failure) -> [SocketAddress] {
        if url.scheme == .unix {
            do throws(SocketAddress.ParseError) { return [try SocketAddress(path: url.path)] } catch {
                throw Failure(description: error.description)
            }
        }
        let literal = url.host.contains(":") ? "[\(url.host)]:\(url.port)" : "\(url.host):\(url.port)"
        do throws(SocketAddress.ParseError) {
            return [try SocketAddress(parsing: literal)]
        } catch {
            // Not a literal: it is a name.
            return try resolve(url)
        }
    }

    private static func resolve(_ url: ServiceURL) throws(Failure) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(url.host, nil, &hints, &list)
        guard status == 0 else {
            // Safe: gai_strerror's texts are constant.
            throw Failure(description: "\(url.host): \(unsafe String(cString: gai_strerror(status)))")
        }
        defer { unsafe freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var entry = unsafe list
        while let current = unsafe entry {
            if let address = unsafe address(current.pointee, port: url.port) { found.append(address) }
            unsafe entry = current.pointee.ai_next
        }
        guard !found.isEmpty else { throw Failure(description: "\(url.host) has no IPv4 or IPv6 address") }
        return found
    }

    private static func address(_ entry: addrinfo, port: UInt16) -> SocketAddress? {
        guard let name = unsafe entry.ai_addr else { return nil }
        // Safe: a sockaddr has the size of its family, which the resolver says.
        let raw = UnsafeRawPointer(name)
        switch unsafe entry.ai_family {
        case AF_INET:
            let octets = unsafe UnsafeRawBufferPointer(start: raw + 4, count: 4)
            return unsafe SocketAddress(octets: Array(octets), port: port)
        case AF_INET6:
            let octets = unsafe UnsafeRawBufferPointer(start: raw + 8, count: 16)
            let scope = unsafe raw.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
            return unsafe SocketAddress(octets: Array(octets), port: port, scope: scope)
        default: return nil
        }
    }
}
