import FanfareBase
import FanfareWire

/// What the answer to a single event that was accepted says.
package enum AcceptedEvent {
    private static let beginning = Array("{\"accepted\":1,\"duplicates\":0,\"first\":\"".utf8)
    /// Characters of a position before the place: the log's id and a hyphen.
    private static let logBytes = 9

    /// The event's place in the log; nil when `answer` does not say so.
    package static func sequence(in answer: ByteView) -> UInt64? {
        let end = beginning.count + Position.textBytes
        guard answer.count > end, beginning.withByteView({ answer.slice(0..<$0.count) == $0 }) else { return nil }
        return answer.slice(beginning.count + logBytes..<end).decimal.map { UInt64($0) }
    }
}
