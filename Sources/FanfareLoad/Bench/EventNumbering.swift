import FanfareBase
import FanfareWire

/// Numbers in the ids of generated events, in a fixed place, so that who receives an event finds its number without
/// parsing it.
package struct EventNumbering: Sendable {
    /// Digits of a number.
    package static let digits = 8
    private let beginning: [UInt8]

    /// Ids that begin with `prefix`, which needs no escaping in JSON.
    package init(prefix: String) { beginning = Array("\"specversion\":\"1.0\",\"id\":\"\(prefix)".utf8) }

    /// The first two members of event `number`.
    package func members(_ number: Int) -> String {
        let text = String(number)
        let zeros = String(repeating: "0", count: Self.digits - text.utf8.count)
        return String(decoding: beginning, as: UTF8.self) + zeros + text + "\""
    }

    /// Puts `number` in the place of that of an event made from `members`, which begin at `offset`.
    package func write(_ number: Int, in event: inout [UInt8], from offset: Int) {
        event.writeDecimal(number, digits: Self.digits, at: offset + beginning.count)
    }

    /// The number of `event`, whose first member begins at `offset`; nil when it is not one of these.
    package func number(in event: ByteView, from offset: Int) -> Int? {
        let start = offset + beginning.count
        guard event.count > start + Self.digits else { return nil }
        let isOurs = beginning.withByteView { event.slice(offset..<start) == $0 }
        return isOurs ? event.slice(start..<start + Self.digits).decimal : nil
    }
}

extension [UInt8] {
    /// Writes the last `digits` decimal digits of `number`, zeros in front, over what is at `offset`.
    ///
    /// - Precondition: `number` is not negative, and the place is within the array.
    package mutating func writeDecimal(_ number: Int, digits: Int, at offset: Int) {
        var rest = number
        for index in stride(from: offset + digits - 1, through: offset, by: -1) {
            self[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }
}
