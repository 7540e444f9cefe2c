/// A media type with its parameters (RFC 9110, section 8.3.1), as a view of a Content-Type header.
package struct MediaType {
    /// Before the slash; compare without regard to case, as `isType` does.
    package let type: ByteView
    /// After the slash.
    package let subtype: ByteView
    private let parameters: ByteView

    /// Nil when `text` is not `type/subtype`, perhaps with parameters.
    package init?(_ text: ByteView) {
        let end = text.firstIndex(of: UInt8(ascii: ";")) ?? text.count
        let essence = text.slice(0..<end).trimmed
        guard let slash = essence.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        type = essence.slice(0..<slash)
        subtype = essence.slice(from: slash + 1)
        parameters = text.slice(from: min(end + 1, text.count))
        guard HTTPWriter.isValidToken(type), HTTPWriter.isValidToken(subtype) else { return nil }
    }

    /// Whether it is `type`/`subtype`, given in any case.
    package func isType(_ type: StaticString, _ subtype: StaticString) -> Bool {
        self.subtype.equalsIgnoringCase(subtype) && self.type.equalsIgnoringCase(type)
    }

    /// Whether its bodies are JSON: a subtype of `json`, or one that ends in `+json` (CloudEvents, section 3.1).
    package var isJSON: Bool {
        if subtype.equalsIgnoringCase("json") { return true }
        return subtype.count > 5 && subtype.slice(from: subtype.count - 5).equalsIgnoringCase("+json")
    }

    /// The value of the parameter `name`, quotes and escapes removed; nil when it is absent.
    package func parameter(_ name: StaticString) -> [UInt8]? {
        var rest = parameters
        while !rest.isEmpty {
            let end = DelimitedText.firstUnquoted(UInt8(ascii: ";"), in: rest) ?? rest.count
            let pair = rest.slice(0..<end).trimmed
            rest = rest.slice(from: min(end + 1, rest.count))
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            guard pair.slice(0..<equals).equalsIgnoringCase(name) else { continue }
            return Self.unquoted(pair.slice(from: equals + 1))
        }
        return nil
    }

    /// Whether the text is UTF-8 as far as its `charset` says: absent, `utf-8`, `utf8` or `us-ascii`.
    package var isUTF8: Bool {
        guard let charset = parameter("charset") else { return true }
        return charset.withByteView {
            $0.equalsIgnoringCase("utf-8") || $0.equalsIgnoringCase("utf8") || $0.equalsIgnoringCase("us-ascii")
        }
    }

    private static func unquoted(_ value: ByteView) -> [UInt8] {
        guard value.count >= 2, value[0] == UInt8(ascii: "\""), value[value.count - 1] == UInt8(ascii: "\"") else {
            return value.array
        }
        var output: [UInt8] = []
        var index = 1
        while index < value.count - 1 {
            if value[index] == UInt8(ascii: "\\"), index + 1 < value.count - 1 { index += 1 }
            output.append(value[index])
            index += 1
        }
        return output
    }
}

/// What a client is ready to take (RFC 9110, section 12.5.1).
package enum AcceptHeader {
    /// Whether `type`/`subtype` is acceptable: no Accept header at all, or the most specific range that matches has a
    /// weight above 0.
    package static func accepts(_ headers: HTTPHeaders, _ type: StaticString, _ subtype: StaticString) -> Bool {
        guard headers.contains(.accept) else { return true }
        var specificity = 0
        var accepted = false
        for field in headers where field.name.equalsIgnoringCase("accept") {
            for element in CommaList(field.value) {
                guard let range = MediaType(element) else { continue }
                let matched = Self.specificity(of: range, type, subtype)
                guard matched > specificity else { continue }
                specificity = matched
                accepted = isPositive(range.parameter("q"))
            }
        }
        return accepted
    }

    /// 3 for the type itself, 2 for `type/*`, 1 for `*/*`, 0 for what does not match.
    private static func specificity(of range: MediaType, _ type: StaticString, _ subtype: StaticString) -> Int {
        if range.isType(type, subtype) { return 3 }
        guard range.subtype.equals("*") else { return 0 }
        if range.type.equalsIgnoringCase(type) { return 2 }
        return range.type.equals("*") ? 1 : 0
    }

    /// Whether a weight is above 0; an absent one is 1, and so is one that makes no sense.
    private static func isPositive(_ weight: [UInt8]?) -> Bool {
        guard let weight, !weight.isEmpty else { return true }
        return weight.contains { $0 != UInt8(ascii: "0") && $0 != UInt8(ascii: ".") }
    }
}
