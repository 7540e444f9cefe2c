/// One request as an endpoint reads it, knowing only the contract.
struct WebhookCall {
    /// `webhook-id`.
    var id: String
    /// `fanfare-attempt`.
    var attempt: Int
    /// The event's number among those that were made up.
    var event: Int
    var topic: String
    var padding: Int
    var isWhole: Bool

    /// What came of looking at the bytes that have arrived.
    enum Reading {
        case incomplete
        case call(WebhookCall)
        case malformed(String)
    }

    /// Takes one request from the front of `bytes`.
    static func take(from bytes: inout [UInt8]) -> Reading {
        guard let head = HTTPReply.headEnd(bytes) else { return .incomplete }
        let text = String(decoding: bytes[..<head], as: UTF8.self)
        var headers: [String: String] = [:]
        for line in text.split(separator: "\r\n").dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return .malformed(text) }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            guard headers.updateValue(String(value), forKey: line[..<colon].lowercased()) == nil else {
                return .malformed("a header twice: \(text)")
            }
        }
        guard text.hasPrefix("POST /hook-"), let length = headers["content-length"].flatMap({ Int($0) }) else {
            return .malformed(text)
        }
        guard bytes.count >= head + length else { return .incomplete }
        let body = bytes[head..<head + length]
        defer { bytes.removeFirst(head + length) }
        guard let id = headers["webhook-id"], id.hasPrefix("msg_"),
            headers["webhook-signature"]?.hasPrefix("v1,") == true,
            let attempt = headers["fanfare-attempt"].flatMap({ Int($0) }),
            let event = SeenEvent(body, isPlaced: false)
        else { return .malformed(text + String(decoding: body, as: UTF8.self)) }
        return .call(
            WebhookCall(
                id: id, attempt: attempt, event: event.number, topic: event.topic, padding: event.padding,
                isWhole: event.isWhole))
    }
}
