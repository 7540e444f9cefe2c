import FanfareBase
import FanfareWire

/// Our messages to sockets, as JSON (CONTRACT, section 5).
enum SocketMessage {
    /// An empty ping.
    static let pingFrame: [UInt8] = [0x89, 0]

    /// A subscription is in effect from this position on.
    static func subscribed(_ id: String, _ position: Position) -> [UInt8] {
        object("subscribed", [("id", .text(id)), ("position", .text(position.description))])
    }

    /// A subscription has ended.
    static func unsubscribed(_ id: String) -> [UInt8] { object("unsubscribed", [("id", .text(id))]) }

    /// A new token holds from now on, until it expires; nil: it never does.
    static func authenticated(expires: WallTime?) -> [UInt8] {
        object("authenticated", [("expires", expires.map { .text(RFC3339.text($0)) } ?? .null)])
    }

    /// Events are durable.
    static func published(first: Position?, last: Position?) -> [UInt8] {
        object("published", [("first", .position(first)), ("last", .position(last))])
    }

    /// The answer to a ping op.
    static let pong = object("pong", [])

    /// How far the subscriber has come.
    static func heartbeat(_ position: Position) -> [UInt8] {
        object("heartbeat", [("position", .text(position.description))])
    }

    /// Numbers that will not come.
    static func gap(after: Position, next: Position) -> [UInt8] {
        object("gap", [("after", .text(after.description)), ("next", .text(next.description))])
    }

    /// A gap for those who take events only; like every event it has the position to resume from.
    static func gapEvent(after: Position, next: Position) -> [UInt8] {
        var json = Array("{\"fanfareposition\":\"\(next.before)\",\"specversion\":\"1.0\",".utf8)
        json += Array("\"type\":\"dev.fanfare.gap\",\"source\":\"/fanfare\",\"id\":".utf8)
        JSONText.appendString("gap-\(after)-\(next)", to: &json)
        json += Array(",\"data\":{\"after\":\"\(after)\",\"next\":\"\(next)\"}}".utf8)
        return json
    }

    /// Something was wrong.
    static func error(_ title: String, _ detail: String) -> [UInt8] {
        object("error", [("title", .text(title)), ("detail", .text(detail))])
    }

    /// The connection is about to end; come back after this time.
    static func closing(_ reason: String, retryAfterMilliseconds: Int) -> [UInt8] {
        object("closing", [("reason", .text(reason)), ("retry_after_ms", .number(retryAfterMilliseconds))])
    }

    private enum Value {
        case text(String)
        case number(Int)
        case position(Position?)
        case null
    }

    private static func object(_ op: String, _ members: [(name: String, value: Value)]) -> [UInt8] {
        var json = Array("{\"op\":\"\(op)\"".utf8)
        for (name, value) in members {
            json += Array(",\"\(name)\":".utf8)
            switch value {
            case .text(let text): JSONText.appendString(text, to: &json)
            case .number(let number): json += Array(String(number).utf8)
            case .null: json += Array("null".utf8)
            case .position(let position): json += Array((position.map { "\"\($0)\"" } ?? "null").utf8)
            }
        }
        json.append(UInt8(ascii: "}"))
        return json
    }
}
