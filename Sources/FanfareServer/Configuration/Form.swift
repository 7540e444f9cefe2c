import FanfareBase

/// What a value may look like, said once: how it is read, how it is written again, and what JSON Schema says about it.
struct Form<Value: Sendable>: Sendable {
    /// What is allowed, for messages and descriptions: "an integer from 1 to 5".
    let allowed: String
    /// The members of its JSON Schema.
    let schema: [JSONOutput.Member]
    /// The value, or nil when `Reading` has been told what is wrong.
    let read: @Sendable (JSONValue, JSONPointer, inout Reading) -> Value?
    /// The value as it would be written; secrets as `Secret.Shown` says.
    let write: @Sendable (Value, Secret.Shown) -> JSONOutput

    init(
        allowed: String, schema: [JSONOutput.Member],
        read: @escaping @Sendable (JSONValue, JSONPointer, inout Reading) -> Value?,
        write: @escaping @Sendable (Value, Secret.Shown) -> JSONOutput
    ) {
        self.allowed = allowed
        self.schema = schema
        self.read = read
        self.write = write
    }

    /// A form of plain values: `convert` gives nil for what is not allowed.
    init(
        allowed: String, schema: [JSONOutput.Member], convert: @escaping @Sendable (JSONValue) -> Value?,
        write: @escaping @Sendable (Value) -> JSONOutput
    ) {
        self.init(allowed: allowed, schema: schema) { value, pointer, reading in
            guard let converted = convert(value) else {
                reading.refuse(value.summary, allowed: allowed, at: pointer, value.location)
                return nil
            }
            return converted
        } write: { value, _ in
            write(value)
        }
    }

    /// The same form for values that may be absent; an absent one is never written.
    var optional: Form<Value?> {
        Form<Value?>(allowed: allowed, schema: schema) { [read] value, pointer, reading in
            read(value, pointer, &reading).map { .some($0) }
        } write: { [write] value, shown in
            value.map { write($0, shown) } ?? .object([])
        }
    }
}

extension Secret {
    /// What is written in place of secrets.
    enum Shown: Sendable {
        /// Where they come from; `{"hidden": true}` for those that were written out.
        case origins
        /// The secrets that were written out, and where the others come from.
        case everything
    }
}

extension Form where Value == Bool {
    /// `true` or `false`.
    static var flag: Form {
        Form(allowed: "true or false", schema: [.init("type", .string("boolean"))], convert: \.boolean) { .boolean($0) }
    }
}

extension Form where Value == Int {
    /// An integer in `range`.
    static func integer(_ range: ClosedRange<Int>) -> Form {
        Form(
            allowed: "an integer from \(range.lowerBound) to \(range.upperBound)",
            schema: [
                .init("type", .string("integer")), .init("minimum", .integer(range.lowerBound)),
                .init("maximum", .integer(range.upperBound)),
            ],
            convert: { value in value.number?.integer.flatMap { range.contains($0) ? $0 : nil } },
            write: { .integer($0) })
    }

    /// A duration in `range`, in milliseconds: `"250ms"`, `"5s"`, `"10m"`, `"2h"`, `"7d"`.
    static func duration(_ range: ClosedRange<Int>) -> Form {
        quantity(.milliseconds, range, "a duration (ms, s, m, h or d)")
    }

    /// A size in `range`, in bytes: `"512B"`, `"64KiB"`, `"1GiB"`.
    static func size(_ range: ClosedRange<Int>) -> Form { quantity(.bytes, range, "a size (B, KiB, MiB, GiB or TiB)") }

    private static func quantity(_ units: QuantityUnits, _ range: ClosedRange<Int>, _ name: String) -> Form {
        Form(
            allowed: "\(name) from \"\(units.text(range.lowerBound))\" to \"\(units.text(range.upperBound))\"",
            schema: [.init("type", .string("string")), .init("pattern", .string(units.pattern))],
            convert: { value in value.string.flatMap(units.value).flatMap { range.contains($0) ? $0 : nil } },
            write: { .string(units.text($0)) })
    }
}

extension Form where Value == Double {
    /// A number in `range`.
    static func number(_ range: ClosedRange<Double>) -> Form {
        Form(
            allowed:
                "a number from \(QuantityUnits.plain(range.lowerBound)) to \(QuantityUnits.plain(range.upperBound))",
            schema: [
                .init("type", .string("number")), .init("minimum", .number(range.lowerBound)),
                .init("maximum", .number(range.upperBound)),
            ],
            convert: { value in value.number.flatMap { range.contains($0.double) ? $0.double : nil } },
            write: { .number($0) })
    }
}

