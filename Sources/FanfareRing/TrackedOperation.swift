import FanfareBase

/// An operation the kernel answers in a way the shard should not see: the driver keeps this until it can give the one
/// completion that `Operation.Kind` promises.
enum TrackedOperation {
    /// The new socket is connecting; `token` is the shard's.
    case connect(token: Token, descriptor: Int32)
    /// Neither half is done.
    case write(token: Token, expected: Int32)
    /// The write is done with `written`, the linked sync is not.
    case sync(token: Token, expected: Int32, written: Int32)

    /// The purposes of the driver's own tokens.
    enum Purpose {
        /// A connect, or the write of a write and sync.
        static let first: UInt8 = 0xFF
        /// The sync behind a write.
        static let sync: UInt8 = 0xFE
        /// A wake; its slot is the peer's number. Only refusals complete.
        static let wake: UInt8 = 0xFD
    }

    /// The token the shard gave.
    var token: Token {
        switch self {
        case .connect(let token, _), .write(let token, _), .sync(let token, _, _): token
        }
    }
}

/// How the two answers to a `writeAndSync` become one.
public enum WriteAndSync {
    /// The one result of a write of `expected` bytes and the sync linked behind it: the write's error, else its count when
    /// that is short (the kernel has then cancelled the sync), else the sync's error, else the count.
    public static func result(expected: Int32, written: Int32, synced: Int32) -> Int32 {
        if written < expected { return written }
        return synced < 0 ? synced : written
    }
}
