import ArgumentParser
import FanfareLoad
import FanfareRing
import FanfareTLS
import Glibc

/// Which service a command talks to, and how.
struct ServiceOptions: ParsableArguments {
    @Option(help: "The service: http://, https://, tcp://, tls:// with HOST:PORT, or unix:PATH.")
    var url = "http://127.0.0.1:8080"

    @OptionGroup var access: ServiceAccess

    /// The service, looked up.
    func target() throws(CommandFailure) -> ClientTarget { try access.target(at: parsedURL()) }

    /// The service, which must speak HTTP.
    func httpTarget() throws(CommandFailure) -> ClientTarget { try access.httpTarget(at: url) }

    /// The URL as it is meant.
    func parsedURL() throws(CommandFailure) -> ServiceURL { try ServiceAccess.parsed(url) }
}

/// How a command shows a service who it is, and knows the service.
struct ServiceAccess: ParsableArguments {
    @Option(help: "The bearer token; without it the environment's FANFARE_TOKEN is used.")
    var token: String?

    @Option(help: ArgumentHelp("Trust the certificates in this PEM file and no others.", valueName: "file"))
    var ca: String?

    @Flag(help: "Accept any certificate. For development only.")
    var insecure = false

    /// The service that `--url` names, which must speak HTTP.
    func httpTarget(at text: String) throws(CommandFailure) -> ClientTarget {
        let url = try Self.parsed(text)
        guard url.isHTTP else { throw .usage("--url must be http://HOST:PORT or https://HOST:PORT, not \(url)") }
        return try target(at: url)
    }

    /// What `--url` means.
    static func parsed(_ text: String) throws(CommandFailure) -> ServiceURL {
        do throws(ServiceURL.ParseError) { return try ServiceURL(text) } catch { throw .usage("--url: \(error)") }
    }

    /// The service at `url`, looked up.
    func target(at url: ServiceURL) throws(CommandFailure) -> ClientTarget {
        let addresses = try Self.lookUp(url)
        do throws(TLSError) {
            return try ClientTarget(
                url, addresses: addresses, token: effectiveToken, trust: url.isEncrypted ? try trust() : .none)
        } catch {
            throw .usage(error.description)
        }
    }

    private static func lookUp(_ url: ServiceURL) throws(CommandFailure) -> [SocketAddress] {
        do throws(NameLookup.Failure) { return try NameLookup.addresses(of: url) } catch {
            throw .unavailable(error.description)
        }
    }

    private func trust() throws(TLSError) -> TLSTrust {
        if insecure { return .none }
        if let ca { return try .file(ca) }
        return try .system()
    }

    private var effectiveToken: String? {
        if let token { return token }
        // Safe: nothing here changes the environment, and the text is copied.
        guard let text = unsafe getenv("FANFARE_TOKEN") else { return nil }
        let value = unsafe String(cString: text)
        return value.isEmpty ? nil : value
    }
}

/// Making of loops.
enum Loops {
    /// A loop of this thread, whose `onInterrupt` is called on SIGINT and SIGTERM.
    static func make() throws(CommandFailure) -> ClientLoop {
        let signals = SignalSet([SIGINT, SIGTERM])
        signals.block()
        let loop: ClientLoop
        do throws(ClientLoop.StartError) { loop = try ClientLoop() } catch { throw .unavailable(error.description) }
        let inbox = loop.inbox
        SignalThread.start(signals) { _ in inbox.post { $0.interrupt() } }
        return loop
    }
}
