import FanfareBase

/// How an event becomes the body and content headers of a request (CONTRACT, section 6, `content_mode`).
package enum WebhookContentMode: Sendable {
    /// The event as one JSON object, without the position.
    case structured
    /// The data as body, the attributes as `ce-*` headers (CloudEvents HTTP binding, section 3.1).
    case binary
    /// The data as body, no attributes.
    case data
}

/// Writes an event's content headers and its body.
enum WebhookContent {
    /// Appends `content-type` and, in binary mode, the attributes, each ending its line.
    static func appendHeaders(
        _ record: EventRecord, _ mode: WebhookContentMode, _ include: WebhookRequest.Inclusions,
        to target: inout [UInt8]
    ) {
        if mode == .structured {
            target.append("content-type: application/cloudevents+json; charset=utf-8\r\n")
            return
        }
        appendContentType(record, to: &target)
        guard mode == .binary else { return }
        for index in 0..<record.attributeCount { append(record, record.attribute(index), to: &target) }
        guard include.contains(.position) else { return }
        target.append("ce-fanfareposition: ")
        let position = EventRecord.positionOffset..<EventRecord.positionOffset + Position.textBytes
        unsafe target.append(contentsOf: record.canonical[position])
        target.append("\r\n")
    }

    /// Appends the body; false when `data_base64` is not base64.
    static func appendBody(
        _ record: EventRecord, _ mode: WebhookContentMode, _ include: WebhookRequest.Inclusions,
        to target: inout [UInt8]
    ) -> Bool {
        if mode == .structured, include.contains(.position) {
            unsafe target.append(contentsOf: record.canonical)
            return true
        }
        if mode == .structured {
            target.append(UInt8(ascii: "{"))
            unsafe target.append(contentsOf: record.members)
            return true
        }
        switch record.dataKind {
        case .none: return true
        case .base64: return unsafe appendDecoded(record.data, to: &target)
        case .json:
            appendJSON(record, to: &target)
            return true
        }
    }

    private static func appendContentType(_ record: EventRecord, to target: inout [UInt8]) {
        guard record.dataKind != .none || record.attribute(named: "datacontenttype") != nil else { return }
        target.append("content-type: ")
        if let attribute = record.attribute(named: "datacontenttype") {
            appendEncoded(record, attribute, allowing: UInt8(ascii: " "), UInt8(ascii: "\""), to: &target)
        } else if record.dataKind == .json {
            target.append("application/json")
        } else {
            target.append("application/octet-stream")
        }
        target.append("\r\n")
    }

    private static func append(_ record: EventRecord, _ attribute: EventRecord.Attribute, to target: inout [UInt8]) {
        let name = unsafe record.name(of: attribute)
        if unsafe equal(name, "datacontenttype") || equal(name, "fanfareposition") { return }
        target.append("ce-")
        unsafe target.append(contentsOf: name)
        target.append(": ")
        appendEncoded(record, attribute, to: &target)
        target.append("\r\n")
    }

    /// Percent-encodes everything but visible ASCII, and `"` and `%` (HTTP binding, section 3.1.3.2), so that no value can
    /// end its line; `allowing` names characters that are kept all the same.
    private static func appendEncoded(
        _ record: EventRecord, _ attribute: EventRecord.Attribute, allowing allowed: UInt8..., to target: inout [UInt8]
    ) {
        let begin = target.count
        let value = unsafe record.value(of: attribute)
        if attribute.hasEscapes {
            unsafe JSONStringBytes.append(value, to: &target)
        } else {
            unsafe target.append(contentsOf: value)
        }
        let isPlain: (UInt8) -> Bool = { byte in
            allowed.contains(byte)
                || (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "%")
        }
        if target[begin...].allSatisfy(isPlain) { return }
        let raw = Array(target[begin...])
        target.removeSubrange(begin...)
        for byte in raw {
            if isPlain(byte) {
                target.append(byte)
            } else {
                target += [UInt8(ascii: "%"), hexadecimal(byte >> 4), hexadecimal(byte & 0xF)]
            }
        }
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10
    }

    /// JSON as published; but a string whose media type is not JSON stands for its text (JSON format, section 3.1.1).
    private static func appendJSON(_ record: EventRecord, to target: inout [UInt8]) {
        let data = unsafe record.data
        let isString = unsafe data.count >= 2 && data[0] == UInt8(ascii: "\"")
        guard isString, let type = record.attribute(named: "datacontenttype"),
            unsafe !isJSON(record.value(of: type))
        else {
            unsafe target.append(contentsOf: data)
            return
        }
        unsafe JSONStringBytes.append(UnsafeRawBufferPointer(rebasing: data[1..<data.count - 1]), to: &target)
    }

    private static func appendDecoded(_ text: UnsafeRawBufferPointer, to target: inout [UInt8]) -> Bool {
        guard unsafe text.contains(UInt8(ascii: "\\")) else {
            return unsafe Base64.decode(text, appendingTo: &target)
        }
        var unescaped: [UInt8] = []
        unsafe JSONStringBytes.append(text, to: &unescaped)
        return unsafe unescaped.withUnsafeBytes { unsafe Base64.decode($0, appendingTo: &target) }
    }

    /// Whether a media type is JSON: subtype `json` or one that ends in `+json`.
    private static func isJSON(_ type: UnsafeRawBufferPointer) -> Bool {
        let essence = unsafe String(decoding: type.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self).lowercased()
        let subtype = essence.split(separator: "/").last?.filter { $0 != " " && $0 != "\t" } ?? ""
        return subtype == "json" || subtype.hasSuffix("+json")
    }

    private static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        // Safe: a StaticString's start is valid for its utf8CodeUnitCount.
        unsafe bytes.elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
