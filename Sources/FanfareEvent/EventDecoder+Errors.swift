import FanfareBase

/// From what is wrong to words and places. None of this runs for events that are accepted.
extension EventDecoder {
    /// The error for `problem` in `body`, which is in event `index` of a batch.
    func error(_ problem: Problem, _ body: Span<UInt8>, index: Int? = nil) -> EventError {
        let base = index.map { JSONPointer.root.appending($0) } ?? .root
        switch problem {
        case .syntax(let failure):
            let pointer = unsafe envelope.unfinished.map { base.appending(text($0, body)) } ?? base
            return Self.syntaxError(failure, body, pointer: pointer)
        case .rule(let reason, let member, let detail):
            let pointer = member.map { base.appending(text(unsafe envelope.members[$0].name, body)) } ?? base
            return EventError(reason, detail, pointer: pointer.text)
        case .missing(let name):
            return EventError(.missing, "The attribute \(name) is missing.", pointer: base.appending(name).text)
        }
    }

    static func syntaxError(_ failure: JSONScanner.Failure, _ body: Span<UInt8>, pointer: JSONPointer) -> EventError {
        let bytes = array(of: body)
        let location = JSONLocation(of: failure.offset, in: bytes)
        if failure.expected == .lessDepth {
            return EventError(
                .tooDeep, "Nested deeper than \(EventLimits.depthMax) levels at \(location).", pointer: pointer.text,
                location: location)
        }
        let found = JSONSyntaxError.words(for: bytes, at: failure.offset)
        return EventError(
            .syntax, "Not JSON: found \(found) at \(location), expected \(failure.expected.rawValue).",
            pointer: pointer.text, location: location)
    }

    static func notUTF8(_ body: Span<UInt8>, pointer: String = "") -> EventError {
        let bytes = array(of: body)
        var offset = 0
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            offset = error.byteOffsets.lowerBound
        }
        let location = JSONLocation(of: offset, in: bytes)
        return EventError(.syntax, "Not UTF-8 at \(location).", pointer: pointer, location: location)
    }

    private func text(_ name: Envelope.Name, _ body: Span<UInt8>) -> String {
        if name.hasEscapes { return String(decoding: unsafe envelope.names[name.range], as: UTF8.self) }
        return String(decoding: Self.array(of: body.extracting(name.range)), as: UTF8.self)
    }

    private static func array(of bytes: Span<UInt8>) -> [UInt8] {
        // Safe: copied within the closure.
        unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }
}
