import FanfareBase

/// What one shard's sockets (and webhook subscriptions) are to be told: tail, interests, frame rings and the rotation of
/// visits. Nothing here is a queue per member: a member is a cursor, and what is pending for it is what its interests
/// matched above that cursor.
///
/// A turn has this order, and the memory rules rest on it:
/// 1. `settle` for each send of the last turn that came short (the events it was gathered from are still held);
/// 2. `beginTurn`: slices handed out in the last turn end;
/// 3. `announce` for each committed event, in sequence order: the oldest may be let go;
/// 4. joins, leaves, `nextVisit` and `gather`, until the turn's budget is spent: nothing is let go.
/// Visits that were not reached stay for the next turn.
///
/// An announcement costs the interests it matches, never their members; a gather costs what it hands out, or one comparison
/// when another member of the same interest stood at the same place.
@safe package final class Fanout {
    /// Whether events may still be announced in this turn.
    enum Phase { case announcing, gathering }

    let limits: FanoutLimits
    let tail: Tail
    let rings: [FrameRing]
    /// What events compress to, for live members and those who read the log alike.
    package let deflated: DeflatedEvents
    var memo = GatherMemo()
    var walk = MergeWalk()
    var turn = 0
    var phase = Phase.announcing

    /// The newest event of which a frame has been made.
    package internal(set) var framedThrough = SequenceNumber.zero

    private var interests: [Interest?] = []
    private var matchesTotal = 0
    private var links = MemberLinks()
    private var visits = VisitQueue()

    /// A fan-out that knows nothing before `head`, the newest sequence announced so far.
    package init(head: SequenceNumber, limits: FanoutLimits = FanoutLimits()) {
        let tail = Tail(head: head, events: limits.tailEvents, bytes: limits.tailBytes)
        self.limits = limits
        self.tail = tail
        let deflated = DeflatedEvents(resultBytesMax: FrameRing.frameBytesMax(limits.frameRingBytes) - 10)
        self.deflated = deflated
        rings = WireFormat.allCases.map {
            FrameRing($0, capacity: limits.frameRingBytes, slotCount: tail.slotCount, deflated: deflated)
        }
    }

    /// The newest announced sequence, whether it matched or not: where `latest` begins.
    package var head: SequenceNumber { tail.head }

    /// Ends the last turn: its slices are invalid from here on, and events may be announced.
    package func beginTurn() {
        turn += 1
        phase = .announcing
        deflated.beginTurn()
        for ring in rings { ring.beginTurn() }
    }

    /// Tells of the next committed event and the interests that match it (each once; none is fine).
    ///
    /// - Parameters:
    ///   - record: lies in memory that `owner` keeps alive; sequences ascend from call to call.
    ///   - owner: the committed batch; held while the tail holds any event of it.
    ///   - ownerBytes: what holding `owner` costs, charged once against `FanoutLimits.tailBytes`.
    package func announce(_ record: EventRecord, owner: AnyObject, ownerBytes: Int, matches: [InterestID]) {
        invariant(phase == .announcing, "events are announced before anything is gathered in a turn")
        let sequence = record.sequence
        invariant(sequence > tail.head, "events are announced in sequence order")
        tail.head = sequence
        guard !matches.isEmpty else { return }
        let index = tail.append(record, owner: owner, ownerBytes: ownerBytes)
        for ring in rings { ring.forget(slot: tail.slot(index)) }
        for match in matches { add(sequence, tailIndex: index, to: match) }
    }

    /// The numbers up to `sequence` were reserved and hold no event, or matched nothing: only the head moves.
    package func advanceHead(to sequence: SequenceNumber) {
        invariant(phase == .announcing, "the head moves before anything is gathered in a turn")
        tail.head = max(tail.head, sequence)
    }

    /// The events up to `sequence` were committed but cannot be announced here any more (the feed has moved on): every
    /// member of an interest reads them from the log.
    package func skip(to sequence: SequenceNumber) {
        invariant(phase == .announcing, "the head moves before anything is gathered in a turn")
        guard sequence > tail.head else { return }
        tail.skip(to: sequence)
        for case let interest? in interests {
            interest.forgetAll(upTo: sequence)
            interest.startPass()
            visits.add(interest.id)
        }
    }

    /// The connection to visit next: an event has matched one of its interests since its last visit. Nil when there is
    /// none. The caller stops when its time is up and goes on in the next turn.
    package func nextVisit() -> UInt32? {
        visits.next(inARow: limits.visitsInARow) { interests[$0.index] }
    }

    /// Whether a visit is waiting, so that the shard does not sleep.
    package var hasVisits: Bool { !visits.isEmpty }

    /// Members of `interest`.
    package func memberCount(of interest: InterestID) -> Int { existing(interest)?.members.count ?? 0 }

    private func add(_ sequence: SequenceNumber, tailIndex: Int, to id: InterestID) {
        guard let interest = existing(id) else { return }
        interest.trim(tailBegin: tail.begin)
        let mayGrow = matchesTotal < limits.matchesTotal
        let capacityMax = mayGrow ? limits.interestMatches : interest.capacity
        matchesTotal += interest.append(sequence, tailIndex: tailIndex, capacityMax: capacityMax)
        interest.startPass()
        visits.add(id)
    }

    func existing(_ id: InterestID) -> Interest? {
        id.index < interests.count ? interests[id.index] : nil
    }
}

