import FanfareBase
import FanfareServer
import Testing

@Suite struct LastSearchTests {
    /// The result of a search in a log with events 1 to `head`, of which those in `matching` are wanted, and how many it read.
    private func search(
        _ count: Int, head: UInt64, floor: UInt64 = 1, matching: (UInt64) -> Bool
    ) -> (result: UInt64?, read: UInt64) {
        var search = LastSearch(count: count, head: SequenceNumber(head), floor: SequenceNumber(floor))
        var read: UInt64 = 0
        while search.result == nil, read < head * 8 + 8 {
            let next = search.cursor.next
            read += 1
            guard next.rawValue <= head else {
                search.reachedHead()
                continue
            }
            if matching(next.rawValue) { search.note(next) }
            if search.result == nil { search.passed(next) }
        }
        return (search.result?.rawValue, read)
    }

    @Test func anyCountOfAnySelectionBeginsWithTheRightEvent() {
        for seed in UInt64(1)...60 {
            var random = SeededRandom(seed: seed)
            let head = random.next() % 20_000 + 1
            let floor = random.next() % head + 1
            let share = random.next() % 8 + 1
            let salt = random.next()
            let isWanted: (UInt64) -> Bool = { ($0 &* 0x9E37_79B9_7F4A_7C15 ^ salt) >> 7 % share == 0 }
            let wanted = (floor...head).filter(isWanted)
            let count = Int(random.next() % (head + head / 4) + 1)
            let expected = wanted.suffix(count).first.map { $0 - 1 } ?? head
            #expect(search(count, head: head, floor: floor, matching: isWanted).result == expected, "seed \(seed)")
        }
    }

    @Test(arguments: [1, 1_023, 1_024, 1_025, 2_048, 2_049, 100_000])
    func countsAroundWhatIsKeptAreExact(_ count: Int) {
        #expect(search(count, head: 100_000) { _ in true }.result == UInt64(100_000 - count))
        #expect(search(count, head: 100_000) { $0 % 2 == 1 }.result == UInt64(max(0, 100_000 - 2 * count)))
    }

    @Test func theLargestCountCostsNoMemoryToSpeakOf() {
        var search = LastSearch(count: 1_000_000, head: SequenceNumber(1_000_000), floor: SequenceNumber(1))
        for sequence in UInt64(1)..<1_000_000 {
            search.note(SequenceNumber(sequence))
            search.passed(SequenceNumber(sequence))
        }
        #expect(search.retainedBytes <= 16 << 10)
    }

    @Test func aSearchThatRetentionOvertakesBeginsAgainAtWhatRemains() {
        var search = LastSearch(count: 5_000, head: SequenceNumber(10_000), floor: SequenceNumber(1))
        search.restart(at: SequenceNumber(9_000))
        #expect(search.cursor == SequenceNumber(8_999))
        while search.result == nil {
            search.note(search.cursor.next)
            search.passed(search.cursor.next)
        }
        #expect(search.result == SequenceNumber(8_999))
    }
}
