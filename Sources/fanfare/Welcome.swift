import FanfareServer

/// What `serve` says when it is up: where it listens and, to a person, what to try.
struct Welcome {
    let service: Service
    let isDevelopment: Bool

    /// Prints it.
    func print() {
        if let lost = service.recovery.lost {
            Terminal.error("fanfare: after an unclean stop numbering continues above \(lost.upperBound.rawValue)")
        }
        for address in service.addresses {
            Terminal.line(
                "listening on \(Self.url(of: address))  (\(address.listener.name): \(Self.services(of: address)))")
        }
        guard Terminal.isInteractive, let address = service.addresses.first(where: { Self.isPlainHTTP($0) }) else {
            return
        }
        let url = Self.url(of: address)
        Terminal.line("")
        Terminal.line("Try, each in a terminal of its own:")
        Terminal.line("  curl -N '\(url)/v1/subscribe?topic=orders.%3E'")
        Terminal.line("  fanfare receive --url \(url) --topic 'orders.>'")
        Terminal.line("  curl \(url)/v1/topics/orders.created -H 'content-type: application/json' -d '{\"order\": 1}'")
    }

    private static func isPlainHTTP(_ address: OpenListeners.Address) -> Bool {
        let listener = address.listener
        return listener.protocol == .http && listener.tls == nil && !address.text.hasPrefix("unix:")
            && !listener.echoesWebSockets
    }

    private static func services(of address: OpenListeners.Address) -> String {
        if address.listener.echoesWebSockets { return "messages are sent back" }
        return Listener.Service.allCases.filter { address.listener.serves.contains($0) }.map(\.rawValue).joined(
            separator: ", ")
    }

    private static func url(of address: OpenListeners.Address) -> String {
        if address.text.hasPrefix("unix:") { return address.text }
        if address.listener.echoesWebSockets { return "ws://\(address.text)" }
        switch (address.listener.protocol, address.listener.tls != nil) {
        case (.http, false): return "http://\(address.text)"
        case (.http, true): return "https://\(address.text)"
        case (.stream, false): return "tcp://\(address.text)"
        case (.stream, true): return "tls://\(address.text)"
        }
    }
}
