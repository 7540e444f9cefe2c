import FanfareBase

/// An operation the driver has something to do about when the kernel answers: it keeps this until then.
enum TrackedOperation {
    /// The new socket is connecting; `token` is the shard's.
    case connect(token: Token, descriptor: Int32)
    /// A kernel worker writes and syncs.
    case writeAndSync(token: Token)

    /// The purposes of the driver's own tokens.
    enum Purpose {
        /// Any of the operations above.
        static let tracked: UInt8 = 0xFF
        /// A wake; its slot is the peer's number. Only refusals complete.
        static let wake: UInt8 = 0xFD
    }

    /// The token the shard gave.
    var token: Token {
        switch self {
        case .connect(let token, _), .writeAndSync(let token): token
        }
    }
}
