import FanfareBase
import Testing

@Suite struct SlotTableTests {
    @Test func anElementIsFoundUnderItsSlotAndGenerationOnly() throws {
        var table = SlotTable<String>(capacity: 4)
        let key = try table.insert("a")
        #expect(table.lookup(key) == "a")
        #expect(table.lookup(slot: key.slot, generation: key.generation + 1) == nil)
        #expect(table.lookup(slot: key.slot, generation: 0) == nil)
        #expect(table.lookup(slot: key.slot + 1, generation: key.generation) == nil)
        #expect(table.lookup(slot: .max, generation: key.generation) == nil)
        #expect(table.element(inSlot: key.slot) == "a")
    }

    @Test func aSlotUsedAgainHasAnotherGeneration() throws {
        var table = SlotTable<Int>(capacity: 1)
        let first = try table.insert(1)
        #expect(table.remove(first) == 1)
        let second = try table.insert(2)
        #expect(second.slot == first.slot)
        #expect(second.generation != first.generation)
        #expect(table.lookup(first) == nil)
        #expect(table.remove(first) == nil)
        #expect(table.update(first, to: 3) == false)
        #expect(table.update(second, to: 4) == true)
        #expect(table.lookup(second) == 4)
        #expect(table.count == 1)
    }

    @Test func aFullTableRefusesAndTakesAgainAfterARemoval() throws {
        var table = SlotTable<Int>(capacity: 3)
        let keys = try (0..<3).map { try table.insert($0) }
        #expect(table.isFull)
        #expect(throws: SlotTable<Int>.InsertError.full) { try table.insert(9) }
        table.remove(keys[1])
        let key = try table.insert(9)
        #expect(key.slot == keys[1].slot)
        table.checkEverySlotIsOccupiedOrFreeOnce()
    }

    @Test func generationsStartOverAtOneAndAreNeverZero() throws {
        var table = SlotTable<Void>(capacity: 1)
        var key = try table.insert(())
        for _ in 0..<0xFF_FFFE {
            table.remove(key)
            key = try table.insert(())
        }
        #expect(key.generation == 0xFF_FFFF)
        table.remove(key)
        #expect(try table.insert(()).generation == 1)
    }

    @Test func agreesWithADictionaryUnderRandomUse() throws {
        var random = SeededRandom(seed: 42)
        var table = SlotTable<Int>(capacity: 50)
        var model: [SlotTable<Int>.Key: Int] = [:]
        for step in 0..<20_000 {
            if Bool.random(using: &random), !table.isFull {
                model[try table.insert(step)] = step
            } else if let key = model.keys.sorted(by: { $0.slot < $1.slot }).randomElement(using: &random) {
                #expect(table.remove(key) == model.removeValue(forKey: key))
            }
            #expect(table.count == model.count)
        }
        var seen: [SlotTable<Int>.Key: Int] = [:]
        table.forEach { key, element in seen[key] = element }
        #expect(seen == model)
        table.checkEverySlotIsOccupiedOrFreeOnce()
    }
}
