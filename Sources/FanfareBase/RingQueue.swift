/// A first-in, first-out queue in a power-of-two ring, grown by doubling up to `limit` elements.
///
/// Append and removal are O(1) and allocate only while the queue grows; the ring is kept when it empties. At the limit
/// `append` takes nothing and says so.
///
/// Invariant: `count` ≤ the ring's size ≤ `limit` rounded up to a power of two.
public struct RingQueue<Element> {
    @usableFromInline var ring: ContiguousArray<Element?>
    @usableFromInline var head = 0
    @usableFromInline var waiting = 0
    /// Elements waiting.
    @inlinable public var count: Int { waiting }
    /// The most elements that may wait.
    public let limit: Int

    /// An empty queue with room for `capacity` elements at once (rounded up to a power of two) that grows up to `limit`.
    /// With the two equal nothing is ever allocated again.
    @inlinable public init(capacity: Int = 0, limit: Int) {
        invariant(limit > 0 && capacity >= 0 && capacity <= limit, "a queue's capacity lies within its limit")
        self.limit = limit
        ring = ContiguousArray(repeating: nil, count: capacity == 0 ? 0 : Self.powerOfTwo(atLeast: capacity))
    }

    /// Nothing waits.
    @inlinable public var isEmpty: Bool { count == 0 }
    /// The next append is refused.
    @inlinable public var isFull: Bool { count == limit }
    /// The element that waits longest.
    @inlinable public var first: Element? { isEmpty ? nil : ring[head] }

    /// The element `distance` places behind the first one.
    ///
    /// - Precondition: `distance` is below `count`.
    @inlinable public subscript(distance: Int) -> Element {
        invariant(distance >= 0 && distance < count, "a queue is read within its count")
        return ring[(head + distance) & (ring.count - 1)]!
    }

    /// Puts `element` behind the others; false, and nothing changes, when `limit` elements wait.
    @inlinable public mutating func append(_ element: Element) -> Bool {
        guard count < limit else { return false }
        if count == ring.count { grow() }
        ring[(head + count) & (ring.count - 1)] = element
        waiting += 1
        return true
    }

    /// Takes the element that waits longest; nil when there is none.
    @inlinable public mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = ring[head]
        ring[head] = nil
        head = (head + 1) & (ring.count - 1)
        waiting -= 1
        return element
    }

    /// Forgets every element; the ring is kept.
    @inlinable public mutating func removeAll() {
        while popFirst() != nil {}
    }

    @inlinable mutating func grow() {
        var larger = ContiguousArray<Element?>(repeating: nil, count: max(8, ring.count * 2))
        for distance in 0..<count { larger[distance] = ring[(head + distance) & (ring.count - 1)] }
        ring = larger
        head = 0
    }

    @inlinable static func powerOfTwo(atLeast count: Int) -> Int {
        1 << (Int.bitWidth - max(0, count - 1).leadingZeroBitCount)
    }
}
