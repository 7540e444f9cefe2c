import FanfareServer

/// A value that a result can have.
protocol ResultValue {
    /// What its JSON Schema says of it.
    static var schema: [JSONOutput.Member] { get }
    /// As it is written.
    var output: JSONOutput { get }
}

/// One member of an object of a result: its name, what it is, which values it has, and its value.
struct ResultField<Source> {
    let name: String
    let meaning: String
    let schema: [JSONOutput.Member]
    /// Whether every such object has it.
    let isRequired: Bool
    /// Its value; nil where the object has no such member.
    let write: (Source) -> JSONOutput?

    /// A member that every such object has.
    init<Value: ResultValue>(_ name: String, _ meaning: String, _ value: @escaping (Source) -> Value) {
        self.init(name, meaning, Value.schema, isRequired: true) { value($0).output }
    }

    /// A member that is an object.
    init<Inner>(_ name: String, _ meaning: String, _ form: ResultForm<Inner>, _ value: @escaping (Source) -> Inner) {
        self.init(name, meaning, form.schema, isRequired: true) { form.write(value($0)) }
    }

    /// A member that is a list of objects.
    init<Inner>(
        _ name: String, _ meaning: String, listOf form: ResultForm<Inner>, _ value: @escaping (Source) -> [Inner]
    ) {
        let schema = JSONSchema.list(of: form.schema)
        self.init(name, meaning, schema, isRequired: true) { .array(value($0).map(form.write)) }
    }

    /// A member of which all is known here.
    init(
        _ name: String, _ meaning: String, _ schema: [JSONOutput.Member], isRequired: Bool,
        _ write: @escaping (Source) -> JSONOutput?
    ) {
        self.name = name
        self.meaning = meaning
        self.schema = schema
        self.isRequired = isRequired
        self.write = write
    }

    /// The same for another source; objects for which there is none have no such member.
    func of<Other>(_ source: @escaping (Other) -> Source?) -> ResultField<Other> {
        ResultField<Other>(name, meaning, schema, isRequired: false) { source($0).flatMap(write) }
    }
}

/// An object of a result, said once: what is written and what `fanfare schema result` says both follow this table.
struct ResultForm<Source> {
    /// Its members in their order.
    let fields: [ResultField<Source>]

    init(_ fields: [ResultField<Source>]) { self.fields = fields }

    /// The object.
    func write(_ source: Source) -> JSONOutput {
        .object(fields.compactMap { field in field.write(source).map { .init(field.name, $0) } })
    }

    /// The members of its JSON Schema: there is no key that is not told here.
    var schema: [JSONOutput.Member] {
        let properties = fields.map { field in
            JSONOutput.Member(field.name, .object([.init("description", .string(field.meaning))] + field.schema))
        }
        return [
            .init("type", .string("object")), .init("properties", .object(properties)),
            .init("required", .array(fields.filter(\.isRequired).map { .string($0.name) })),
            .init("additionalProperties", .boolean(false)),
        ]
    }
}

extension JSONSchema {
    /// The members of the schema of a list whose elements have the schema of `members`.
    static func list(of members: [JSONOutput.Member]) -> [JSONOutput.Member] {
        [.init("type", .string("array")), .init("items", .object(members))]
    }
}

extension String: ResultValue {
    static var schema: [JSONOutput.Member] { [.init("type", .string("string"))] }
    var output: JSONOutput { .string(self) }
}

extension Bool: ResultValue {
    static var schema: [JSONOutput.Member] { [.init("type", .string("boolean"))] }
    var output: JSONOutput { .boolean(self) }
}

extension Int: ResultValue {
    static var schema: [JSONOutput.Member] { [.init("type", .string("integer"))] }
    var output: JSONOutput { .integer(self) }
}

extension Double: ResultValue {
    static var schema: [JSONOutput.Member] { [.init("type", .string("number"))] }
    var output: JSONOutput { .number(self) }
}

extension Array: ResultValue where Element: ResultValue {
    static var schema: [JSONOutput.Member] { JSONSchema.list(of: Element.schema) }
    var output: JSONOutput { .array(map(\.output)) }
}

/// What is not known is null.
extension Optional: ResultValue where Wrapped: ResultValue {
    static var schema: [JSONOutput.Member] {
        Wrapped.schema.map { member in
            member.name == "type" ? .init("type", .array([member.value, .string("null")])) : member
        }
    }
    var output: JSONOutput { map(\.output) ?? .null }
}
