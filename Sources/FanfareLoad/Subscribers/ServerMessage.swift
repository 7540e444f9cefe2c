import FanfareBase
import FanfareWire

/// What the service says on a socket besides events (CONTRACT, section 5), as a person or a program acts on it.
package enum ServerMessage: Hashable, Sendable {
    /// A subscription is in effect from this position on.
    case subscribed(position: String)
    /// How far the subscriber has come.
    case heartbeat(position: String)
    /// Events published on the socket are durable.
    case published
    /// The answer to a ping.
    case pong
    /// What lies between these positions will not come.
    case gap(after: String, next: String)
    /// Something was wrong.
    case error(title: String, detail: String)
    /// The connection is about to end.
    case closing(reason: String, retryAfterMilliseconds: Int?)
    /// An op this client does not know.
    case unknown(op: String)

    /// What a JSON message that is no event says; nil when it is not a JSON object with `op`.
    package init?(_ message: ByteView) {
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(message.array) } catch { return nil }
        guard let object = document.root.object, let op = object["op"]?.string else { return nil }
        func text(_ name: String) -> String { object[name]?.string ?? "" }
        switch op {
        case "subscribed": self = .subscribed(position: text("position"))
        case "heartbeat": self = .heartbeat(position: text("position"))
        case "published": self = .published
        case "pong": self = .pong
        case "gap": self = .gap(after: text("after"), next: text("next"))
        case "error": self = .error(title: text("title"), detail: text("detail"))
        case "closing":
            self = .closing(reason: text("reason"), retryAfterMilliseconds: object["retry_after_ms"]?.number?.integer)
        default: self = .unknown(op: op)
        }
    }

    /// The data of `event: fanfare.gap` on Server-Sent Events; nil when it is none.
    package static func gap(fromData data: ByteView) -> ServerMessage? {
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(data.array) } catch { return nil }
        guard let object = document.root.object, let after = object["after"]?.string, let next = object["next"]?.string
        else { return nil }
        return .gap(after: after, next: next)
    }
}

/// An event as sockets deliver it, looked at without parsing: the service puts the position first.
package enum DeliveredEvent {
    /// The 25 characters of the position; nil when the message is no event.
    @inlinable package static func position(of message: ByteView) -> ByteView? {
        let start = EventRecord.positionOffset
        guard message.count > start + Position.textBytes, message.hasPrefix(EventRecord.canonicalPrefix) else {
            return nil
        }
        return message.slice(start..<start + Position.textBytes)
    }
}
