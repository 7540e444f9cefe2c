import FanfareBase
import FanfareDelivery
import FanfareRing

/// An event to a thousand members of one interest, by the delivery: what grows with the audience. Nothing may be allocated.
func delivering() {
    for wire in WireFormat.allCases {
        stage("Deliver: \(wire)", allocations: 0, instructions: 1_820, operationsPerRun: 1_000) {
            let audience = try Audience(wire)
            return Stage { audience.deliverToAll() }
        }
    }
}

/// A thousand members who are always ready, and the turns in which they get an event each.
final class Audience {
    private let fanout: Fanout
    private let interests = [InterestID(0)]
    private let event: SampleEvent
    private var members: [MemberCursor] = []
    private var slices = FrameSlices()
    private let operations = OperationQueue()

    /// Members who want events on `wire`.
    init(_ wire: WireFormat) throws {
        var limits = FanoutLimits()
        // Full after warm-up: until a tail is, what interests remember of it doubles now and then.
        limits.tailEvents = 8
        fanout = Fanout(head: .zero, limits: limits)
        event = try SampleEvent()
        for slot in 0..<1_000 {
            var member = MemberCursor(after: .zero, wire: wire)
            guard fanout.join(UInt32(slot), &member, interests[0]) else { fatalError("there is room for an interest") }
            members.append(member)
        }
    }

    /// A turn: an event is announced, and each member's send is queued and taken.
    func deliverToAll() {
        fanout.beginTurn()
        event.renew()
        fanout.announce(event.record, owner: event, ownerBytes: 4_096, matches: interests)
        while let slot = fanout.nextVisit() { deliver(to: slot) }
        guard operations.count == members.count else { fatalError("every member gets the event") }
        operations.removeAll()
    }

    private func deliver(to slot: UInt32) {
        let outcome = fanout.gather(members[Int(slot)], bytesMax: 65_536, into: &slices)
        guard case .send(let after) = outcome, slices.sliceCount == 1 else { fatalError("the event is pending") }
        members[Int(slot)].place = after
        let token = Token(purpose: 1, generation: 0, slot: slot)
        // Safe: valid until the next turn begins, and nobody reads it here.
        unsafe operations.append(
            Operation(.send, token: token, address: slices.slices[0].baseAddress, length: slices.byteCount))
    }
}
