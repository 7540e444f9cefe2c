/// Which addresses webhooks may connect to (CONTRACT, section 6): asked when a definition with a literal address is
/// saved, and for every resolved address right before it is connected to.
///
/// Names are not judged, only addresses: a name may resolve to anything at any time.
package struct AddressPolicy: Sendable, Hashable {
    /// One of our own listening sockets.
    package struct Endpoint: Sendable, Hashable {
        /// Unspecified when it listens on every address.
        package var address: IPAddress
        /// Its port as bound, never 0.
        package var port: UInt16

        /// The socket bound to `address` and `port`.
        package init(address: IPAddress, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    /// Why an address is refused.
    package enum Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        /// It is of this class and no network opens it.
        case notPublic(AddressClass)
        /// It carries an IPv4 address that is refused.
        case embedded(AddressClass, IPAddress, AddressClass)
        /// It is one of our own listeners.
        case ownListener

        package var description: String {
            switch self {
            case .notPublic(let kind): kind.rawValue
            case .embedded(let kind, let inner, let innerKind):
                "\(kind.rawValue) of \(inner), which is \(innerKind.rawValue)"
            case .ownListener: "one of this service's own listeners"
            }
        }

        /// Whether listing a network would allow it.
        package var canBeOpened: Bool {
            switch self {
            case .notPublic(let kind): !kind.isAlwaysRefused
            case .embedded(_, _, let kind): !kind.isAlwaysRefused
            case .ownListener: false
            }
        }
    }

    /// Networks that are reachable although they are not public.
    package var networks: [AddressNetwork]
    /// Our own listeners, refused whatever `networks` says.
    package var ownListeners: [Endpoint]
    /// Addresses of this machine besides loopback: where a listener on every address is reached.
    package var ownAddresses: [IPAddress]
    /// Whether everything but `isAlwaysRefused` and our own listeners is allowed: for development.
    package var allowsPrivate: Bool

    /// A policy.
    package init(
        networks: [AddressNetwork] = [], ownListeners: [Endpoint] = [], ownAddresses: [IPAddress] = [],
        allowsPrivate: Bool = false
    ) {
        self.networks = networks
        self.ownListeners = ownListeners
        self.ownAddresses = ownAddresses
        self.allowsPrivate = allowsPrivate
    }

    /// Why a webhook may not connect to `port` of `address`; nil when it may.
    package func refusal(of address: IPAddress, port: UInt16) -> Refusal? {
        let inner = address.embeddedV4
        if isOwnListener(address, port) || inner.contains(where: { isOwnListener($0, port) }) { return .ownListener }
        guard let kind = AddressClass(address) else { return nil }
        if kind.isAlwaysRefused { return .notPublic(kind) }
        for address in inner {
            guard let innerKind = AddressClass(address) else { continue }
            let isOpen = allowsPrivate || networks.contains { $0.contains(address) }
            if innerKind.isAlwaysRefused || !isOpen { return .embedded(kind, address, innerKind) }
        }
        if allowsPrivate || networks.contains(where: { $0.contains(address) }) { return nil }
        return .notPublic(kind)
    }

    /// Whether a webhook may connect to `port` of the address with these 4 or 16 bytes; false for other numbers of bytes.
    package func allows(_ bytes: [UInt8], port: UInt16) -> Bool {
        guard let address = IPAddress(bytes: bytes) else { return false }
        return refusal(of: address, port: port) == nil
    }

    private func isOwnListener(_ address: IPAddress, _ port: UInt16) -> Bool {
        ownListeners.contains { own in
            guard own.port == port else { return false }
            if own.address == address { return true }
            return own.address.isUnspecified
                && (address.isLoopback || address.isUnspecified || ownAddresses.contains(address))
        }
    }
}

extension IPAddress {
    /// The IPv4 addresses that packets to this IPv6 address may end up at, by the mappings and tunnels there are.
    package var embeddedV4: [IPAddress] {
        guard case .v6(let high, let low) = self else { return [] }
        let lowest = IPAddress.v4(UInt32(truncatingIfNeeded: low))
        switch AddressClass(self) {
        case .mapped: return [lowest]
        case .nat64:
            // RFC 6052, section 2.2: after 96 bits, or for the local prefix of 48 bits also around byte 8.
            guard high >> 16 == 0x0064_FF9B_0001 else { return [lowest] }
            return [lowest, .v4(UInt32(high & 0xFFFF) << 16 | UInt32(low >> 40 & 0xFFFF))]
        case .sixToFour: return [.v4(UInt32(truncatingIfNeeded: high >> 16))]
        // RFC 4380, section 4: the server in clear, the client inverted.
        case .teredo: return [.v4(UInt32(truncatingIfNeeded: high)), .v4(~UInt32(truncatingIfNeeded: low))]
        default: return []
        }
    }
}
