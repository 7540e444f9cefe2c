/// A problem in the form of RFC 9457, `application/problem+json`: what every refused request is answered with.
package struct ProblemDocument: Sendable {
    /// The media type of its JSON.
    package static let mediaType: StaticString = "application/problem+json"
    /// What the type URI of every problem begins with.
    package static let typePrefix = "https://fanfare.dev/problems/"

    /// One of several things that are wrong.
    package struct Item: Sendable {
        /// What is wrong and what is allowed.
        package var detail: String
        /// Where, as a JSON Pointer (RFC 6901) into the request's body; nil when it is not about a place.
        package var pointer: String?

        /// An item.
        package init(detail: String, pointer: String? = nil) {
            self.detail = detail
            self.pointer = pointer
        }
    }

    /// The last part of the type URI: stable, lowercase words joined by hyphens.
    package var code: String
    /// The same for every problem of this type.
    package var title: String
    /// The HTTP status.
    package var status: Int
    /// What happened this time and what a person can do about it.
    package var detail: String
    /// What is wrong in particular; left out when empty.
    package var errors: [Item]
    /// Further members: names, and values that are JSON already (such as `accepted`).
    package var members: [(name: String, json: String)]

    /// A problem. Without a title it is the status's phrase.
    package init(
        code: String, status: Int, title: String? = nil, detail: String, errors: [Item] = [],
        members: [(name: String, json: String)] = []
    ) {
        self.code = code
        self.title = title ?? "\(HTTPStatus.phrase(status))"
        self.status = status
        self.detail = detail
        self.errors = errors
        self.members = members
    }

    /// The problem with a request that is not acceptable HTTP.
    package init(_ error: HTTPDecodeError) {
        self.init(code: error.code, status: error.status, detail: "\(error.detail)")
    }

    /// The JSON text.
    package var json: [UInt8] {
        var output: [UInt8] = []
        append(to: &output)
        return output
    }

    /// Appends the JSON text.
    package func append(to output: inout [UInt8]) {
        output.append("{\"type\":")
        JSONText.appendString(Self.typePrefix + code, to: &output)
        output.append(",\"title\":")
        JSONText.appendString(title, to: &output)
        output.append(",\"status\":")
        output.append(decimal: status)
        output.append(",\"detail\":")
        JSONText.appendString(detail, to: &output)
        if !errors.isEmpty { appendErrors(to: &output) }
        for member in members {
            output.append(UInt8(ascii: ","))
            JSONText.appendString(member.name, to: &output)
            output.append(UInt8(ascii: ":"))
            output.append(contentsOf: member.json.utf8)
        }
        output.append(UInt8(ascii: "}"))
    }

    private func appendErrors(to output: inout [UInt8]) {
        output.append(",\"errors\":[")
        for (index, item) in errors.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append("{\"detail\":")
            JSONText.appendString(item.detail, to: &output)
            if let pointer = item.pointer {
                output.append(",\"pointer\":")
                JSONText.appendString(pointer, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
        output.append(UInt8(ascii: "]"))
    }

    /// Appends a whole response with this problem. `headers` are further header lines, such as `retry-after`.
    package func appendResponse(
        keepAlive: Bool, minorVersion: Int = 1, headers: [(name: StaticString, value: String)] = [],
        to output: inout [UInt8]
    ) {
        HTTPWriter.appendStatusLine(status, to: &output)
        HTTPWriter.appendConnection(keepAlive: keepAlive, minorVersion: minorVersion, to: &output)
        HTTPWriter.appendHeader("content-type", Self.mediaType, to: &output)
        HTTPWriter.appendHeader("cache-control", "no-store", to: &output)
        for header in headers { HTTPWriter.appendHeader(header.name, header.value, to: &output) }
        json.withByteView { HTTPWriter.appendBody($0, to: &output) }
    }
}
