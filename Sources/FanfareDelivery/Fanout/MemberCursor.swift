import FanfareBase

/// How far a member's byte stream has come.
///
/// Invariant: the member has all matching events up to `sequence` and nothing of later ones, except, when `begunBytes` is
/// not 0, that many bytes of the frame of the event `sequence + 1`. Frames are the same bytes whenever they are made, so a
/// begun frame is finished from the ring or from the log alike and its rest is never copied.
package struct StreamPlace: Equatable, Sendable {
    /// Everything up to here was delivered, filtered or reported as a gap.
    package var sequence: SequenceNumber
    /// A frame is smaller than its ring, and that below 4 GiB.
    @usableFromInline var begun: UInt32

    /// Bytes already sent of the frame of the event that follows. Nothing else may be sent before the rest.
    @inlinable package var begunBytes: Int { Int(begun) }

    /// Between two frames, after `sequence`.
    @inlinable package init(after sequence: SequenceNumber, begunBytes: Int = 0) {
        self.sequence = sequence
        begun = UInt32(begunBytes)
    }

    /// Whether other bytes (a pong, a heartbeat, an answer) may be sent now.
    @inlinable package var isBetweenFrames: Bool { begun == 0 }
}

/// A socket's part in the fan-out, kept in its connection: where it is, how it wants its frames, and its interests.
/// Webhook subscriptions are members too; they use `Fanout.next` and ignore the wire format.
package struct MemberCursor: Sendable {
    /// Where the member is. Set by the shard when a send has completed, or when it has been told of a gap.
    package var place: StreamPlace
    /// The first interest; nil when there is none.
    private(set) var first: Membership?
    /// How its events are framed.
    package let wire: WireFormat
    /// The others: most members have none and need no heap.
    private(set) var others: [Membership] = []

    /// An interest and the link by which its member list finds this member.
    struct Membership: Sendable {
        var interest: InterestID
        var link: UInt32
    }

    /// A member without interests that stands after `sequence`.
    package init(after sequence: SequenceNumber, wire: WireFormat) {
        place = StreamPlace(after: sequence)
        self.wire = wire
    }

    /// How many interests it has.
    package var interestCount: Int { first == nil ? 0 : 1 + others.count }

    /// Interest `index`, in no particular order.
    package func interest(_ index: Int) -> InterestID { membership(index).interest }

    /// Whether an event that matched these interests (in any order) is one of the member's: the rule of the log's reader.
    package func isInterested(in matches: [InterestID]) -> Bool {
        for index in 0..<interestCount where matches.contains(interest(index)) { return true }
        return false
    }

    func membership(_ index: Int) -> Membership {
        if index > 0 { return others[index - 1] }
        guard let first else { invariantBroken("a member has the interest asked for") }
        return first
    }

    func contains(_ interest: InterestID) -> Bool { link(of: interest) != nil }

    func link(of interest: InterestID) -> UInt32? {
        if first?.interest == interest { return first?.link }
        return others.first { $0.interest == interest }?.link
    }

    mutating func add(_ membership: Membership) {
        if first == nil { first = membership } else { others.append(membership) }
    }

    mutating func removeLast() -> Membership? {
        if let last = others.popLast() { return last }
        defer { first = nil }
        return first
    }

    mutating func remove(_ interest: InterestID) {
        if first?.interest == interest {
            first = others.popLast()
        } else if let index = others.firstIndex(where: { $0.interest == interest }) {
            others.remove(at: index)
        }
    }
}
