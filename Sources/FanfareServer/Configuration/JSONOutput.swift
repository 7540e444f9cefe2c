import FanfareBase

/// A JSON value to be written, members in the order they are given.
package indirect enum JSONOutput: Sendable, Hashable {
    /// One member of an object.
    package struct Member: Sendable, Hashable {
        /// Its name, unescaped.
        package var name: String
        /// Its value.
        package var value: JSONOutput

        /// The member `name`.
        package init(_ name: String, _ value: JSONOutput) {
            self.name = name
            self.value = value
        }
    }

    /// `null`.
    case null
    /// `true` or `false`.
    case boolean(Bool)
    /// An integer.
    case integer(Int)
    /// A finite number.
    case number(Double)
    /// A string.
    case string(String)
    /// An array.
    case array([JSONOutput])
    /// An object.
    case object([Member])

    /// The text on one line.
    package var line: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes, indent: nil)
        return bytes
    }

    /// The text for people: two spaces a level, a line a member, a final line feed.
    package var page: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes, indent: 0)
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// The member called `name` of an object.
    package subscript(_ name: String) -> JSONOutput? {
        if case .object(let members) = self { members.first { $0.name == name }?.value } else { nil }
    }

    private func append(to bytes: inout [UInt8], indent: Int?) {
        switch self {
        case .null: bytes += Array("null".utf8)
        case .boolean(let flag): bytes += Array((flag ? "true" : "false").utf8)
        case .integer(let value): bytes += Array(String(value).utf8)
        case .number(let value): bytes += Array(String(value).utf8)
        case .string(let text): bytes.appendJSONString(text)
        case .array(let elements):
            let isFlat = elements.allSatisfy(\.isScalar)
            Self.append(
                to: &bytes, "[", "]", count: elements.count, indent: isFlat ? nil : indent, spaced: indent != nil
            ) {
                elements[$1].append(to: &$0, indent: $2)
            }
        case .object(let members):
            Self.append(to: &bytes, "{", "}", count: members.count, indent: indent, spaced: indent != nil) {
                $0.appendJSONString(members[$1].name)
                $0 += Array((indent == nil ? ":" : ": ").utf8)
                members[$1].value.append(to: &$0, indent: $2)
            }
        }
    }

    private var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }

    private static func append(
        to bytes: inout [UInt8], _ opening: Unicode.Scalar, _ closing: Unicode.Scalar, count: Int, indent: Int?,
        spaced: Bool,
        _ element: (inout [UInt8], Int, Int?) -> Void
    ) {
        bytes.append(UInt8(ascii: opening))
        for index in 0..<count {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            if let indent {
                newLine(&bytes, indent + 1)
            } else if index > 0, spaced {
                bytes.append(UInt8(ascii: " "))
            }
            element(&bytes, index, indent.map { $0 + 1 })
        }
        if let indent, count > 0 { newLine(&bytes, indent) }
        bytes.append(UInt8(ascii: closing))
    }

    private static func newLine(_ bytes: inout [UInt8], _ indent: Int) {
        bytes.append(UInt8(ascii: "\n"))
        bytes += Array(repeating: UInt8(ascii: " "), count: 2 * indent)
    }
}
