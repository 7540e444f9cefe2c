import CFanfareKernel

/// What the other end of a TCP connection has said it took: its kernel acknowledges bytes, ours counts them.
public struct PeerAcknowledgement: Sendable, Hashable {
    /// Bytes acknowledged since the connection began; never fewer than before.
    public let bytes: UInt64
    /// Milliseconds since the last acknowledgement of anything, be it a probe.
    public let millisecondsAgo: UInt32

    /// These.
    public init(bytes: UInt64, millisecondsAgo: UInt32) {
        self.bytes = bytes
        self.millisecondsAgo = millisecondsAgo
    }

    /// As the kernel has it for a connection (tcp(7), TCP_INFO); nil for what is no TCP connection.
    public init?(of descriptor: Int32) {
        var bytes: UInt64 = 0
        var millisecondsAgo: UInt32 = 0
        guard unsafe fanfare_acknowledged(descriptor, &bytes, &millisecondsAgo) == 0 else { return nil }
        self.init(bytes: bytes, millisecondsAgo: millisecondsAgo)
    }
}
