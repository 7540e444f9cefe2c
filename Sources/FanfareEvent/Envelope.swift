import FanfareBase

/// The members of one event as they were found: where each is, what it is, and which are the ones with a meaning.
/// Reused from event to event; it allocates only while its arrays grow.
///
/// Invariant: of `members` the first `count` are the event's; the others are left over from events before.
struct Envelope: ~Copyable {
    /// A name with a meaning of its own.
    enum Role: Int {
        case id, source, type, specversion, time, subject, datacontenttype, dataschema
        case data, base64
        case fanfareposition, fanfaretopic
        case `extension`

        /// Its bit in a set of roles.
        var bit: UInt32 { 1 &<< UInt32(truncatingIfNeeded: rawValue) }
    }

    /// A member's name: where it is, in the source, or in `names` when it has to be unescaped.
    struct Name {
        var range: Range<Int>
        var hasEscapes: Bool
    }

    /// One member. Ranges are in the source, but for a name with escapes.
    struct Member {
        /// The name, unescaped.
        var name: Name
        /// Where the name's opening quote is.
        var start: Int
        /// The value as spelt; a string's quotes included.
        var value: Range<Int>
        var kind: JSONScanner.Kind
        var role: Role
        var valueHasEscapes: Bool
        /// Part of the canonical event.
        var isKept = true

        /// What is between a string's quotes, and any other value itself.
        var content: Range<Int> { kind == .string ? value.lowerBound + 1..<value.upperBound - 1 : value }
        /// Has to be spelt anew: names are matched as bytes later, and so is base64.
        var isRespelt: Bool { name.hasEscapes || role == .base64 && valueHasEscapes }
        /// Part of the attribute table.
        var isAttribute: Bool { isKept && role != .data && role != .base64 }
    }

    /// The members, in the order of the source, and room for more.
    private(set) var members: [Member] = []
    /// How many members the event has.
    private(set) var count = 0
    /// How many of them are attributes and kept; right once they have been checked.
    private(set) var attributeCount = 0
    /// Every member is plainly right by itself: `check` need not look at each again.
    private(set) var isPlain = true
    /// The unescaped names of those that are spelt with escapes, one after the other.
    private(set) var names: [UInt8] = []
    /// From the opening brace to after the closing one.
    private(set) var range = 0..<0
    /// Line ends between tokens, in or before this event.
    private(set) var hasLineBreaks = false
    /// The name of the member in whose value the source stopped being JSON.
    private(set) var unfinished: Name?
    /// Where the first member of each role is that is there.
    private var roles = InlineArray<13, Int32>(repeating: -1)
    /// One bit for each role that is there.
    private var present: UInt32 = 0

    /// The member with this meaning that is part of the event, or nil.
    subscript(_ role: Role) -> Int? {
        guard present & role.bit != 0 else { return nil }
        let index = Int(roles[role.rawValue])
        return members[index].kind == .null && role != .data ? nil : index
    }

    /// The first member with this meaning, whatever its value.
    func first(_ role: Role) -> Int { Int(roles[role.rawValue]) }

    /// Marks member `index` as not part of the canonical event.
    mutating func drop(_ index: Int) { members[index].isKept = false }

    /// Whether there are members with all of these meanings, whatever their values.
    func hasAll(_ roles: UInt32) -> Bool { present & roles == roles }

    /// Begins to count anew the attributes that are part of the canonical event.
    mutating func forgetAttributes() { attributeCount = 0 }

    /// Counts an attribute that is part of the canonical event.
    mutating func countAttribute() { attributeCount &+= 1 }

    /// Reads the object that begins where `scanner` stands, which moves to after it.
    mutating func read(_ scanner: inout JSONScanner, _ bytes: Span<UInt8>) throws(Problem) {
        count = 0
        attributeCount = 0
        isPlain = true
        present = 0
        if !names.isEmpty { names.removeAll(keepingCapacity: true) }
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
                let start = scanner.offset
                let (end, nameHasEscapes) = try scanner.name(bytes)
                var name = Name(range: start &+ 1..<end &- 1, hasEscapes: nameHasEscapes)
                if nameHasEscapes { name.range = unescape(bytes, name.range) }
                let valueStart = scanner.offset
                let found: JSONScanner.Value
                do throws(JSONScanner.Failure) {
                    found =
                        scanner.peek(bytes) == UInt8(ascii: "\"")
                        ? JSONScanner.Value(kind: .string, hasEscapes: try scanner.string(bytes))
                        : try scanner.value(bytes, depth: 1)
                } catch {
                    unfinished = name
                    throw error
                }
                add(name, start: start, value: valueStart..<scanner.offset, found, bytes)
                scanner.space(bytes)
                if scanner.take(UInt8(ascii: "}"), bytes) { return }
                guard scanner.take(UInt8(ascii: ","), bytes) else { throw scanner.failure(.commaOrBrace) }
                scanner.space(bytes)
            } catch {
                throw .syntax(error)
            }
            guard count < EventLimits.membersMax else {
                throw .rule(.tooManyMembers, nil, "An event has at most \(EventLimits.membersMax) members.")
            }
        }
    }

    /// - Returns: Where in `names` the text is.
    private mutating func unescape(_ bytes: Span<UInt8>, _ content: Range<Int>) -> Range<Int> {
        let start = names.count
        JSONUnescape.append(bytes, content, to: &names)
        return start..<names.count
    }

    @inline(__always)
    private mutating func add(
        _ name: Name, start: Int, value: Range<Int>, _ found: JSONScanner.Value, _ bytes: Span<UInt8>
    ) {
        let role =
            name.hasEscapes
            ? Self.role(of: names.span.extracting(name.range)) : Self.role(of: bytes.extracting(name.range))
        let member = Member(
            name: name, start: start, value: value, kind: found.kind, role: role, valueHasEscapes: found.hasEscapes)
        if isPlain, isPlainlyRight(member, isFirst: present & role.bit == 0, bytes) {
            if role != .data { attributeCount &+= 1 }
        } else {
            isPlain = false
        }
        // Of two with one name the first counts until `check` refuses both.
        if present & role.bit == 0 { roles[role.rawValue] = Int32(truncatingIfNeeded: count) }
        present |= role.bit
        if count < members.count { members[count] = member } else { members.append(member) }
        count &+= 1
    }

    @inline(__always)
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
