import ArgumentParser
import FanfareBase
import FanfareLoad
import FanfareServer
import FanfareTLS

/// `fanfare demo`: a service, subscribers of every kind, real-looking events, and a table of what arrived. What `make
/// demo` runs.
struct Demo: FanfareCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the service at work: start one, subscribe, publish, count what arrives.", shouldDisplay: false)

    @Option(help: "Seconds of publishing.")
    var seconds = 10

    @Option(help: "Events a second.")
    var rate = 300

    @Option(help: "Subscribers of each of WebSocket, Server-Sent Events and stream.")
    var subscribers = 50

    @Option(help: "Webhook endpoints.")
    var webhooks = 5

    func validate() throws {
        guard (1...600).contains(seconds), (1...100_000).contains(rate) else {
            throw ValidationError("--seconds is 1 to 600, --rate 1 to 100000.")
        }
        guard (0...2000).contains(subscribers), (0...100).contains(webhooks) else {
            throw ValidationError("--subscribers is 0 to 2000, --webhooks 0 to 100.")
        }
    }

    func perform() throws(CommandFailure) {
        let loop = try Loops.make()
        let folder = try ServiceFolder("demo")
        defer { folder.remove() }
        let audience = DemoAudience(loop, eventCount: seconds * rate)
        var endpoints: [DemoEndpoint] = []
        for number in 0..<webhooks { endpoints.append(try audience.openEndpoint(number, folder)) }
        try folder.configure(endpoints)
        let service = try start(folder)
        defer {
            service.drain()
            service.waitForEnd()
        }
        let run = try DemoRun(
            loop, audience, connect(audience, service, folder), count: seconds * rate, rate: Double(rate))
        announce(service)
        run.run()
        try report(audience, run)
    }

    private func start(_ folder: ServiceFolder) throws(CommandFailure) -> Service {
        let loaded: LoadedConfiguration
        do throws(Diagnostics) {
            loaded = try ConfigurationReader.read("\(folder.path)/fanfare.json")
        } catch {
            throw CommandFailure(error.description, code: error.exitCode)
        }
        do throws(Service.StartError) {
            return try Service(loaded, isDevelopment: false) { Terminal.error("fanfare: \($0)") }
        } catch {
            throw CommandFailure(error.description, code: error.exitCode)
        }
    }

    /// Connects the sockets; gives where to publish.
    private func connect(
        _ audience: DemoAudience, _ service: Service, _ folder: ServiceFolder
    ) throws(CommandFailure) -> ClientTarget {
        let plain = try target("plain", "http", service, folder)
        let encrypted = try target("tls", "https", service, folder)
        audience.connect(subscribers, .webSocket, .websocket, [plain, encrypted])
        audience.connect(subscribers, .serverSentEvents, .sse, [plain, encrypted])
        audience.connect(subscribers, .stream, .stream, [try target("stream", "tcp", service, folder)])
        return plain
    }

    private func target(
        _ listener: String, _ scheme: String, _ service: Service, _ folder: ServiceFolder
    ) throws(CommandFailure) -> ClientTarget {
        guard let address = service.addresses.first(where: { $0.listener.name == listener }) else {
            throw .unavailable("the service has no listener \(listener)")
        }
        do {
            let url = try ServiceURL("\(scheme)://\(address.text)")
            return try ClientTarget(
                url, addresses: NameLookup.addresses(of: url), trust: .pem(folder.authority.certificatePEM))
        } catch {
            throw .unavailable("\(error)")
        }
    }

    private func announce(_ service: Service) {
        Terminal.line(
            "a service at \(service.addresses[0].text); \(subscribers) WebSocket, \(subscribers) "
                + "Server-Sent Events (half of each with TLS), \(subscribers) stream subscribers, "
                + "\(Plural.of(webhooks, "webhook endpoint")) with TLS")
        Terminal.line(
            "publishing \(Plural.of(seconds * rate, "event")) at \(rate) a second: orders, payments, telemetry")
    }

    private func report(_ audience: DemoAudience, _ run: DemoRun) throws(CommandFailure) {
        if let failure = run.failure { throw failure }
        audience.leave(millisecondsMax: 1000)
        Terminal.line("")
        for line in audience.tally.lines { Terminal.line(line) }
        Terminal.line("")
        Terminal.line("webhook signatures: \(audience.signaturesValid) right, \(audience.signaturesWrong) wrong")
        guard audience.tally.isPerfect, audience.signaturesWrong == 0 else {
            throw CommandFailure("not everything arrived exactly once and rightly signed", code: 70)
        }
    }
}
