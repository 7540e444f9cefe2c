import Testing

/// Small rules about the text of files, each with its reason.
enum Hygiene {
    /// Lines at which a file is several ideas: five times the size STYLE asks for (about 250), so no judgement is needed.
    static let linesMax = 1200

    static func endings(_ file: SourceTree.File) -> [Finding] {
        var findings: [Finding] = []
        if !file.endsWithNewline {
            findings.append(Finding(path: file.path, line: file.lines.count, what: "no newline at the end"))
        }
        if file.lines.count >= linesMax {
            findings.append(Finding(path: file.path, line: linesMax, what: "\(file.lines.count) lines"))
        }
        return findings
    }

    /// Errors made nil without a word on the line above or beside.
    static func discardedErrors(_ file: SourceTree.File) -> [Finding] {
        unexplained(find("try?", in: file), in: file)
    }

    /// Promises to the compiler that nobody explained on the line above or beside.
    static func unexplainedPromises(_ file: SourceTree.File) -> [Finding] {
        unexplained(find("@unchecked Sendable", in: file) + find("nonisolated(unsafe)", in: file), in: file)
    }

    /// Random numbers that code run by a shard draws itself: what draws them for it lies in `Service/`.
    static func drawnRandomNumbers(_ file: SourceTree.File) -> [Finding] {
        let isGiven = file.module != "FanfareServer" || file.path.contains("/Service/")
        return isGiven ? [] : find("random(in:", in: file) + find("SystemRandomNumberGenerator", in: file)
    }

    private static func unexplained(_ findings: [Finding], in file: SourceTree.File) -> [Finding] {
        findings.filter { finding in
            let above = finding.line >= 2 ? file.lines[finding.line - 2] : ""
            return !above.contains("//") && !file.lines[finding.line - 1].contains("//")
        }
    }

    private static func find(_ text: String, in file: SourceTree.File) -> [Finding] {
        SwiftText(file.lines).code.enumerated().compactMap { index, code in
            containsWord(text, in: code) ? Finding(path: file.path, line: index + 1, what: "`\(text)`") : nil
        }
    }
}

extension Hygiene {
    /// Whether `text` stands in `code` with no letter before it: `entry?` and `registry?` are no `try?`.
    private static func containsWord(_ text: String, in code: String) -> Bool {
        let parts = code.split(separator: text, omittingEmptySubsequences: false)
        return parts.dropLast().contains { !($0.last?.isLetter ?? false) }
    }
}

@Suite struct HygieneTests {
    @Test func filesEndWithANewlineAndStayOneIdea() {
        for file in SourceTree.shared.files where !file.path.hasSuffix(".json") {
            Hygiene.endings(file).record(
                reason:
                    "A last line without newline breaks tools that append; a file of \(Hygiene.linesMax) lines is several "
                    + "ideas that nobody reads as one: split it by type")
        }
    }

    @Test func noErrorIsThrownAwaySilently() {
        for file in SourceTree.shared.swiftSources {
            Hygiene.discardedErrors(file).record(
                reason:
                    "`try?` hides what the world did; catch it where it can be handled, or say in a comment on the line above why the error itself is the answer"
            )
        }
    }

    @Test func promisesToTheCompilerAreExplained() {
        for file in SourceTree.shared.swiftSources {
            Hygiene.unexplainedPromises(file).record(
                reason:
                    "The compiler takes our word for it, so the reader needs the argument: a comment on the line above")
        }
    }

    @Test func noShardDrawsARandomNumberItself() {
        for file in SourceTree.shared.swiftSources {
            Hygiene.drawnRandomNumbers(file).record(
                reason:
                    "A simulated run repeats only when all randomness comes in from outside: use the shard's `random` or the "
                    + "service's `secrets`")
        }
        let text = "let a = UInt8.random(in: 0...1)\n"
        let drawn = SourceTree.File(path: "Sources/FanfareServer/Admin/X.swift", text: text)
        #expect(Hygiene.drawnRandomNumbers(drawn).map(\.line) == [1])
    }

    @Test func discardedErrorsAndUnexplainedPromisesAreFound() {
        let text = """
            let a = try? f()
            // try? in a comment and "try?" in a string are nothing
            let b = "try?", c = entry?.value
            final class C: @unchecked Sendable {}
            // One thread only ever touches it.
            final class D: @unchecked Sendable {}
            """
        let file = SourceTree.File(path: "Sources/FanfareBase/X.swift", text: text)
        #expect(Hygiene.discardedErrors(file).map(\.line) == [1])
        #expect(Hygiene.unexplainedPromises(file).map(\.line) == [4])
        #expect(Hygiene.endings(file).map(\.line) == [6])
    }
}
