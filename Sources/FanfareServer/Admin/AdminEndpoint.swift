import FanfareBase

/// The management API: subscriptions, dead letters, connections, reload.
struct AdminEndpoint {
    let shard: Shard
    let connection: Connection

    /// Does what was asked, on the shard that owns the registry.
    func handle(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        .answer(Router.notFound(admitted.path.joined(separator: "/"), knownElsewhere: nil))
    }
}