/// Joining and leaving.
extension Fanout {
    /// Adds `interest` to a member, from its place on: from then on it receives every matching event above
    /// `member.place.sequence`, once, whether those are still in the tail or have to be read from the log first.
    ///
    /// A first interest begins where the member was made: at `head` for `latest`, at a position otherwise. For a later one
    /// the place is first moved to the head when nothing is pending. Not while a send of this member is in flight.
    ///
    /// - Returns: false when the member has `DeliveryLimits.interestsPerMember` already; true also when it had this one.
    package func join(_ slot: UInt32, _ member: inout MemberCursor, _ interest: InterestID) -> Bool {
        if member.contains(interest) { return true }
        guard member.interestCount < DeliveryLimits.interestsPerMember else { return false }
        moveToHeadIfNothingPends(&member)
        let target = made(interest)
        let link = links.make()
        links[link] = UInt32(target.add(Interest.Member(slot: slot, link: link)))
        member.add(MemberCursor.Membership(interest: interest, link: link))
        return true
    }

    /// Takes `interest` from a member; does nothing when it has none such.
    ///
    /// - Returns: whether the interest has no members left: it is forgotten here, and its pattern may be released.
    @discardableResult
    package func leave(_ member: inout MemberCursor, _ interest: InterestID) -> Bool {
        guard let link = member.link(of: interest) else { return false }
        // What no longer counts was passed over by choice; what counted before must not be lost with it.
        moveToHeadIfNothingPends(&member)
        member.remove(interest)
        return end(MemberCursor.Membership(interest: interest, link: link))
    }

    /// Takes all interests from a member that is gone, at the same cost for each.
    package func leaveAll(_ member: inout MemberCursor) {
        while let membership = member.removeLast() { end(membership) }
    }

    /// - Returns: whether the interest has no members left.
    @discardableResult
    private func end(_ membership: MemberCursor.Membership) -> Bool {
        let (interest, link) = (membership.interest, membership.link)
        guard let source = existing(interest) else { invariantBroken("a member's interests exist") }
        source.remove(at: Int(links[link])) { moved, place in links[moved.link] = UInt32(place) }
        links.free(link)
        guard source.members.isEmpty else { return false }
        matchesTotal -= source.capacity
        interests[interest.index] = nil
        return true
    }

    /// Moves the place to the head when no event is pending: it then passes only events that matched nothing.
    package func moveToHeadIfNothingPends(_ member: inout MemberCursor) {
        guard member.interestCount > 0, member.place.isBetweenFrames, next(member) == .nothing else { return }
        member.place.sequence = max(member.place.sequence, head)
    }

    private func made(_ id: InterestID) -> Interest {
        if let interest = existing(id) { return interest }
        while interests.count <= id.index { interests.append(nil) }
        let interest = Interest(id, floor: head)
        interests[id.index] = interest
        return interest
    }
}
