import FanfareBase
import Testing

@Suite struct SharedTests {
    private struct Holder: Equatable {
        @Shared var list: [Int]
        var name: String
    }

    @Test func aCopySharesUntilItIsChanged() {
        let first = Holder(list: [1, 2], name: "a")
        var second = first
        #expect(second.$list.isSame(as: first.$list))
        second.list.append(3)
        #expect(!second.$list.isSame(as: first.$list))
        #expect(first.list == [1, 2])
        #expect(second.list == [1, 2, 3])
    }

    @Test func assigningReplacesOnlyWhatTheOneWhoAssignsSees() {
        let first = Holder(list: [1], name: "a")
        var second = first
        second.list = [9]
        #expect(first.list == [1])
        #expect(second.list == [9])
        second.$list = first.$list
        #expect(second == first)
        #expect(second.$list.isSame(as: first.$list))
    }

    @Test func equalValuesAreEqualWhereverTheyAreKept() {
        #expect(Shared([1]) == Shared([1]))
        #expect(Shared([1]) != Shared([2]))
        #expect(Set([Shared([1]), Shared([1]), Shared([2])]).count == 2)
    }
}
