import FanfareLoad
import FanfareWire

/// Sockets that a load listens on: how many have begun, what went wrong, and their end. A subclass hears the events.
class SocketAudience: SubscriberObserver {
    let loop: ClientLoop
    /// The last connection of each socket, by tag.
    private(set) var subscribers: [Int: EventSubscriber] = [:]
    /// Sockets whose subscription is in effect.
    private(set) var begunCount = 0
    /// What went wrong; the run ends.
    private(set) var failure: String?
    /// Everyone is going; nobody is to come back.
    private(set) var isLeaving = false
    /// Sockets that have not ended.
    private var remaining = 0

    init(_ loop: ClientLoop) { self.loop = loop }

    /// Connects the socket called `tag`, which has no other connection.
    func connect(_ transport: SubscriberTransport, _ target: ClientTarget, _ request: SubscribeRequest, tag: Int) {
        remaining += 1
        subscribers[tag] = EventSubscriber.start(transport, loop, target, request, tag: tag, observer: self)
    }

    /// Ends every socket; runs the loop until they are gone, so many milliseconds at most.
    func leave(millisecondsMax: Int) {
        isLeaving = true
        for subscriber in subscribers.values { subscriber.close() }
        loop.onInterrupt = { [unowned self] in loop.stop() }
        let timer = loop.after(milliseconds: millisecondsMax) { [unowned self] in loop.stop() }
        // In the loop, which must be running to be stopped.
        loop.after(milliseconds: 0) { [unowned self] in stopWhenAlone() }
        loop.run()
        loop.cancel(timer)
    }

    private func stopWhenAlone() {
        if remaining == 0 { return loop.stop() }
        loop.after(milliseconds: 5) { [unowned self] in stopWhenAlone() }
    }

    // MARK: SubscriberObserver

    func began(_ subscriber: EventSubscriber) { begunCount += 1 }

    func event(_ json: ByteView, position: ByteView, to subscriber: EventSubscriber) {}

    func message(_ message: ServerMessage, to subscriber: EventSubscriber) {
        switch message {
        case .gap(let after, let next): gap(after, next, subscriber)
        case .error(_, let detail): failure = detail
        default: break
        }
    }

    func ended(_ subscriber: EventSubscriber, _ reason: SubscriberEnd) {
        remaining -= 1
        if !isLeaving { cutOff(subscriber, reason) }
    }

    // MARK: What a subclass may bear

    /// What lies between the positions will not come.
    func gap(_ after: String, _ next: String, _ subscriber: EventSubscriber) {
        failure = "a gap between \(after) and \(next)"
    }

    /// A connection is over though nobody is leaving.
    func cutOff(_ subscriber: EventSubscriber, _ reason: SubscriberEnd) {
        failure =
            subscriber.hasBegun ? "a subscriber was cut off: \(reason)" : "a subscriber could not subscribe: \(reason)"
    }
}

extension HTTPClient.Outcome {
    /// Why an event sent with it has not been accepted; nil when it has.
    var publishFailure: CommandFailure? {
        switch self {
        case .failed(let words), .unreachable(let words): .unavailable("publishing failed: \(words)")
        case .response(let response) where response.status == 202: nil
        case .response(let response): .refused(status: response.status, words: ProblemText.words(response.body))
        }
    }
}
