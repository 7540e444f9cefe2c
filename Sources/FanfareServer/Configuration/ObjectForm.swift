import FanfareBase

/// One key of an object: its name, what it means, its form and where its value goes.
struct Field<Target: Sendable>: Sendable {
    /// The key.
    let name: String
    /// What it means, in a sentence.
    let meaning: String
    /// Whether it must be there.
    let isRequired: Bool
    /// Its form's schema.
    let schema: [JSONOutput.Member]
    /// What is allowed, for the message about a required key that is missing.
    let allowed: String
    /// Reads the value into the target; leaves it alone when it is wrong.
    let read: @Sendable (JSONValue, JSONPointer, inout Reading, inout Target) -> Void
    /// The value in the target as it would be written; nil when it is absent.
    let write: @Sendable (Target, Secret.Shown) -> JSONOutput?

    /// The key `name` for the property at `path`.
    init<Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<Target, Value> & Sendable, _ form: Form<Value>, required: Bool = false,
        _ meaning: String
    ) {
        self.init(name, form, required, meaning) {
            $0[keyPath: path] = $1
        } write: {
            form.write($0[keyPath: path], $1)
        }
    }

    /// The key `name` for the property at `path` that may be absent.
    init<Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<Target, Value?> & Sendable, optional form: Form<Value>,
        _ meaning: String
    ) {
        self.init(name, form, false, meaning) {
            $0[keyPath: path] = $1
        } write: { target, shown in
            target[keyPath: path].map { form.write($0, shown) }
        }
    }

    private init<Value: Sendable>(
        _ name: String, _ form: Form<Value>, _ isRequired: Bool, _ meaning: String,
        set: @escaping @Sendable (inout Target, Value) -> Void,
        write: @escaping @Sendable (Target, Secret.Shown) -> JSONOutput?
    ) {
        self.name = name
        self.meaning = meaning
        self.isRequired = isRequired
        schema = form.schema
        allowed = form.allowed
        self.write = write
        read = { value, pointer, reading, target in
            if let value = form.read(value, pointer, &reading) { set(&target, value) }
        }
    }
}

/// An object with known keys, said once: parsing, suggestions, JSON Schema, defaults and writing all follow this table.
struct ObjectForm<Target: Sendable>: Sendable {
    /// What the object is, in a sentence.
    let meaning: String
    /// Its keys in their order.
    let fields: [Field<Target>]
    /// Keys that a later version brings, with what they will be.
    var later: [String: String] = [:]
    /// Whether `$schema` is allowed.
    var isRoot = false
    /// The object when nothing is written; required parts hold placeholders.
    let blank: @Sendable () -> Target
    /// Checks across keys, after which the target may be made consistent.
    var check: @Sendable (inout Target, JSONPointer, inout Reading) -> Void = { _, _, _ in }

    /// Reads `value`; nil when it is no object. Wrong keys keep their default.
    func read(_ value: JSONValue, at pointer: JSONPointer, _ reading: inout Reading) -> Target? {
        reading.note(pointer, value.location)
        guard let object = value.object else {
            reading.refuse(value.summary, allowed: "an object", at: pointer, value.location)
            return nil
        }
        var target = blank()
        var seen: Set<String> = []
        for member in object.members where seen.insert(member.name).inserted {
            let here = pointer.appending(member.name)
            reading.note(here, member.value.location)
            if let field = fields.first(where: { $0.name == member.name }) {
                field.read(member.value, here, &reading, &target)
            } else {
                readOther(member, here, &reading)
            }
        }
        for field in fields where field.isRequired && !seen.contains(field.name) {
            reading.refuse("no \"\(field.name)\"", allowed: field.allowed, at: pointer, value.location)
        }
        check(&target, pointer, &reading)
        return target
    }

    /// A key that is not in the table.
    private func readOther(_ member: JSONObject.Member, _ pointer: JSONPointer, _ reading: inout Reading) {
        if isRoot, member.name == "$schema" {
            if member.value.string == nil {
                reading.refuse(member.value.summary, allowed: "a string", at: pointer, member.value.location)
            }
            return
        }
        if let what = later[member.name] {
            reading.add(
                "found \"\(member.name)\" (\(what)), which a later version brings; allowed is to leave it out",
                at: pointer,
                member.location)
            return
        }
        let names = fields.map(\.name)
        let nearest = Spelling.nearest(to: member.name, in: names).map { ", did you mean \"\($0)\"? Allowed" }
        reading.add(
            "found the unknown key \"\(member.name.prefix(64))\"\(nearest ?? ", allowed") are \(names.joined(separator: ", "))",
            at: pointer, member.location)
    }

    /// The object as it would be written, absent values left out.
    func write(_ target: Target, _ shown: Secret.Shown) -> JSONOutput {
        .object(fields.compactMap { field in field.write(target, shown).map { .init(field.name, $0) } })
    }

    /// The members of its JSON Schema: every key with meaning and default.
    var schema: [JSONOutput.Member] {
        let defaults = blank()
        var properties = fields.map { field -> JSONOutput.Member in
            var schema: [JSONOutput.Member] = [.init("description", .string(field.meaning))] + field.schema
            if !field.isRequired, let value = field.write(defaults, .origins) { schema.append(.init("default", value)) }
            return .init(field.name, .object(schema))
        }
        if isRoot { properties.insert(.init("$schema", .object([.init("type", .string("string"))])), at: 0) }
        let required = fields.filter(\.isRequired).map { JSONOutput.string($0.name) }
        return [.init("type", .string("object")), .init("properties", .object(properties))]
            + (required.isEmpty ? [] : [.init("required", .array(required))])
            + [.init("additionalProperties", .boolean(false))]
    }

    /// The form of a value that is such an object.
    var form: Form<Target> {
        Form(allowed: "an object (\(meaning))", schema: schema) { value, pointer, reading in
            read(value, at: pointer, &reading)
        } write: { target, shown in
            write(target, shown)
        }
    }
}

/// How far apart two spellings are.
enum Spelling {
    /// The candidate that `word` most likely means; nil when none is near.
    static func nearest(to word: String, in candidates: [String]) -> String? {
        // A whole stored document could stand where a key should: not compared.
        guard word.utf8.count <= 64 else { return nil }
        let ranked = candidates.map { (distance(word.lowercased(), $0), $0) }.min { $0.0 < $1.0 }
        guard let (distance, candidate) = ranked, distance <= max(1, candidate.utf8.count / 3) else { return nil }
        return candidate
    }

    /// Insertions, deletions, replacements and swaps of neighbours that make one of the other (optimal string alignment).
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, a) in left.enumerated() {
            var current = [row + 1]
            for (column, b) in right.enumerated() {
                var best = min(last[column] + (a == b ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, a == right[column - 1], left[row - 1] == b {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
