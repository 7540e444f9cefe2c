import FanfareBase

/// How often each delivery has been attempted, for the newest `LoadLimits.attemptedDeliveriesMax` of them.
package struct AttemptLedger {
    private var attempts: [String: Int] = [:]
    private var order: RingQueue<String>
    private let capacity: Int

    /// A ledger without deliveries that remembers up to `capacity` of them.
    package init(capacity: Int = LoadLimits.attemptedDeliveriesMax) {
        self.capacity = capacity
        order = RingQueue(limit: capacity)
    }

    /// Counts one more attempt of the delivery `id` and gives its number, from 1.
    package mutating func count(_ id: String) -> Int {
        if let attempt = attempts[id] {
            attempts[id] = attempt + 1
            return attempt + 1
        }
        if order.isFull, let oldest = order.popFirst() { attempts[oldest] = nil }
        let isKept = order.append(id)
        invariant(isKept, "the oldest made room")
        attempts[id] = 1
        return 1
    }
}
