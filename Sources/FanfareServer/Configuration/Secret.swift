/// A text that must not be shown: where it was taken from, and the text itself.
///
/// Printing, interpolating and mirroring a secret show only where it came from.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    /// Where a secret was taken from.
    package enum Origin: Sendable, Hashable {
        /// It was written out in the definition.
        case literal
        /// An environment variable of this name.
        case environment(String)
        /// A file at this resolved path.
        case file(String)
    }

    /// Where it was taken from; kept so that a definition can be written again without it.
    package var origin: Origin
    /// The secret itself.
    package var text: String

    /// The secret `text`, taken from `origin`.
    package init(_ text: String, origin: Origin = .literal) {
        self.text = text
        self.origin = origin
    }

    package var description: String {
        switch origin {
        case .literal: "(hidden)"
        case .environment(let name): "(from the environment variable \(name))"
        case .file(let path): "(from the file \(path))"
        }
    }

    /// Where it came from, for `dump` and debuggers: never the text.
    package var customMirror: Mirror { Mirror(self, children: ["origin": description]) }
}
