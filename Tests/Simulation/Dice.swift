import FanfareBase

/// All chance of a run: numbers that repeat for a seed. A class, so that everyone draws from one sequence.
final class Dice {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ 0xFA_7A_12) }

    func next() -> UInt64 { random.next() }

    /// A number of `range`.
    func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    /// True so often in a thousand.
    func perMille(_ share: Int) -> Bool { number(0...999) < share }

    func pick<Element>(_ elements: [Element]) -> Element { elements[number(0...elements.count - 1)] }

    /// Nanoseconds, mostly near the lower bound and rarely near the upper one.
    func delay(_ range: ClosedRange<Int>) -> Int {
        let bits = number(0...9)
        return min(range.upperBound, range.lowerBound + number(0...range.upperBound - range.lowerBound) >> bits)
    }

    /// So many bytes.
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
