import FanfareBase

/// How often which value was seen, to within 1/128 of the value: log-linear counters in the manner of HdrHistogram.
///
/// Values below 256 have a counter each; above, every power of two is divided into 128 equal parts. 59 KB, no allocation
/// after `init`, any `UInt64` fits. Percentiles are answered with the highest value of their counter, so never too small.
package struct Histogram: Sendable {
    private static let linearCount = 256
    private static let partsPerOctave = 128
    private static let counterCount = linearCount + (64 - 8) * partsPerOctave

    private var counters = [UInt64](repeating: 0, count: counterCount)
    /// Values recorded.
    package private(set) var count: UInt64 = 0
    /// The smallest value; 0 when there is none.
    package private(set) var least: UInt64 = 0
    /// The largest value; 0 when there is none.
    package private(set) var greatest: UInt64 = 0
    private var sum = 0.0

    /// A histogram without values.
    package init() {}

    /// The mean of what was recorded, exact but for rounding; 0 when there is none.
    package var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// Counts `value`.
    package mutating func record(_ value: UInt64) {
        counters[Self.index(of: value)] += 1
        least = count == 0 ? value : min(least, value)
        greatest = max(greatest, value)
        count += 1
        sum += Double(value)
    }

    /// Adds what `other` has counted.
    package mutating func merge(_ other: Histogram) {
        guard other.count > 0 else { return }
        for index in counters.indices { counters[index] += other.counters[index] }
        least = count == 0 ? other.least : min(least, other.least)
        greatest = max(greatest, other.greatest)
        count += other.count
        sum += other.sum
    }

    /// The value that `share` (0 to 1) of all values do not exceed, at most 1/128 too large; 0 when there is none.
    package func percentile(_ share: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let rank = max(1, UInt64((share * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for index in counters.indices {
            seen += counters[index]
            if seen >= rank { return min(Self.highestValue(at: index), greatest) }
        }
        return greatest
    }

    private static func index(of value: UInt64) -> Int {
        guard value >= UInt64(linearCount) else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let part = Int(value >> UInt64(exponent - 7)) - partsPerOctave
        return linearCount + (exponent - 8) * partsPerOctave + part
    }

    private static func highestValue(at index: Int) -> UInt64 {
        guard index >= linearCount else { return UInt64(index) }
        let (octave, part) = (index - linearCount).quotientAndRemainder(dividingBy: partsPerOctave)
        let width: UInt64 = 1 << UInt64(octave + 1)
        return UInt64(part + partsPerOctave) &* width &+ (width - 1)
    }
}

extension Histogram {
    /// Shares at which `curve` is told: denser where it matters.
    private static let curveShares = [
        0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99, 0.992, 0.994,
        0.996,
        0.998, 0.999, 0.9995, 0.9999, 0.99995, 0.99999,
    ]

    /// The percentile curve: shares of the values, and what they do not exceed. No finer than there are values; the last
    /// point is the greatest.
    package var curve: [(share: Double, value: UInt64)] {
        guard count > 0 else { return [] }
        let shares = Self.curveShares.filter { (1 - $0) * Double(count) >= 1 }
        return shares.map { ($0, percentile($0)) } + [(1, greatest)]
    }
}
