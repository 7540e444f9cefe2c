import FanfareBase
import FanfareRing
import Glibc
import Testing

@Suite struct AcknowledgementTests {
    /// Linux, `asm-generic/socket.h`.
    private static let attachFilter: Int32 = 26
    private static let detachFilter: Int32 = 27

    @Test func whatThePeersKernelTookIsKnownAndWhatTheNetworkSwallowedIsNot() throws {
        let (listener, address) = try Harness.listener()
        let harness = try Harness()
        harness.ask(.accept, 1, descriptor: listener)
        harness.queue.append(try #require(address.connect(token: harness.token(2), in: harness.region)))
        let opened = harness.turns(until: 2)
        let ours = try #require(opened.first { $0.purpose == 1 }).result
        let peers = try #require(opened.first { $0.purpose == 2 }).result
        defer { [listener, ours, peers].forEach { close($0) } }

        let atFirst = try #require(PeerAcknowledgement(of: ours)).bytes
        Harness.write(ours, [1, 2, 3])
        #expect(Self.eventually { PeerAcknowledgement(of: ours)?.bytes == atFirst + 3 })
        Self.swallow(peers)
        Harness.write(ours, [4, 5])
        usleep(300_000)
        let swallowed = try #require(PeerAcknowledgement(of: ours))
        #expect(swallowed.bytes == atFirst + 3, "our kernel has taken them, and nobody else")
        #expect(swallowed.millisecondsAgo >= 250)
        var unused: Int32 = 0
        let isDetached = unsafe setsockopt(peers, SOL_SOCKET, Self.detachFilter, &unused, 4) == 0
        #expect(isDetached)
        #expect(Self.eventually { PeerAcknowledgement(of: ours)?.bytes == atFirst + 5 })
    }

    @Test func onlyATCPConnectionHasAcknowledgements() {
        let (one, other) = Harness.pair()
        defer { [one, other].forEach { close($0) } }
        #expect(PeerAcknowledgement(of: one) == nil)
        #expect(PeerAcknowledgement(of: -1) == nil)
    }

    /// Drops every packet for a socket before TCP sees it, by a filter of one instruction: return 0 (socket(7)).
    private static func swallow(_ descriptor: Int32) {
        var instruction: (code: UInt16, jumps: UInt16, value: UInt32) = (6, 0, 0)
        let result = unsafe withUnsafeMutablePointer(to: &instruction) { instruction in
            var program = unsafe (count: UInt16(1), instructions: instruction)
            return unsafe setsockopt(descriptor, SOL_SOCKET, attachFilter, &program, 16)
        }
        #expect(result == 0)
    }

    private static func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<1_000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }
}
