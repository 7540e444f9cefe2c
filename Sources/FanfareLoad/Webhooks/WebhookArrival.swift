import FanfareBase
import FanfareWire

/// One request at a webhook receiver; gone after the call it is given to.
package struct WebhookArrival {
    /// The request, its body included.
    package let request: HTTPRequest
    /// `webhook-id`; empty when there is none.
    package let id: String
    /// How often this id has come to this receiver, this time included.
    package let attempt: Int
    /// About the signature.
    package let verdict: SignatureVerdict

    /// What the service says about the attempt (`fanfare-attempt`); nil when it is no number.
    package var announcedAttempt: Int? { request.headers.first(named: "fanfare-attempt")?.decimal }

    /// Type and id of the event, from `ce-*` headers or a structured body; nil when only data was sent. Parses the body.
    package var event: (type: String, id: String)? {
        if let type = request.headers.first(named: "ce-type"), let id = request.headers.first(named: "ce-id") {
            return (text(type), text(id))
        }
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(request.body.array, depthMax: 1024) } catch {
            return nil
        }
        guard let object = document.root.object, object["specversion"] != nil, let type = object["type"]?.string,
            let id = object["id"]?.string
        else { return nil }
        return (type, id)
    }

    private func text(_ header: ByteView) -> String {
        PercentCoding.decode(header).map { String(decoding: $0, as: UTF8.self) } ?? header.string
    }
}

/// What a receiver does with a request.
package struct WebhookAnswer: Sendable {
    /// The status.
    package var status: Int
    /// How long the answer waits, in milliseconds.
    package var delayMilliseconds: Int

    /// An answer.
    package init(status: Int, delayMilliseconds: Int = 0) {
        self.status = status
        self.delayMilliseconds = delayMilliseconds
    }
}

/// Which status each attempt of a delivery gets: the first the first, and so on; the last one repeats.
package struct StatusSequence: Hashable, Sendable {
    /// The statuses; never empty.
    package let statuses: [Int]

    /// Parses `500,500,200`; nil when it is anything else than statuses from 200 to 599 with commas between them.
    package init?(_ text: String) {
        var statuses: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard part.utf8.count == 3, let status = Int(part), (200...599).contains(status) else { return nil }
            statuses.append(status)
        }
        self.statuses = statuses
    }

    /// The status for attempt `attempt`, from 1.
    package func status(forAttempt attempt: Int) -> Int { statuses[min(max(attempt, 1), statuses.count) - 1] }
}
