import ArgumentParser
import FanfareLoad
import FanfareServer

/// `fanfare bench compare`: tells whether one side of the same load is better than the other, or that it cannot be told.
struct BenchCompare: FanfareCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Compare results of fanfare bench.",
        discussion: """
            Each side is a result, or a folder of results (also in its folders). Take them in turn, A B A B, several of \
            each: runs are paired in the order in which they ended, and a machine that is slow for a while slows both of a pair. \
            The ratio B/A has a 95 % interval by Student's t on its logarithms; one pair has none.
            """)

    @Argument(help: "A result, or a folder of results.")
    var a: String

    @Argument(help: "The other side.")
    var b: String

    @Option(help: ArgumentHelp("Also write the comparison as a page.", valueName: "file"))
    var html: String?

    @Flag(help: "Compare results of different profiles too.")
    var anyProfile = false

    func perform() throws(CommandFailure) {
        let sides = (a: try Self.results(a), b: try Self.results(b))
        if !anyProfile, Set((sides.a + sides.b).map(\.load)).count > 1 {
            throw .data("the results are of different profiles, or of different states of one; see --any-profile")
        }
        let comparison = BenchComparison(sides.a, sides.b)
        guard !comparison.rows.isEmpty else { throw .data("the results have no figure in common") }
        var table = Table(["", "A", "B", "B/A", "95 %", "B is"], leftAligned: [0, 5])
        for row in comparison.rows {
            let values = [row.a, row.b].map { row.isTime ? "\(Self.text($0 / 1e6, 3)) ms" : Self.text($0, 0) }
            let interval = row.interval.map { "\(Self.text($0.lowerBound, 2)) to \(Self.text($0.upperBound, 2))" }
            table.add([row.name] + values + [Self.text(row.ratio, 2), interval ?? "", row.verdict.rawValue])
        }
        for line in table.lines { Terminal.line(line) }
        for warning in comparison.warnings { Terminal.line("not as it must be: \(warning)") }
        let left = max(sides.a.count, sides.b.count) - comparison.pairs
        Terminal.line(
            "\(comparison.pairs) \(comparison.pairs == 1 ? "pair" : "pairs") of runs"
                + (left > 0 ? ", \(left) left out" : ""))
        guard let html else { return }
        let page = ReportPage(comparison, a: (a, sides.a), b: (b, sides.b))
        try LocalFile.write(Array(page.text.utf8), to: html)
        Terminal.line("written to \(html)")
    }

    private static func results(_ path: String) throws(CommandFailure) -> [BenchResult] {
        var results: [BenchResult] = []
        for file in files(path, depth: 2) {
            guard case .success(let bytes) = Surroundings.process.file(file) else {
                throw .usage("\(file): there is no such file, or it cannot be read")
            }
            do throws(BenchResult.Failure) { results.append(try BenchResult(bytes)) } catch {
                throw .data("\(file): \(error.words)")
            }
        }
        guard !results.isEmpty else { throw .usage("\(path): holds no results (.json)") }
        return results
    }

    /// The file at `path`, or those that end in `.json` in the folder there.
    private static func files(_ path: String, depth: Int) -> [String] {
        guard case .success(let names) = Surroundings.process.names(path) else { return [path] }
        return names.sorted().flatMap { name -> [String] in
            if name.hasSuffix(".json") { return ["\(path)/\(name)"] }
            guard depth > 1, case .success = Surroundings.process.names("\(path)/\(name)") else { return [] }
            return files("\(path)/\(name)", depth: depth - 1)
        }
    }

    private static func text(_ value: Double, _ decimals: Int) -> String { DecimalText.text(value, decimals) }
}
