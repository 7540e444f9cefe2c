import FanfareBase

/// What no single key of `fanfare.json` can tell: keys that contradict one another.
enum ConfigurationChecks {
    /// Checks of one listener.
    static func check(_ listener: inout Listener, _ pointer: JSONPointer, _ reading: inout Reading) {
        if listener.protocol == .stream {
            let others = listener.serves.subtracting([.publish, .subscribe])
            for service in Listener.Service.allCases where others.contains(service) {
                reading.refuse(
                    "\"\(service.rawValue)\" on a stream listener", allowed: "\"publish\" and \"subscribe\"",
                    at: pointer.appending("serves"))
            }
            for key in ["hosts", "origins"] where reading.isWritten(pointer.appending(key)) {
                reading.refuse(
                    "\"\(key)\" on a stream listener", allowed: "to leave it out: only HTTP has them",
                    at: pointer.appending(key))
            }
        }
        if case .unix = listener.address.kind, listener.tls != nil {
            reading.refuse("\"tls\" on a Unix socket", allowed: "to leave it out", at: pointer.appending("tls"))
        }
    }

    /// Checks of the way to endpoints.
    static func check(_ proxy: inout Configuration.EgressProxy, _ pointer: JSONPointer, _ reading: inout Reading) {
        guard reading.isWritten(pointer.appending("url")) else { return }
        if proxy.url.scheme != .http || proxy.url.target != "/" {
            reading.refuse(
                "\(proxy.url)", allowed: "http://HOST:PORT without a path", at: pointer.appending("url"))
        }
    }

    /// Checks of the log's sizes and times.
    static func check(_ log: inout Configuration.LogSettings, _ pointer: JSONPointer, _ reading: inout Reading) {
        let units = QuantityUnits.bytes
        if log.retention.sizeBytes < 2 * log.segmentBytes {
            reading.refuse(
                "\"\(units.text(log.retention.sizeBytes))\" with segments of \(units.text(log.segmentBytes))",
                allowed: "at least two segments", at: pointer.appending("retention").appending("size"))
        }
        if log.deduplicationWindowMilliseconds > log.retention.ageMilliseconds {
            let age = QuantityUnits.milliseconds.text(log.retention.ageMilliseconds)
            reading.refuse(
                "\"\(QuantityUnits.milliseconds.text(log.deduplicationWindowMilliseconds))\"",
                allowed: "at most the retention's age of \(age)", at: pointer.appending("deduplication_window"))
        }
    }

    /// Checks across the whole file.
    static func check(_ configuration: inout Configuration, _ pointer: JSONPointer, _ reading: inout Reading) {
        if 2 * configuration.limits.eventBytes > configuration.log.segmentBytes {
            reading.refuse(
                "\"\(QuantityUnits.bytes.text(configuration.limits.eventBytes))\" with log segments of "
                    + QuantityUnits.bytes.text(configuration.log.segmentBytes), allowed: "at most half a segment",
                at: pointer.appending("limits").appending("event_size"))
        }
        refuseDuplicates(
            configuration.tenants.map(\.name), pointer.appending("tenants"), "name", "the name", &reading)
        let tokens = pointer.appending("tokens")
        refuseDuplicates(configuration.tokens.map(\.name), tokens, "name", "the name", &reading)
        // The secret itself is not shown.
        refuseDuplicates(configuration.tokens.map(\.secret.text), tokens, "secret", "a secret", show: false, &reading)
    }

    /// Checks of the listeners as they will be (in development their addresses are replaced first).
    static func checkListeners(_ configuration: Configuration, _ reading: inout Reading) {
        let pointer = JSONPointer.root.appending("listeners")
        let listeners = configuration.listeners
        refuseDuplicates(listeners.map(\.name), pointer, "name", "the name", &reading)
        refuseDuplicates(listeners.map(key), pointer, "address", "the address", &reading)
        let root = JSONPointer.root
        guard configuration.tokens.isEmpty, !reading.isWritten(root.appending("tokens").appending(0)),
            !reading.isWritten(root.appending("jwt"))
        else { return }
        for (index, listener) in listeners.enumerated() where !listener.address.isLocal && !listener.anonymous {
            reading.refuse(
                "\"\(listener.address.text)\", which other machines can reach, without any tokens",
                allowed: "a loopback address, \"tokens\", \"jwt\", or \"anonymous\": true on the listener",
                at: pointer.appending(index).appending("address"))
        }
    }

    /// What may not occur twice: an empty text never does (a placeholder, or a port the kernel chooses).
    private static func key(_ listener: Listener) -> String {
        switch listener.address.kind {
        case .tcp(let address, let port): port == 0 ? "" : "\(address) port \(port)"
        case .unix(let path): path
        }
    }

    private static func refuseDuplicates(
        _ values: [String], _ pointer: JSONPointer, _ key: String, _ what: String, show: Bool = true,
        _ reading: inout Reading
    ) {
        var first: [String: Int] = [:]
        for (index, value) in values.enumerated() where !value.isEmpty {
            guard let other = first[value] else {
                first[value] = index
                continue
            }
            let place = reading.place(of: pointer.appending(other).appending(key))
            reading.refuse(
                "\(what)\(show ? " \"\(value)\"" : "") again (the first is at \(place))", allowed: "one of each",
                at: pointer.appending(index).appending(key))
        }
    }
}
