import Testing

/// Whether what the documentation points at is there.
enum Documentation {
    private static let roots = ["Sources/", "Tests/", "Benchmarks/", "docs/", "load-profiles/", ".ci/"]

    static func brokenReferences(in file: SourceTree.File) -> [Finding] {
        var findings: [Finding] = []
        var isInFence = false
        for (index, line) in file.lines.enumerated() {
            let start = line.drop { $0 == " " }
            if start.hasPrefix("```") || start.hasPrefix("~~~") {
                isInFence.toggle()
                continue
            }
            if isInFence { continue }
            for link in links(in: line) where !resolves(link: link, from: file.directory) {
                findings.append(Finding(path: file.path, line: index + 1, what: "the link `\(link)` leads nowhere"))
            }
            for path in backticked(in: line) {
                if let objection = objection(to: path) {
                    findings.append(Finding(path: file.path, line: index + 1, what: objection))
                }
            }
        }
        return findings
    }

    /// The targets of `[text](target)`.
    private static func links(in line: String) -> [String] {
        line.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap { rest in
            rest.firstIndex(of: ")").map { String(rest[..<$0].prefix { $0 != " " }) }
        }
    }

    private static func resolves(link: String, from directory: String) -> Bool {
        if link.contains("://") || link.hasPrefix("#") || link.hasPrefix("mailto:") || link.isEmpty { return true }
        return SourceTree.exists(directory + String(link.prefix { $0 != "#" }))
    }

    /// What stands between single backticks.
    private static func backticked(in line: String) -> [String] {
        line.split(separator: "`", omittingEmptySubsequences: false).enumerated().compactMap { index, text in
            index % 2 == 1 ? String(text) : nil
        }
    }

    /// What is wrong with a path such as `Sources/A/B.swift`, `FanfareLog/Writer.swift:append` or `docs/X.md`; nil when it
    /// is right or not a path into this repository.
    private static func objection(to text: String) -> String? {
        guard !text.contains(where: { " *<>{}…$|".contains($0) }), text.contains("/") else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard let path = parts.first, path.hasSuffix(".swift") || roots.contains(where: path.hasPrefix) else {
            return nil
        }
        guard let found = [path, "Sources/" + path, "Tests/" + path].first(where: SourceTree.exists) else {
            return "`\(path)` does not exist"
        }
        guard parts.count == 2, path.hasSuffix(".swift") else { return nil }
        let symbol = parts[1].prefix { $0 != "(" }.split(separator: ".").last.map(String.init) ?? ""
        let file = SourceTree.shared.files.first { $0.path == found }
        guard symbol.allSatisfy(\.isNumber) || file?.lines.contains(where: { $0.contains(symbol) }) == true else {
            return "`\(found)` has no `\(symbol)`"
        }
        return nil
    }
}

@Suite struct DocumentationTests {
    @Test func linksAndPathsInTheDocumentationResolve() {
        for file in SourceTree.shared.files where file.path.hasSuffix(".md") {
            Documentation.brokenReferences(in: file).record(
                reason: "A newcomer follows these; a stale one costs more than none: update it with the code it names")
        }
    }

    @Test func brokenLinksPathsAndFunctionsAreFound() {
        let text = """
            [here](ARCHITECTURE-OF-NOTHING.md) and [there](https://example.com) and `Sources/Nowhere/X.swift`
            `Sources/FanfareBase/Position.swift:write` and `FanfareBase/Position.swift:noSuchFunction` and `subscriptions.d/x.json`
            ```
            [in a fence](nowhere.md)
            ```
            """
        let file = SourceTree.File(path: "docs/X.md", text: text)
        #expect(Documentation.brokenReferences(in: file).map(\.line) == [1, 1, 2])
    }
}
