import Foundation
import Testing

/// The repository as the rules see it: text files under the top-level directories, read once.
struct SourceTree: Sendable {
    /// One file: its path from the repository's root and its lines.
    struct File: Sendable {
        let path: String
        let lines: [String]
        let endsWithNewline: Bool

        init(path: String, text: String) {
            self.path = path
            endsWithNewline = text.isEmpty || text.hasSuffix("\n")
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            if text.hasSuffix("\n") { lines.removeLast() }
            self.lines = lines
        }

        var name: String { String(path.split(separator: "/").last ?? "") }
        var directory: String { String(path.dropLast(name.count)) }
        var isSwift: Bool { path.hasSuffix(".swift") }
        /// The module a file under Sources belongs to.
        var module: String { String(path.split(separator: "/").dropFirst().first ?? "") }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let shared = SourceTree()

    let files: [File]

    private init() {
        let suffixes = [".swift", ".c", ".cpp", ".h", ".md", ".py", ".json", ".sh"]
        var paths = ["README.md", "CHANGELOG.md", "Package.swift", "Makefile", ".ci/run"]
        for directory in ["Sources", "Tests", "Benchmarks", "docs", "load-profiles"] {
            let walker = FileManager.default.enumerator(
                at: Self.root.appending(path: directory), includingPropertiesForKeys: nil, options: [.skipsHiddenFiles])
            while let url = walker?.nextObject() as? URL {
                guard suffixes.contains(where: url.path.hasSuffix) else { continue }
                paths.append(String(url.path.dropFirst(Self.root.path.count).drop { $0 == "/" }))
            }
        }
        files = paths.sorted().compactMap { path in
            guard let bytes = FileManager.default.contents(atPath: Self.root.appending(path: path).path) else {
                return nil
            }
            return File(path: path, text: String(decoding: bytes, as: UTF8.self))
        }
    }

    var swiftSources: [File] { files.filter { $0.isSwift && $0.path.hasPrefix("Sources/") } }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }
}

/// Something a rule objects to, with the place and the reason for the rule.
struct Finding: Equatable {
    let path: String
    /// From 1.
    let line: Int
    let what: String

    /// Fails the running test with this finding and the rule's `reason`.
    func record(reason: String) { Issue.record("\(path):\(line): \(what). \(reason)") }
}

extension [Finding] {
    func record(reason: String) { for finding in self { finding.record(reason: reason) } }
}
