import ArgumentParser
import FanfareBase
import FanfareLoad
import FanfareServer
import Glibc

/// `fanfare bench`: loads a service as a profile says, reconciles every delivery and tells how long each took.
struct Bench: FanfareCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a service under a load profile.",
        discussion: """
            Starts a service of its own, with a log in a temporary folder, unless --url names one. Events are sent at the \
            times the profile sets, whether or not earlier ones are acknowledged, and latencies count from those times.

            Ends with 70 when a delivery is lost, repeated on a socket or out of order, a goal of the profile is missed, or the \
            service it has started dies; with 69 when a service is not there or no longer answers, or after Ctrl-C. Ctrl-C ends \
            the publishing, and what was sent until then is reported; the second one ends it at once.
            """, subcommands: [BenchCompare.self])

    /// What `--repeat` may be: the reports of all runs are kept.
    private static let runsAllowed = 1...100

    @Option(help: ArgumentHelp("The load profile.", valueName: "file"))
    var profile: String?

    @Flag(
        help: "Find the highest rate that holds the profile's goals: one run after another, a fresh service for each.")
    var search = false

    @Option(
        name: .customLong("repeat"),
        help: ArgumentHelp(
            "Run so often, with a fresh service each time (not with --url: it is the same one); --output then holds NAME-1.json and so on, one side of compare.",
            valueName: "number"))
    var runs = 1

    @Flag(help: "List the profiles of --profiles, and what they are for.")
    var list = false

    @Option(help: ArgumentHelp("Where --list looks.", valueName: "folder"))
    var profiles = "load-profiles"

    @Option(
        help: ArgumentHelp(
            "Also write the result to this folder, NAME.json and NAME.html; made, with those it is in, when missing.",
            valueName: "folder"))
    var output: String?

    @Option(
        help:
            "A service that is there already: http:// or https:// with HOST:PORT. Webhooks must be able to reach this machine's loopback address."
    )
    var url: String?

    @OptionGroup(title: "For --url") var access: ServiceAccess

    func perform() throws(CommandFailure) {
        guard list != (profile != nil) else { throw .usage("bench takes either --profile or --list") }
        guard let profile else { return try listProfiles() }
        guard Self.runsAllowed.contains(runs) else {
            throw .usage("--repeat is from 1 to \(Self.runsAllowed.upperBound)")
        }
        guard runs == 1 || output != nil && !search else { throw .usage("--repeat needs --output, and no --search") }
        let load = try Self.read(profile)
        try BenchDescriptors.prepare(for: load)
        // Now: nobody wants to hear at the end of a long run that it cannot be written.
        if let output { try LocalFile.makeFolder(output) }
        let loop = try Loops.make()
        Terminal.line(Table.escaped("\(Self.name(profile)): \(load.description)"))
        if runs > 1 { return try measureAgainAndAgain(load, loop) }
        let report = try search ? highestRate(load, loop) : measure(load, loop)
        try show(report, as: report.name)
        guard !loop.isInterrupted else { throw .interrupted }
        guard report.misses.isEmpty else {
            throw CommandFailure(report.misses.joined(separator: "\n"), code: EX.software)
        }
    }

    /// Measures `runs` times.
    private func measureAgainAndAgain(_ profile: LoadProfile, _ loop: ClientLoop) throws(CommandFailure) {
        // All are kept: what is late of an earlier run still finds whom it was for.
        var reports: [BenchReport] = []
        defer { withExtendedLifetime(reports) {} }
        for number in 1...runs {
            Terminal.line("\(number == 1 ? "" : "\n")run \(number) of \(runs)")
            let report = try measure(profile, loop)
            reports.append(report)
            try show(report, as: "\(report.name)-\(number)")
            guard !loop.isInterrupted else { throw .interrupted }
        }
        let misses = reports.enumerated().flatMap { index, report in report.misses.map { "run \(index + 1): \($0)" } }
        guard misses.isEmpty else { throw CommandFailure(misses.joined(separator: "\n"), code: EX.software) }
    }

    /// Loads a service of its own, or the one at `url`, and waits for the last delivery.
    func measure(_ profile: LoadProfile, _ loop: ClientLoop) throws(CommandFailure) -> BenchReport {
        let plan = try BenchPlan(profile, run: String(PublishRequests.identifier().prefix(8)))
        let audience = BenchAudience(loop, plan)
        if let url {
            let targets = try BenchTargets(try access.httpTarget(at: url), profile)
            let webhooks = BenchWebhooks(plan, try audience.openEndpoints(nil))
            // Removing runs the loop, on which sockets and publishers may still be.
            defer { withExtendedLifetime(audience) { webhooks.remove(loop, targets.publish) } }
            try webhooks.make(loop, targets.publish)
            return try run(plan, loop, audience, targets, nil)
        } else {
            let folder = try ServiceFolder("bench")
            defer { folder.remove() }
            try folder.configure(profile)
            try BenchWebhooks(plan, try audience.openEndpoints(folder)).write(to: folder)
            let service = try BenchService(folder)
            defer { service.stop() }
            do throws(CommandFailure) {
                let report = try run(plan, loop, audience, try BenchTargets(service, folder), service)
                if let words = service.endWords { throw CommandFailure(words, code: EX.software) }
                return report
            } catch {
                guard !loop.isInterrupted, let words = service.endWordsSoon else { throw error }
                throw CommandFailure(words, code: EX.software)
            }
        }
    }

    private func run(
        _ plan: BenchPlan, _ loop: ClientLoop, _ audience: BenchAudience, _ targets: BenchTargets,
        _ service: BenchService?
    ) throws(CommandFailure) -> BenchReport {
        audience.targets = targets
        if !audience.sockets.isEmpty { audience.startPosition = try Self.head(loop, targets.publish) }
        let run = BenchRun(loop, plan, audience, targets, service)
        // Leaving runs the loop, on which publishers may still be.
        defer { withExtendedLifetime(run) { audience.leave(millisecondsMax: 5000) } }
        let before = Self.stages(loop, targets.publish)
        try run.run()
        var measures = run.measures
        if let before { measures.stages = Self.stages(loop, targets.publish)?.since(before) }
        return BenchReport(name: Self.name(self.profile ?? ""), plan: plan, audience: audience, measures: measures)
    }

    /// Where the log ends: the position of its last event.
    private static func head(_ loop: ClientLoop, _ target: ClientTarget) throws(CommandFailure) -> String {
        let answer = try SimpleRequest(loop, target).send("GET", "/v1/events?topic=bench.%3E&from=latest&limit=1")
        let next: String?
        do throws(JSONSyntaxError) { next = try JSONDocument(answer.body).root.object?["next"]?.string } catch {
            throw .unavailable("the service does not say where its log ends: \(error)")
        }
        guard let next, Position(next) != nil else {
            throw .unavailable("the service does not say where its log ends")
        }
        return next
    }

    /// Prints it, and writes it to the files called `name` where they are wanted.
    private func show(_ report: BenchReport, as name: String) throws(CommandFailure) {
        for line in report.lines { Terminal.line(line) }
        if let output { try write(report, to: output, as: name) }
    }

    private func write(_ report: BenchReport, to folder: String, as name: String) throws(CommandFailure) {
        let json = report.output.page
        try LocalFile.write(json, to: "\(folder)/\(name).json")
        try LocalFile.write(Array(Self.page(json).text.utf8), to: "\(folder)/\(name).html")
        Terminal.line("written to \(folder)/\(name).json and .html")
    }

    /// What the service says of the stages of events until now; nil when it does not.
    private static func stages(_ loop: ClientLoop, _ target: ClientTarget) -> StageTimes? {
        do throws(CommandFailure) {
            let answer = try SimpleRequest(loop, target).send("GET", "/metrics")
            return StageTimes(page: String(decoding: answer.body, as: UTF8.self))
        } catch {
            return nil
        }
    }

    private static func page(_ json: [UInt8]) -> ReportPage {
        do throws(BenchResult.Failure) { return ReportPage(try BenchResult(json)) } catch {
            invariantFailure("what was written can be read: \(error.words)")
        }
    }

    private func listProfiles() throws(CommandFailure) {
        guard case .success(let names) = Surroundings.process.names(profiles) else {
            throw .usage("\(profiles): there is no such folder, or it cannot be read")
        }
        var table = Table(["profile", "goals", "what it is for"], leftAligned: [0, 1, 2])
        var failure: CommandFailure?
        for name in names.sorted() where name.hasSuffix(".json") {
            let path = "\(profiles)/\(name)"
            do throws(CommandFailure) {
                let profile = try Self.read(path)
                table.add([path, profile.goals.text, profile.description])
            } catch {
                Terminal.error("fanfare: \(error.message)")
                failure = error
            }
        }
        for line in table.lines { Terminal.line(line) }
        if let failure { throw CommandFailure("not all of these files are profiles", code: failure.code) }
    }

    private static func read(_ path: String) throws(CommandFailure) -> LoadProfile {
        do throws(Diagnostics) { return try LoadProfile.read(path) } catch {
            throw CommandFailure(error.description, code: error.exitCode)
        }
    }

    /// The file's name without folder and ending.
    private static func name(_ path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        return file.hasSuffix(".json") ? String(file.dropLast(5)) : file
    }
}
