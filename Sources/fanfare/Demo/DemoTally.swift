import FanfareBase
import FanfareLoad

/// What each member of the demo's audience was to receive and has received.
struct DemoTally {
    /// The kinds of members, in the order of the table.
    enum Kind: Int, CaseIterable {
        case webSocket, serverSentEvents, stream, webhook

        var title: String {
            switch self {
            case .webSocket: "WebSocket"
            case .serverSentEvents: "Server-Sent Events"
            case .stream: "stream"
            case .webhook: "webhook"
            }
        }
    }

    /// One line of the table.
    struct Row {
        var members = 0
        var sent = 0
        var delivered = 0
        var duplicates = 0
        var latency = Histogram()

        var lost: Int { sent - delivered }
    }

    private struct Member {
        let kind: Kind
        let interest: Int
        /// One bit for each event that has come.
        var seen: [UInt64]
    }

    private var members: [Member] = []
    private var sentAt: [MonotonicTime]
    /// Published events by interest: what a member with that interest is to receive.
    private var published = [Int](repeating: 0, count: DemoEvents.interests.count)
    /// By kind.
    private(set) var rows = [Row](repeating: Row(), count: Kind.allCases.count)
    /// Events that reached someone who had not asked for them.
    private(set) var misdirected = 0

    /// A tally for events numbered below `count`.
    init(count: Int) { sentAt = Array(repeating: MonotonicTime(nanoseconds: 0), count: count) }

    /// Adds a member and gives its number.
    mutating func join(_ kind: Kind, interest: Int) -> Int {
        members.append(Member(kind: kind, interest: interest, seen: Array(repeating: 0, count: sentAt.count / 64 + 1)))
        rows[kind.rawValue].members += 1
        return members.count - 1
    }

    /// Event `number` goes out now.
    mutating func sent(_ number: Int, at time: MonotonicTime) {
        sentAt[number] = time
        for interest in DemoEvents.topic(of: number).interests { published[interest] += 1 }
        for member in members where DemoEvents.topic(of: number).interests.contains(member.interest) {
            rows[member.kind.rawValue].sent += 1
        }
    }

    /// Event `number` has come to member `index`.
    mutating func received(_ number: Int, by index: Int, at time: MonotonicTime) {
        let kind = members[index].kind
        guard number < sentAt.count, DemoEvents.topic(of: number).interests.contains(members[index].interest) else {
            misdirected += 1
            return
        }
        let bit: UInt64 = 1 << UInt64(number % 64)
        guard members[index].seen[number / 64] & bit == 0 else {
            rows[kind.rawValue].duplicates += 1
            return
        }
        members[index].seen[number / 64] |= bit
        rows[kind.rawValue].delivered += 1
        rows[kind.rawValue].latency.record(time.nanoseconds(since: sentAt[number]))
    }

    /// Deliveries there are to be so far.
    var sent: Int { rows.reduce(0) { $0 + $1.sent } }
    /// Deliveries there have been.
    var delivered: Int { rows.reduce(0) { $0 + $1.delivered } }
    /// Nothing is missing and nothing came twice or to the wrong member.
    var isPerfect: Bool { rows.allSatisfy { $0.lost == 0 && $0.duplicates == 0 } && misdirected == 0 }

    /// The table the demo ends with.
    var lines: [String] {
        var table = Table(["TRANSPORT", "SUBSCRIBERS", "SENT", "DELIVERED", "LOST", "DUPLICATES", "P50", "P99"])
        for kind in Kind.allCases {
            let row = rows[kind.rawValue]
            table.add([
                kind.title, String(row.members), String(row.sent), String(row.delivered), String(row.lost),
                String(row.duplicates), Self.text(row.latency.percentile(0.5)), Self.text(row.latency.percentile(0.99)),
            ])
        }
        return table.lines
    }

    /// Nanoseconds as milliseconds with two digits.
    static func text(_ nanoseconds: UInt64) -> String {
        let hundredths = (nanoseconds + 5_000) / 10_000
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) ms"
    }
}
