import FanfareBase
import FanfareEvent

extension Form where Value == String {
    /// A name of lowercase letters, digits and hyphens: subscriptions, tenants, listeners.
    static let identifier = Form.text("1 to 64 of a-z, 0-9 and -", pattern: "^[a-z0-9-]{1,64}$", accepts: isIdentifier)

    /// A tenant, or `*` for all.
    static let tenantOrAll = Form.text(
        "1 to 64 of a-z, 0-9 and -, or \"*\" for every tenant", pattern: "^([a-z0-9-]{1,64}|[*])$"
    ) { $0 == "*" || isIdentifier($0) }

    /// A token's name: it stands in a URI reference.
    static let tokenName = Form.text("1 to 64 of A-Z, a-z, 0-9, ., _ and -", pattern: "^[A-Za-z0-9._-]{1,64}$") {
        text in
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                HTTPCharacter.isLetterOrDigit(byte) || "._-".utf8.contains(byte)
            }
    }

    /// A topic pattern.
    static let pattern: Form = {
        let token = "([A-Za-z0-9_-]{1,64}|[*])"
        let allowed = "a topic pattern such as \"orders.*.paid\" or \"orders.>\""
        let schema: [JSONOutput.Member] = [
            .init("type", .string("string")),
            .init("pattern", .string("^(>|\(token)([.]\(token)){0,15}|\(token)([.]\(token)){0,14}[.]>)$")),
        ]
        return Form(allowed: allowed, schema: schema) { value, pointer, reading in
            guard let text = value.string else {
                reading.refuse(value.summary, allowed: allowed, at: pointer, value.location)
                return nil
            }
            do throws(TopicError) {
                return try TopicPattern(text).text
            } catch {
                reading.refuse("\(value.summary), which \(error)", allowed: allowed, at: pointer, value.location)
                return nil
            }
        } write: { text, _ in
            .string(text)
        }
    }()

    /// The name of an environment variable.
    static let variable = Form.text("the name of an environment variable", pattern: "^[^=]+$") { text in
        !text.isEmpty && !text.utf8.contains(UInt8(ascii: "=")) && !text.utf8.contains(0)
    }

    /// A host name for the `Host` header.
    static let host = mapped("a host name without scheme and port") { text in
        guard case .name(let name) = HostLiteral(text, bracketed: false) else { return nil }
        return name
    }

    /// A web origin.
    static let origin = mapped("a web origin such as \"https://app.example.com\", without path and wildcards") {
        OriginRule.normalised($0)
    }

    private static func mapped(_ allowed: String, _ convert: @escaping @Sendable (String) -> String?) -> Form {
        Form(
            allowed: allowed, schema: [.init("type", .string("string")), .init("minLength", .integer(1))],
            convert: { $0.string.flatMap(convert) }, write: { .string($0) })
    }

    /// 1 to 64 of a-z, 0-9 and -.
    static func isIdentifier(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }
}

extension Form where Value == AddressNetwork {
    /// A block of addresses.
    static let network = Form(
        allowed: "a network in CIDR notation such as \"10.2.0.0/16\" or \"fd12:3456::/32\", its host bits zero",
        schema: [.init("type", .string("string")), .init("pattern", .string("^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"))],
        convert: { $0.string.flatMap { AddressNetwork($0) } }, write: { .string($0.description) })
}

extension Form where Value == ListenerAddress {
    private static let addressForms =
        "\"ADDRESS:PORT\", \"[IPV6]:PORT\", \"localhost:PORT\" or \"unix:PATH\" (ports 0 to 65535, paths of at most "
        + "\(ListenerAddress.unixPathBytesMax) bytes)"

    /// Where to listen; Unix paths are resolved.
    static let listenerAddress = Form(
        allowed: addressForms,
        schema: [
            .init("type", .string("string")),
            .init(
                "pattern",
                .string("^(unix:.+|localhost:[0-9]{1,5}|[0-9.]+:[0-9]{1,5}|\\[[0-9A-Fa-f:.]+\\]:[0-9]{1,5})$")),
        ]
    ) { value, pointer, reading in
        guard var address = value.string.flatMap({ ListenerAddress($0) }) else {
            reading.refuse(value.summary, allowed: addressForms, at: pointer, value.location)
            return nil
        }
        if case .unix(let path) = address.kind {
            let resolved = reading.resolve(path)
            guard resolved.utf8.count <= ListenerAddress.unixPathBytesMax else {
                reading.refuse(
                    "the path \(resolved) of \(resolved.utf8.count) bytes",
                    allowed: "at most \(ListenerAddress.unixPathBytesMax) bytes, folder included", at: pointer,
                    value.location)
                return nil
            }
            address.kind = .unix(path: resolved)
        }
        return address
    } write: { address, _ in
        if case .unix(let path) = address.kind { .string("unix:\(path)") } else { .string(address.text) }
    }
}

