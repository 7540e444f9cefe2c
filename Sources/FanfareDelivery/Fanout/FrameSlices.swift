import FanfareBase

/// What one send is to carry: ranges of memory in order, adjacent ones joined. Reused from send to send.
///
/// Memory: the ranges stay valid until `Fanout.beginTurn` of the next turn; a send that completes inside the enter which
/// submits it has no need of them after that.
@safe package struct FrameSlices: ~Copyable {
    /// The ranges, in the order in which they are to be sent; mostly one.
    package private(set) var slices: [UnsafeRawBufferPointer] = unsafe []
    /// Bytes of all ranges together.
    package private(set) var byteCount = 0

    /// No ranges.
    package init() {}

    /// Forgets the ranges and keeps the room for them.
    package mutating func removeAll() {
        unsafe slices.removeAll(keepingCapacity: true)
        byteCount = 0
    }

    /// Copies all ranges one behind the other to `target`, for a send that takes one range only.
    ///
    /// - Precondition: `target` has room for `byteCount`.
    package func copy(to target: UnsafeMutableRawBufferPointer) {
        invariant(target.count >= byteCount, "gathered bytes fit the target")
        var offset = 0
        for index in 0..<sliceCount {
            // Safe: index is below the count, and the offsets add up to byteCount, which fits.
            let slice = unsafe slices[index]
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: slice)
            offset += slice.count
        }
    }

    /// How many ranges there are.
    package var sliceCount: Int { unsafe slices.count }

    mutating func set(_ slice: UnsafeRawBufferPointer) {
        unsafe slices.append(slice)
        byteCount = slice.count
    }

    mutating func append(_ start: UnsafeRawPointer, _ count: Int) {
        guard count > 0 else { return }
        byteCount += count
        if let last = unsafe slices.last, let lastStart = last.baseAddress, unsafe lastStart + last.count == start {
            unsafe slices[slices.count - 1] = unsafe UnsafeRawBufferPointer(start: lastStart, count: last.count + count)
        } else {
            unsafe slices.append(UnsafeRawBufferPointer(start: start, count: count))
        }
    }
}
