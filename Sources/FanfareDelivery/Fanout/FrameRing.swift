import FanfareBase

/// The frames of one wire format that somebody on this shard has needed lately, made once and shared by all.
///
/// A bounded ring of bytes, addressed by an offset that only grows; a frame lies contiguous, and frames made one after
/// another lie adjacent, so that a run of events is one slice. A cache over the tail: what is no longer in it is made
/// again. Where an event's frame begins is kept by the event's slot in the tail.
///
/// Invariant: `visibleFrom <= written <= turnLimit = written at the turn's begin + half the capacity`, and bytes from
/// `visibleFrom = written at the turn's begin - half` on are not overwritten before the next turn begins. So whatever was
/// handed out in a turn stays valid until its end, without counting who holds what.
@safe final class FrameRing {
    /// Frames larger than this share of the ring are not copied into it; their parts are handed out instead.
    let frameBytesMax: Int
    private let wire: WireFormat
    private let deflated: DeflatedEvents
    private let capacity: Int
    private let slotCount: Int
    private var memory: UnsafeMutableRawPointer?
    /// Per slot of the tail the offset of its frame; below `visibleFrom` when it has none.
    private var offsets: UnsafeMutablePointer<Int>?
    /// Per slot of the tail the length of its frame, 0 when it is not known; nil where it follows from the event's length.
    private var lengths: UnsafeMutablePointer<Int32>?
    /// The offset the next frame gets at the least. Begins high, so that offset 0 is never visible.
    private var written: Int
    private var visibleFrom: Int
    private var turnLimit: Int

    /// An empty ring of `capacity` bytes, a power of two, for a tail with `slotCount` slots.
    init(_ wire: WireFormat, capacity: Int, slotCount: Int, deflated: DeflatedEvents) {
        invariant(
            capacity >= 1_024 && capacity & (capacity - 1) == 0, "a frame ring's size is a power of two from 1,024")
        self.wire = wire
        self.deflated = deflated
        self.capacity = capacity
        self.slotCount = slotCount
        frameBytesMax = Self.frameBytesMax(capacity)
        written = 2 * capacity
        visibleFrom = 2 * capacity
        turnLimit = 2 * capacity + capacity / 2
    }

    /// The largest frame that is copied into a ring of `capacity`.
    static func frameBytesMax(_ capacity: Int) -> Int { capacity / 8 }

    deinit {
        // Safe: allocated by `prepare`, and nobody holds slices beyond the shard's life.
        unsafe memory?.deallocate()
        unsafe offsets?.deallocate()
        unsafe lengths?.deallocate()
    }

    /// Lets the oldest half go, so that half can be written in this turn. Slices of earlier turns end here.
    func beginTurn() {
        visibleFrom = max(visibleFrom, written - capacity / 2)
        turnLimit = written + capacity / 2
    }

    /// The entry in `slot` is another one now.
    func forget(slot: Int) {
        // Safe: slots lie below slotCount.
        unsafe offsets?[slot] = 0
        unsafe lengths?[slot] = 0
    }

    /// Bytes of the frame of the entry in `slot`; nil when the turn has no time left to find out.
    func frameBytes(_ entry: Tail.Entry, slot: Int) -> Int? {
        if wire.hasPlainLength { return Framing.frameBytes(canonicalBytes: entry.canonicalBytes, wire) }
        prepare()
        guard let lengths = unsafe lengths else { invariantBroken("prepare has allocated") }
        // Safe: slots lie below slotCount.
        let known = unsafe Int(lengths[slot])
        if known > 0 { return known }
        guard wire != .deflatedWebSocket || !deflated.isSpent else { return nil }
        let bytes = frame(of: entry).bytes
        unsafe lengths[slot] = Int32(bytes)
        return bytes
    }

    /// The entry's frame, for as long as nothing else is compressed.
    private func frame(of entry: Tail.Entry) -> Frame {
        // Safe: the tail holds the owner of the record's memory.
        Frame(unsafe EventRecord(at: entry.record), wire, deflated)
    }

    /// Where the frame of the entry in `slot` begins, made now if need be; nil when the turn's half is used up.
    func frame(_ entry: Tail.Entry, slot: Int, bytes: Int) -> UnsafeRawPointer? {
        prepare()
        guard let memory = unsafe memory, let offsets = unsafe offsets else { invariantBroken("prepare has allocated") }
        // Safe: slots lie below slotCount.
        let known = unsafe offsets[slot]
        if known >= visibleFrom { return unsafe UnsafeRawPointer(memory + (known & (capacity - 1))) }
        guard let offset = reserve(bytes) else { return nil }
        let target = unsafe memory + (offset & (capacity - 1))
        // Safe: `bytes` contiguous bytes are reserved and are the frame's length.
        unsafe frame(of: entry).write(to: target)
        unsafe offsets[slot] = offset
        return UnsafeRawPointer(target)
    }

    /// The prefix of a frame too large for the ring, made anew each time; nil when the turn's half is used up.
    func prefix(_ entry: Tail.Entry) -> UnsafeRawBufferPointer? {
        prepare()
        guard let memory = unsafe memory else { invariantBroken("prepare has allocated") }
        let frame = frame(of: entry)
        guard let offset = reserve(frame.prefixBytes) else { return nil }
        let target = unsafe memory + (offset & (capacity - 1))
        // Safe: as many bytes are reserved.
        unsafe frame.writePrefix(to: target)
        return unsafe UnsafeRawBufferPointer(start: target, count: frame.prefixBytes)
    }

    /// Bytes of the prefix of a frame too large for the ring: its body is the canonical event, since no compressed one is.
    func prefixBytes(_ entry: Tail.Entry) -> Int {
        wire.hasPlainLength
            ? Framing.prefixBytes(bodyBytes: entry.canonicalBytes, wire) : frame(of: entry).prefixBytes
    }

    /// Room for `bytes` contiguous bytes; at the ring's end the rest of it is left out.
    private func reserve(_ bytes: Int) -> Int? {
        var offset = written
        let rest = capacity - offset & (capacity - 1)
        if bytes > rest { offset += rest }
        guard offset + bytes <= turnLimit else { return nil }
        written = offset + bytes
        return offset
    }

    /// Allocates at the first frame: a wire nobody uses costs nothing.
    private func prepare() {
        if unsafe memory != nil { return }
        unsafe memory = .allocate(byteCount: capacity, alignment: 64)
        let offsets = UnsafeMutablePointer<Int>.allocate(capacity: slotCount)
        unsafe offsets.initialize(repeating: 0, count: slotCount)
        unsafe self.offsets = unsafe offsets
        guard !wire.hasPlainLength else { return }
        let lengths = UnsafeMutablePointer<Int32>.allocate(capacity: slotCount)
        unsafe lengths.initialize(repeating: 0, count: slotCount)
        unsafe self.lengths = unsafe lengths
    }
}
