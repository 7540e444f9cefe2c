import FanfareBase
import FanfareWire

/// What a subscriber asks for.
package struct SubscribeRequest: Sendable {
    /// The patterns, 1 to 64.
    package var topics: [String]
    /// Where to begin, as the contract spells it; nil for the service's default.
    package var from: String?
    /// What the service is to do when it is slow, as the contract spells it; nil for the service's default.
    package var slow: String?

    /// A wish for what matches `topics`.
    package init(topics: [String], from: String? = nil, slow: String? = nil) {
        self.topics = topics
        self.from = from
        self.slow = slow
    }

    /// Path and query of `GET /v1/subscribe`.
    package var target: String {
        var items = topics.map { "topic=\(QueryText.encode($0))" }
        if let from { items.append("from=\(QueryText.encode(from))") }
        if let slow { items.append("slow=\(QueryText.encode(slow))") }
        return "/v1/subscribe?" + items.joined(separator: "&")
    }

    /// The op that the stream protocol begins with, and its line end.
    package var line: [UInt8] {
        var bytes = Array("{\"op\":\"subscribe\",\"id\":\"1\",\"topics\":[".utf8)
        for (index, topic) in topics.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.appendJSONString(topic)
        }
        bytes.append(UInt8(ascii: "]"))
        if let from {
            bytes += Array(",\"from\":".utf8)
            bytes.appendJSONString(from)
        }
        if let slow {
            bytes += Array(",\"slow\":".utf8)
            bytes.appendJSONString(slow)
        }
        bytes += Array("}\n".utf8)
        return bytes
    }
}

/// How events come.
package enum SubscriberTransport: String, Sendable, CaseIterable {
    /// RFC 6455.
    case websocket
    /// Server-Sent Events.
    case sse
    /// Lines of JSON.
    case stream
}

/// Who hears what a subscriber receives. Views are gone after the call.
package protocol SubscriberObserver: AnyObject {
    /// The service has taken the subscription.
    func began(_ subscriber: EventSubscriber)
    /// An event came; `position` is a part of it.
    func event(_ json: ByteView, position: ByteView, to subscriber: EventSubscriber)
    /// The service said something else.
    func message(_ message: ServerMessage, to subscriber: EventSubscriber)
    /// It is over; `words` say why. The last call.
    func ended(_ subscriber: EventSubscriber, _ reason: SubscriberEnd)
}

/// Why a subscriber is over.
package enum SubscriberEnd: Error, Sendable, CustomStringConvertible {
    /// We closed it.
    case closed
    /// The connection ended or never was.
    case connection(ClientEnd)
    /// The service refused it with this status; `words` say why, whether trying again may help follows from the status.
    case refused(status: Int, words: String)
    /// The service closed the WebSocket.
    case webSocketClosed(code: UInt16, reason: String)
    /// What came is not of the protocol.
    case malformed(String)

    package var description: String {
        switch self {
        case .closed: "closed"
        case .connection(let end): end.description
        case .refused(let status, let words): "refused with \(status): \(words)"
        case .webSocketClosed(let code, let reason): "closed with \(code)\(reason.isEmpty ? "" : ": \(reason)")"
        case .malformed(let words): words
        }
    }

    /// Whether another try can have another outcome.
    package var isWorthRetrying: Bool {
        switch self {
        case .closed, .malformed: false
        case .connection(.tls(.untrustedPeer)), .connection(.tls(.plaintextHTTP)): false
        case .connection: true
        case .refused(let status, _): status == 429 || status >= 500
        case .webSocketClosed(let code, _): ![1002, 1003, 1007, 1008, 1009].contains(code)
        }
    }
}

/// One connection that receives events, whatever the transport: a subclass decodes its bytes.
///
/// No allocation for an event that arrives whole; the observer is told in the order of arrival.
package class EventSubscriber: ClientHandler {
    /// What the owner wants to remember of it.
    package let tag: Int
    /// What was asked for.
    package let request: SubscribeRequest
    let target: ClientTarget
    /// Unowned: the observer keeps its subscribers, and outlives the loop's run.
    unowned let observer: any SubscriberObserver
    private var connection: ClientConnection?
    private var refusal: SubscriberEnd?
    /// Whether the service has taken the subscription.
    package private(set) var hasBegun = false

    init(_ target: ClientTarget, _ request: SubscribeRequest, tag: Int, observer: any SubscriberObserver) {
        self.target = target
        self.request = request
        self.tag = tag
        self.observer = observer
    }

    /// Connects a subscriber; the observer hears the rest.
    ///
    /// - Precondition: `target` speaks HTTP for `websocket` and `sse`, the stream protocol for `stream`.
    @discardableResult
    package static func start(
        _ transport: SubscriberTransport, _ loop: ClientLoop, _ target: ClientTarget, _ request: SubscribeRequest,
        tag: Int = 0, observer: any SubscriberObserver
    ) -> EventSubscriber {
        invariant(target.url.isHTTP != (transport == .stream), "the transport fits the URL")
        let subscriber: EventSubscriber =
            switch transport {
            case .websocket: WebSocketSubscriber(target, request, tag: tag, observer: observer)
            case .sse: ServerSentEventSubscriber(target, request, tag: tag, observer: observer)
            case .stream: StreamSubscriber(target, request, tag: tag, observer: observer)
            }
        subscriber.connection = target.connect(loop, handler: subscriber)
        return subscriber
    }

    /// Ends it; the observer hears `closed`.
    package func close() {
        if refusal == nil { refusal = .closed }
        connection?.close()
    }

    /// Stops reading, as a program that hangs does: what comes stays in the kernel, until `resume`.
    package func pause() { connection?.pause() }

    /// Reads again.
    package func resume() { connection?.resume() }

    /// Ends it for a reason of the subclass.
    func fail(_ reason: SubscriberEnd, on connection: ClientConnection) {
        if refusal == nil { refusal = reason }
        connection.close()
    }

    /// Tells the observer what one message holds.
    @inline(__always)
    final func take(_ message: ByteView) {
        if let position = DeliveredEvent.position(of: message) {
            observer.event(message, position: position, to: self)
        } else if let said = ServerMessage(message) {
            if case .subscribed = said { begin() }
            observer.message(said, to: self)
        }
    }

    /// The service has taken the subscription: an accepted request says so, or else a message. The observer hears it once.
    final func begin() {
        guard !hasBegun else { return }
        hasBegun = true
        observer.began(self)
    }

    /// What the answer to a refused request says.
    static func refusal(_ response: HTTPResponse) -> SubscriberEnd {
        .refused(status: response.status, words: ProblemText.words(response.body))
    }

    package func opened(_ connection: ClientConnection) {}

    package func received(_ bytes: ByteView, on connection: ClientConnection) {}

    package func ended(_ connection: ClientConnection, _ reason: ClientEnd) {
        observer.ended(self, refusal ?? .connection(reason))
        self.connection = nil
    }
}
