import FanfareBase
import Testing

@Suite struct FewTests {
    private func few(_ elements: [Int]) -> Few<Int> {
        var few = Few<Int>()
        for element in elements { few.append(element) }
        return few
    }

    @Test func whatWasAppendedComesInOrder() {
        for count in 0...4 {
            let elements = Array(0..<count)
            #expect(Array(few(elements)) == elements && few(elements).count == count)
        }
    }

    @Test func takingOneOutLeavesTheOrderOfTheOthers() {
        for count in 1...4 {
            for index in 0..<count {
                var elements = Array(0..<count)
                var few = few(elements)
                #expect(few.remove(at: index) == elements.remove(at: index))
                #expect(Array(few) == elements)
                few.append(9)
                #expect(Array(few) == elements + [9])
            }
        }
    }

    @Test func theLastGoesFirstUntilThereIsNone() {
        var few = few([1, 2, 3])
        #expect(few.popLast() == 3 && few.popLast() == 2 && few.popLast() == 1)
        #expect(few.popLast() == nil && few.isEmpty)
    }

    @Test func oneNameLiesInPlace() {
        #expect(MemoryLayout<Few<UInt32>>.size == 16)
        #expect(MemoryLayout<Few<String>>.size == 24)
    }
}
