import FanfareBase

/// What a person hands to `fanfare publish`, taken apart into events.
package struct PublishInput {
    /// What the events are.
    package enum Kind: Hashable, Sendable {
        /// CloudEvents as JSON objects.
        case cloudEvents
        /// Bodies of this content type, each to become the data of an event.
        case bodies(contentType: String)
    }

    /// What the events are.
    package let kind: Kind
    /// Each event or body; without line breaks when there are several.
    package let items: [ArraySlice<UInt8>]

    /// Nesting of JSON looked into; the service's own limit is lower.
    private static let depthMax = 1024

    /// Takes `bytes` apart: one CloudEvent, an array of them, lines of them, or anything else.
    ///
    /// Lines of JSON that are no CloudEvents are a body each; everything else is one body.
    package init(_ bytes: [UInt8]) {
        let first = bytes.first { !Self.isBlank($0) }
        guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else {
            self.init(
                .bodies(contentType: Self.isText(bytes) ? "text/plain; charset=utf-8" : Self.binary), [bytes[...]])
            return
        }
        if let root = Self.parse(bytes) {
            self.init(root, bytes)
        } else {
            self.init(lines: bytes)
        }
    }

    private init(_ kind: Kind, _ items: [ArraySlice<UInt8>]) {
        self.kind = kind
        self.items = items
    }

    /// The input is one JSON value.
    private init(_ root: JSONValue, _ bytes: [UInt8]) {
        if let elements = root.array, elements.allSatisfy(Self.isCloudEvent) {
            self.init(.cloudEvents, elements.map { Self.onOneLine(bytes[$0.range]) })
        } else if Self.isCloudEvent(root) {
            self.init(.cloudEvents, [bytes[root.range]])
        } else {
            self.init(.bodies(contentType: "application/json"), [bytes[root.range]])
        }
    }

    /// The input is several lines of JSON, or no JSON.
    private init(lines bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).filter { !$0.allSatisfy(Self.isBlank) }
        guard lines.count > 1, let first = lines.first, let root = Self.parse(Array(first)) else {
            // Perhaps one CloudEvent that is damaged: the service says what is wrong with it.
            let looksLikeEvent = Self.contains(bytes, "\"specversion\"")
            self.init(looksLikeEvent ? .cloudEvents : .bodies(contentType: "application/json"), [bytes[...]])
            return
        }
        self.init(Self.isCloudEvent(root) ? .cloudEvents : .bodies(contentType: "application/json"), lines)
    }

    private static let binary = "application/octet-stream"

    private static func parse(_ bytes: [UInt8]) -> JSONValue? {
        do throws(JSONSyntaxError) { return try JSONDocument(bytes, depthMax: depthMax).root } catch { return nil }
    }

    private static func isCloudEvent(_ value: JSONValue) -> Bool { value.object?["specversion"] != nil }

    private static func isText(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static func contains(_ bytes: [UInt8], _ text: StaticString) -> Bool {
        String(decoding: bytes, as: UTF8.self).contains("\(text)")
    }

    /// Line breaks in valid JSON only ever stand between tokens.
    private static func onOneLine(_ json: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        ArraySlice(json.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
    }
}
