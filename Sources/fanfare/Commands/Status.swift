import ArgumentParser
import FanfareBase
import FanfareServer

/// `fanfare status`: what the service is doing, for a person.
struct Status: FanfareCommand {
    static let configuration = CommandConfiguration(abstract: "What the service is doing, for a person.")

    @OptionGroup var service: ServiceOptions

    @Flag(help: "Print the service's own JSON, for machines.")
    var json = false

    func perform() throws(CommandFailure) {
        let answer = try SimpleRequest(service).send("GET", "/v1/status")
        if json { return Terminal.write(answer.body + [UInt8(ascii: "\n")]) }
        for line in StatusText.lines(try JSONAnswer.object(answer.body)) { Terminal.line(line) }
    }
}

/// Answers of the API that must be JSON objects.
enum JSONAnswer {
    /// The object in `body`.
    static func object(_ body: [UInt8]) throws(CommandFailure) -> JSONObject {
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(body) } catch {
            throw .unavailable("the service's answer is not JSON: \(error)")
        }
        guard let object = document.root.object else { throw .unavailable("the service's answer is no JSON object") }
        return object
    }
}

/// How people read the service's status.
enum StatusText {
    /// The lines for `GET /v1/status`.
    static func lines(_ status: JSONObject) -> [String] {
        var lines = [
            "fanfare \(text(status, "version")), \(text(status, "state")), up \(duration(integer(status, "uptime_seconds"))), "
                + Plural.of(integer(status, "shards"), "shard")
        ]
        if let log = status["log"]?.object {
            lines.append("log: head \(text(log, "head")), first retained \(text(log, "first_retained"))")
        }
        if let connections = status["connections"]?.object {
            let parts = connections.members.compactMap { member in
                member.value.number?.integer.map { "\($0) \(member.name.replacing("_", with: " "))" }
            }
            lines.append("connections: \(parts.joined(separator: ", "))")
        }
        let sockets = (status["sockets"]?.array ?? []).compactMap(\.object)
        if !sockets.isEmpty { lines += ["", "sockets, most behind first:"] + self.sockets(sockets) + [""] }
        let subscriptions = (status["subscriptions"]?.array ?? []).compactMap(\.object)
        if subscriptions.isEmpty { return lines + ["no webhook subscriptions"] }
        return lines + [""] + table(subscriptions)
    }

    /// One row for each webhook subscription.
    static func table(_ subscriptions: [JSONObject]) -> [String] {
        var table = Table(
            ["SUBSCRIPTION", "STATE", "LAG", "IN FLIGHT", "RETRYING", "DEAD", "LAST ERROR"], leftAligned: [0, 1, 6])
        for subscription in subscriptions {
            let numbers = ["lag", "in_flight", "retrying", "dead_letters"].map { String(integer(subscription, $0)) }
            table.add(
                [text(subscription, "id"), text(subscription, "state")] + numbers + [text(subscription, "last_error")])
        }
        return table.lines
    }

    /// One row for each socket.
    static func sockets(_ sockets: [JSONObject]) -> [String] {
        var table = Table(
            ["TRANSPORT", "LAG", "CATCHING UP", "PENDING", "AGE", "TOKEN", "LISTENER", "TOPICS"],
            leftAligned: [0, 5, 6, 7])
        for socket in sockets {
            let topics = (socket["topics"]?.array ?? []).compactMap(\.string)
            let shown = topics.prefix(topicsShown).joined(separator: " ")
            table.add([
                text(socket, "transport"), String(integer(socket, "lag")),
                socket["catching_up"]?.boolean ?? false ? "yes" : "no", "\(integer(socket, "pending_bytes")) B",
                duration(integer(socket, "age_seconds")), socket["token"]?.string ?? "-", text(socket, "listener"),
                topics.count > topicsShown ? "\(shown) and \(topics.count - topicsShown) more" : shown,
            ])
        }
        return table.lines
    }

    /// Topics of a socket that fit its row.
    private static let topicsShown = 3

    /// `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`.
    static func duration(_ seconds: Int) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }

    private static func text(_ object: JSONObject, _ name: String) -> String { object[name]?.string ?? "" }

    private static func integer(_ object: JSONObject, _ name: String) -> Int { object[name]?.number?.integer ?? 0 }
}
