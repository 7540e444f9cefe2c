import FanfareBase
import FanfareTLS
import FanfareWire

/// One HTTP/1.1 connection with keep-alive and pipelining: requests go out in order, answers come back in order, each with
/// the tag its request was sent with. When it ends, the next request makes a new connection.
package final class HTTPClient: ClientHandler {
    /// What became of a request.
    package enum Outcome {
        /// The answer; gone after the call.
        case response(HTTPResponse)
        /// There will be none: nobody took the connection, so that the service has not seen the request.
        case unreachable(String)
        /// There will be none; whether the service has seen the request is unknown.
        case failed(String)
    }

    private let loop: ClientLoop
    private let target: ClientTarget
    private let handle: (UInt64, Outcome) -> Void
    private var connection: ClientConnection?
    private var decoder = HTTPClient.freshDecoder()
    private var outstanding = RingQueue<UInt64>(limit: LoadLimits.requestsOutstandingMax)
    /// Requests made before the connection was there.
    private var waiting: [UInt8] = []

    /// A client that connects with its first request. `handle` is called once for every request sent.
    package init(_ loop: ClientLoop, _ target: ClientTarget, handle: @escaping (UInt64, Outcome) -> Void) {
        self.loop = loop
        self.target = target
        self.handle = handle
    }

    /// Requests whose outcome has not come.
    package var outstandingCount: Int { outstanding.count }

    /// Sends a whole request; false, and nothing is sent, when `LoadLimits.requestsOutstandingMax` are outstanding.
    @discardableResult
    package func send(_ request: [UInt8], tag: UInt64 = 0) -> Bool {
        guard outstanding.append(tag) else { return false }
        if let connection, connection.isOpen {
            connection.send(request)
        } else {
            waiting += request
            if connection == nil { connection = target.connect(loop, handler: self) }
        }
        return true
    }

    /// Ends the connection; outstanding requests fail.
    package func close() { connection?.close() }

    package func opened(_ connection: ClientConnection) {
        decoder = Self.freshDecoder()
        connection.send(waiting)
        waiting.removeAll(keepingCapacity: true)
    }

    package func received(_ bytes: ByteView, on connection: ClientConnection) {
        var input = bytes
        while let event = decoder.decode(&input) {
            switch event {
            case .response(let response): take(response, on: connection)
            case .failure(let error): fail("the answer is no HTTP: \(error.detail)", on: connection)
            case .head, .body, .end: break
            }
        }
    }

    package func ended(_ connection: ClientConnection, _ reason: ClientEnd) {
        if let event = decoder.finish(), case .response(let response) = event { take(response, on: connection) }
        self.connection = nil
        waiting.removeAll()
        let outcome: Outcome =
            reason.isUnreachable ? .unreachable(reason.description) : .failed(reason.description)
        // Those whose handlers send again belong to the next connection.
        for _ in 0..<outstanding.count {
            if let tag = outstanding.popFirst() { handle(tag, outcome) }
        }
    }

    private func take(_ response: HTTPResponse, on connection: ClientConnection) {
        guard let tag = outstanding.popFirst() else { return connection.close() }
        handle(tag, .response(response))
        if !response.keepAlive { connection.close() }
    }

    private func fail(_ words: String, on connection: ClientConnection) {
        if let tag = outstanding.popFirst() { handle(tag, .failed(words)) }
        connection.close()
    }

    private static func freshDecoder() -> HTTPResponseDecoder {
        let bytesMax = LoadLimits.responseBodyBytesMax
        return HTTPResponseDecoder(mode: .collect(bodyKeptBytesMax: bytesMax, bodyReadBytesMax: bytesMax))
    }
}
