import FanfareBase

/// A first-in, first-out queue in one array that doubles when full and never shrinks: nothing is allocated once it has
/// reached its working size. Whoever appends enforces the limit.
struct RingQueue<Element> {
    private var storage: [Element?] = []
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    var first: Element? { count == 0 ? nil : storage[head] }

    var last: Element? {
        get { count == 0 ? nil : storage[(head + count - 1) & (storage.count - 1)] }
        set {
            invariant(count > 0 && newValue != nil, "the last of a queue is replaced, not made or removed")
            storage[(head + count - 1) & (storage.count - 1)] = newValue
        }
    }

    mutating func append(_ element: Element) {
        if count == storage.count { grow() }
        storage[(head + count) & (storage.count - 1)] = element
        count += 1
    }

    mutating func removeFirst() {
        invariant(count > 0, "only what was appended is removed")
        storage[head] = nil
        head = (head + 1) & (storage.count - 1)
        count -= 1
    }

    mutating func removeAll() {
        while count > 0 { removeFirst() }
    }

    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(max(8, storage.count * 2))
        for index in 0..<count { larger.append(storage[(head + index) & (storage.count - 1)]) }
        while larger.count < max(8, storage.count * 2) { larger.append(nil) }
        storage = larger
        head = 0
    }
}

/// The smallest power of two that is not below `value`.
func powerOfTwo(atLeast value: Int) -> Int {
    value <= 1 ? 1 : 1 << (Int.bitWidth - (value - 1).leadingZeroBitCount)
}

/// Stops the process where the types cannot express that something is impossible.
func invariantBroken(_ sentence: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    fatalError("invariant broken: \(sentence)", file: file, line: line)
}
