import FanfareBase

/// One run of `fanfare bench`, as its JSON result tells of it: what reports and comparisons are made of.
package struct BenchResult: Sendable {
    /// Why a file is no result.
    package struct Failure: Error, Sendable {
        /// In words, with the place.
        package var words: String
    }

    /// How long something took.
    package struct Latency: Sendable {
        /// Values.
        package var count = 0.0
        /// Nanoseconds on average.
        package var mean = 0.0
        /// Shares of the values, and nanoseconds that they do not exceed; ascending.
        package var curve: [(share: Double, nanoseconds: Double)] = []

        /// Nanoseconds that `share` of the values do not exceed, as far as the curve tells; nil when there are too few values
        /// to tell it from the greatest.
        package func percentile(_ share: Double) -> Double? {
            guard share >= 1 || (1 - share) * count >= 0.999 else { return nil }
            return curve.first { $0.share >= share }?.nanoseconds
        }
    }

    /// Subscribers of one kind.
    package struct Group: Sendable {
        /// As people call it.
        package var title: String
        /// Members, deliveries, and those lost, repeated and out of order.
        package var counts: [Int]
        /// From the intended send to the receipt.
        package var latency: Latency
    }

    /// One interval of the run.
    package struct Interval: Sendable {
        /// Seconds from the beginning to its end.
        package var end: Double
        /// Events sent in it a second; nil when it is not known.
        package var published: Double?
        /// Deliveries in it a second.
        package var delivered: Double
        /// Nanoseconds; nil when nothing came.
        package var p50: Double?
        /// Nanoseconds; nil when nothing came.
        package var p99: Double?
        /// The greatest in nanoseconds; nil when nothing came.
        package var most: Double?
        /// Seconds of CPU that the service used in a second; nil when it is not known.
        package var cpu: Double?
    }

    /// One stage of an event's way through the service.
    package struct Stage: Sendable {
        /// As the service calls it.
        package var name: String
        /// Seconds on average.
        package var mean: Double
        /// Seconds that half, and 99 % of the events took at most.
        package var percentiles: [Double]
    }

    /// The profile's name.
    package let profile: String
    /// What it is for.
    package let description: String
    /// The profile itself, as JSON text on one line: results are compared when it is the same.
    package let load: String
    /// What tells runs apart: name and value, for people.
    package let facts: [(name: String, value: String)]
    /// When it ended, as RFC 3339 has it.
    package let at: String
    /// By kind of subscriber.
    package let groups: [Group]
    /// From the intended send to the last receipt, to the acknowledgement, and to the real send.
    package let others: [(title: String, latency: Latency)]
    /// Figures of which one wants more or less: name, value, whether more is better.
    package let figures: [(name: String, value: Double, isBetterHigher: Bool)]
    /// How it went.
    package let intervals: [Interval]
    /// Where the service spent the time; empty when it did not tell.
    package let stages: [Stage]
    /// Seconds on average from the last stage until sockets had an event; nil when it is not known.
    package let afterStages: Double?
    /// What did not go as it must.
    package let misses: [String]
    /// What limited it; nil when nothing did.
    package let limit: String?

    /// The result that `bytes` hold.
    package init(_ bytes: [UInt8]) throws(Failure) {
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(bytes) } catch { throw Failure(words: "\(error)") }
        guard let root = document.root.object, let profile = root["profile"]?.string, let load = root["load"],
            let groups = root["subscribers"]?.array, let machine = root["machine"]?.object,
            let at = root["at"]?.string
        else { throw Failure(words: "this is no result of fanfare bench") }
        self.profile = profile
        self.at = at
        description = load.object?["description"]?.string ?? ""
        self.load = String(decoding: bytes[load.range], as: UTF8.self)
        self.groups = groups.compactMap { $0.object.map(Group.init) }
        others = [
            ("last of all receivers", "last_of_all_ns"), ("acknowledged", "acknowledged_ns"),
            ("sent late by", "sent_late_ns"),
        ].map { ($0.0, Latency(root[$0.1]?.object)) }
        intervals = (root["intervals"]?.array ?? []).compactMap { $0.object.flatMap(Interval.init) }
        stages = (root["stages"]?.array ?? []).compactMap { $0.object.map(Stage.init) }
        afterStages = root["after_stages_seconds"]?.number?.double
        misses = (root["misses"]?.array ?? []).compactMap(\.string)
        limit = root["limited_by"]?.string
        let versions = (root["versions"]?.object?.members ?? []).compactMap { member in
            member.value.string.map { (member.name, $0) }
        }
        let names = versions + ["commit"].compactMap { name in root[name]?.string.map { (name, $0) } }
        let parts = ["processor", "cores", "memory_bytes", "kernel"].compactMap { name in
            machine[name].map { (name, $0.string ?? $0.number?.text ?? "") }
        }
        facts = [("ended", at)] + names + parts
        figures = [
            ("deliveries a second", root["deliveries_per_second"], true),
            ("deliveries a CPU second of the service", root["deliveries_per_cpu_second"], true),
            ("bytes a socket", root["bytes_per_socket"], false),
        ].compactMap { name, value, isBetterHigher in value?.number.map { (name, $0.double, isBetterHigher) } }
    }
}

extension BenchResult.Latency {
    fileprivate init(_ object: JSONObject?) {
        count = object?["count"]?.number?.double ?? 0
        mean = object?["mean"]?.number?.double ?? 0
        curve = (object?["curve"]?.array ?? []).compactMap { point in
            guard let pair = point.array, pair.count == 2, let share = pair[0].number, let value = pair[1].number,
                share.double.isFinite, value.double.isFinite
            else { return nil }
            return (share.double, value.double)
        }
    }
}

extension BenchResult.Group {
    fileprivate init(_ object: JSONObject) {
        let isEncrypted = object["tls"]?.boolean ?? false
        let transport = (object["transport"]?.string ?? "?") + (isEncrypted ? " with tls" : "")
        title = object["title"]?.string ?? transport
        counts = ["count", "deliveries", "lost", "duplicates", "reordered"].map { object[$0]?.number?.integer ?? 0 }
        latency = BenchResult.Latency(object["latency_ns"]?.object)
    }
}

extension BenchResult.Interval {
    fileprivate init?(_ object: JSONObject) {
        guard let end = object["end_seconds"]?.number?.double else { return nil }
        self.end = end
        published = object["published_per_second"]?.number?.double
        delivered = object["delivered_per_second"]?.number?.double ?? 0
        p50 = object["p50_ns"]?.number?.double
        p99 = object["p99_ns"]?.number?.double
        most = object["max_ns"]?.number?.double
        cpu = object["service_cpu_per_second"]?.number?.double
    }
}

extension BenchResult.Stage {
    fileprivate init(_ object: JSONObject) {
        name = object["stage"]?.string ?? "?"
        mean = object["mean_seconds"]?.number?.double ?? 0
        percentiles = ["p50_seconds", "p99_seconds"].map { object[$0]?.number?.double ?? 0 }
    }
}
