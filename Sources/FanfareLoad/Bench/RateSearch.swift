/// The search for the highest rate that holds a profile's goals: doubling, or halving, until one rate holds and one does
/// not, then bisection.
///
/// Invariant: `highestHeld` held and is below `lowestMissed`, which did not.
package struct RateSearch: Sendable {
    /// Runs at most: ten doublings and halvings and what makes the answer exact to `exactness`.
    package static let triesMax = 16
    /// The search ends when the two rates are this near.
    package static let exactness = 0.05
    /// A rate and whether it held the goals.
    package struct Try: Sendable, Hashable {
        /// Events a second.
        package let rate: Int
        /// Whether the goals held.
        package let isHeld: Bool
    }

    /// The highest rate that held; nil when none has.
    package private(set) var highestHeld: Int?
    /// The lowest rate that did not; nil when none has.
    package private(set) var lowestMissed: Int?
    /// What was tried, in order.
    package private(set) var tries: [Try] = []
    private let first: Int
    private let allowed: ClosedRange<Int>

    /// A search that begins at `first` and stays within `allowed`.
    package init(from first: Int, within allowed: ClosedRange<Int>) {
        self.first = min(max(first, allowed.lowerBound), allowed.upperBound)
        self.allowed = allowed
    }

    /// The rate to try next; nil when the search is over.
    package var next: Int? {
        guard tries.count < Self.triesMax else { return nil }
        switch (highestHeld, lowestMissed) {
        case (nil, nil): return first
        case (let held?, nil):
            return held < allowed.upperBound ? min(allowed.upperBound, held > .max / 2 ? .max : held * 2) : nil
        case (nil, let missed?): return missed > allowed.lowerBound ? max(allowed.lowerBound, missed / 2) : nil
        case (let held?, let missed?):
            guard missed - held > max(1, Int(Double(held) * Self.exactness)) else { return nil }
            return held + (missed - held) / 2
        }
    }

    /// Takes what came of a run at `next`.
    package mutating func tried(isHeld: Bool) {
        guard let rate = next else { return }
        tries.append(Try(rate: rate, isHeld: isHeld))
        if isHeld { highestHeld = rate } else { lowestMissed = rate }
    }
}
