import FanfareBase
import FanfareLog
import Testing

@Suite struct DeduplicationTests {
    /// The index against a dictionary, with few distinct keys so that runs of slots collide.
    @Test(arguments: 0..<20) func theIndexAgreesWithADictionary(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var index = DeduplicationIndex(bytesMax: 0)
        var model: [DeduplicationKey: (sequence: UInt64, time: UInt64)] = [:]
        var order: [(key: DeduplicationKey, sequence: UInt64, time: UInt64)] = []
        var next: UInt64 = 1
        func forget(_ entry: (key: DeduplicationKey, sequence: UInt64, time: UInt64)) {
            if model[entry.key]?.sequence == entry.sequence { model[entry.key] = nil }
        }
        for step in 0..<6000 {
            let key = DeduplicationKey(low: random.next() % 3000 * 0x101, high: random.next() % 2)
            switch random.next() % 50 {
            case 0:
                let horizon = UInt64(max(0, step - 400))
                index.expire(before: WallTime(nanoseconds: horizon), limit: .max)
                while let first = order.first, first.time < horizon { forget(order.removeFirst()) }
            case 1:
                let from = next - min(next - 1, random.next() % 5)
                index.withdraw(from: SequenceNumber(from))
                while let last = order.last, last.sequence >= from { forget(order.removeLast()) }
                next = from
            default:
                index.insert(.init(key: key, sequence: SequenceNumber(next), time: WallTime(nanoseconds: UInt64(step))))
                if order.count == index.capacity { forget(order.removeFirst()) }
                model[key] = (next, UInt64(step))
                order.append((key, next, UInt64(step)))
                next += 1
            }
            let wanted = model[key]?.sequence
            #expect(index.find(key, since: WallTime(nanoseconds: 0))?.rawValue == wanted, "seed \(seed), step \(step)")
        }
        for (key, value) in model {
            #expect(index.find(key, since: WallTime(nanoseconds: 0))?.rawValue == value.sequence, "seed \(seed)")
        }
    }
}
