/// What one subscriber has received of the events that were meant for it, which are numbered from 0 without a hole.
///
/// Invariant: every number below `next` has been received, but for those in `holes`, which are in order, apart from one
/// another and not empty; none from `next` on has.
package struct DeliveryLedger: Sendable {
    private var next = 0
    private var holes: [Range<Int>] = []
    private var missingCount = 0
    /// The latest place in the log that was delivered; 0 before the first.
    package private(set) var lastSequence: UInt64 = 0
    /// Deliveries of numbers that had come before.
    package private(set) var duplicates = 0
    /// Deliveries that came after one with a later place in the log.
    package private(set) var reordered = 0

    /// Nothing received.
    package init() {}

    /// Different numbers received.
    package var receivedCount: Int { next - missingCount }

    /// Takes a delivery of event `number`; false when it had come before.
    ///
    /// - Parameter sequence: its place in the log; nil where no order is promised.
    package mutating func take(_ number: Int, sequence: UInt64?) -> Bool {
        if number >= next {
            if number > next {
                holes.append(next..<number)
                missingCount += number - next
            }
            next = number + 1
        } else if !fill(number) {
            duplicates += 1
            return false
        }
        if let sequence {
            if sequence < lastSequence { reordered += 1 }
            lastSequence = max(lastSequence, sequence)
        }
        return true
    }

    /// Takes `number` out of its hole; false when it is in none.
    private mutating func fill(_ number: Int) -> Bool {
        // The first hole that does not end before it.
        var low = 0
        var high = holes.count
        while low < high {
            let middle = (low + high) / 2
            if holes[middle].upperBound <= number { low = middle + 1 } else { high = middle }
        }
        guard low < holes.count, holes[low].contains(number) else { return false }
        let hole = holes[low]
        let rest = [hole.lowerBound..<number, number + 1..<hole.upperBound].filter { !$0.isEmpty }
        holes.replaceSubrange(low...low, with: rest)
        missingCount -= 1
        return true
    }

    /// Which of the first `expected` numbers have not come, in order.
    package func missing(of expected: Int) -> [Int] {
        holes.flatMap { Array($0) }.filter { $0 < expected } + (next < expected ? Array(next..<expected) : [])
    }

    /// How many of the first `expected` numbers have not come.
    package func lost(of expected: Int) -> Int {
        max(0, expected - next) + holes.reduce(0) { $0 + $1.clamped(to: 0..<max(0, expected)).count }
    }
}
