import FanfareBase

/// One text being read: where it came from, what it may use, and what was wrong so far. Nothing stops at the first error.
package struct Reading {
    /// What the text may name besides plain values.
    package struct Rights: Sendable {
        /// Variables and files it may take secrets from; nil for any.
        package var secrets: Configuration.SecretAllowance?
        /// The folder relative paths start from.
        package var folder: String
        /// Files and variables.
        package var surroundings: Surroundings

        /// These rights.
        package init(secrets: Configuration.SecretAllowance?, folder: String, surroundings: Surroundings) {
            self.secrets = secrets
            self.folder = folder
            self.surroundings = surroundings
        }
    }

    /// The file as it was named; nil for a request's body.
    let file: String?
    /// What the text may name.
    let rights: Rights
    /// What was wrong so far, unordered.
    private(set) var diagnostics: [Diagnostic] = []
    /// Where each value that was read is: for checks across values.
    private var places: [String: JSONLocation] = [:]

    init(file: String?, rights: Rights) {
        self.file = file
        self.rights = rights
    }

    /// Parses `bytes` and reads them as `form` says; nil when they are no JSON or no object. A value comes back even when
    /// parts of it were wrong, so that further checks can find further errors.
    mutating func read<Target>(_ bytes: [UInt8], as form: ObjectForm<Target>) -> Target? {
        let document: JSONDocument
        do throws(JSONSyntaxError) {
            document = try JSONDocument(bytes)
        } catch {
            diagnostics.append(
                Diagnostic(
                    kind: .notJSON, file: file, location: error.location, pointer: .root,
                    message: "found \(error.found), allowed is \(error.expected)"))
            return nil
        }
        for duplicate in document.duplicates {
            add(
                "found the key a second time (the first is at \(duplicate.first)), allowed is one",
                at: duplicate.pointer, duplicate.location)
        }
        return form.read(document.root, at: .root, &self)
    }

    /// Remembers where the value at `pointer` is.
    mutating func note(_ pointer: JSONPointer, _ location: JSONLocation) { places[pointer.text] = location }

    /// Whether there is a value at `pointer`.
    func isWritten(_ pointer: JSONPointer) -> Bool { places[pointer.text] != nil }

    /// Where the value at `pointer` is, or what it would be in when it was not written.
    func place(of pointer: JSONPointer) -> JSONLocation {
        var text = pointer.text
        while true {
            if let location = places[text] { return location }
            guard let slash = text.lastIndex(of: "/") else { return .start }
            text = String(text[..<slash])
        }
    }

    /// Refuses what was found at `pointer`.
    mutating func refuse(_ found: String, allowed: String, at pointer: JSONPointer, _ location: JSONLocation? = nil) {
        add("found \(found), allowed is \(allowed)", at: pointer, location ?? place(of: pointer))
    }

    /// Adds a finished message.
    mutating func add(_ message: String, at pointer: JSONPointer, _ location: JSONLocation) {
        diagnostics.append(
            Diagnostic(kind: .notAllowed, file: file, location: location, pointer: pointer, message: message))
    }

    /// `path` as seen from the text's folder.
    func resolve(_ path: String) -> String { Surroundings.resolve(path, in: rights.folder) }
}
