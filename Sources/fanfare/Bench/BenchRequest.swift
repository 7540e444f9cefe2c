import FanfareLoad

/// The request that publishes an event of a plan: made once, then only the event's number and its topic's are written
/// over those of the one before, so that publishing costs the load next to nothing.
struct BenchRequest {
    /// Digits of a topic's index: those of the most topics a profile may have.
    static let topicDigits = 6

    private let numbering: EventNumbering
    private let topics: Int
    private let eventOffset: Int
    private let topicOffset: Int
    private var bytes: [UInt8]

    /// Requests of `plan` to `target`.
    init(_ plan: BenchPlan, _ target: ClientTarget) {
        numbering = plan.numbering
        topics = plan.profile.events.topics
        var event = Array(
            "{\(numbering.members(0)),\"source\":\"/fanfare/bench\",\"type\":\"\(plan.topic(0))".utf8)
        let topicEnd = event.count
        event += Array("\",\"data\":\"".utf8)
        event += repeatElement(UInt8(ascii: "x"), count: max(0, plan.profile.events.bytes - event.count - 2))
        event += Array("\"}".utf8)
        bytes = target.request(
            "POST", "/v1/events", headers: [("content-type", "application/cloudevents+json")], body: event)
        eventOffset = bytes.count - event.count
        topicOffset = eventOffset + topicEnd - Self.topicDigits
    }

    /// The request for event `number`, until the next one is asked for.
    mutating func bytes(_ number: Int) -> [UInt8] {
        numbering.write(number, in: &bytes, from: eventOffset + 1)
        bytes.writeDecimal(number % topics, digits: Self.topicDigits, at: topicOffset)
        return bytes
    }
}
