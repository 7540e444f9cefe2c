import FanfareBase
import FanfareLoad
import FanfareWire
import Testing

@Suite struct EventNumberingTests {
    private let numbering = EventNumbering(prefix: "x-")

    @Test func aNumberIsFoundWhereItWasWritten() {
        let event = Array("{\(numbering.members(1234)),\"source\":\"/\"}".utf8)
        event.withByteView { #expect(numbering.number(in: $0, from: 1) == 1234) }
    }

    @Test func aNumberIsWrittenOverTheOneBefore() {
        var event = Array("{\(numbering.members(87_654_321)),\"source\":\"/\"}".utf8)
        for number in [0, 7, 99_999_999] {
            numbering.write(number, in: &event, from: 1)
            event.withByteView { #expect(numbering.number(in: $0, from: 1) == number) }
        }
        #expect(String(decoding: event, as: UTF8.self).hasSuffix(",\"source\":\"/\"}"))
    }

    @Test func anotherEventHasNone() {
        let texts = [
            "", "{", "{\(EventNumbering(prefix: "y-").members(1)),\"source\":\"/\"}", "{\"id\":\"x-00000001\"}",
            "{\"specversion\":\"1.0\",\"id\":\"x-0000000z\",\"source\":\"/\"}",
        ]
        for text in texts { Array(text.utf8).withByteView { #expect(numbering.number(in: $0, from: 1) == nil) } }
        let whole = Array("{\(numbering.members(1)),\"source\":\"/\"}".utf8)
        let end = "{\(numbering.members(1))".utf8.count
        for count in 0..<end {
            Array(whole.prefix(count)).withByteView { #expect(numbering.number(in: $0, from: 1) == nil) }
        }
    }
}
