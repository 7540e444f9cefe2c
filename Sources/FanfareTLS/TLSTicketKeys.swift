import CFanfareCrypto

/// The keys with which a server encrypts session tickets, newest first: the first encrypts, all of them decrypt.
///
/// A value: every shard's context gets the same one, so a client may resume at any shard; stored (`serialised`, where
/// only the service can read it), clients resume after a restart. Rotating bounds how long a stolen key is of use:
/// tickets of a key are accepted until it has been rotated `countMax` times.
package struct TLSTicketKeys: Equatable, Sendable {
    /// Keys kept; the oldest beyond it is forgotten.
    package static let countMax = 3

    // 16 bytes of name, 32 of encryption key, 32 of authentication key, for each key.
    private static let keyBytes = 80
    private static let magic = Array("fanfare-tickets1".utf8)
    private(set) var keys: [[UInt8]]

    /// One new random key.
    package init() { keys = [Self.randomKey()] }

    /// The keys that `serialised` gave; throws `badTicketKeys` for anything else.
    package init(serialised bytes: [UInt8]) throws(TLSError) {
        let body = bytes.dropFirst(Self.magic.count)
        let count = body.count / Self.keyBytes
        guard bytes.starts(with: Self.magic), body.count % Self.keyBytes == 0, (1...Self.countMax).contains(count)
        else { throw .badTicketKeys }
        keys = (0..<count).map { Array(body.dropFirst($0 * Self.keyBytes).prefix(Self.keyBytes)) }
    }

    /// The keys as bytes, at most 256. Secret: whoever has them reads the TLS 1.2 sessions resumed with them.
    package var serialised: [UInt8] { keys.reduce(Self.magic, +) }

    /// These keys behind a new random one.
    package func rotated() -> TLSTicketKeys {
        var copy = self
        copy.keys = Array(([Self.randomKey()] + keys).prefix(Self.countMax))
        return copy
    }

    private static func randomKey() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<keyBytes / 8).flatMap { _ in
            let word: UInt64 = generator.next()
            return (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
        }
    }
}
