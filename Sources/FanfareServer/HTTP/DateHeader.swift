import FanfareBase
import FanfareWire

/// The line that tells when an answer was made (RFC 9110, section 6.6.1), written once a second.
struct DateHeader {
    private var second = UInt64.max
    private var text: [UInt8] = []

    /// The header's line at `time`, with its end.
    mutating func line(at time: WallTime) -> [UInt8] {
        if time.seconds != second {
            second = time.seconds
            text.removeAll(keepingCapacity: true)
            text.append("date: ")
            HTTPDate.append(secondsSince1970: second, to: &text)
            text.append("\r\n")
        }
        return text
    }
}
