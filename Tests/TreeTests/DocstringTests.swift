import Testing

/// Which declarations need a docstring, and whether they have one.
///
/// Asked of everything other modules can see. Exempt: overrides, imports and extensions, which declare nothing new, and
/// witnesses whose meaning the standard library's protocol fixes. Enum cases and protocol requirements carry no access
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
    ]

    static func missing(in file: SourceTree.File) -> [Finding] {
        let code = SwiftText(file.lines).code
        return code.indices.compactMap { index in
            guard let declaration = visibleDeclaration(code[index]),
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
        for file in SourceTree.shared.swiftSources {
            Docstrings.missing(in: file).record(
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
