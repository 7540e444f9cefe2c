import FanfareBase
import Testing

@Suite struct ByteRegionTests {
    @Test func appendedBytesKeepTheirAddressUntilReset() {
        let region = ByteRegion(capacity: 8, alignment: 4096)
        #expect(unsafe UInt(bitPattern: region.start) % 4096 == 0)
        #expect(region.append(array: [1, 2, 3]) == 0)
        #expect(region.append(array: [4, 5]) == 3)
        #expect(region.array == [1, 2, 3, 4, 5])
        region.truncate(to: 4)
        #expect(region.array == [1, 2, 3, 4])
        region.reset()
        #expect(region.count == 0)
        #expect(region.unusedCapacity == 8)
    }

    @Test func whatDoesNotFitIsRefusedWhole() {
        let region = ByteRegion(capacity: 4)
        #expect(region.append(array: [UInt8](repeating: 0, count: 5)) == nil)
        #expect(region.count == 0)
        #expect(region.append(array: [UInt8](repeating: 0, count: 4)) != nil)
        #expect(region.append(array: [UInt8](repeating: 0, count: 1)) == nil)
    }

    @Test func reservedBytesCountOnceCommitted() {
        let region = ByteRegion(capacity: 4)
        unsafe region.unused[0] = 9
        #expect(region.count == 0)
        region.commit(1)
        #expect(region.array == [9])
        #expect(region.unusedCapacity == 3)
    }
}

@Suite struct GrowingBytesTests {
    @Test func anEmptyOneHoldsNoMemory() {
        var bytes = GrowingBytes(limit: 1 << 20)
        var capacities = [bytes.capacity]
        let taken = bytes.append(array: [UInt8](repeating: 1, count: 100))
        capacities.append(bytes.capacity)
        bytes.removeFirst(100)
        capacities.append(bytes.capacity)
        #expect(taken)
        #expect(capacities == [0, 512, 0])
        #expect(MemoryLayout<GrowingBytes>.size == 24)
    }

    @Test func theLimitIsExactAndKeepsWhatIsThere() {
        var bytes = GrowingBytes(limit: 1000)
        let answers = [600, 401, 400, 1].map { count in bytes.append(array: [UInt8](repeating: 7, count: count)) }
        #expect(answers == [true, false, true, false])
        let (count, capacity) = (bytes.count, bytes.capacity)
        #expect(count == 1000)
        #expect(capacity == 1000)
        bytes.removeFirst(1)
        let answer = bytes.append(array: [UInt8](repeating: 7, count: 1))
        #expect(answer)
    }

    @Test func agreesWithAnArrayUnderRandomUse() {
        for seed in UInt64(1)...20 {
            var random = SeededRandom(seed: seed)
            var bytes = GrowingBytes(limit: 5_000)
            var model: [UInt8] = []
            for step in 0..<2_000 {
                if Bool.random(using: &random) {
                    let more = [UInt8](
                        repeating: UInt8(truncatingIfNeeded: step), count: .random(in: 0..<700, using: &random))
                    let taken = bytes.append(array: more)
                    #expect(taken == (model.count + more.count <= 5_000), "seed \(seed)")
                    if taken { model += more }
                } else {
                    let count = Int.random(in: 0...model.count, using: &random)
                    bytes.removeFirst(count)
                    model.removeFirst(count)
                }
                let same = bytes.array == model
                #expect(same, "seed \(seed), step \(step)")
                let capacity = bytes.capacity
                #expect(capacity <= 5_000 && (model.isEmpty ? capacity == 0 : true), "seed \(seed)")
            }
        }
    }
}
