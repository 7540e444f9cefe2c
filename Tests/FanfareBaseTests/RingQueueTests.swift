import FanfareBase
import Testing

@Suite struct RingQueueTests {
    @Test func elementsLeaveInTheOrderTheyCame() {
        var queue = RingQueue<Int>(limit: 1000)
        for value in 0..<100 { #expect(queue.append(value) == true) }
        for value in 0..<100 { #expect(queue.popFirst() == value) }
        #expect(queue.popFirst() == nil)
    }

    @Test func growingKeepsTheOrderOfAWrappedRing() {
        var queue = RingQueue<Int>(capacity: 4, limit: 100)
        for value in 0..<4 { #expect(queue.append(value) == true) }
        #expect(queue.popFirst() == 0)
        #expect(queue.popFirst() == 1)
        for value in 4..<12 { #expect(queue.append(value) == true) }
        #expect(queue.first == 2)
        #expect((0..<queue.count).map { queue[$0] } == Array(2..<12))
    }

    @Test func aFullQueueTakesNothing() {
        var queue = RingQueue<Int>(capacity: 3, limit: 3)
        for value in 0..<3 { #expect(queue.append(value) == true) }
        #expect(queue.isFull)
        #expect(queue.append(3) == false)
        #expect(queue.popFirst() == 0)
        #expect(queue.append(3) == true)
        queue.removeAll()
        #expect(queue.isEmpty)
    }
}
