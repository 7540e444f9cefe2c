/// What an event says it is, as far as the service cares.
enum EventType {
    /// The types that belong to the service begin with these tokens.
    private static let reservedTokens: StaticString = "dev.fanfare"

    /// Whether a type, unescaped, is `dev.fanfare` or below it: the service's own, on which subscribers act (a gap, a dead
    /// letter). Compared byte by byte, as CloudEvents compares types.
    static func isReserved(_ type: Span<UInt8>) -> Bool { Topic.isAtOrBelow(reservedTokens, type) }
}
