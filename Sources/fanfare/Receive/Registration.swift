import FanfareBase
import FanfareLoad
import FanfareServer

/// A receiver's own subscription at the service: made when it starts, removed when it ends.
struct Registration {
    /// The subscription's id.
    let id: String
    private let loop: ClientLoop
    private let target: ClientTarget
    private let topics: [String]
    private let url: String
    private let ca: String?

    /// - Parameter ca: the file with the certificate that the service is to trust; nil when it needs none.
    init(_ loop: ClientLoop, _ target: ClientTarget, topics: [String], url: String, ca: String?) {
        id = "receive-\(PublishRequests.identifier().prefix(8))"
        self.loop = loop
        self.target = target
        self.topics = topics
        self.url = url
        self.ca = ca
    }

    /// Makes the subscription and gives the secret that was made for it.
    func register() throws(CommandFailure) -> String {
        var webhook: [JSONOutput.Member] = [.init("url", .string(url))]
        if let ca { webhook.append(.init("tls", .object([.init("ca", .string(ca))]))) }
        let definition = JSONOutput.object([
            .init("topics", .array(topics.map { .string($0) })), .init("webhook", .object(webhook)),
        ])
        let answer = try make(definition)
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(answer.body) } catch {
            throw .unavailable("\(target.url): the answer is not JSON: \(error)")
        }
        guard let secret = document.root.object?["signing_secret"]?.string else {
            throw .unavailable("\(target.url): the answer holds no signing secret")
        }
        return secret
    }

    private func make(_ definition: JSONOutput) throws(CommandFailure) -> SimpleRequest.Answer {
        do throws(CommandFailure) {
            return try SimpleRequest(loop, target).send("PUT", path, body: definition.line)
        } catch {
            // Interrupted, or without an answer in time, it may have been made all the same. What says why is the first
            // failure: the second only says that there is nothing, or no service, to remove it from.
            do throws(CommandFailure) { _ = try SimpleRequest(loop, target).send("DELETE", path) } catch _ {}
            throw error
        }
    }

    /// Removes the subscription; a service that is not there is told to the person, who can do it later.
    func remove() {
        do throws(CommandFailure) {
            _ = try SimpleRequest(loop, target).send("DELETE", path)
        } catch {
            Terminal.error("fanfare: the subscription \(id) could not be removed: \(error.message)")
        }
    }

    private var path: String { "/v1/subscriptions/\(id)" }
}
