import FanfareBase
import FanfareDelivery
import FanfareRing
import FanfareTLS
import FanfareWire

/// A webhook endpoint: an HTTP/1.1 server that verifies each delivery and answers as it is told.
package final class WebhookReceiver {
    /// What signs; nil accepts everything unchecked. May be set when deliveries already come.
    package var signer: WebhookSigner?
    fileprivate let loop: ClientLoop
    private let answer: (WebhookArrival) -> WebhookAnswer
    private var ledger = AttemptLedger()

    /// A receiver; `listen` makes it reachable. `answer` is called for every POST.
    package init(_ loop: ClientLoop, signer: WebhookSigner? = nil, answer: @escaping (WebhookArrival) -> WebhookAnswer)
    {
        self.loop = loop
        self.signer = signer
        self.answer = answer
    }

    /// Accepts deliveries at `address`, encrypted with `tls`; gives the address bound.
    package func listen(at address: SocketAddress, tls: TLSContext? = nil) throws(ListenerError) -> SocketAddress {
        try loop.listen(at: address, tls: tls) { ReceiverConnection(self) }
    }

    fileprivate func take(_ request: HTTPRequest) -> WebhookAnswer {
        let id = request.headers[.webhookID]?.string ?? ""
        return answer(
            WebhookArrival(
                request: request, id: id, attempt: id.isEmpty ? 1 : ledger.count(id),
                verdict: SignatureVerdict.of(request, signer: signer, now: Clock.wall)))
    }
}

/// One connection to a receiver: answers in the order of the requests, some of them late.
private final class ReceiverConnection: ClientHandler {
    /// An answer that may still have to wait.
    final class Pending {
        var bytes: [UInt8]?
        let closes: Bool

        init(_ bytes: [UInt8]?, closes: Bool) {
            self.bytes = bytes
            self.closes = closes
        }
    }

    private let receiver: WebhookReceiver
    private var decoder = HTTPRequestDecoder(limits: HTTPLimits(bodyBytesMax: LoadLimits.webhookBodyBytesMax))
    private var pending = RingQueue<Pending>(limit: LoadLimits.requestsOutstandingMax)

    init(_ receiver: WebhookReceiver) { self.receiver = receiver }

    func opened(_ connection: ClientConnection) {}

    func received(_ bytes: ByteView, on connection: ClientConnection) {
        var input = bytes
        while let event = decoder.decode(&input) {
            switch event {
            case .request(let request): take(request, on: connection)
            case .continueExpected: connection.send(ByteView(HTTPWriter.continueResponse))
            case .failure(let error):
                var bytes: [UInt8] = []
                HTTPWriter.appendEmptyResponse(error.status, keepAlive: false, to: &bytes)
                enqueue(Pending(bytes, closes: true), on: connection)
            }
        }
    }

    func ended(_ connection: ClientConnection, _ reason: ClientEnd) {}

    private func take(_ request: HTTPRequest, on connection: ClientConnection) {
        let isDelivery = request.method == .post
        let answer = isDelivery ? receiver.take(request) : WebhookAnswer(status: 405)
        var bytes: [UInt8] = []
        HTTPWriter.appendStatusLine(answer.status, to: &bytes)
        HTTPWriter.appendConnection(keepAlive: request.keepAlive, minorVersion: request.minorVersion, to: &bytes)
        if !isDelivery { HTTPWriter.appendHeader("allow", "POST", to: &bytes) }
        if HTTPStatus.hasNoBody(answer.status) {
            HTTPWriter.endHead(&bytes)
        } else {
            HTTPWriter.appendBody(.empty, to: &bytes)
        }
        guard answer.delayMilliseconds > 0 else {
            return enqueue(Pending(bytes, closes: !request.keepAlive), on: connection)
        }
        let late = Pending(nil, closes: !request.keepAlive)
        enqueue(late, on: connection)
        receiver.loop.after(milliseconds: answer.delayMilliseconds) {
            late.bytes = bytes
            self.sendReady(on: connection)
        }
    }

    private func enqueue(_ answer: Pending, on connection: ClientConnection) {
        guard pending.append(answer) else { return connection.close() }
        sendReady(on: connection)
    }

    private func sendReady(on connection: ClientConnection) {
        while let first = pending.first, let bytes = first.bytes {
            _ = pending.popFirst()
            connection.send(bytes)
            if first.closes { return connection.close() }
        }
    }
}
