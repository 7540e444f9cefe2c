import FanfareBase

/// Records on their way to the log: one after the other in memory of its own, each at a multiple of eight bytes, with
/// sequence, time and position still zero. Made by the decoder, then handed as a whole to the thread that owns the log,
/// which patches and copies them.
///
/// Invariant: `0 ≤ byteCount ≤ capacity`, both multiples of eight, and the bytes below `byteCount` are whole records.
/// Grows by doubling; bounded by what is decoded into it: at most five times the body's bytes (the smallest event of a
/// batch) and a constant per request.
///
/// Not safe for use by two threads at once; handing it over ends the sender's use (hence `@unchecked Sendable`).
@safe package final class RecordStaging: @unchecked Sendable {
    /// Unchecked, these three: single accesses of the one thread that holds the staging; none spans another.
    @exclusivity(unchecked) private var memory: UnsafeMutableRawBufferPointer
    @exclusivity(unchecked) private var usedBytes = 0
    @exclusivity(unchecked) private var recordCount = 0

    /// A place in the staging to go back to.
    struct Mark {
        var byteCount: Int
        var count: Int
    }

    /// Empty, with room for `capacity` bytes.
    package init(capacity: Int = 4096) {
        unsafe memory = .allocate(byteCount: Self.padded(max(capacity, 64)), alignment: 8)
    }

    deinit { unsafe memory.deallocate() }

    /// Bytes of the records.
    package var byteCount: Int { unsafe usedBytes }
    /// Number of records.
    package var count: Int { unsafe recordCount }
    /// Whether there is no record.
    package var isEmpty: Bool { count == 0 }

    /// Bytes allocated.
    package var capacity: Int { unsafe memory.count }

    /// All records. Valid until the next change.
    package var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<byteCount])
    }

    /// Forgets the records and keeps the memory.
    package func reset() {
        unsafe usedBytes = 0
        unsafe recordCount = 0
    }

    /// Calls `body` with each record in order; the views are valid until the next change.
    package func forEach<Failure: Error>(_ body: (EventRecord) throws(Failure) -> Void) throws(Failure) {
        var offset = 0
        while offset < byteCount {
            let record = record(at: offset)
            try body(record)
            offset += unsafe record.bytes.count
        }
    }

    /// The record that begins at byte `offset`; the next one begins `record.bytes.count` further on.
    package func record(at offset: Int) -> EventRecord {
        invariant(offset >= 0 && offset < byteCount, "a record's offset lies below byteCount")
        // Safe: below byteCount are whole records written by the decoder.
        return unsafe EventRecord(at: UnsafeRawPointer(memory.baseAddress! + offset))
    }

    /// Where the next record begins.
    var mark: Mark { Mark(byteCount: byteCount, count: count) }

    /// Forgets the records after `mark`.
    func rewind(to mark: Mark) {
        invariant(mark.byteCount <= byteCount && mark.count <= count, "a mark lies behind the end")
        unsafe usedBytes = mark.byteCount
        unsafe recordCount = mark.count
    }

    /// Memory after the last record, at least `size` bytes; becomes a record by `commit`.
    func reserve(_ size: Int) -> UnsafeMutableRawBufferPointer {
        let needed = byteCount + Self.padded(size)
        if unsafe needed > memory.count {
            // Safe: the new memory is larger, nobody holds a view across a change.
            let larger = unsafe UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(needed, memory.count * 2), alignment: 8)
            unsafe larger.copyMemory(from: UnsafeRawBufferPointer(bytes))
            unsafe memory.deallocate()
            unsafe memory = larger
        }
        return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[byteCount...])
    }

    /// Makes the first `size` reserved bytes a record, padded with zeros, and writes its length.
    func commit(_ size: Int) {
        let end = byteCount + Self.padded(size)
        invariant(unsafe end <= memory.count, "a record was reserved before it is committed")
        // Safe: end is within the memory, checked above.
        for index in byteCount + size..<end { unsafe memory[index] = 0 }
        unsafe memory.storeBytes(of: UInt32(end - byteCount).littleEndian, toByteOffset: byteCount, as: UInt32.self)
        unsafe usedBytes = end
        unsafe recordCount &+= 1
    }

    private static func padded(_ size: Int) -> Int { (size + 7) & ~7 }
}
