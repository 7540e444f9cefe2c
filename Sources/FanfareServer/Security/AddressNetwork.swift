/// A block of addresses in CIDR notation (RFC 4632): an address whose host bits are zero, and the length of the prefix.
package struct AddressNetwork: Sendable, Hashable, CustomStringConvertible {
    /// The first address.
    package let first: IPAddress
    /// Bits that all its addresses share: 0 to 32, or 0 to 128.
    package let prefixBits: Int

    /// Parses `ADDRESS/BITS`, or an address alone, which is a block of one; nil when it is neither, or when the address
    /// has bits beyond the prefix (`10.0.0.1/8` says two things).
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else { return nil }
        let width = address.bytes.count * 8
        guard parts.count == 2 else {
            self.init(first: address, prefixBits: width)
            return
        }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            parts[1].utf8.count == 1 || !parts[1].hasPrefix("0"), let bits = Int(parts[1]), bits <= width
        else { return nil }
        let network = AddressNetwork(first: address, prefixBits: bits)
        guard Self.masked(address, bits) == address else { return nil }
        self = network
    }

    private init(first: IPAddress, prefixBits: Int) {
        self.first = first
        self.prefixBits = prefixBits
    }

    /// Whether `address` is of the same family and lies in the block.
    package func contains(_ address: IPAddress) -> Bool { Self.masked(address, prefixBits) == first }

    /// Whether every address of `other` lies in this block.
    package func contains(_ other: AddressNetwork) -> Bool { other.prefixBits >= prefixBits && contains(other.first) }

    package var description: String { "\(first)/\(prefixBits)" }

    private static func masked(_ address: IPAddress, _ bits: Int) -> IPAddress? {
        switch address {
        case .v4(let value):
            bits <= 32 ? .v4(bits == 0 ? 0 : value & (UInt32.max << UInt32(32 - bits))) : nil
        case .v6(let high, let low):
            .v6(
                bits == 0 ? 0 : high & (UInt64.max << UInt64(max(0, 64 - bits))),
                bits <= 64 ? 0 : low & (UInt64.max << UInt64(128 - bits)))
        }
    }
}
