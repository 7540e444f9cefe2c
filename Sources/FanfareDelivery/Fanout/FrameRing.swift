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
    private let capacity: Int
    private let slotCount: Int
    private var memory: UnsafeMutableRawPointer?
    /// Per slot of the tail the offset of its frame; below `visibleFrom` when it has none.
    private var offsets: UnsafeMutablePointer<Int>?
    /// The offset the next frame gets at the least. Begins high, so that offset 0 is never visible.
    private var written: Int
    private var visibleFrom: Int
    private var turnLimit: Int

    /// An empty ring of `capacity` bytes, a power of two, for a tail with `slotCount` slots.
    init(_ wire: WireFormat, capacity: Int, slotCount: Int) {
        invariant(
            capacity >= 1_024 && capacity & (capacity - 1) == 0, "a frame ring's size is a power of two from 1,024")
        self.wire = wire
        self.capacity = capacity
        self.slotCount = slotCount
        frameBytesMax = capacity / 8
        written = 2 * capacity
        visibleFrom = 2 * capacity
        turnLimit = 2 * capacity + capacity / 2
    }

    deinit {
        // Safe: allocated by `prepare`, and nobody holds slices beyond the shard's life.
        unsafe memory?.deallocate()
        unsafe offsets?.deallocate()
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
        let canonical = unsafe UnsafeRawBufferPointer(start: entry.canonical, count: entry.canonicalBytes)
        // Safe: `bytes` contiguous bytes are reserved and are the frame's length.
        unsafe Framing.write(canonical, wire, to: target)
        unsafe offsets[slot] = offset
        return UnsafeRawPointer(target)
    }

    /// The prefix of a frame too large for the ring, made anew each time; nil when the turn's half is used up.
    func prefix(_ entry: Tail.Entry) -> UnsafeRawBufferPointer? {
        prepare()
        guard let memory = unsafe memory else { invariantBroken("prepare has allocated") }
        guard let offset = reserve(Framing.prefixBytesMax) else { return nil }
        let target = unsafe memory + (offset & (capacity - 1))
        let canonical = unsafe UnsafeRawBufferPointer(start: entry.canonical, count: entry.canonicalBytes)
        let count = unsafe Framing.writePrefix(canonical, wire, to: target)
        return unsafe UnsafeRawBufferPointer(start: target, count: count)
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
    }
}
