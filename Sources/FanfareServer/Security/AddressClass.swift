import FanfareBase

/// What an address is for, when it is not an ordinary one of the public Internet.
///
/// From IANA's special-purpose registries (RFC 6890 and its updates) and the documentation of the clouds named below.
package enum AddressClass: String, Sendable, Hashable, CaseIterable {
    /// Where a cloud hands out its machines' credentials, or its agents listen.
    case metadata = "a cloud's metadata service"
    /// 0.0.0.0/8 and ::, which connect to this machine.
    case unspecified = "unspecified"
    /// 127.0.0.0/8 and ::1.
    case loopback = "loopback"
    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7 and fec0::/10.
    case `private` = "private"
    /// 169.254.0.0/16 and fe80::/10.
    case linkLocal = "link-local"
    /// 100.64.0.0/10: shared by a provider's customers.
    case carrierGradeNAT = "carrier-grade NAT"
    /// 224.0.0.0/4 and ff00::/8.
    case multicast = "multicast"
    /// 255.255.255.255.
    case broadcast = "broadcast"
    /// 192.0.2.0/24 and its like: only for examples.
    case documentation = "for documentation"
    /// 198.18.0.0/15 and 2001:2::/48.
    case benchmarking = "for benchmarking"
    /// ::ffff:0:0/96, ::ffff:0:0:0/96 and ::/96: IPv4 in another dress.
    case mapped = "an IPv4 address inside IPv6"
    /// 64:ff9b::/96 and 64:ff9b:1::/48.
    case nat64 = "NAT64"
    /// 2002::/16.
    case sixToFour = "6to4"
    /// 2001::/32.
    case teredo = "Teredo"
    /// Everything else that no host has: 240.0.0.0/4, protocol assignments, what lies outside 2000::/3.
    case reserved = "reserved"

    /// Whether `networks` can never open it: nothing good listens there, or too much is lost.
    package var isAlwaysRefused: Bool {
        switch self {
        case .metadata, .unspecified, .multicast, .broadcast: true
        default: false
        }
    }

    /// The class of `address`; nil for an ordinary public one.
    package init?(_ address: IPAddress) {
        if Self.metadataAddresses.contains(address) || Self.metadataNetworks.contains(where: { $0.contains(address) }) {
            self = .metadata
            return
        }
        // The first block that contains it decides, so exact ones stand before what surrounds them.
        let table = if case .v4 = address { Self.v4Blocks } else { Self.v6Blocks }
        for (network, kind) in table where network.contains(address) {
            self = kind
            return
        }
        if case .v6(let high, _) = address, high >> 61 != 1 {
            self = .reserved
            return
        }
        return nil
    }

    private static let v4Blocks: [(AddressNetwork, Self)] = blocks([
        ("0.0.0.0/8", .unspecified), ("10.0.0.0/8", .private), ("100.64.0.0/10", .carrierGradeNAT),
        ("127.0.0.0/8", .loopback), ("169.254.0.0/16", .linkLocal), ("172.16.0.0/12", .private),
        ("192.0.0.0/24", .reserved), ("192.0.2.0/24", .documentation), ("192.88.99.0/24", .sixToFour),
        ("192.168.0.0/16", .private), ("198.18.0.0/15", .benchmarking), ("198.51.100.0/24", .documentation),
        ("203.0.113.0/24", .documentation), ("224.0.0.0/4", .multicast), ("255.255.255.255/32", .broadcast),
        ("240.0.0.0/4", .reserved),
    ])

    private static let v6Blocks: [(AddressNetwork, Self)] = blocks([
        ("::/128", .unspecified), ("::1/128", .loopback), ("::/96", .mapped), ("::ffff:0:0/96", .mapped),
        ("::ffff:0:0:0/96", .mapped), ("64:ff9b::/96", .nat64), ("64:ff9b:1::/48", .nat64), ("2001::/32", .teredo),
        ("2001:2::/48", .benchmarking), ("2001:db8::/32", .documentation), ("2001::/23", .reserved),
        ("2002::/16", .sixToFour), ("3fff::/20", .documentation), ("fc00::/7", .private), ("fe80::/10", .linkLocal),
        ("fec0::/10", .private), ("ff00::/8", .multicast),
    ])

    /// AWS, Azure, Google, Oracle, DigitalOcean and OpenStack share 169.254.169.254; the others are their own.
    private static let metadataAddresses = Set(
        [
            "169.254.169.254", "169.254.169.253", "169.254.169.123",  // instance metadata; AWS DNS and time
            "169.254.170.2", "169.254.170.23",  // AWS credentials of containers
            "fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::23",  // the same over IPv6
            "fe80::a9fe:a9fe", "fd20:ce::254",  // OpenStack and Google over IPv6
            "100.100.100.200",  // Alibaba
            "168.63.129.16",  // Azure's agent
            "192.0.0.192",  // Oracle, older
            "169.254.0.23",  // Tencent
            "169.254.42.42", "fd00:42::42",  // Scaleway
        ].map(literal))

    private static let metadataNetworks = ["169.254.169.0/24", "169.254.170.0/24"].map(network)

    private static func blocks(_ rows: [(String, Self)]) -> [(AddressNetwork, Self)] {
        rows.map { (network($0.0), $0.1) }
    }

    private static func network(_ text: String) -> AddressNetwork {
        let parsed = AddressNetwork(text)
        invariant(parsed != nil, "the table holds networks")
        return parsed!
    }

    private static func literal(_ text: String) -> IPAddress {
        let parsed = IPAddress(text)
        invariant(parsed != nil, "the table holds addresses")
        return parsed!
    }
}
