import FanfareBase

/// Which operation of which holder a completion belongs to: 8 bits of purpose, 24 of generation, 32 of slot.
///
/// The purpose is the shard's own, below `firstDriverPurpose`; the ring only carries it. A completion whose generation is no longer the slot's is
/// dropped, so a slot can be given to someone else as soon as nothing of it is in flight.
public struct Token: Hashable, Sendable {
    /// As it travels in the kernel's user data.
    public var rawValue: UInt64

    /// The token with these bits.
    @inlinable @inline(__always) public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// A token of these parts; `generation` is cut to 24 bits.
    @inlinable @inline(__always) public init(purpose: UInt8, generation: UInt32, slot: UInt32) {
        rawValue = UInt64(purpose) << 56 | UInt64(generation & 0xFF_FFFF) << 32 | UInt64(slot)
    }

    /// Purposes from here on are the driver's, for what it keeps track of itself; a shard's tokens stay below.
    @inlinable public static var firstDriverPurpose: UInt8 { 0xF0 }

    /// What the operation was for.
    @inlinable public var purpose: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 56) }
    /// Which of the slot's holders it belongs to.
    @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) & 0xFF_FFFF }
    /// The slot.
    @inlinable public var slot: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}

/// What a shard asks of the kernel: a plain value of 64 bytes at most. A driver turns it into a submission queue entry;
/// the simulator carries it out itself.
///
/// Memory: `address` must stay valid and unchanged until the completion for `read`, `write` and `writeAndSync`; for
/// everything else (sends, connects, paths) it is not looked at after the `enter` that submits it.
@safe public struct Operation {
    /// The kinds, each with what its completion's `result` is on success. On failure it is a negative errno.
    public enum Kind: UInt8, Sendable {
        /// Multishot accept on a listening `descriptor`. Result: the new descriptor. More follow while `more` is set.
        case accept
        /// A new non-blocking TCP (or Unix) socket connected to the `length` bytes of sockaddr at `address`. Result: the
        /// new descriptor, which the driver has closed itself on failure. To give up, `cancel` its token.
        case connect
        /// Multishot receive into the shard's buffers. Result: bytes, 0 at the end. More follow while `more` is set; when
        /// it is clear and the result positive, arm again at once. -ENOBUFS: no buffer was free; nothing is lost, arm
        /// again when buffers are back.
        case receive
        /// Sends with MSG_DONTWAIT | MSG_NOSIGNAL and never stays in flight. Result: bytes taken, or -EAGAIN.
        case send
        /// Completes once when the descriptor can take bytes. Result: poll events. Points at no memory.
        case pollWritable
        /// Completes once when the descriptor can be read, for descriptors others write to (eventfd). Result: poll events.
        case pollReadable
        /// Cancels everything in flight on `descriptor`: each completes, most with -ECANCELED. Result: how many.
        case cancelDescriptor
        /// Cancels the one operation whose token is in `offset`, a `connect` too. Result: 0; -ENOENT when it was done
        /// already, -EALREADY when it can no longer be stopped.
        case cancel
        /// shutdown(2), after all that was queued before it: of our side when `length` is SHUT_WR (1), else both ways.
        /// Result: 0.
        case shutdown
        /// Closes `descriptor`. Result: 0.
        case close
        /// Gives buffer `length` (its id) back to the kernel. No completion.
        case returnBuffer
        /// Wakes the shard whose number is in `length` (its place in `Ring.setPeers`): its `enter` returns a completion
        /// with token `offset` and result 0. No completion here.
        case wake
        /// openat(2) of the path at `address`; flags in `length`, mode 0600. Result: the new descriptor.
        case open
        /// pread(2). Result: bytes.
        case read
        /// pwrite(2). Result: bytes, may be short.
        case write
        /// pwritev2(2) with RWF_DSYNC: what it has written is durable, as after fdatasync(2); what was written before and not
        /// synced is not made so. Result: bytes, may be short: write the rest, with sync, from there.
        case writeAndSync
        /// fdatasync(2), or fsync(2) when `length` is 1. Result: 0.
        case sync
        /// fallocate(2) of `length` bytes from `offset`, mode 0. Result: 0.
        case allocate
        /// renameat(2) from the path at `address` to the one at `second`. Result: 0.
        case rename
        /// unlinkat(2) of the path at `address`. Result: 0.
        case unlink
    }

    /// What to do.
    public var kind: Kind
    /// The descriptor it is about; -1 where there is none.
    public var descriptor: Int32
    /// Comes back in the completion.
    public var token: Token
    /// Bytes to send or write, room to read into, a path, or a sockaddr.
    public var address: UnsafeRawPointer?
    /// A second path.
    public var second: UnsafeRawPointer?
    /// Bytes at `address`, or what `kind` says.
    public var length: Int
    /// Place in a file, or what `kind` says.
    public var offset: UInt64

    /// An operation that points at no memory; see `Kind` for what each field means to it.
    @inlinable @inline(__always) public init(
        _ kind: Kind, descriptor: Int32 = -1, token: Token = Token(rawValue: 0), length: Int = 0, offset: UInt64 = 0
    ) {
        self.kind = kind
        self.descriptor = descriptor
        self.token = token
        unsafe address = nil
        unsafe second = nil
        self.length = length
        self.offset = offset
    }

    /// An operation on memory; see `Kind` for what each field means to it.
    @inlinable @inline(__always) public init(
        _ kind: Kind, descriptor: Int32 = -1, token: Token = Token(rawValue: 0), address: UnsafeRawPointer?,
        second: UnsafeRawPointer? = nil, length: Int = 0, offset: UInt64 = 0
    ) {
        self.kind = kind
        self.descriptor = descriptor
        self.token = token
        unsafe self.address = unsafe address
        unsafe self.second = unsafe second
        self.length = length
        self.offset = offset
    }
}

/// What became of an operation.
@safe public struct Completion {
    /// The operation's token.
    public var token: Token
    /// As `Operation.Kind` says; a negative errno on failure.
    public var result: Int32
    /// The operation stays armed: more completions follow.
    public var more: Bool
    /// The receive buffer that holds the bytes; give it back with `returnBuffer`. Nil when there is none.
    public var bufferID: UInt16?
    /// The received bytes, `result` of them, valid until the buffer is given back.
    public var address: UnsafeRawPointer?

    /// A completion without received bytes.
    @inlinable @inline(__always) public init(token: Token, result: Int32, more: Bool = false) {
        self.token = token
        self.result = result
        self.more = more
        bufferID = nil
        unsafe address = nil
    }

    /// A completion with received bytes.
    @inlinable @inline(__always) public init(
        token: Token, result: Int32, more: Bool, bufferID: UInt16, address: UnsafeRawPointer
    ) {
        self.token = token
        self.result = result
        self.more = more
        self.bufferID = bufferID
        unsafe self.address = unsafe address
    }
}
