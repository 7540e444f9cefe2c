import ArgumentParser
import FanfareBase
import FanfareServer
import Glibc

/// `fanfare serve`: runs the service until it is told to stop.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the service.")

    @Option(help: "The configuration file; without one every key has its default.")
    var config: String?

    @Flag(help: "Loopback only; webhooks to private addresses and plain HTTP allowed; retries start at 1 s.")
    var development = false

    @Option(
        help: ArgumentHelp(
            "Also serve, at this address, WebSockets that get their own messages back: for conformance suites.",
            valueName: "address"))
    var websocketEcho: String?

    @Flag(
        help: ArgumentHelp(
            "End when standard input does: for services that live as long as another program.", visibility: .hidden))
    var untilInputEnds = false

    func run() throws {
        let signals = SignalSet([SIGTERM, SIGINT, SIGHUP])
        signals.block()
        let service = try start()
        // Reading definitions and recovery leave memory free in pieces: what of it is whole pages goes back to the system.
        Heap.trim()
        Welcome(service: service, isDevelopment: development).print()
        SignalThread.start(signals) { signal in
            if signal == SIGHUP { service.reload() } else { service.drain() }
        }
        if untilInputEnds { InputThread.start { service.drain() } }
        service.waitForEnd()
        if service.context.failure != nil { throw ExitCode(EX.io) }
    }

    private func start() throws -> Service {
        var loaded = try LoadedConfiguration.read(config, development: development)
        if let websocketEcho {
            guard let address = ListenerAddress(websocketEcho), case .tcp = address.kind else {
                throw ValidationError("--websocket-echo takes HOST:PORT with a literal address or localhost")
            }
            loaded.configuration.listeners.append(.webSocketEcho(address))
        }
        let progress = ProgressLine(tellsFiles: true)
        do throws(Service.StartError) {
            let service = try Service(
                loaded, path: config, isDevelopment: development,
                progress: { progress.show("opening the log: segment \($0.segment + 1) of \($0.segments)") },
                report: { Terminal.error("fanfare: \($0)") })
            progress.finish()
            return service
        } catch {
            progress.finish()
            Terminal.error("fanfare: \(error)")
            throw ExitCode(error.exitCode)
        }
    }
}
