import FanfareRing

/// What an operation was for: the highest byte of its token, by which the shard hands the completion on.
enum Purpose: UInt8 {
    /// Slot: index of the listener.
    case accept = 1
    /// Slot and generation: the connection.
    case receive = 2
    /// Slot and generation: the connection.
    case send = 3
    /// Slot and generation: the connection.
    case pollWritable = 4
    /// Slot and generation: the connection.
    case connect = 7
    /// Slot: the log action's number.
    case log = 8
    /// Slot: the log read's number.
    case read = 9
    /// Another shard has put something into this one's mailbox.
    case wake = 10
    /// A thread that is not a shard (resolver, signals) has something for this one.
    case signal = 11
    /// Nobody waits for it.
    case ignored = 12
}

extension Token {
    /// A token of `purpose` for a holder that is not a connection.
    init(_ purpose: Purpose, slot: UInt32 = 0) {
        self.init(purpose: purpose.rawValue, generation: 0, slot: slot)
    }
}
