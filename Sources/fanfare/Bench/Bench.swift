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

            Ends with 70 when a delivery is lost, repeated on a socket or out of order, or a goal of the profile is missed.
            """, subcommands: [BenchCompare.self])

    @Option(help: ArgumentHelp("The load profile.", valueName: "file"))
    var profile: String?

    @Flag(
        help: "Find the highest rate that holds the profile's goals: one run after another, a fresh service for each.")
    var search = false

    @Flag(help: "List the profiles of --profiles, and what they are for.")
    var list = false

    @Option(help: ArgumentHelp("Where --list looks.", valueName: "folder"))
    var profiles = "load-profiles"

    @Option(
        help: ArgumentHelp(
            "Also write the result to this folder, NAME.json and NAME.html; made when missing.", valueName: "folder"))
    var output: String?

    @Option(
        help:
            "A service that is there already: http:// or https:// with HOST:PORT. Webhooks must be able to reach this machine's loopback address."
    )
    var url: String?

    @Option(help: "The bearer token for --url; without it the environment's FANFARE_TOKEN is used.")
    var token: String?

    @Option(help: ArgumentHelp("Trust the certificates in this PEM file and no others, for --url.", valueName: "file"))
    var ca: String?

    @Flag(help: "Accept any certificate of --url. For development only.")
    var insecure = false

    func perform() throws(CommandFailure) {
        guard list != (profile != nil) else { throw .usage("bench takes either --profile or --list") }
        guard let profile else { return try listProfiles() }
        let load = try Self.read(profile)
        let loop = try Loops.make()
        Terminal.line("\(Self.name(profile)): \(load.description)")
        try report(search ? highestRate(load, loop) : measure(load, loop))
    }

    /// Loads a service of its own, or the one at `url`, and waits for the last delivery.
    func measure(_ profile: LoadProfile, _ loop: ClientLoop) throws(CommandFailure) -> BenchReport {
        let plan = try BenchPlan(profile, run: String(PublishRequests.identifier().prefix(8)))
        let audience = BenchAudience(loop, plan)
        if let url {
            var options = ServiceOptions()
            (options.url, options.token, options.ca, options.insecure) = (url, token, ca, insecure)
            let targets = try BenchTargets(try options.httpTarget(), profile)
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
            return try run(plan, loop, audience, try BenchTargets(service, folder), service)
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

    private func report(_ report: BenchReport) throws(CommandFailure) {
        for line in report.lines { Terminal.line(line) }
        if let output { try write(report, to: output) }
        guard report.misses.isEmpty else { throw CommandFailure(report.misses.joined(separator: "\n"), code: 70) }
    }

    private func write(_ report: BenchReport, to folder: String) throws(CommandFailure) {
        if unsafe mkdir(folder, 0o755) != 0, errno != EEXIST { throw .io("\(folder): cannot be made (errno \(errno))") }
        let json = report.output.page
        try LocalFile.write(json, to: "\(folder)/\(report.name).json")
        try LocalFile.write(Array(Self.page(json).text.utf8), to: "\(folder)/\(report.name).html")
        Terminal.line("written to \(folder)/\(report.name).json and .html")
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
        var table = Table(["profile", "what it is for"], leftAligned: [0, 1])
        for name in names.sorted() where name.hasSuffix(".json") {
            table.add(["\(profiles)/\(name)", try Self.read("\(profiles)/\(name)").description])
        }
        for line in table.lines { Terminal.line(line) }
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
