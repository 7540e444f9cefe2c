import FanfareBase
import Testing

@Suite struct PositionTests {
    @Test func aPositionIsPrintedAndParsedAlike() throws {
        let position = Position(log: LogID(0x65A1_B2C3), sequence: SequenceNumber(42))
        #expect(position.description == "65a1b2c3-0000000000000042")
        #expect(Position(position.description) == position)
        #expect(Position("65A1B2C3-0000000000000042") == nil, "one spelling only")
        let last = Position(log: LogID(.max), sequence: SequenceNumber(9_999_999_999_999_999))
        #expect(Position(last.description) == last)
    }

    @Test func everyDigitStandsInItsPlace() {
        var random = SeededRandom(seed: 1)
        func padded(_ text: String, _ count: Int) -> String { String(repeating: "0", count: count - text.count) + text }
        for round in 0..<20_000 {
            let log = UInt32(truncatingIfNeeded: random.next()) >> UInt32(round % 32)
            let sequence = random.next() % 10_000_000_000_000_000 >> UInt64(round % 53)
            let position = Position(log: LogID(log), sequence: SequenceNumber(sequence))
            let expected = padded(String(log, radix: 16), 8) + "-" + padded(String(sequence), 16)
            guard position.description != expected else { continue }
            Issue.record("\(position) instead of \(expected)")
            return
        }
    }

    @Test func anythingElseIsNoPosition() {
        let text = "65a1b2c3-0000000000000042"
        for length in 0..<text.count { #expect(Position(text.prefix(length)) == nil) }
        for index in 0..<text.count {
            var changed = Array(text)
            changed[index] = "x"
            #expect(Position(String(changed)) == nil)
        }
        for other in [text + "0", " " + text.dropFirst(), "65a1b2c30-000000000000042", "65a1b2c3-00000000000000é"] {
            #expect(Position(other) == nil)
        }
    }
}

@Suite struct TimeTests {
    @Test func timesSaturateInsteadOfWrapping() {
        let time = MonotonicTime(nanoseconds: 1_000)
        #expect(time.advanced(byNanoseconds: -2_000).nanoseconds == 0)
        #expect(time.advanced(byMilliseconds: .max).nanoseconds == 1_000 + UInt64(Int.max))
        #expect(time.advanced(byMilliseconds: .min).nanoseconds == 0)
        #expect(MonotonicTime(nanoseconds: .max - 1).advanced(byNanoseconds: 2).nanoseconds == .max)
        #expect(time.advanced(byMilliseconds: 2).nanoseconds == 2_001_000)
        #expect(time.nanoseconds(since: MonotonicTime(nanoseconds: 400)) == 600)
        #expect(time.nanoseconds(since: MonotonicTime(nanoseconds: 1_001)) == 0)
    }

    @Test func theClocksMoveForwardAndTheWallIsOfThisCentury() {
        let first = Clock.turn
        let second = Clock.turn
        #expect(second.monotonic >= first.monotonic)
        #expect(first.wall.seconds > 1_700_000_000 && first.wall.seconds < 4_102_444_800)
    }
}
