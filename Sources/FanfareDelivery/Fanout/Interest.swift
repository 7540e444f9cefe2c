import FanfareBase

/// One distinct (pattern, filter) on a shard, named by the small number the pattern table gave it.
package struct InterestID: Hashable, Sendable {
    /// The pattern table's number, from 0 and dense: arrays are indexed by it.
    package var rawValue: UInt32

    /// The interest with this number.
    @inlinable package init(_ rawValue: some BinaryInteger) { self.rawValue = UInt32(rawValue) }

    var index: Int { Int(rawValue) }
}

/// An interest's matched events, as plain numbers, and the members who are told of them.
///
/// Invariant: every matching event with a sequence above `floor` is in the ring, ascending. An interest that nothing has
/// matched for long keeps its floor however far the tail moves on, so its idle members never fall back to the log.
@safe final class Interest {
    /// A matched event.
    struct Match {
        var sequence: UInt64
        /// The event's index in the tail.
        var tailIndex: Int
    }

    /// A member: the connection to visit and the link that knows this line's place.
    struct Member {
        var slot: UInt32
        var link: UInt32
    }

    let id: InterestID
    /// Matching events at or below it are not in the ring.
    private(set) var floor: SequenceNumber
    private(set) var begin = 0
    private(set) var end = 0
    private var ring: [Match] = []

    var members: [Member] = []
    /// Members before it have been visited in this pass; `members.count` when no pass is under way.
    var visited = 0
    /// Another event matched since the pass began: those already visited get another pass.
    var needsAnotherPass = false

    /// An interest that knows of every match after `floor`, none so far.
    init(_ id: InterestID, floor: SequenceNumber) {
        self.id = id
        self.floor = floor
    }

    /// Sequences it has room for.
    var capacity: Int { ring.count }

    /// The match with `index`, which lies in `begin..<end`.
    func match(_ index: Int) -> Match { ring[index & (ring.count - 1)] }

    /// Appends a match; when full, first grows if it may (telling the entries added), else lets its oldest go.
    func append(_ sequence: SequenceNumber, tailIndex: Int, capacityMax: Int) -> Int {
        var grown = 0
        if end - begin == ring.count {
            if ring.isEmpty || ring.count < capacityMax { grown = grow() } else { dropFirst() }
        }
        ring[end & (ring.count - 1)] = Match(sequence: sequence.rawValue, tailIndex: tailIndex)
        end += 1
        return grown
    }

    /// Lets go of the matches that the tail no longer holds.
    func trim(tailBegin: Int) {
        while begin < end, match(begin).tailIndex < tailBegin { dropFirst() }
    }

    /// The index of the first match above `sequence`, `end` if there is none.
    func firstIndex(above sequence: SequenceNumber) -> Int {
        if begin == end || match(end - 1).sequence <= sequence.rawValue { return end }
        var low = begin
        var high = end - 1
        while low < high {
            let middle = low + (high - low) / 2
            if match(middle).sequence <= sequence.rawValue { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Everything up to `sequence` is to be read from the log.
    func forgetAll(upTo sequence: SequenceNumber) {
        begin = end
        floor = sequence
    }

    private func dropFirst() {
        floor = SequenceNumber(match(begin).sequence)
        begin += 1
    }

    private func grow() -> Int {
        var larger: [Match] = []
        let capacity = max(DeliveryLimits.interestMatchesInitial, ring.count * 2)
        larger.reserveCapacity(capacity)
        for index in begin..<end { larger.append(match(index)) }
        while larger.count < capacity { larger.append(Match(sequence: 0, tailIndex: 0)) }
        let added = capacity - ring.count
        ring = larger
        end -= begin
        begin = 0
        return added
    }
}

/// The pass over an interest's members: each member present when an event matches is visited after it, in turn.
///
/// Invariant: members at `visited...` have not been visited since the newest match; those before it have, unless
/// `needsAnotherPass`.
extension Interest {
    /// Whether a member waits for its visit.
    var hasVisits: Bool { visited < members.count || (needsAnotherPass && !members.isEmpty) }

    /// An event matched: everyone is to be visited. A pass under way is finished first, so that nobody is starved.
    func startPass() {
        if visited < members.count, visited > 0 {
            needsAnotherPass = true
        } else {
            visited = 0
            needsAnotherPass = false
        }
    }

    /// The next member to visit, or nil when the pass is over.
    func nextVisit() -> UInt32? {
        if visited == members.count, needsAnotherPass {
            needsAnotherPass = false
            visited = 0
        }
        guard visited < members.count else { return nil }
        visited += 1
        return members[visited - 1].slot
    }

    /// Adds a member, visited already; its place.
    func add(_ member: Member) -> Int {
        members.append(member)
        guard visited == members.count - 1 else { return members.count - 1 }
        visited += 1
        return members.count - 1
    }

    /// Takes out the member at `place`; `moved` is told the new place of each member that had to move (two at most).
    func remove(at place: Int, moved: (Member, Int) -> Void) {
        var hole = place
        if hole < visited {
            // The last visited member fills the hole, so that the border between visited and not stays one number.
            visited -= 1
            fill(hole, from: visited, moved)
            hole = visited
        }
        fill(hole, from: members.count - 1, moved)
        members.removeLast()
    }

    private func fill(_ hole: Int, from place: Int, _ moved: (Member, Int) -> Void) {
        guard place != hole else { return }
        members[hole] = members[place]
        moved(members[hole], hole)
    }
}
