import FanfareBase

/// Goes through the events pending for a member, first the one whose frame has been begun, then what its interests matched.
struct PendingFrames: ~Copyable {
    /// One step.
    enum Step: Equatable {
        case frame(Tail.Entry, index: Int)
        case end
        case readLog

        static func == (left: Self, right: Self) -> Bool {
            switch (left, right) {
            case (.end, .end), (.readLog, .readLog): true
            case (.frame(_, let left), .frame(_, let right)): left == right
            default: false
            }
        }
    }

    private enum State { case begun, interests, walking }

    /// Bytes of the frame that `next` returned last which have been sent already.
    private(set) var begunBytes = 0
    private let fanout: Fanout
    private let member: MemberCursor
    private var state: State

    init(_ fanout: Fanout, _ member: borrowing MemberCursor) {
        self.fanout = fanout
        self.member = copy member
        state = member.place.isBetweenFrames ? .interests : .begun
    }

    deinit { fanout.walk.finish() }

    mutating func next() -> Step {
        switch state {
        case .begun: return begun()
        case .interests:
            guard begin(above: member.place.sequence) else { return .readLog }
        case .walking: begunBytes = 0
        }
        return step()
    }

    /// The frame already begun is finished first, whatever the interests are by now.
    private mutating func begun() -> Step {
        guard let index = fanout.tail.index(of: member.place.sequence.next) else { return .readLog }
        begunBytes = member.place.begunBytes
        state = .interests
        return .frame(fanout.tail.entry(index), index: index)
    }

    private mutating func begin(above place: SequenceNumber) -> Bool {
        begunBytes = 0
        state = .walking
        let above = member.place.isBetweenFrames ? place : place.next
        let member = member
        let fanout = fanout
        return fanout.walk.begin(
            above: above, tailBegin: fanout.tail.begin, { fanout.existing(member.interest($0)) },
            count: member.interestCount)
    }

    private func step() -> Step {
        guard let index = fanout.walk.next() else { return .end }
        return .frame(fanout.tail.entry(index), index: index)
    }
}
