import FanfareBase

/// Goes through what is pending for a member: its interests' matches above a sequence, ascending, equal ones once. Of the
/// interests only those with such matches are looked at again.
/// Reused, so that nothing is allocated once it has seen a member with many interests.
struct MergeWalk {
    private var interests: [Interest] = []
    private var indices: [Int] = []

    /// Begins above `sequence`; false when some interest has let go of a match above it.
    mutating func begin(above sequence: SequenceNumber, tailBegin: Int, _ find: (Int) -> Interest?, count: Int) -> Bool
    {
        interests.removeAll(keepingCapacity: true)
        indices.removeAll(keepingCapacity: true)
        for index in 0..<count {
            guard let interest = find(index) else { invariantBroken("a member's interests exist") }
            interest.trim(tailBegin: tailBegin)
            if interest.floor > sequence { return false }
            let index = interest.firstIndex(above: sequence)
            if index == interest.end { continue }
            interests.append(interest)
            indices.append(index)
        }
        return true
    }

    /// The next pending event's index in the tail, or nil at the end.
    mutating func next() -> Int? {
        if interests.count == 1 { return nextOfOne() }
        var lowest: Interest.Match?
        for place in interests.indices where indices[place] < interests[place].end {
            let candidate = interests[place].match(indices[place])
            if candidate.sequence < lowest?.sequence ?? .max { lowest = candidate }
        }
        guard let lowest else { return nil }
        for place in interests.indices where indices[place] < interests[place].end {
            if interests[place].match(indices[place]).sequence == lowest.sequence { indices[place] += 1 }
        }
        return lowest.tailIndex
    }

    /// Lets go of the interests, which may be closed before the next walk.
    mutating func finish() {
        interests.removeAll(keepingCapacity: true)
    }

    private mutating func nextOfOne() -> Int? {
        let index = indices[0]
        guard index < interests[0].end else { return nil }
        indices[0] = index + 1
        return interests[0].match(index).tailIndex
    }
}
