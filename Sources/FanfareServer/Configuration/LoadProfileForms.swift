import FanfareBase

/// The keys of a load profile: the one table behind reading, suggestions, defaults and the JSON Schema.
enum LoadProfileForms {
    static let profile = ObjectForm<LoadProfile>(
        meaning: "What fanfare bench publishes, to whom, and how well it should go.",
        fields: [
            Field("description", \.description, .text("a text") { _ in true }, required: true, "What it is for."),
            Field(
                "duration", \.durationMilliseconds, .duration(ConfigurationRange.profileMilliseconds),
                "How long it is measured."),
            Field(
                "warm_up", \.warmUpMilliseconds, .duration(ConfigurationRange.profileWarmUpMilliseconds),
                "How long it runs before; what arrives is counted, but not timed."),
            Field(
                "seed", \.seed, .integer(0...Int.max), "What chance depends on: the same seed, the same schedule."),
            Field(
                "shards", \.shards, .integer(1...ConfigurationRange.shards), "Shards of the service that is started."),
            Field("publish", \.publish, publishing.form, "Who publishes how much when."),
            Field("events", \.events, events.form, "What is published."),
            Field(
                "subscribers", \.subscribers, audience.form.list(ConfigurationRange.profileAudiences), required: true,
                "Who receives."),
            Field("goals", \.goals, goals.form, "What must hold for every transport."),
        ], isRoot: true, blank: { LoadProfile() }, check: check)

    private static let publishing = ObjectForm<LoadProfile.Publishing>(
        meaning: "who publishes how much when",
        fields: [
            Field("rate", \.rate, .integer(ConfigurationRange.requests), "Events a second."),
            Field(
                "arrivals", \.arrivals, .choice,
                "Evenly, with exponentially distributed gaps, some at once, or ever more."),
            Field("burst", \.burst, optional: .integer(ConfigurationRange.requests), "Events at once, with \"burst\"."),
            Field(
                "peak", \.peak, optional: .integer(ConfigurationRange.requests),
                "Events a second at the end, with \"ramp\"."),
            Field(
                "connections", \.connections, .integer(ConfigurationRange.profileConnections),
                "Connections that events are sent on, in turn."),
            Field(
                "overload", \.isOverload, .flag,
                "Whether answers of 503 and 429 are counted; else the first one ends the run."),
        ], blank: { LoadProfile.Publishing() })

    private static let events = ObjectForm<LoadProfile.Events>(
        meaning: "what is published",
        fields: [
            Field(
                "size", \.bytes, .size(ConfigurationRange.profileEventBytes), "Bytes of an event as it is published."),
            Field(
                "topics", \.topics, .integer(ConfigurationRange.profileTopics),
                "Topics, used in turn; each subscriber wants one, the next one's the next."),
            Field("durability", \.durability, .choice, "Acknowledged after fdatasync, or after write."),
        ], blank: { LoadProfile.Events() })

    private static let audience = ObjectForm<LoadProfile.Audience>(
        meaning: "subscribers that are alike",
        fields: [
            Field("transport", \.transport, .choice, required: true, "How they receive."),
            Field("count", \.count, .integer(ConfigurationRange.profileSubscribers), required: true, "How many."),
            Field("tls", \.isEncrypted, .flag, "Whether their connections are encrypted."),
            Field("slow", \.slowPolicy, .choice, "What the service does when such a socket falls behind."),
            Field("behaviour", \.behaviour, optional: behaviour.form, "What such sockets do besides receiving."),
        ], blank: { LoadProfile.Audience(transport: .websocket, count: 1) }, check: check)

