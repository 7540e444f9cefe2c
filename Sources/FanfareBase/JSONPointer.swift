/// A path into a JSON text (RFC 6901): "" is the whole, "/topics/0" the first element of the member `topics`.
public struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    /// The pointer as text, `~` and `/` in names escaped.
    public private(set) var text: String

    /// The whole text.
    public static var root: Self { Self(text: "") }

    /// The member `name` of the object here.
    public func appending(_ name: String) -> Self {
        var escaped = text + "/"
        for scalar in name.unicodeScalars {
            switch scalar {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return Self(text: escaped)
    }

    /// The element `index` of the array here.
    public func appending(_ index: Int) -> Self { Self(text: "\(text)/\(index)") }

    public var description: String { text }
}
