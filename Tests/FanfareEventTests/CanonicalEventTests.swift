import FanfareBase
import FanfareEvent
import Testing

/// What becomes of events that are accepted.
struct CanonicalEventTests {
    static let prefix = #"{"fanfareposition":"0000000000000000000000000","#

    @Test func theSmallestEventKeepsItsMembersBehindThePosition() throws {
        let decoding = Decoding()
        try decoding.structured(event())
        let record = decoding.records[0]
        #expect(record.isValid)
        #expect(record.canonical == Self.prefix + event().dropFirst())
        #expect(record.topic == "a.b")
        #expect(record.attributes == ["specversion=1.0", "id=1", "source=/s", "type=a.b"])
        #expect(record.kind == .none && record.data.isEmpty)
    }
}
