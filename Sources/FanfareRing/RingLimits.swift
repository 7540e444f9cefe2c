/// What a ring may hold, with the reason and with what happens there.
public enum RingLimits {
    /// Submission entries of a ring (64 bytes each, 256 KiB in all). A turn that queues more submits several times.
    public static let submissionEntries = 4096
    /// Completion entries of a ring (16 bytes each, 256 KiB in all). Beyond it the kernel keeps completions in memory of
    /// its own and the next enter fetches them (IORING_FEAT_NODROP): slower, nothing is lost.
    public static let completionEntries = 16_384
    /// Completions from which on a turn no longer asks the kernel for deferred ones; they come in the next turn.
    public static let turnCompletions = 4096
    /// The kernel's own bound on completion entries (IORING_MAX_CQ_ENTRIES); a greater wish is lowered to it.
    public static let completionEntriesMax = 65_536
    /// Receive buffers of a ring. When all are in use a receive completes with -ENOBUFS and the bytes wait in the socket.
    public static let receiveBufferCount = 256
    /// The kernel's own bound on the buffers of a group.
    public static let receiveBufferCountMax = 32_768
    /// Bytes of a receive buffer: one TLS record, or a hundred small requests. 4 MiB a ring at the default count. Longer
    /// input simply takes several buffers.
    public static let receiveBufferBytes = 16_384
    /// Connects, and writes with their syncs, in flight that the driver keeps track of. One more completes with -EAGAIN at once.
    public static let trackedOperationsMax = 65_536
    /// Bytes in one read, write or send (the kernel's MAX_RW_COUNT). More is a bug of the caller.
    public static let transferBytesMax = 0x7FFF_F000
    /// Room for operations and completions that a queue starts with; they grow by doubling, up to what a turn makes.
    public static let queueCapacityAtStart = 1024
    /// TCP_NOTSENT_LOWAT: a stalled peer then pins 161 KB of kernel memory instead of 3.9 MB (measured, both ends).
    public static let unsentLowBytes = 16_384
    /// Connections that wait to be accepted per listener; the kernel lowers it to net.core.somaxconn. Beyond it the kernel
    /// drops the handshake and the client tries again.
    public static let acceptBacklog = 4096
}
