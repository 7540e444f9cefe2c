import FanfareRing
import Glibc

/// Where this service itself is reached: webhooks never connect there.
enum OwnAddresses {
    /// The addresses of this machine's interfaces, for listeners on all of them.
    static func ofMachine() -> [IPAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&list) == 0 else { return [] }
        defer { unsafe freeifaddrs(list) }
        var addresses: [IPAddress] = []
        var next = unsafe list
        // Safe: the list and what it points at live until freeifaddrs.
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ifa_addr, let found = unsafe Self.address(at: address) {
                addresses.append(found)
            }
            unsafe next = entry.pointee.ifa_next
        }
        return addresses
    }

    /// The listeners of a shard as bound.
    static func bound(_ listeners: [ListenerState]) -> [AddressPolicy.Endpoint] {
        listeners.compactMap { listener in
            guard let bound = SocketAddress.local(of: listener.descriptor),
                let address = IPAddress(bytes: Array(bound.octets)), bound.port != 0
            else { return nil }
            return AddressPolicy.Endpoint(address: address, port: bound.port)
        }
    }

    private static func address(at start: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
        let raw = UnsafeRawPointer(start)
        switch unsafe Int32(start.pointee.sa_family) {
        case AF_INET:
            let address = unsafe raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            return unsafe withUnsafeBytes(of: address) { unsafe IPAddress(bytes: [UInt8]($0)) }
        case AF_INET6:
            let address = unsafe raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return unsafe withUnsafeBytes(of: address) { unsafe IPAddress(bytes: [UInt8]($0)) }
        default: return nil
        }
    }
}
