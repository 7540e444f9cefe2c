import FanfareBase
import FanfareWire

/// A subscriber on an event stream: what a browser's EventSource does, without its reconnecting.
final class ServerSentEventSubscriber: EventSubscriber {
    private var body = HTTPResponseDecoder(mode: .stream)
    private var items = ServerSentEventDecoder()
    private var refusedStatus: Int?
    private var refusedBody: [UInt8] = []

    override func opened(_ connection: ClientConnection) {
        connection.send(target.request("GET", request.target, headers: [("accept", "text/event-stream")]))
    }

    override func received(_ bytes: ByteView, on connection: ClientConnection) {
        var input = bytes
        while let event = body.decode(&input) {
            switch event {
            case .head(let response): begin(response, on: connection)
            case .body(let piece): takeBody(piece)
            case .end: end(on: connection)
            case .failure(let error): fail(.malformed("the answer is no HTTP: \(error.detail)"), on: connection)
            case .response: break
            }
        }
    }

    private func begin(_ response: HTTPResponse, on connection: ClientConnection) {
        if response.status == 200 {
            begin()
        } else {
            refusedStatus = response.status
        }
    }

    private func end(on connection: ClientConnection) {
        guard let status = refusedStatus else { return fail(.connection(.endedByPeer), on: connection) }
        fail(.refused(status: status, words: refusedBody.withByteView(ProblemText.words)), on: connection)
    }

    private func takeBody(_ piece: ByteView) {
        guard refusedStatus == nil else {
            if refusedBody.count < 65_536 { refusedBody.append(piece) }
            return
        }
        var input = piece
        while let item = items.decode(&input) {
            switch item {
            case .event(let type, let data, _): takeEvent(type, data)
            case .resumePoint(let id): if !id.isEmpty { observer.message(.heartbeat(position: id.string), to: self) }
            case .retry: break
            case .tooLarge: observer.message(.error(title: "too-large", detail: "an event is too large"), to: self)
            }
        }
    }

    @inline(__always)
    private func takeEvent(_ type: ByteView, _ data: ByteView) {
        if type.equals("fanfare.gap") {
            if let gap = ServerMessage.gap(fromData: data) { observer.message(gap, to: self) }
        } else {
            take(data)
        }
    }
}
