import FanfareBase
import FanfareLoad
import FanfareWire
import Testing

@Suite struct AttendanceTests {
    @Test func whoNeverCameNeedsNothing() { #expect(!Attendance().isCertain(0, sequence: 1)) }

    @Test func whatWasSentWhileItWasThereIsCertain() {
        var attendance = Attendance()
        attendance.came(next: 5)
        #expect(!attendance.isCertain(4, sequence: 14))
        #expect(attendance.isCertain(5, sequence: 15))
        #expect(attendance.isCertain(5000, sequence: 90_000))
    }

    @Test func whatIsBeyondTheLastReceiptOfAStayIsUncertain() {
        var attendance = Attendance()
        attendance.came(next: 5)
        attendance.left(after: 20)
        #expect(attendance.isCertain(9, sequence: 20))
        #expect(!attendance.isCertain(10, sequence: 21))
        attendance.came(next: 12)
        attendance.left(after: 20)
        attendance.left(after: 99)
        #expect(!attendance.isCertain(12, sequence: 25))
        attendance.came(next: 30)
        #expect(attendance.isCertain(30, sequence: 40))
        #expect(!attendance.isCertain(11, sequence: 22))
    }

    @Test func aGapIsWhatLiesBetweenItsPlaces() {
        var gaps = AnnouncedGaps()
        #expect(!gaps.contains(1))
        gaps.add(after: 4, next: 7)
        gaps.add(after: 9, next: 11)
        #expect((1...12).filter { gaps.contains($0) } == [5, 6, 10])
        #expect(gaps.count == 2)
    }

    @Test func theNumbersThatAreMissingAreKnown() {
        var ledger = DeliveryLedger()
        for number in [0, 3, 5] { _ = ledger.take(number, sequence: UInt64(number) + 10) }
        #expect(ledger.missing(of: 8).sorted() == [1, 2, 4, 6, 7])
        #expect(ledger.missing(of: 3).sorted() == [1, 2])
        #expect(ledger.lastSequence == 15)
    }

    @Test func anAnswerSaysWhereItsEventIs() {
        let answer =
            #"{"accepted":1,"duplicates":0,"first":"0a1b2c3d-0000000000000042","last":"0a1b2c3d-0000000000000042"}"#
        let bytes = Array(answer.utf8)
        bytes.withByteView { #expect(AcceptedEvent.sequence(in: $0) == 42) }
        for count in 0..<62 {
            Array(bytes.prefix(count)).withByteView { #expect(AcceptedEvent.sequence(in: $0) == nil) }
        }
        Array(#"{"accepted":0,"duplicates":1,"first":null,"last":null}"#.utf8).withByteView {
            #expect(AcceptedEvent.sequence(in: $0) == nil)
        }
    }
}
