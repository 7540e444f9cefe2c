import FanfareBase
import FanfareRing
import FanfareServer
import Testing

@Suite struct PeerLivenessTests {
    private func at(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test func aByteThatWasAcknowledgedCountsFromWhenItWas() {
        var peer = PeerLiveness(now: at(100))
        peer.look(PeerAcknowledgement(bytes: 10, millisecondsAgo: 4_000), at: at(115))
        #expect(peer.lastSign == at(111))
        #expect(peer.deadline == at(171))
    }

    @Test func anAcknowledgementOfNoFurtherByteShowsNothing() {
        var peer = PeerLiveness(now: at(100))
        peer.look(PeerAcknowledgement(bytes: 10, millisecondsAgo: 0), at: at(110))
        peer.look(PeerAcknowledgement(bytes: 10, millisecondsAgo: 0), at: at(160))
        #expect(peer.lastSign == at(110))
    }

    @Test func theLastSignNeverGoesBack() {
        var peer = PeerLiveness(now: at(100))
        peer.heard(at: at(130))
        peer.look(PeerAcknowledgement(bytes: 1, millisecondsAgo: 20_000), at: at(140))
        peer.took(at: at(90))
        #expect(peer.lastSign == at(130))
    }

    @Test func anAgeBeyondTheClocksStartIsItsStart() {
        var peer = PeerLiveness(now: at(1))
        peer.look(PeerAcknowledgement(bytes: 1, millisecondsAgo: .max), at: at(2))
        #expect(peer.lastSign == at(1))
    }
}
