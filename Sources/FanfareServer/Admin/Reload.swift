import FanfareBase
import FanfareWire

/// Reading the configuration again (`SIGHUP`, `POST /v1/reload`): all of it or nothing. Files are read on the thread of
/// administration, then tokens replaced on every shard and subscriptions changed on shard 0. Sockets that are open keep the
/// rights they were opened with.
struct Reload: Sendable {
    let service: ServiceContext

    /// What came of it.
    enum Outcome: Sendable {
        /// Nothing was changed: everything that is wrong.
        case refused(Diagnostics)
        /// What was changed, and the keys whose change needs a restart.
        case applied(Changes, needsRestart: [String])
    }

    /// What was changed.
    struct Changes: Sendable {
        /// Subscriptions that are new.
        var created: [String]
        /// Subscriptions whose file says something else.
        var replaced: [String]
        /// Subscriptions whose file has gone.
        var paused: [String]
        /// How many are as they were.
        var unchanged: Int
    }

    /// Begins; `finish` is called on some thread when it is done. False when too much waits already.
    @discardableResult
    func start(_ finish: @escaping @Sendable (Outcome) -> Void) -> Bool {
        service.worker.submit {
            do throws(Diagnostics) {
                let loaded = try ConfigurationReader.read(service.configurationPath, development: service.isDevelopment)
                let needsRestart = loaded.configuration.keysThatDiffer(from: service.configuration)
                service.inboxes[0].post(ShardTask { Self.apply(loaded, needsRestart, $0, finish) })
            } catch {
                finish(.refused(error))
            }
        }
    }

    private static func apply(
        _ loaded: LoadedConfiguration, _ needsRestart: [String], _ shard: Shard, _ finish: (Outcome) -> Void
    ) {
        let access = AccessControl(tokens: loaded.configuration.tokens, verifier: loaded.configuration.jwt)
        for number in 0..<shard.service.shardCount {
            shard.perform(on: number) { shard in
                shard.access = access
                shard.tokens.removeAll()
            }
        }
        shard.registry?.quotas = loaded.configuration.quotas
        guard let plan = shard.registry?.apply(files: loaded.subscriptions, shard) else { return }
        let changes = Changes(
            created: plan.created.map(\.id), replaced: plan.replaced.map(\.id), paused: plan.vanished,
            unchanged: plan.unchanged)
        finish(.applied(changes, needsRestart: needsRestart))
    }
}

extension Reload.Outcome {
    /// For the operator.
    var text: String {
        switch self {
        case .refused(let diagnostics): return "reload changed nothing:\n\(diagnostics)"
        case .applied(let changes, let needsRestart):
            var text = "reloaded: \(changes.created.count) subscriptions created, \(changes.replaced.count) replaced, "
            text += "\(changes.paused.count) paused, \(changes.unchanged) unchanged"
            if !needsRestart.isEmpty { text += "; a restart is needed for \(needsRestart.joined(separator: ", "))" }
            return text
        }
    }

    /// For who asked by the API.
    var answer: Answer {
        switch self {
        case .refused(let diagnostics):
            let items = diagnostics.all.map { ProblemDocument.Item(detail: $0.description, pointer: $0.pointer.text) }
            return .problem(
                422, "invalid-configuration", "The configuration has errors; nothing was changed.", errors: items)
        case .applied(let changes, let needsRestart):
            func list(_ ids: [String]) -> JSONOutput { .array(ids.map { .string($0) }) }
            let json = JSONOutput.object([
                .init(
                    "subscriptions",
                    .object([
                        .init("created", list(changes.created)), .init("replaced", list(changes.replaced)),
                        .init("paused", list(changes.paused)), .init("unchanged", .integer(changes.unchanged)),
                    ])),
                .init("needs_restart", list(needsRestart)),
            ])
            return .json(200, json.line)
        }
    }
}

extension Configuration {
    /// The top-level keys that say something else than in `other`, of those a running service does not take over.
    package func keysThatDiffer(from other: Configuration) -> [String] {
        var keys: [String] = []
        func compare<Value: Equatable>(_ key: String, _ path: KeyPath<Configuration, Value>) {
            if self[keyPath: path] != other[keyPath: path] { keys.append(key) }
        }
        compare("data_directory", \.dataDirectory)
        compare("shards", \.shards)
        compare("listeners", \.ownListeners)
        compare("topics", \.topics)
        compare("log", \.log)
        compare("webhooks", \.webhooks)
        compare("limits", \.limits)
        compare("drain", \.drainMilliseconds)
        return keys
    }

    /// The listeners the file names.
    private var ownListeners: [Listener] { listeners.filter { !$0.echoesWebSockets } }
}
