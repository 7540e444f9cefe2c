/// The interests that have members to visit, in rotation.
///
/// Invariant: an interest is queued at most once, so the queue is never longer than the interests are many.
struct VisitQueue {
    private var queue = RingQueue<InterestID>()
    private var isQueued: [Bool] = []
    private var visitsInARow = 0

    var isEmpty: Bool { queue.isEmpty }

    mutating func add(_ id: InterestID) {
        while isQueued.count <= id.index { isQueued.append(false) }
        if isQueued[id.index] { return }
        isQueued[id.index] = true
        queue.append(id)
    }

    /// The next member of the first interest; after `limit` of them the next interest has its turn.
    mutating func next(inARow limit: Int, _ find: (InterestID) -> Interest?) -> UInt32? {
        while let id = queue.first {
            let interest = find(id)
            if visitsInARow < limit, let slot = interest?.nextVisit() {
                visitsInARow += 1
                return slot
            }
            visitsInARow = 0
            queue.removeFirst()
            isQueued[id.index] = false
            if let interest, interest.hasVisits { add(id) }
        }
        return nil
    }
}
