import Testing

/// Which declarations need a docstring, and whether they have one.
///
/// Asked of everything other modules can see. Exempt: overrides, imports and extensions, which declare nothing new, and
/// witnesses, whose meaning their protocol states: the standard library's, or one declared in the same module. Enum cases and protocol requirements carry no access
/// level of their own and are left to the reader's judgement.
enum Docstrings {
    private static let keywords: Set<Substring> = [
        "func", "var", "let", "struct", "enum", "class", "actor", "protocol", "init", "subscript", "typealias", "macro",
    ]
    private static let modifiers: Set<Substring> = [
        "static", "final", "mutating", "nonmutating", "nonisolated", "consuming", "borrowing", "lazy", "indirect",
        "required",
        "convenience", "unsafe", "weak", "unowned", "sending", "distributed", "dynamic", "open", "prefix", "postfix",
        "infix",
    ]
    private static let witnesses = [
        "func ==", "func <", "func hash(into", "var description:", "var debugDescription:", "var hashValue:",
        "func next()", "func makeIterator()", "struct Iterator: IteratorProtocol",
    ]

    /// The functions that protocols of these files require, as `func name(`.
    static func requirements(in files: [SourceTree.File]) -> Set<String> {
        var names: Set<String> = []
        for file in files where file.lines.contains(where: { $0.contains("protocol ") }) {
            var end: Substring?
            for code in SwiftText(file.lines).code {
                if let closing = end {
                    if code.hasPrefix(closing) { end = nil }
                    if let name = functionName(code) { names.insert(name) }
                } else if code.contains("protocol "), code.hasSuffix("{") {
                    end = code.prefix { $0 == " " } + "}"
                }
            }
        }
        return names
    }

    /// `func name(` when `code` declares a function.
    private static func functionName(_ code: some StringProtocol) -> String? {
        let words = code.split(separator: " ").drop { $0 != "func" }.prefix(2)
        guard words.count == 2, let name = words.last?.prefix(while: { $0 != "(" && $0 != "<" }) else { return nil }
        return "func \(name)("
    }

    static func missing(in file: SourceTree.File, requirements: Set<String> = []) -> [Finding] {
        let code = SwiftText(file.lines).code
        return code.indices.compactMap { index in
            guard let declaration = visibleDeclaration(code[index]),
                !(functionName(declaration).map(requirements.contains) ?? false),
                !hasDocstring(above: index, lines: file.lines, code: code)
            else { return nil }
            return Finding(path: file.path, line: index + 1, what: "no docstring directly above `\(declaration)`")
        }
    }

    /// The constants of a file of limits: each documented, whatever its access level.
    static func missingAtConstants(in file: SourceTree.File) -> [Finding] {
        let code = SwiftText(file.lines).code
        return code.indices.compactMap { index in
            guard code[index].contains("static let "), !hasDocstring(above: index, lines: file.lines, code: code) else {
                return nil
            }
            return Finding(path: file.path, line: index + 1, what: "a limit without a docstring")
        }
    }

    /// The declaration on this line if other modules can see it, shortened for a message.
    static func visibleDeclaration(_ code: String) -> String? {
        guard code.contains("package ") || code.contains("public ") else { return nil }
        let text = withoutAttributes(code[...])
        var isVisible = false
        for word in text.split(separator: " ") {
            let bare = word.prefix { $0 != "(" && $0 != "<" && $0 != "?" && $0 != ":" }
            if bare == "override" || bare == "import" || bare == "extension" { return nil }
            if (bare == "package" || bare == "public") && bare.count == word.count {
                isVisible = true
            } else if bare == "class" || keywords.contains(bare) {
                guard isVisible, !witnesses.contains(where: text.contains) else { return nil }
                return String(text.prefix(60))
            } else if !modifiers.contains(bare) && !word.hasSuffix("(set)") {
                return nil
            }
        }
        return nil
    }

    /// `code` without leading spaces and attributes such as `@inlinable` and `@inline(__always)`.
    private static func withoutAttributes(_ code: Substring) -> Substring {
        var text = code.drop { $0 == " " || $0 == "\t" }
        while text.first == "@" {
            text = text.dropFirst().drop { $0.isLetter || $0.isNumber || $0 == "_" }
            if text.first == "(" {
                guard let end = text.firstIndex(of: ")") else { return text }
                text = text[text.index(after: end)...]
            }
            text = text.drop { $0 == " " }
        }
        return text
    }

    /// Whether the line above, attributes aside, ends a docstring.
    private static func hasDocstring(above index: Int, lines: [String], code: [String]) -> Bool {
        for above in stride(from: index - 1, through: 0, by: -1) {
            let line = lines[above].drop { $0 == " " || $0 == "\t" }
            if line.hasPrefix("///") || line.hasSuffix("*/") { return true }
            if line.hasPrefix("// swift-format-ignore") { continue }
            guard line.hasPrefix("@"), withoutAttributes(code[above][...]).isEmpty else { return false }
        }
        return false
    }
}

@Suite struct DocstringTests {
    @Test func everyPackageAndPublicDeclarationHasADocstring() {
        let modules = Dictionary(grouping: SourceTree.shared.swiftSources, by: \.module)
        for files in modules.values {
            let requirements = Docstrings.requirements(in: files)
            files.flatMap { Docstrings.missing(in: $0, requirements: requirements) }.record(
                reason:
                    "What other modules use says what it is, its units, its limit and who frees it (docs and STYLE, 9)")
        }
    }

    @Test func everyLimitSaysWhatHappensThere() {
        for file in SourceTree.shared.swiftSources where file.name.contains("Limits") {
            Docstrings.missingAtConstants(in: file).record(
                reason: "A limit nobody explained is a surprise in production: unit, reason, and what happens at it")
        }
    }

    @Test func witnessesOfTheModulesOwnProtocolsAreExempt() {
        let text = """
            /// Where bytes go.
            package protocol Store {
                /// Writes.
                func write(_ bytes: Int)
            }
            struct A: Store {
                package func write(_ bytes: Int) {}
                package func other() {}
            }
            """
        let file = SourceTree.File(path: "Sources/FanfareLog/X.swift", text: text)
        let requirements = Docstrings.requirements(in: [file])
        #expect(requirements == ["func write("])
        #expect(Docstrings.missing(in: file, requirements: requirements).map(\.line) == [8])
    }

    @Test func missingDocstringsAreFoundAndDocumentedOnesAreNot() {
        let text = """
            /// A thing.
            @safe package struct Thing: Equatable {
                package var bare: Int
                /// Documented.
                @inlinable
                @inline(__always)
                package static func fine() {}
                package static func == (left: Self, right: Self) -> Bool { true }
                package override func overridden() {}
                var internalOne = "package var x"
                @inlinable package init(_ x: Int) {}
                package private(set) var counted = 0
                // A reason, not a docstring.
                package func plain() {}
                let note = \"\"\"
                    package func inText() {}
                    \"\"\"
            }
            """
        let findings = Docstrings.missing(in: SourceTree.File(path: "Sources/FanfareBase/X.swift", text: text))
        #expect(findings.map(\.line) == [3, 11, 12, 14])
    }
}
