/// What one subscriber has received of the events that were meant for it, which are numbered from 0 without a hole.
///
/// Invariant: every number below `next` has been received, but for those in `missing`; none from `next` on has.
package struct DeliveryLedger: Sendable {
    private var next = 0
    private var missing: Set<Int> = []
    /// The latest place in the log that was delivered; 0 before the first.
    package private(set) var lastSequence: UInt64 = 0
    /// Deliveries of numbers that had come before.
    package private(set) var duplicates = 0
    /// Deliveries that came after one with a later place in the log.
    package private(set) var reordered = 0

    /// Nothing received.
    package init() {}

    /// Takes a delivery of event `number`; false when it had come before.
    ///
    /// - Parameter sequence: its place in the log; nil where no order is promised.
    package mutating func take(_ number: Int, sequence: UInt64?) -> Bool {
        if number >= next {
            for skipped in next..<number { missing.insert(skipped) }
            next = number + 1
        } else if missing.remove(number) == nil {
            duplicates += 1
            return false
        }
        if let sequence {
            if sequence < lastSequence { reordered += 1 }
            lastSequence = max(lastSequence, sequence)
        }
        return true
    }

    /// Which of the first `expected` numbers have not come.
    package func missing(of expected: Int) -> [Int] {
        missing.filter { $0 < expected } + (next < expected ? Array(next..<expected) : [])
    }

    /// How many of the first `expected` numbers have not come.
    package func lost(of expected: Int) -> Int { max(0, expected - next) + missing.count { $0 < expected } }
}
