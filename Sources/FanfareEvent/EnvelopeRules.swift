import FanfareBase

/// The rules for an event's envelope (CONTRACT, section 3), checked in the order of the members, then as a whole.
extension Envelope {
    /// Throws the first broken rule; drops what is null and what is ours.
    mutating func check(_ bytes: Span<UInt8>) throws(Problem) {
        if isPlain, hasAll(Self.required) { return }
        forgetAttributes()
        for index in 0..<count { try checkMember(index, bytes) }
        try checkPresence(bytes)
        if let data = self[.data], let base64 = self[.base64] {
            throw .rule(.dataTwice, max(data, base64), "An event has data or data_base64, not both.")
        }
    }

    /// What every event has.
    private static let required = Role.specversion.bit | Role.id.bit | Role.source.bit | Role.type.bit

    /// Whether a member is right at first sight, as nearly all are: true only where no rule below has anything to say, so
    /// what is false here is judged by them. Members before it are `isPlain`; it is the first of its role if `isFirst`.
    @inline(__always)
    func isPlainlyRight(_ member: Member, isFirst: Bool, _ bytes: Span<UInt8>) -> Bool {
        guard isFirst else { return false }
        if member.role == .data { return true }
        guard member.kind == .string, !member.valueHasEscapes, !member.name.hasEscapes,
            isPrintable(bytes, member.content)
        else { return false }
        switch member.role {
        case .id, .source, .type, .subject, .datacontenttype, .dataschema: return !member.content.isEmpty
        case .specversion: return equals(bytes.extracting(member.content), "1.0")
        case .time: return AttributeRules.isTime(bytes.extracting(member.content))
        case .extension: return Self.isName(bytes.extracting(member.name.range))
        case .data, .base64, .fanfareposition, .fanfaretopic: return false
        }
    }

    private mutating func checkMember(_ index: Int, _ bytes: Span<UInt8>) throws(Problem) {
        let member = members[index]
        if member.role == .extension {
            try checkExtension(member, index, bytes)
        } else if first(member.role) != index {
            throw Self.duplicate(index)
        }
        switch member.role {
        case .data: return
        case .base64: try checkBase64(member, index, bytes)
        default: try checkAttribute(member, index, bytes)
        }
        if member.kind == .null || member.role == .fanfareposition || member.role == .fanfaretopic {
            drop(index)
        } else if member.role != .base64 {
            countAttribute()
        }
    }

    private static func duplicate(_ index: Int) -> Problem {
        .rule(.duplicateName, index, "This name is used more than once.")
    }

    private func checkExtension(_ member: Member, _ index: Int, _ bytes: Span<UInt8>) throws(Problem) {
        if member.name.hasEscapes {
            try Self.checkName(names.span.extracting(member.name.range), index)
        } else {
            try Self.checkName(bytes.extracting(member.name.range), index)
        }
        for other in 0..<index where members[other].role == .extension {
            if haveOneName(members[other].name, member.name, bytes) { throw Self.duplicate(index) }
        }
    }

    private static func checkName(_ name: Span<UInt8>, _ index: Int) throws(Problem) {
        guard !name.isEmpty, name.count <= EventLimits.attributeNameBytesMax else {
            throw .rule(
                .attributeName, index,
                "A name has 1 to \(EventLimits.attributeNameBytesMax) characters; this one has \(name.count).")
        }
        guard isName(name) else { throw .rule(.attributeName, index, "Attribute names are made of a-z and 0-9.") }
    }

    private static func isName(_ name: Span<UInt8>) -> Bool {
        guard !name.isEmpty, name.count <= EventLimits.attributeNameBytesMax else { return false }
        for offset in 0..<name.count {
            let byte = name[offset]
            let isFine = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") || byte &- UInt8(ascii: "0") <= 9
            if !isFine { return false }
        }
        return true
    }

