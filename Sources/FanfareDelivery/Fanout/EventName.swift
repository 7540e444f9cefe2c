import FanfareBase

/// The line `event: TYPE` of Server-Sent Events that are named by their type.
///
/// A type is one line, since attributes hold no control characters. One that is longer than
/// `DeliveryLimits.eventNameBytesMax` names nothing: the event is a message. So is one of a type that begins with `fanfare.`:
/// such names are for what the service itself says (`fanfare.gap`), which no publisher may say in its place.
enum EventName {
    private static let field: StaticString = "event: "
    private static let reserved = Array("fanfare.".utf8)

    /// Bytes of the line for `record`, its line feed included; 0 when there is none.
    static func lineBytes(of record: EventRecord) -> Int {
        guard let attribute = attribute(of: record) else { return 0 }
        let valueBytes =
            attribute.hasEscapes ? unescaped(attribute, record).count : unsafe record.value(of: attribute).count
        return field.utf8CodeUnitCount + valueBytes + 1
    }

    /// Writes the line at `target`, which has room for `lineBytes`; its length.
    static func writeLine(of record: EventRecord, to target: UnsafeMutableRawPointer) -> Int {
        guard let attribute = attribute(of: record) else { return 0 }
        // Safe: field, value and line feed lie behind one another within lineBytes.
        unsafe target.copyMemory(from: field.utf8Start, byteCount: field.utf8CodeUnitCount)
        let value = unsafe target + field.utf8CodeUnitCount
        var count: Int
        if attribute.hasEscapes {
            let text = unescaped(attribute, record)
            count = text.count
            unsafe text.withUnsafeBytes {
                unsafe UnsafeMutableRawBufferPointer(start: value, count: count).copyMemory(from: $0)
            }
        } else {
            let text = unsafe record.value(of: attribute)
            count = text.count
            unsafe UnsafeMutableRawBufferPointer(start: value, count: count).copyMemory(from: text)
        }
        unsafe value.storeBytes(of: Framing.lineFeed, toByteOffset: count, as: UInt8.self)
        return field.utf8CodeUnitCount + count + 1
    }

    private static func attribute(of record: EventRecord) -> EventRecord.Attribute? {
        guard let attribute = record.attribute(named: "type"),
            Int(attribute.valueBytes) <= DeliveryLimits.eventNameBytesMax
        else { return nil }
        return isReserved(attribute, record) ? nil : attribute
    }

    private static func isReserved(_ attribute: EventRecord.Attribute, _ record: EventRecord) -> Bool {
        if attribute.hasEscapes { return unescaped(attribute, record).starts(with: reserved) }
        return unsafe record.value(of: attribute).starts(with: reserved)
    }

    private static func unescaped(_ attribute: EventRecord.Attribute, _ record: EventRecord) -> [UInt8] {
        var text: [UInt8] = []
        unsafe JSONStringBytes.append(record.value(of: attribute), to: &text)
        return text
    }
}
