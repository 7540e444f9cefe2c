import FanfareBase

/// One thing that is wrong in what someone has written, with its place: what was found, what is allowed.
package struct Diagnostic: Error, Sendable, Hashable, CustomStringConvertible {
    /// Why it is refused, as far as exit codes care.
    package enum Kind: Sendable, Hashable {
        /// The text is not JSON: 65.
        case notJSON
        /// It is JSON, but not what is allowed: 78.
        case notAllowed
        /// The file cannot be read: 78.
        case unreadable
    }

    /// Why it is refused.
    package var kind: Kind
    /// The file as it was named; nil for a request's body.
    package var file: String?
    /// The place in it; nil when the file could not be read.
    package var location: JSONLocation?
    /// The value it is about.
    package var pointer: JSONPointer
    /// What was found and what is allowed.
    package var message: String

    /// A diagnostic.
    package init(kind: Kind, file: String?, location: JSONLocation?, pointer: JSONPointer, message: String) {
        self.kind = kind
        self.file = file
        self.location = location
        self.pointer = pointer
        self.message = message
    }

    /// `FILE:LINE:COLUMN: POINTER: MESSAGE`; parts that do not apply are left out, and the whole text's empty pointer is
    /// shown as `(whole file)`.
    package var description: String {
        var place = file ?? "body"
        if let location { place += ":\(location.line):\(location.column)" }
        switch kind {
        case .notJSON: return "\(place): not JSON: \(message)"
        case .unreadable: return "\(place): \(message)"
        case .notAllowed: return "\(place): \(pointer == .root ? "(whole file)" : pointer.text): \(message)"
        }
    }
}

/// Everything that is wrong, in the order of files and places; never empty.
package struct Diagnostics: Error, Sendable, Hashable, CustomStringConvertible {
    /// Each one.
    package var all: [Diagnostic]

    /// These.
    package init(_ all: [Diagnostic]) {
        invariant(!all.isEmpty, "there is something wrong when diagnostics are thrown")
        self.all = all
    }

    /// One a line.
    package var description: String { all.map(\.description).joined(separator: "\n") }

    /// For sysexits.h: 65 (data) when a file is not JSON, else 78 (configuration).
    package var exitCode: Int32 { all.contains { $0.kind == .notJSON } ? 65 : 78 }
}
