import FanfareBase

/// The members of one event as they were found: where each is, what it is, and which are the ones with a meaning.
/// Reused from event to event; it allocates only while its arrays grow.
struct Envelope {
    /// A name with a meaning of its own.
    enum Role: Int {
        case id, source, type, specversion, time, subject, datacontenttype, dataschema
        case data, base64
        case fanfareposition, fanfaretopic
        case `extension`
    }

    /// One member. Ranges are in the source, but for `name`, which is in `names`.
    struct Member {
        /// The unescaped name.
        var name: Range<Int>
        /// The name as spelt, quotes included.
        var spelling: Range<Int>
        /// The value as spelt; a string's quotes included.
        var value: Range<Int>
        var kind: JSONScanner.Kind
        var role: Role
        var nameHasEscapes: Bool
        var valueHasEscapes: Bool
        /// Part of the canonical event.
        var isKept = true

        /// What is between a string's quotes, and any other value itself.
        var content: Range<Int> { kind == .string ? value.lowerBound + 1..<value.upperBound - 1 : value }
        /// Has to be spelt anew: names are matched as bytes later, and so is base64.
        var isRespelt: Bool { nameHasEscapes || role == .base64 && valueHasEscapes }
    }

    /// All members, in the order of the source.
    private(set) var members: [Member] = []
    /// The unescaped names one after the other.
    private(set) var names: [UInt8] = []
    /// From the opening brace to after the closing one.
    private(set) var range = 0..<0
    /// Line ends between tokens, in or before this event.
    private(set) var hasLineBreaks = false
    /// The name of the member in whose value the source stopped being JSON.
    private(set) var unfinished: Range<Int>?
    private var roles = InlineArray<13, Int32>(repeating: -1)

    /// The member with this meaning that is part of the event, or nil.
    subscript(_ role: Role) -> Int? {
        let index = roles[role.rawValue]
        return index < 0 || members[Int(index)].kind == .null && role != .data ? nil : Int(index)
    }

    /// Marks member `index` as not part of the canonical event.
    mutating func drop(_ index: Int) { members[index].isKept = false }

    /// Reads the object that begins where `scanner` stands, which moves to after it.
    mutating func read(_ scanner: inout JSONScanner, _ bytes: Span<UInt8>) throws(Problem) {
        members.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        roles = InlineArray(repeating: -1)
        unfinished = nil
        let start = scanner.offset
        guard scanner.take(UInt8(ascii: "{"), bytes) else {
            do throws(JSONScanner.Failure) { _ = try scanner.value(bytes, depth: 0) } catch { throw .syntax(error) }
            throw .rule(.notAnEvent, nil, "An event is a JSON object.")
        }
        scanner.space(bytes)
        if !scanner.take(UInt8(ascii: "}"), bytes) { try readMembers(&scanner, bytes) }
        range = start..<scanner.offset
        hasLineBreaks = scanner.passedLineBreak
    }

    private mutating func readMembers(_ scanner: inout JSONScanner, _ bytes: Span<UInt8>) throws(Problem) {
        while true {
            do throws(JSONScanner.Failure) {
                let spelling = scanner.offset
                let (end, nameHasEscapes) = try scanner.name(bytes)
                let name = names.count..<addName(bytes, spelling + 1..<end - 1)
                unfinished = name
                let value = scanner.offset
                let found = try scanner.value(bytes, depth: 1)
                unfinished = nil
                add(
                    name, spelling: spelling..<end, value: value..<scanner.offset, found,
                    nameHasEscapes: nameHasEscapes)
                scanner.space(bytes)
                if scanner.take(UInt8(ascii: "}"), bytes) { return }
                guard scanner.take(UInt8(ascii: ","), bytes) else { throw scanner.failure(.commaOrBrace) }
                scanner.space(bytes)
            } catch {
                throw .syntax(error)
            }
            guard members.count < EventLimits.membersMax else {
                throw .rule(.tooManyMembers, nil, "An event has at most \(EventLimits.membersMax) members.")
            }
        }
    }

    /// - Returns: The end of `names`.
    private mutating func addName(_ bytes: Span<UInt8>, _ content: Range<Int>) -> Int {
        JSONUnescape.append(bytes, content, to: &names)
        return names.count
    }

    private mutating func add(
        _ name: Range<Int>, spelling: Range<Int>, value: Range<Int>, _ found: JSONScanner.Value, nameHasEscapes: Bool
    ) {
        let role = Self.role(of: names.span.extracting(name))
        members.append(
            Member(
                name: name, spelling: spelling, value: value, kind: found.kind, role: role,
                nameHasEscapes: nameHasEscapes, valueHasEscapes: found.hasEscapes))
        // Of two with one name the first counts until `check` refuses both.
        if role != .extension, roles[role.rawValue] < 0 { roles[role.rawValue] = Int32(members.count - 1) }
    }

    private static func role(of name: Span<UInt8>) -> Role {
        switch name.count {
        case 2: equals(name, "id") ? .id : .extension
        case 4: equals(name, "type") ? .type : equals(name, "time") ? .time : equals(name, "data") ? .data : .extension
        case 6: equals(name, "source") ? .source : .extension
        case 7: equals(name, "subject") ? .subject : .extension
        case 10: equals(name, "dataschema") ? .dataschema : .extension
        case 11:
            equals(name, "specversion") ? .specversion : equals(name, "data_base64") ? .base64 : .extension
        case 12: equals(name, "fanfaretopic") ? .fanfaretopic : .extension
        case 15:
            equals(name, "datacontenttype")
                ? .datacontenttype : equals(name, "fanfareposition") ? .fanfareposition : .extension
        default: .extension
        }
    }
}

/// What is wrong with an event, before it is put into words and places.
enum Problem: Error {
    /// Not JSON.
    case syntax(JSONScanner.Failure)
    /// A rule is broken by member `1` (nil: by the event as a whole).
    case rule(EventError.Reason, Int?, String)
    /// A rule is broken by the absence of an attribute.
    case missing(String)
}
