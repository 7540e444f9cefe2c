import FanfareBase

/// Bytes a connection has to keep for itself because their message is not complete: allocated with the first byte, given
/// back by `release`, doubled as they arrive.
///
/// Invariant: `count` ≤ `capacity`, and nothing is allocated while `capacity` is 0. There is no limit here: whoever
/// appends checks its own first.
@safe package struct GrowingBytes: ~Copyable {
    private var start: UnsafeMutableRawPointer?
    private var countStored: UInt32 = 0
    private var capacityStored: UInt32 = 0

    /// Holds nothing and allocates nothing.
    package init() { unsafe start = nil }

    deinit { unsafe start?.deallocate() }

    /// Bytes held.
    package var count: Int { Int(countStored) }
    /// Bytes allocated.
    package var capacity: Int { Int(capacityStored) }
    /// Whether nothing is held.
    package var isEmpty: Bool { countStored == 0 }

    /// All bytes; valid until the next change.
    package var view: ByteView { unsafe ByteView(UnsafeRawBufferPointer(start: start, count: count)) }

    /// The bytes in `range`; valid until the next change.
    package func view(_ range: Range<Int>) -> ByteView { view.slice(range) }

    /// Makes room for `additional` more bytes, doubling when it must grow, but not beyond `totalMax`, the most that will
    /// ever be needed.
    package mutating func reserve(_ additional: Int, totalMax: Int = .max) {
        let needed = count + additional
        guard needed > capacity else { return }
        invariant(needed <= Int(Int32.max), "what one connection keeps stays below 2 GiB")
        let room = max(needed, min(capacity * 2, totalMax, Int(Int32.max)), min(totalMax, 64))
        let grown = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 16)
        // Safe: `grown` has room for count bytes, and the old memory holds as many.
        if let old = unsafe start { unsafe grown.copyMemory(from: old, byteCount: count) }
        unsafe start?.deallocate()
        unsafe start = unsafe grown
        capacityStored = UInt32(room)
    }

    /// Appends a copy of `bytes`.
    package mutating func append(_ bytes: ByteView) {
        guard !bytes.isEmpty else { return }
        reserve(bytes.count)
        guard let start = unsafe start, let source = unsafe bytes.unsafeBytes.baseAddress else { return }
        // Safe: reserve made room for them behind the first count bytes.
        unsafe (start + count).copyMemory(from: source, byteCount: bytes.count)
        countStored += UInt32(bytes.count)
    }

    /// Appends one byte.
    package mutating func append(_ byte: UInt8) {
        if countStored == capacityStored { reserve(1) }
        // Safe: there is room for one more.
        unsafe start?.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        countStored += 1
    }

    /// Appends `count` bytes that `body` writes; it gets exactly that much room, uninitialised.
    package mutating func append(count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        guard count > 0 else { return }
        reserve(count)
        guard let start = unsafe start else { return }
        unsafe body(UnsafeMutableRawBufferPointer(start: start + self.count, count: count))
        countStored += UInt32(count)
    }

    /// Forgets all but the first `count` bytes, keeping the memory.
    package mutating func truncate(to count: Int) { countStored = UInt32(min(count, self.count)) }

    /// Forgets the bytes and gives the memory back.
    package mutating func release() {
        guard capacityStored > 0 else { return }
        unsafe start?.deallocate()
        unsafe start = nil
        countStored = 0
        capacityStored = 0
    }

    /// Forgets the bytes; gives the memory back when it is more than `keeping`.
    package mutating func removeAll(keeping capacityMax: Int) {
        if capacity > capacityMax { release() } else { countStored = 0 }
    }
}
