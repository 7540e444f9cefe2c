/// When a subscriber that comes and goes was there, and so which events it certainly had to receive.
///
/// Certain is an event that was sent after a stay had begun and whose place in the log is not after the last one received
/// in that stay; all of them, while the stay lasts. Any other may or may not come, whatever the service does: it was
/// under way when the subscriber came or left.
package struct Attendance: Sendable {
    private struct Stay {
        let first: Int
        var last: UInt64?
    }
    private var stays: [Stay] = []

    /// Nobody has come.
    package init() {}

    /// It is there; the next event to be sent has the number `next`.
    package mutating func came(next: Int) { stays.append(Stay(first: next, last: nil)) }

    /// It has left, having received everything up to the place `sequence`; nothing when it was not there.
    package mutating func left(after sequence: UInt64) {
        guard let stay = stays.last, stay.last == nil else { return }
        stays[stays.count - 1].last = sequence
    }

    /// Whether event `number`, which is at the place `sequence`, certainly had to come.
    package func isCertain(_ number: Int, sequence: UInt64) -> Bool {
        stays.contains { number >= $0.first && sequence <= $0.last ?? .max }
    }
}

/// Stretches of the log of which a subscriber was told that they will not come.
package struct AnnouncedGaps: Sendable {
    private var gaps: [(after: UInt64, next: UInt64)] = []

    /// None.
    package init() {}

    /// How many were told.
    package var count: Int { gaps.count }

    /// What lies between the places `after` and `next` will not come.
    package mutating func add(after: UInt64, next: UInt64) { gaps.append((after, next)) }

    /// Whether it was told that the place `sequence` will not come.
    package func contains(_ sequence: UInt64) -> Bool {
        gaps.contains { sequence > $0.after && sequence < $0.next }
    }
}
