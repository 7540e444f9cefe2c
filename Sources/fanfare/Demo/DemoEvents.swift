import FanfareBase
import FanfareLoad
import FanfareWire

/// The events of the demo: what a shop with orders, payments and cooled vans would publish, sizes as varied as there.
///
/// Each begins with its number in a fixed place, so that who receives it finds the number without parsing.
struct DemoEvents {
    /// Who wants which topics; members of the audience are divided evenly among these.
    static let interests: [[String]] = [["orders.>"], ["payments.*", "orders.paid"], ["telemetry.>"], [">"]]

    /// A topic, and which of `interests` match it.
    struct Topic {
        let name: String
        let interests: [Int]
    }

    /// Telemetry is three of seven, as it is small and frequent.
    static let topics = [
        Topic(name: "telemetry.temperature", interests: [2, 3]), Topic(name: "orders.created", interests: [0, 3]),
        Topic(name: "telemetry.position", interests: [2, 3]), Topic(name: "payments.captured", interests: [1, 3]),
        Topic(name: "telemetry.door", interests: [2, 3]), Topic(name: "orders.paid", interests: [0, 1, 3]),
        Topic(name: "orders.shipped", interests: [0, 3]),
    ]

    private static let numbering = EventNumbering(prefix: "demo-")
    private static let names = ["Asa Lindström", "Miguel Ângelo", "陳怡君", "Zoë Brown", "Oluwaseun Ade", "Jürgen Groß"]
    private static let things = [
        "espresso beans 1 kg", "oat milk", "hand grinder", "filter papers", "kettle, 0.9 l", "mug",
    ]

    private var random: SeededRandom

    /// Events that are the same for the same `seed`.
    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// The topic of event `number`.
    static func topic(of number: Int) -> Topic { topics[number % topics.count] }

    /// Event `number` as structured JSON.
    mutating func event(_ number: Int, time: String) -> [UInt8] {
        let topic = Self.topic(of: number).name
        return Array(
            ("{\(Self.numbering.members(number)),\"source\":\"/demo/shop\",\"type\":\"\(topic)\",\"time\":\"\(time)\",\"data\":"
                + data(topic, number) + "}").utf8)
    }

    /// The number of an event as sockets or structured webhooks deliver it; nil when it is none of the demo's.
    static func number(in event: ByteView, isOnSocket: Bool) -> Int? {
        numbering.number(in: event, from: isOnSocket ? EventRecord.membersOffset : 1)
    }

    private mutating func data(_ topic: String, _ number: Int) -> String {
        switch topic {
        case "telemetry.temperature":
            return "{\"van\":\"van-\(below(40))\",\"celsius\":\(below(9)).\(below(10)),\"humidity\":\(40 + below(50))}"
        case "telemetry.position":
            return
                "{\"van\":\"van-\(below(40))\",\"lat\":52.\(100_000 + below(800_000)),\"lon\":13.\(100_000 + below(800_000)),"
                + "\"speed_kmh\":\(below(90)),\"heading\":\(below(360))}"
        case "telemetry.door": return "{\"van\":\"van-\(below(40))\",\"door\":\"rear\",\"open\":\(below(2) == 0)}"
        case "orders.created": return order(number, items: 1 + below(14))
        case "payments.captured":
            return
                "{\"order\":\(100_000 + number),\"method\":\"card\",\"amount\":{\"currency\":\"EUR\",\"cents\":\(500 + below(30_000))},"
                + "\"authorisation\":\"\(hex())\(hex())\",\"risk\":{\"score\":0.\(below(100)),\"rules\":[\"velocity\",\"country\"]}}"
        default:
            return "{\"order\":\(100_000 + number),\"customer\":\"\(pick(Self.names))\",\"reference\":\"\(hex())\"}"
        }
    }

    private mutating func order(_ number: Int, items: Int) -> String {
        var lines: [String] = []
        for line in 0..<items {
            lines.append(
                "{\"line\":\(line + 1),\"sku\":\"\(hex().prefix(8))\",\"name\":\"\(pick(Self.things))\",\"quantity\":\(1 + below(5)),"
                    + "\"price\":{\"currency\":\"EUR\",\"cents\":\(100 + below(9000))}}")
        }
        return "{\"order\":\(100_000 + number),\"customer\":{\"name\":\"\(pick(Self.names))\",\"id\":\"\(hex())\"},"
            + "\"items\":[\(lines.joined(separator: ","))],\"note\":\"please ring twice\"}"
    }

    private mutating func pick(_ from: [String]) -> String { from[below(from.count)] }

    private mutating func hex() -> String {
        let text = String(random.next(), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
}
