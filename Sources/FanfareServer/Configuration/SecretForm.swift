import FanfareBase

extension Form where Value == Secret {
    /// A secret: a string, `{"env": "NAME"}` or `{"file": "path"}`. `accepts` judges the text; it is never shown.
    static func secret(_ allowed: String, accepts: @escaping @Sendable (String) -> Bool) -> Form {
        Form(allowed: "\(allowed), {\"env\": \"NAME\"} or {\"file\": \"path\"}", schema: secretSchema) {
            value, pointer, reading in
            guard let secret = resolve(value, pointer, &reading) else { return nil }
            guard accepts(secret.text) else {
                let place = secret.origin == .literal ? "" : " \(secret)"
                reading.refuse(
                    "a secret of \(secret.text.utf8.count) characters\(place)", allowed: allowed, at: pointer,
                    value.location)
                return nil
            }
            return secret
        } write: { secret, shown in
            switch secret.origin {
            case .literal: shown == .everything ? .string(secret.text) : .object([.init("hidden", .boolean(true))])
            case .environment(let name): .object([.init("env", .string(name))])
            case .file(let path): .object([.init("file", .string(path))])
            }
        }
    }

    private static var secretSchema: [JSONOutput.Member] {
        func source(_ key: String, _ meaning: String) -> JSONOutput {
            let property = JSONOutput.object([
                .init("description", .string(meaning)), .init("type", .string("string")),
                .init("minLength", .integer(1)),
            ])
            return .object([
                .init("type", .string("object")), .init("properties", .object([.init(key, property)])),
                .init("required", .array([.string(key)])), .init("additionalProperties", .boolean(false)),
            ])
        }
        return [
            .init(
                "oneOf",
                .array([
                    .object([.init("type", .string("string"))]),
                    source("env", "The name of an environment variable that holds it."),
                    source("file", "The path of a file that holds it; a final line feed is not part of it."),
                ]))
        ]
    }

    /// Finds the text, wherever it is.
    private static func resolve(_ value: JSONValue, _ pointer: JSONPointer, _ reading: inout Reading) -> Secret? {
        if let text = value.string { return Secret(text) }
        let forms = "a string, {\"env\": \"NAME\"} or {\"file\": \"path\"}"
        guard let members = value.object?.members, members.count == 1, let member = members.first else {
            reading.refuse(
                value.number == nil ? value.summary : "a number", allowed: forms, at: pointer, value.location)
            return nil
        }
        let here = pointer.appending(member.name)
        switch (member.name, member.value.string) {
        case ("env", let name?) where !name.isEmpty: return variable(name, here, member.value.location, &reading)
        case ("file", let path?) where !path.isEmpty:
            return file(reading.resolve(path), here, member.value.location, &reading)
        case ("hidden", _):
            reading.refuse("a hidden secret, as the API shows it", allowed: "the secret itself, as \(forms)", at: here)
        case ("env", _), ("file", _):
            reading.refuse(member.value.summary, allowed: "a string that is not empty", at: here, member.value.location)
        default:
            reading.refuse("the unknown key \"\(member.name.prefix(64))\"", allowed: forms, at: here, member.location)
        }
        return nil
    }

    private static func variable(
        _ name: String, _ pointer: JSONPointer, _ place: JSONLocation, _ reading: inout Reading
    ) -> Secret? {
        if let allowed = reading.rights.secrets?.environment, !allowed.contains(name) {
            reading.refuse(
                "the environment variable \(name.prefix(64))",
                allowed: "one that \"webhooks\": {\"secrets\": {\"env\": […]}} of the configuration lists", at: pointer,
                place)
            return nil
        }
        guard let text = reading.rights.surroundings.variable(name) else {
            reading.refuse(
                "the environment variable \(name.prefix(64)), which is not set", allowed: "one that is set",
                at: pointer, place)
            return nil
        }
        return Secret(text, origin: .environment(name))
    }

    private static func file(
        _ path: String, _ pointer: JSONPointer, _ place: JSONLocation, _ reading: inout Reading
    ) -> Secret? {
        guard let bytes = PathCheck.content(of: path, pointer, place, &reading) else { return nil }
        guard var text = String(validating: bytes, as: UTF8.self) else {
            reading.refuse("the file \(path), which is not UTF-8", allowed: "a text file", at: pointer, place)
            return nil
        }
        if text.utf8.last == UInt8(ascii: "\n") { text.unicodeScalars.removeLast() }
        if text.utf8.last == UInt8(ascii: "\r") { text.unicodeScalars.removeLast() }
        return Secret(text, origin: .file(path))
    }
}

/// Reading of files that a text names.
enum PathCheck {
    /// The content of the file at the resolved `path`, when it may be named and read.
    static func content(
        of path: String, _ pointer: JSONPointer, _ place: JSONLocation, _ reading: inout Reading
    ) -> [UInt8]? {
        if let allowed = reading.rights.secrets?.files, !allowed.contains(path) {
            reading.refuse(
                "the file \(path)",
                allowed: "one that \"webhooks\": {\"secrets\": {\"files\": […]}} of the configuration lists",
                at: pointer,
                place)
            return nil
        }
        switch reading.rights.surroundings.file(path) {
        case .success(let bytes): return bytes
        case .failure(let problem):
            reading.refuse("the file \(path), which \(problem)", allowed: "a file that can be read", at: pointer, place)
            return nil
        }
    }
}

extension Form where Value == String {
    /// The path of a PEM file, which must be readable and hold at least one block.
    static func pem(_ what: String) -> Form {
        let path = Form.path("a PEM file with \(what)")
        return Form(allowed: path.allowed, schema: path.schema) { value, pointer, reading in
            guard let resolved = path.read(value, pointer, &reading),
                let bytes = PathCheck.content(of: resolved, pointer, value.location, &reading)
            else { return nil }
            guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ") else {
                reading.refuse(
                    "the file \(resolved), which holds no \"-----BEGIN\"", allowed: path.allowed, at: pointer,
                    value.location)
                return nil
            }
            return resolved
        } write: { path, _ in
            .string(path)
        }
    }
}

extension Form where Value == JSONWebKeySet {
    /// The path of a JWK Set file with at least one usable key.
    static var keySet: Form {
        let path = Form<String>.path("a JWK Set file")
        return Form(allowed: path.allowed, schema: path.schema) { value, pointer, reading in
            guard let resolved = path.read(value, pointer, &reading),
                let bytes = PathCheck.content(of: resolved, pointer, value.location, &reading)
            else { return nil }
            do throws(JSONWebKey.Unusable) {
                return try JSONWebKeySet(path: resolved, bytes)
            } catch {
                reading.refuse(
                    "the file \(resolved), which has \(error.found)", allowed: error.allowed, at: pointer,
                    value.location)
                return nil
            }
        } write: { keys, _ in
            .string(keys.path)
        }
    }
}
