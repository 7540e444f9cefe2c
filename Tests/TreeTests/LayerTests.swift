import Testing

/// The layer table of `docs/ARCHITECTURE.md`, checked against what the sources import.
enum Layers {
    static let table: [[String]] = [
        [
            "CFanfareBase", "CFanfareKernel", "CFanfareJSON", "CFanfareCrypto", "CFanfareCompression", "CFanfareHTTP2",
            "CFanfareNames",
            "FanfareBase",
        ],
        ["FanfareRing", "FanfareTLS", "FanfareWire", "FanfareEvent", "FanfareLog", "FanfareDelivery"],
        ["FanfareServer", "FanfareLoad"],
        ["fanfare"],
    ]

    /// A module that stands on its own C half in the same layer.
    static let ownHalf = ["FanfareBase": "CFanfareBase"]

    /// What does not come from this repository, and the lowest layer that may use it.
    static let foreign: [String: Int] = [
        "Swift": 0, "Glibc": 0, "Musl": 0, "Synchronization": 0,
        "Logging": 2, "Histogram": 2,
        "ArgumentParser": 3, "Foundation": 3, "FoundationEssentials": 3,
    ]

    static func layer(of module: String) -> Int? { table.firstIndex { $0.contains(module) } }

    /// The module an import line names: `package import struct Foo.Bar` names Foo.
    static func imported(by code: String) -> String? {
        let words = code.split { $0 == " " || $0 == "\t" || $0 == ";" }
        guard let keyword = words.firstIndex(of: "import"),
            words[..<keyword].allSatisfy({ $0.hasPrefix("@") || accessLevels.contains(String($0)) })
        else { return nil }
        var rest = words[(keyword + 1)...]
        if let kind = rest.first, kinds.contains(String(kind)) { rest = rest.dropFirst() }
        return rest.first.map { String($0.prefix { $0 != "." }) }
    }

    private static let accessLevels: Set = ["package", "public", "internal", "fileprivate", "private"]
    private static let kinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]

    static func findings(in file: SourceTree.File) -> [Finding] {
        guard let own = layer(of: file.module) else {
            return [Finding(path: file.path, line: 1, what: "the module \(file.module) is in no layer of the table")]
        }
        return SwiftText(file.lines).code.enumerated().compactMap { index, code in
            guard let name = imported(by: code), name != file.module, name != ownHalf[file.module] else { return nil }
            let objection: String
            if let lower = layer(of: name) {
                if lower < own { return nil }
                objection = lower == own ? "imports its sibling \(name)" : "imports \(name) from a layer above"
            } else if let lowest = foreign[name] {
                if own >= lowest { return nil }
                objection = "imports \(name) below layer L\(lowest)"
            } else {
                objection = "imports \(name), which the table does not know"
            }
            return Finding(path: file.path, line: index + 1, what: objection)
        }
    }
}

@Suite struct LayerTests {
    @Test func importsPointDownOnlyAndSiblingsNeverImportOneAnother() {
        for file in SourceTree.shared.swiftSources {
            Layers.findings(in: file).record(
                reason:
                    "Layers keep each part testable alone, and Foundation adds 60 MB and hidden allocations to the data path; "
                    + "move the code, or change the table with a decision record")
        }
    }

    @Test func everyModuleOfTheTableHasSources() {
        for module in Layers.table.joined() {
            #expect(SourceTree.exists("Sources/\(module)"), "the layer table names \(module), which has no sources")
        }
    }

    @Test func aSiblingAnUpperLayerAndFoundationBelowL3AreFound() {
        let text = """
            package import FanfareBase
            import struct FanfareLog.Segment
            @preconcurrency import FanfareServer
            import Foundation
            // import FanfareTLS
            import Mystery
            let text = "import FanfareTLS"
            """
        let findings = Layers.findings(in: SourceTree.File(path: "Sources/FanfareWire/X.swift", text: text))
        #expect(findings.map(\.line) == [2, 3, 4, 6])
    }
}
