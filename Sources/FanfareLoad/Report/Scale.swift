import Glibc

/// Where a value lies on an axis, and which values are written beside it.
package struct Scale: Sendable {
    /// How values become places.
    package enum Kind: Sendable {
        /// Evenly.
        case linear
        /// By their logarithm.
        case logarithmic
    }

    private let kind: Kind
    /// The values at both ends.
    package let bounds: ClosedRange<Double>
    private let start: Double
    private let end: Double

    /// An axis from `start` to `end`, in the drawing's units, that holds `values`: from 0 when it is linear, between powers
    /// of ten when it is not.
    package init(_ kind: Kind, holding values: [Double], from start: Double, to end: Double) {
        self.kind = kind
        self.start = start
        self.end = end
        let most = values.max() ?? 1
        switch kind {
        case .linear:
            let step = Self.step(max(most, 1e-9))
            bounds = 0...max(step, (most / step).rounded(.up) * step)
        case .logarithmic:
            let least = values.filter { $0 > 0 }.min() ?? 1
            let low = floor(log10(least))
            bounds = pow(10, low)...pow(10, max(low + 1, ceil(log10(max(most, least)))))
        }
    }

    /// The place of `value`; what lies outside is at the nearer end.
    package func place(_ value: Double) -> Double {
        let inside = min(max(value, bounds.lowerBound), bounds.upperBound)
        let part =
            switch kind {
            case .linear: (inside - bounds.lowerBound) / (bounds.upperBound - bounds.lowerBound)
            case .logarithmic: log10(inside / bounds.lowerBound) / log10(bounds.upperBound / bounds.lowerBound)
            }
        return start + part * (end - start)
    }

    /// The values to be written, ascending, both ends among them.
    package var ticks: [Double] {
        switch kind {
        case .linear:
            let step = Self.step(bounds.upperBound)
            return (0...Int((bounds.upperBound / step).rounded())).map { Double($0) * step }
        case .logarithmic:
            let (low, high) = (log10(bounds.lowerBound).rounded(), log10(bounds.upperBound).rounded())
            return (0...Int(high - low)).map { pow(10, low + Double($0)) }
        }
    }

    /// A round distance of which four or five make `most`.
    private static func step(_ most: Double) -> Double {
        let power = pow(10, floor(log10(most / 4)))
        return ([1, 2, 2.5, 5, 10].first { $0 * power * 5 >= most } ?? 10) * power
    }
}
