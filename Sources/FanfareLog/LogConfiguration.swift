import FanfareBase

/// What an operator decides about the log. Values outside `LogLimits` are brought inside by the initialiser's checks.
package struct LogConfiguration: Sendable {
    /// Size of one segment file, in bytes; a multiple of `LogLimits.blockBytes`.
    package var segmentBytes = 64 << 20
    /// Age beyond which a sealed segment's events are given up, in seconds.
    package var retentionAgeSeconds: UInt64 = 7 * 86_400
    /// Bytes of all segments beyond which the oldest is given up.
    package var retentionBytes: UInt64 = 10 << 30
    /// How long an event's identity is remembered after it was accepted, in seconds.
    package var deduplicationWindowSeconds: UInt64 = 600
    /// Memory for remembered identities, in bytes; the oldest leave first.
    package var deduplicationBytesMax = 64 << 20
    /// Bytes at which an open batch is closed. A larger record makes a batch of its own.
    package var batchBytesMax = 1 << 20
    /// Bytes of batches that may wait for the disk; beyond it publishing is refused.
    package var backlogBytesMax = 16 << 20
    /// Longest time between a `written` event and its sync, in nanoseconds.
    package var syncIntervalNanoseconds = 1_000_000_000

    /// The defaults.
    package init() {}

    /// The size of a segment after limits and alignment.
    var segmentBytesEffective: Int {
        let bounded = min(max(segmentBytes, LogLimits.segmentBytesMin), LogLimits.segmentBytesMax)
        return bounded / LogLimits.blockBytes * LogLimits.blockBytes
    }
}
