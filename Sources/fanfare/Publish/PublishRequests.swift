import FanfareBase
import FanfareLoad

/// Puts events into requests: several CloudEvents share one, a body has one of its own.
struct PublishRequests {
    /// Events in one request without `--rate`.
    static let eventsPerRequestMax = 1000
    /// Bytes of events in one request; a single larger event goes alone.
    static let bytesPerRequestMax = 1 << 20

    let target: ClientTarget
    let input: PublishInput
    let topic: String?
    let type: String?

    /// One request and how many events it holds.
    struct Request {
        let bytes: [UInt8]
        let events: Int
    }

    /// The request for the events from `index` on, at most `limit` of them.
    func request(from index: Int, limit: Int) -> Request {
        switch input.kind {
        case .bodies(let contentType): return Request(bytes: body(input.items[index], contentType), events: 1)
        case .cloudEvents:
            if input.items.count == 1 {
                return Request(bytes: events(Array(input.items[index]), "application/cloudevents+json"), events: 1)
            }
            var lines: [UInt8] = []
            var count = 0
            for item in input.items[index...].prefix(min(limit, Self.eventsPerRequestMax)) {
                guard count == 0 || lines.count + item.count < Self.bytesPerRequestMax else { break }
                lines += item
                lines.append(UInt8(ascii: "\n"))
                count += 1
            }
            return Request(bytes: events(lines, "application/x-ndjson"), events: count)
        }
    }

    private func events(_ body: [UInt8], _ contentType: String) -> [UInt8] {
        target.request("POST", "/v1/events" + query, headers: [("content-type", contentType)], body: body)
    }

    private var query: String { topic.map { "?topic=\(QueryText.encode($0))" } ?? "" }

    private func body(_ body: ArraySlice<UInt8>, _ contentType: String) -> [UInt8] {
        let id = Self.identifier()
        guard let type else {
            let headers: [(StaticString, String)] = [("content-type", contentType), ("idempotency-key", id)]
            return target.request(
                "POST", "/v1/topics/\(QueryText.encode(topic ?? ""))", headers: headers, body: Array(body))
        }
        let headers: [(StaticString, String)] = [
            ("content-type", contentType), ("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/fanfare/publish"),
            ("ce-type", type),
        ]
        return target.request("POST", "/v1/events" + query, headers: headers, body: Array(body))
    }

    /// A random identifier of 128 bits as 32 hex digits.
    static func identifier() -> String {
        let words = [UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)]
        return words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
