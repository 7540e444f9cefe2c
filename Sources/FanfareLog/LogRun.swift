import FanfareBase

/// A stretch of a sealed segment that may hold something a cursor wants: whole batches in a row.
///
/// Invariant: offset < end; first ≤ last; between two runs of a segment nothing is wanted and nothing is lost.
package struct LogRun: Equatable, Sendable {
    /// Where its first batch begins.
    package var offset: UInt64
    /// Where its last batch ends.
    package var end: UInt64
    /// The first number it accounts for.
    package var first: SequenceNumber
    /// The last number it accounts for.
    package var last: SequenceNumber
}