    private static let behaviour = ObjectForm<LoadProfile.Behaviour>(
        meaning: "what sockets do besides receiving",
        fields: [
            Field(
                "kind", \.kind, .choice, required: true,
                "Stop reading, leave and come anew, or be cut off and resume."),
            Field(
                "every", \.everyMilliseconds, .duration(ConfigurationRange.profileBehaviourMilliseconds),
                "Between the end of one occasion and the next."),
            Field(
                "for", \.forMilliseconds, .duration(ConfigurationRange.profileAbsenceMilliseconds),
                "How long one lasts; those that stall need it."),
            Field("at_once", \.isAtOnce, .flag, "Whether all begin at one time; else they are spread."),
        ], blank: { LoadProfile.Behaviour(.stalls) }, check: check)

    private static func check(
        _ audience: inout LoadProfile.Audience, _ pointer: JSONPointer, _ reading: inout Reading
    ) {
        guard audience.transport == .webhook, audience.behaviour != nil || audience.slowPolicy != .catchUp else {
            return
        }
        reading.refuse(
            "\"transport\": \"webhook\"", allowed: "a socket with \"behaviour\" or \"slow\"", at: pointer)
    }

    private static func check(
        _ behaviour: inout LoadProfile.Behaviour, _ pointer: JSONPointer, _ reading: inout Reading
    ) {
        guard behaviour.kind == .stalls, behaviour.forMilliseconds == 0 else { return }
        reading.refuse("\"kind\": \"stalls\"", allowed: "\"for\" with \"stalls\"", at: pointer)
    }

    private static let goals = ObjectForm<LoadProfile.Goals>(
        meaning: "milliseconds from the intended send to the receipt",
        fields: [
            Field("p50", \.p50Milliseconds, optional: .duration(ConfigurationRange.profileMilliseconds), "For half."),
            Field("p99", \.p99Milliseconds, optional: .duration(ConfigurationRange.profileMilliseconds), "For 99 %."),
            Field(
                "p99.9", \.p999Milliseconds, optional: .duration(ConfigurationRange.profileMilliseconds), "For 99.9 %."
            ),
        ], blank: { LoadProfile.Goals() })

    private static func check(_ profile: inout LoadProfile, _ pointer: JSONPointer, _ reading: inout Reading) {
        let publish = pointer.appending("publish")
        let rate = max(profile.publish.rate, profile.publish.peak ?? 0)
        let count = rate * profile.publishMilliseconds / 1000
        if count > ConfigurationRange.profileEvents {
            reading.refuse(
                "\(count) events in all", allowed: "at most \(ConfigurationRange.profileEvents)",
                at: publish.appending("rate"))
        }
        for (key, arrivals) in [("burst", LoadProfile.Arrivals.burst), ("peak", .ramp)]
        where reading.isWritten(publish.appending(key)) != (profile.publish.arrivals == arrivals) {
            reading.refuse(
                "\"arrivals\": \"\(profile.publish.arrivals.rawValue)\"",
                allowed: "\"\(key)\" with \"arrivals\": \"\(arrivals.rawValue)\", and with nothing else", at: publish)
        }
    }
}

extension LoadProfile {
    /// The members of its JSON Schema.
    package static var schema: [JSONOutput.Member] { LoadProfileForms.profile.schema }

    /// The profile as it could be written, with every default.
    package var output: JSONOutput { LoadProfileForms.profile.write(self, .origins) }

    /// Reads the profile at `path`.
    ///
    /// Blocking: for the command line.
    ///
    /// - Throws: Everything that is wrong with it.
    package static func read(_ path: String, surroundings: Surroundings = .process) throws(Diagnostics) -> LoadProfile {
        let folder = Surroundings.folder(of: path)
        var reading = Reading(file: path, rights: .init(secrets: nil, folder: folder, surroundings: surroundings))
        switch surroundings.file(path) {
        case .failure(let problem):
            throw Diagnostics([
                Diagnostic(
                    kind: .unreadable, file: path, location: nil, pointer: .root, message: "the profile \(problem)")
            ])
        case .success(let bytes):
            guard let profile = reading.read(bytes, as: LoadProfileForms.profile), reading.diagnostics.isEmpty else {
                throw Diagnostics(reading.diagnostics.inOrder)
            }
            return profile
        }
    }
}
