import FanfareBase
import FanfareRing

/// When the peer of a socket last showed that it is there: it sent a byte, or took one (CONTRACT, section 5).
///
/// That our kernel took a byte shows nothing: it takes megabytes for a peer that vanished without a word. Only the peer's
/// acknowledgements do, and they are looked up now and then, at heartbeats and pings, not told.
///
/// Invariant: `lastSign` never goes back, and is not later than the moment at which it was found out.
package struct PeerLiveness: Sendable {
    /// When the peer last sent a byte or took one, as far as is known.
    package private(set) var lastSign: MonotonicTime
    /// The low bits of how many bytes it had acknowledged at the last look: enough to see that there are more.
    private var acknowledgedBytes: UInt32 = 0

    /// A peer that has just come.
    package init(now: MonotonicTime) { lastSign = now }

    /// From when on the peer is dead, unless it shows that it is there.
    package var deadline: MonotonicTime { lastSign.advanced(byMilliseconds: Limits.deadAfterMilliseconds) }

    /// The peer sent something.
    @inline(__always) package mutating func heard(at now: MonotonicTime) { lastSign = now }

    /// The peer took something at `moment`, which may have been a while ago.
    package mutating func took(at moment: MonotonicTime) { lastSign = max(lastSign, moment) }

    /// Takes what the kernel knows of the peer's acknowledgements. One that acknowledges no byte more than at the last look
    /// only answers probes, as the kernel of a program that hangs does, and shows nothing.
    package mutating func look(_ acknowledgement: PeerAcknowledgement, at now: MonotonicTime) {
        let bytes = UInt32(truncatingIfNeeded: acknowledgement.bytes)
        guard bytes != acknowledgedBytes else { return }
        acknowledgedBytes = bytes
        let age = min(now.nanoseconds, UInt64(acknowledgement.millisecondsAgo) * 1_000_000)
        took(at: MonotonicTime(nanoseconds: now.nanoseconds - age))
    }
}
