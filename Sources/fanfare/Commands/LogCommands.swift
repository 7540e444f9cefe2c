import ArgumentParser
import FanfareBase
import FanfareLog
import FanfareServer
import Glibc

/// `fanfare log`: reads a log without a service.
struct LogCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Read a log without a service.", subcommands: [Verify.self, Show.self])

    /// Opens the data directory, which must be there.
    static func storage(_ directory: String) throws(CommandFailure) -> FileStorage {
        var status = stat()
        guard unsafe stat(directory, &status) == 0 else {
            throw .io("\(directory): \(unsafe String(cString: strerror(errno)).lowercased())")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .io("\(directory): not a directory") }
        do throws(LogError) { return try FileStorage(path: directory) } catch { throw failure(directory, error) }
    }

    /// A log's error about `directory`. A directory in use is no damage: come back later.
    static func failure(_ directory: String, _ error: LogError) -> CommandFailure {
        if case .locked = error {
            return .unavailable("\(directory): a service is running on it; stop it first, or verify a copy")
        }
        return CommandFailure("\(directory): \(error)", code: error.exitCode)
    }
}

/// `fanfare log verify`: checks every byte of a data directory.
struct Verify: FanfareCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a data directory: is every event there and undamaged?",
        discussion:
            "Exits with 0 when it is, 65 when it is damaged, 74 when it cannot be read. Nothing is changed. The "
            + "service must not be running on it.")

    @Argument(help: "The data directory.")
    var directory: String

    @Flag(help: "Print JSON for machines.")
    var json = false

    func perform() throws(CommandFailure) {
        let progress = ProgressLine(tellsFiles: false)
        let report = LogVerifier.verify(try LogCommands.storage(directory)) { at in
            progress.show("\(directory): segment \(at.segment + 1) of \(at.segments)")
        }
        progress.finish()
        if report.errors == [.locked] { throw LogCommands.failure(directory, .locked) }
        Terminal.write(json ? Self.object(report).line + [UInt8(ascii: "\n")] : Array(Self.text(report).utf8))
        guard report.isHealthy else {
            throw CommandFailure(
                "\(directory): \(report.errors.isEmpty ? "damaged" : "cannot be read")", code: report.exitCode)
        }
    }

    private static func text(_ report: LogReport) -> String {
        var lines: [String] = []
        lines += report.errors.map { "cannot be read: \($0)" }
        lines += report.damage.map { "damaged: \($0)" }
        lines += report.unfinished.map { "cut: \($0) (an unfinished write, which the next start drops)" }
        var summary = Plural.of(report.events, "event")
        if let first = report.first, let last = report.last { summary += " (\(first.rawValue) to \(last.rawValue))" }
        summary += " in \(Plural.of(report.segments, "segment"))"
        if report.lost > 0 { summary += ", \(Plural.of(report.lost, "number")) without an event" }
        summary += ", \(Plural.of(report.subscriptions, "subscription"))"
        lines.append("\(verdict(report)): \(summary)")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func verdict(_ report: LogReport) -> String {
        guard report.isHealthy else { return report.errors.isEmpty ? "damaged" : "unreadable" }
        return report.unfinished.isEmpty ? "healthy" : "healthy, with an unfinished end"
    }

    private static func object(_ report: LogReport) -> JSONOutput {
        func places(_ damage: [LogDamage]) -> JSONOutput {
            .array(
                damage.map {
                    .object([
                        .init("file", .string($0.file)), .init("offset", .integer(Int($0.offset))),
                        .init("reason", .string($0.reason.explanation)),
                    ])
                })
        }
        var members: [JSONOutput.Member] = [
            .init("verdict", .string(report.isHealthy ? (report.unfinished.isEmpty ? "healthy" : "cut") : "damaged")),
            .init("segments", .integer(report.segments)), .init("batches", .integer(report.batches)),
            .init("events", .integer(Int(report.events))), .init("lost", .integer(Int(report.lost))),
            .init("subscriptions", .integer(report.subscriptions)), .init("unfinished", places(report.unfinished)),
            .init("damage", places(report.damage)),
            .init("errors", .array(report.errors.map { .string($0.description) })),
        ]
        if let first = report.first { members.append(.init("first", .integer(Int(first.rawValue)))) }
        if let last = report.last { members.append(.init("last", .integer(Int(last.rawValue)))) }
        return .object(members)
    }
}

/// `fanfare log show`: prints a log's events.
struct Show: FanfareCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a log's events, one JSON object a line.",
        discussion:
            "Numbers without an event and damage are told on standard error; after damage reading goes on with the "
            + "next segment, and the exit code is 65. May be used while a service is running.")

    @Argument(help: "The data directory.")
    var directory: String

    @Option(help: "Begin after this position (LOGID-NNNNNNNNNNNNNNNN) or sequence.")
    var from: String?

    func perform() throws(CommandFailure) {
        let storage = try LogCommands.storage(directory)
        var isDamaged = false
        do throws(LogError) {
            var printer = try LogPrinter(storage, after: start())
            var output = LineOutput()
            while let item = try printer.next() {
                switch item {
                case .event(let record): unsafe output.line(record.canonical)
                case .lost(let range):
                    output.flush()
                    Terminal.error("no event: \(range.lowerBound.rawValue) to \(range.upperBound.rawValue)")
                case .damage(let damage):
                    output.flush()
                    Terminal.error("damaged: \(damage)")
                    isDamaged = true
                }
            }
            output.flush()
        } catch {
            throw LogCommands.failure(directory, error)
        }
        if isDamaged { throw .data("\(directory): damaged") }
    }

    private func start() -> SequenceNumber {
        guard let from else { return .zero }
        return Position(from)?.sequence ?? UInt64(from).map(SequenceNumber.init) ?? .zero
    }

    func validate() throws {
        guard let from, Position(from) == nil, UInt64(from) == nil else { return }
        throw ValidationError(
            "--from must be a position (LOGID-NNNNNNNNNNNNNNNN) or a sequence number, not \"\(from)\".")
    }
}
