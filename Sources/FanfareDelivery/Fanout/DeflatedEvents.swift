import FanfareBase

/// What events compress to, for everyone on this shard who agreed on permessage-deflate: made once while it is remembered,
/// and the same bytes whenever it is made again, so a frame begun from one is finished from another.
///
/// An event goes out as it is when it is small, larger than is worth a turn's time, or does not get smaller. That depends on
/// its bytes alone.
///
/// Compressing costs far more than copying, so a turn has a budget for it: when `isSpent` the rest waits for the next turn.
@safe package final class DeflatedEvents {
    /// The last event compressed whose sequence ends in the line's number.
    @safe private struct Line {
        var sequence: UInt64 = 0
        var memory = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
        /// 0 when the event goes out as it is.
        var count = 0
    }

    private let resultBytesMax: Int
    private lazy var deflater = MessageDeflater()
    private var lines: [Line] = []
    private var spentBytes = 0

    /// Remembers nothing yet; results have at most `resultBytesMax` bytes.
    package init(resultBytesMax: Int) { self.resultBytesMax = resultBytesMax }

    deinit {
        // Safe: allocated by `makeRoom`, and nobody holds results beyond the shard's life.
        for line in lines { unsafe line.memory.deallocate() }
    }

    /// Whether the turn's budget for compressing is used up.
    package var isSpent: Bool { spentBytes >= DeliveryLimits.deflatedBytesPerTurn }

    /// A new turn, a new budget.
    func beginTurn() { spentBytes = 0 }

    /// Whether the event of `record` may be compressed at all.
    private func isWorthTrying(_ canonical: UnsafeRawBufferPointer) -> Bool {
        (DeliveryLimits.deflatedEventBytesMin...DeliveryLimits.deflatedEventBytesMax).contains(canonical.count)
    }

    /// What the event of `record` compresses to; nil when it goes out as it is. Valid until the next call.
    func result(for record: EventRecord) -> UnsafeRawBufferPointer? {
        let canonical = unsafe record.canonical
        guard unsafe isWorthTrying(canonical) else { return nil }
        if lines.isEmpty { lines = Array(repeating: Line(), count: DeliveryLimits.deflatedEventsKept) }
        let sequence = record.sequence.rawValue
        let place = Int(truncatingIfNeeded: sequence % UInt64(DeliveryLimits.deflatedEventsKept))
        if lines[place].sequence != sequence { unsafe compress(canonical, sequence, into: &lines[place]) }
        let line = lines[place]
        return line.count > 0 ? unsafe UnsafeRawBufferPointer(rebasing: line.memory[..<line.count]) : nil
    }

    private func compress(_ canonical: UnsafeRawBufferPointer, _ sequence: UInt64, into line: inout Line) {
        spentBytes += canonical.count
        let bytesMax = min(canonical.count - 1, resultBytesMax)
        let room = bytesMax + MessageDeflater.roomBeyond
        if unsafe line.memory.count < room {
            unsafe line.memory.deallocate()
            unsafe line.memory = .allocate(byteCount: powerOfTwo(atLeast: room), alignment: 16)
        }
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: line.memory[..<room])
        line.count = unsafe deflater.deflate(canonical, into: target) ?? 0
        line.sequence = sequence
    }
}