extension Form where Value == String {
    /// A text that `accepts`; `pattern` says the same as a regular expression, as far as one can.
    static func text(
        _ allowed: String, pattern: String? = nil, accepts: @escaping @Sendable (String) -> Bool
    ) -> Form {
        Form(
            allowed: allowed,
            schema: [.init("type", .string("string"))] + (pattern.map { [.init("pattern", .string($0))] } ?? []),
            convert: { value in value.string.flatMap { accepts($0) ? $0 : nil } }, write: { .string($0) })
    }

    /// A path, resolved against the text's folder.
    static func path(_ what: String) -> Form {
        Form(
            allowed: "the path of \(what)", schema: [.init("type", .string("string")), .init("minLength", .integer(1))]
        ) { value, pointer, reading in
            guard let text = value.string, !text.isEmpty, !text.utf8.contains(0) else {
                reading.refuse(value.summary, allowed: "the path of \(what)", at: pointer, value.location)
                return nil
            }
            return reading.resolve(text)
        } write: { path, _ in
            .string(path)
        }
    }
}

extension Form where Value: RawRepresentable & CaseIterable & Hashable, Value.RawValue == String {
    /// One of the words of an enumeration.
    static var choice: Form {
        let cases = Array(Value.allCases)
        return Form(
            allowed: cases.map { "\"\($0.rawValue)\"" }.joined(separator: " or "),
            schema: [.init("enum", .array(cases.map { .string($0.rawValue) }))],
            convert: { value in cases.first { $0.rawValue == value.string } }, write: { .string($0.rawValue) })
    }

    /// A list of different words of an enumeration.
    static func set(min: Int) -> Form<Set<Value>> {
        let cases = Array(Value.allCases)
        let list = Form.choice.list(min...cases.count, unique: true)
        return Form<Set<Value>>(allowed: list.allowed, schema: list.schema) { value, pointer, reading in
            list.read(value, pointer, &reading).map { Set($0) }
        } write: { set, shown in
            list.write(cases.filter(set.contains), shown)
        }
    }
}

extension Form where Value: Hashable {
    /// A list of `count` values of this form; with `unique` no two may be equal.
    func list(_ count: ClosedRange<Int>, unique: Bool = false) -> Form<[Value]> {
        let allowed = "a list of \(count.lowerBound) to \(count.upperBound) of: \(self.allowed)"
        let schema: [JSONOutput.Member] = [
            .init("type", .string("array")), .init("items", .object(self.schema)),
            .init("minItems", .integer(count.lowerBound)), .init("maxItems", .integer(count.upperBound)),
        ]
        return Form<[Value]>(allowed: allowed, schema: schema + (unique ? [.init("uniqueItems", .boolean(true))] : []))
        {
            [read] value, pointer, reading in
            guard let elements = value.array else {
                reading.refuse(value.summary, allowed: allowed, at: pointer, value.location)
                return nil
            }
            if !count.contains(elements.count) {
                reading.refuse("a list of \(elements.count)", allowed: allowed, at: pointer, value.location)
            }
            var values: [Value] = []
            for (index, element) in elements.prefix(count.upperBound).enumerated() {
                let here = pointer.appending(index)
                reading.note(here, element.location)
                guard let value = read(element, here, &reading) else { continue }
                if unique, values.contains(value) {
                    reading.refuse("\(element.summary) again", allowed: "one of each", at: here, element.location)
                }
                values.append(value)
            }
            return values
        } write: { [write] values, shown in
            .array(values.map { write($0, shown) })
        }
    }
}

/// The units of a kind of quantity, largest first.
struct QuantityUnits: Sendable {
    /// A unit's name and how many of the base unit it is.
    let units: [(name: String, factor: Int)]

    /// Durations, in milliseconds.
    static let milliseconds = QuantityUnits(units: [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ])
    /// Sizes, in bytes.
    static let bytes = QuantityUnits(units: [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ])

    /// The regular expression of a quantity: at most nine digits and a unit.
    var pattern: String { "^[0-9]{1,9}(\(units.map(\.name).joined(separator: "|")))$" }

    /// The value that `text` spells; nil when it is none.
    func value(_ text: String) -> Int? {
        let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
        let name = text.dropFirst(digits.count)
        guard (1...9).contains(digits.count), let unit = units.first(where: { $0.name == name }) else { return nil }
        let (value, overflow) = (Int(String(digits) ?? "") ?? 0).multipliedReportingOverflow(by: unit.factor)
        return overflow ? nil : value
    }

    /// `value` in the largest unit that leaves no rest.
    func text(_ value: Int) -> String {
        guard value != 0 else { return "0\(units.last?.name ?? "")" }
        for unit in units where value % unit.factor == 0 { return "\(value / unit.factor)\(unit.name)" }
        return String(value)
    }

    /// A number without a needless `.0`.
    static func plain(_ value: Double) -> String { value == value.rounded() ? String(Int(value)) : String(value) }
}
