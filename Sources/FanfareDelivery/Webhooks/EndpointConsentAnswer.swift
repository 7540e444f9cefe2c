/// An endpoint's answer to `OPTIONS`, as far as consent depends on it.
package struct EndpointConsentAnswer: Equatable, Sendable {
    /// The status line's number.
    package var status: Int
    /// `WebHook-Allowed-Origin`, when there is one.
    package var allowedOrigin: String?
    /// `WebHook-Allowed-Rate`, when there is one.
    package var allowedRate: String?

    /// An answer.
    package init(status: Int, allowedOrigin: String? = nil, allowedRate: String? = nil) {
        self.status = status
        self.allowedOrigin = allowedOrigin
        self.allowedRate = allowedRate
    }

    enum Verdict: Equatable {
        case granted(intervalNanoseconds: Int?)
        case refused(String)
    }

    /// Consent for `origin`, or why there is none. An origin is a name: its case does not matter.
    func verdict(origin: String) -> Verdict {
        guard 200..<300 ~= status else { return .refused("the endpoint answered OPTIONS with \(status)") }
        guard let allowed = allowedOrigin.map(Self.trimmed), !allowed.isEmpty else {
            return .refused("the endpoint's answer to OPTIONS has no WebHook-Allowed-Origin")
        }
        guard allowed == "*" || allowed.lowercased() == origin.lowercased() else {
            return .refused("the endpoint's WebHook-Allowed-Origin is neither \(origin) nor *")
        }
        guard let rate = allowedRate.map(Self.trimmed), rate != "*" else { return .granted(intervalNanoseconds: nil) }
        guard let interval = Self.intervalNanoseconds(perMinute: rate) else {
            return .refused("the endpoint's WebHook-Allowed-Rate is neither a positive whole number nor *")
        }
        return .granted(intervalNanoseconds: interval)
    }

    /// Rounded up, so that the rate is never exceeded; a rate of more digits than an integer holds is as good as none, 1 ns.
    private static func intervalNanoseconds(perMinute text: String) -> Int? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !text.isEmpty else { return nil }
        guard let rate = Int(text) else { return 1 }
        let minute = 60_000_000_000
        return rate > 0 ? minute / rate + (minute % rate == 0 ? 0 : 1) : nil
    }

    private static func trimmed(_ value: String) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var text = value.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return String(text)
    }
}