extension Form where Value == WebhookURL {
    /// An endpoint's URL.
    static let webhookURL = Form(
        allowed: "an https URL",
        schema: [
            .init("type", .string("string")), .init("pattern", .string("^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$")),
            .init("maxLength", .integer(WebhookURL.textBytesMax)),
        ]
    ) { value, pointer, reading in
        guard let text = value.string else {
            reading.refuse(value.summary, allowed: "an https URL", at: pointer, value.location)
            return nil
        }
        do throws(WebhookURL.Refusal) {
            return try WebhookURL(text)
        } catch {
            reading.refuse(error.found ?? value.summary, allowed: error.allowed, at: pointer, value.location)
            return nil
        }
    } write: { url, _ in
        .string(url.description)
    }
}

extension Form where Value == SubscriptionDefinition.Start {
    /// Where a subscription begins.
    static let start = Form(
        allowed: "\"latest\", \"earliest\", a position such as \"6553f100-0000000000000042\" or a time such as "
            + "\"2026-01-31T12:00:00Z\"",
        schema: [
            .init("type", .string("string")),
            .init(
                "anyOf",
                .array([
                    .object([.init("enum", .array([.string("latest"), .string("earliest")]))]),
                    .object([.init("pattern", .string("^[0-9a-f]{8}-[0-9]{16}$"))]),
                    .object([.init("pattern", .string(RFC3339.pattern))]),
                ])),
        ],
        convert: { value in
            switch value.string {
            case "latest"?: return .latest
            case "earliest"?: return .earliest
            case let text?:
                if let position = Position(text) { return .position(position) }
                return RFC3339.time(text).map { .time($0) }
            case nil: return nil
            }
        },
        write: { start in
            switch start {
            case .latest: .string("latest")
            case .earliest: .string("earliest")
            case .position(let position): .string(position.description)
            case .time(let time): .string(RFC3339.text(time))
            }
        })
}

extension Form where Value == [SubscriptionDefinition.Header] {
    /// Headers by name.
    static let headers = Form(
        allowed: "an object of at most \(ConfigurationRange.headers) headers",
        schema: [
            .init("type", .string("object")), .init("maxProperties", .integer(ConfigurationRange.headers)),
            .init(
                "propertyNames", .object([.init("pattern", .string("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"))])),
            .init("additionalProperties", .object(value.schema)),
        ]
    ) { input, pointer, reading in
        guard let members = input.object?.members, members.count <= ConfigurationRange.headers else {
            let found = input.object.map { "an object of \($0.members.count)" } ?? input.summary
            reading.refuse(
                found, allowed: "an object of at most \(ConfigurationRange.headers) headers", at: pointer,
                input.location)
            return nil
        }
        var headers: [SubscriptionDefinition.Header] = []
        for member in members {
            let here = pointer.appending(member.name)
            reading.note(here, member.value.location)
            let name = member.name.lowercased()
            if let problem = nameProblem(name) ?? (headers.contains { $0.name == name } ? again : nil) {
                reading.refuse(problem.found(member.name), allowed: problem.allowed, at: here, member.location)
            } else if let value = value.read(member.value, here, &reading) {
                headers.append(.init(name: name, value: value))
            }
        }
        return headers
    } write: { headers, shown in
        .object(headers.map { .init($0.name, value.write($0.value, shown)) })
    }

    private static let value = Form<Secret>.secret(
        "at most \(ConfigurationRange.headerValueBytes) printable ASCII characters, no space at the ends"
    ) { text in
        text.utf8.count <= ConfigurationRange.headerValueBytes && !text.hasPrefix(" ") && !text.hasSuffix(" ")
            && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private struct NameProblem {
        let found: (String) -> String
        let allowed: String
    }

    private static var again: NameProblem {
        NameProblem(found: { "the header \"\($0)\" again" }, allowed: "one of each, whatever its case")
    }

    private static func nameProblem(_ name: String) -> NameProblem? {
        if name.isEmpty || name.utf8.count > 128 || !name.utf8.allSatisfy(HTTPCharacter.isToken) {
            return NameProblem(found: { "the header name \"\($0.prefix(64))\"" }, allowed: "a header name of RFC 9110")
        }
        guard ownNames.contains(name) || ownPrefixes.contains(where: { name.hasPrefix($0) }) else { return nil }
        return NameProblem(
            found: { "the header \"\($0.prefix(64))\", which fanfare sets itself" },
            allowed: "any but framing, host, content-type, user-agent, trace context, webhook-*, ce-* and fanfare-*")
    }

    private static let ownNames: Set<String> = [
        "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "te", "trailer", "upgrade",
        "connection", "keep-alive", "proxy-connection", "expect", "user-agent", "traceparent", "tracestate", "baggage",
    ]
    private static let ownPrefixes = ["webhook-", "ce-", "fanfare-"]
}

extension Form where Value == WallTime {
    /// A moment.
    static let time = Form(
        allowed: "a time such as \"2026-01-31T12:00:00Z\"",
        schema: [.init("type", .string("string")), .init("pattern", .string(RFC3339.pattern))],
        convert: { $0.string.flatMap { RFC3339.time($0) } }, write: { .string(RFC3339.text($0)) })
}
