/// Percent-encoding (RFC 3986, section 2.1). `+` is a plus everywhere: topics and positions hold no blanks, and times
/// such as `2026-01-01T00:00:00+02:00` are written with a raw one.
package enum PercentCoding {
    /// The octets `text` stands for, decoded once; nil when a `%` is not followed by two hex digits.
    package static func decode(_ text: ByteView) -> [UInt8]? {
        guard text.firstIndex(of: UInt8(ascii: "%")) != nil else { return text.array }
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "%") else {
                output.append(text[index])
                index += 1
                continue
            }
            guard index + 2 < text.count, let high = ASCII.hexValue(text[index + 1]),
                let low = ASCII.hexValue(text[index + 2])
            else { return nil }
            output.append(high << 4 | low)
            index += 3
        }
        return output
    }

    /// Appends `text` with everything but unreserved characters encoded.
    package static func append(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
        for byte in text {
            if ASCII.isUnreserved(byte) {
                output.append(byte)
            } else {
                output.append(UInt8(ascii: "%"))
                output.append(hexDigit(byte >> 4))
                output.append(hexDigit(byte & 15))
            }
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}

/// Why a query is not acceptable.
package enum QueryError: Error, Sendable, CustomStringConvertible {
    /// A `%` is not followed by two hex digits.
    case malformedEscape
    /// More parameters than `WireLimits.queryParametersMax`.
    case tooManyParameters

    /// What the query does wrong.
    package var description: String {
        switch self {
        case .malformedEscape: "holds an invalid percent-encoding"
        case .tooManyParameters: "has more than \(WireLimits.queryParametersMax) parameters"
        }
    }
}

/// The parameters of a query, in order, repeated names included, percent-decoded once. `+` stays a plus.
package struct QueryParameters: Sendable {
    /// One `name=value`; without `=` the value is empty.
    package struct Parameter: Sendable, Equatable {
        /// Decoded.
        package var name: [UInt8]
        /// Decoded.
        package var value: [UInt8]

        /// The name as text; U+FFFD for what is not UTF-8.
        package var nameText: String { String(decoding: name, as: UTF8.self) }
        /// The value as text; U+FFFD for what is not UTF-8.
        package var text: String { String(decoding: value, as: UTF8.self) }
    }

    /// All of them, in order.
    package let all: [Parameter]

    /// The parameters of `query`, given without its `?`.
    package init(_ query: ByteView) throws(QueryError) {
        var parameters: [Parameter] = []
        var rest = query
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.count
            let pair = rest.slice(0..<end)
            rest = rest.slice(from: min(end + 1, rest.count))
            if pair.isEmpty { continue }
            guard parameters.count < WireLimits.queryParametersMax else { throw .tooManyParameters }
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.count
            guard let name = PercentCoding.decode(pair.slice(0..<equals)),
                let value = PercentCoding.decode(pair.slice(from: min(equals + 1, pair.count)))
            else { throw .malformedEscape }
            parameters.append(Parameter(name: name, value: value))
        }
        all = parameters
    }

    /// The first value of `name` as text; nil when it is absent.
    package func first(_ name: StaticString) -> String? { all.first { matches($0, name) }?.text }

    /// All values of `name` as text, in order.
    package func values(_ name: StaticString) -> [String] {
        all.compactMap { matches($0, name) ? $0.text : nil }
    }

    private func matches(_ parameter: Parameter, _ name: StaticString) -> Bool {
        parameter.name.withByteView { $0.equals(name) }
    }
}