    private func haveOneName(_ left: Name, _ right: Name, _ bytes: Span<UInt8>) -> Bool {
        guard left.range.count == right.range.count else { return false }
        switch (left.hasEscapes, right.hasEscapes) {
        case (false, false): return equals(bytes.extracting(left.range), bytes.extracting(right.range))
        case (true, false): return equals(names.span.extracting(left.range), bytes.extracting(right.range))
        case (false, true): return equals(bytes.extracting(left.range), names.span.extracting(right.range))
        case (true, true): return equals(names.span.extracting(left.range), names.span.extracting(right.range))
        }
    }

    private func checkBase64(_ member: Member, _ index: Int, _ bytes: Span<UInt8>) throws(Problem) {
        if member.kind == .null { return }
        let problem = Problem.rule(.base64, index, "data_base64 is a string of base64 with padding.")
        guard member.kind == .string else { throw problem }
        if !member.valueHasEscapes {
            guard AttributeRules.isBase64(bytes, member.content) else { throw problem }
            return
        }
        // Escaped slashes, as some writers have them: rare, so it may cost an array.
        var text: [UInt8] = []
        JSONUnescape.append(bytes, member.content, to: &text)
        guard AttributeRules.isBase64(text.span, 0..<text.count) else { throw problem }
    }

    private func checkAttribute(_ member: Member, _ index: Int, _ bytes: Span<UInt8>) throws(Problem) {
        switch member.kind {
        case .null: return
        case .string:
            if let words = AttributeRules.forbiddenCharacter(
                bytes, member.content, hasEscapes: member.valueHasEscapes)
            {
                throw .rule(.attributeCharacters, index, "The value has \(words), which no attribute may have.")
            }
            try checkMeaning(member, index, bytes)
            return
        case .object, .array:
            throw .rule(.attributeType, index, "An attribute is a string, an integer or a boolean, no \(member.kind).")
        case .fraction:
            throw .rule(.attributeType, index, "A number in an attribute is an integer, without fraction or exponent.")
        case .integer:
            guard Self.fits32Bits(bytes, member.value) else {
                throw .rule(.attributeType, index, "An integer is between -2147483648 and 2147483647.")
            }
        case .boolean: break
        }
        switch member.role {
        case .extension, .fanfareposition: return
        default: throw .rule(.attributeType, index, "This attribute is a string.")
        }
    }

    /// What the attributes of the specification must be beside strings.
    private func checkMeaning(_ member: Member, _ index: Int, _ bytes: Span<UInt8>) throws(Problem) {
        switch member.role {
        case .extension, .fanfareposition, .fanfaretopic: return
        case .specversion:
            guard text(member, bytes, is: { equals($0, "1.0") }) else {
                throw .rule(.specVersion, index, "specversion is 1.0; nothing else is supported.")
            }
        case .time:
            guard text(member, bytes, is: AttributeRules.isTime) else {
                throw .rule(.time, index, "time is an RFC 3339 time such as 2026-01-31T09:30:00.5Z.")
            }
        default:
            if member.content.isEmpty { throw .rule(.empty, index, "This attribute is empty.") }
        }
    }

    private func checkPresence(_ bytes: Span<UInt8>) throws(Problem) {
        if self[.specversion] == nil { throw .missing("specversion") }
        if self[.id] == nil { throw .missing("id") }
        if self[.source] == nil { throw .missing("source") }
        if self[.type] == nil { throw .missing("type") }
    }

    private func text(_ member: Member, _ bytes: Span<UInt8>, is condition: (Span<UInt8>) -> Bool) -> Bool {
        if !member.valueHasEscapes { return condition(bytes.extracting(member.content)) }
        var text: [UInt8] = []
        JSONUnescape.append(bytes, member.content, to: &text)
        return condition(text.span)
    }

    private static func fits32Bits(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count <= 11 else { return false }
        var value = 0
        let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
        for index in range.lowerBound + (isNegative ? 1 : 0)..<range.upperBound {
            value = value * 10 + Int(bytes[index] - UInt8(ascii: "0"))
        }
        return isNegative ? value <= 1 << 31 : value < 1 << 31
    }
}
