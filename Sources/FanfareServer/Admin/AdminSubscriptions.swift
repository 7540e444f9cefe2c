import FanfareBase
import FanfareLog
import FanfareWire

/// The rows of the API that are about subscriptions.
extension AdminEndpoint {
    /// `GET /v1/subscriptions?after=ID&limit=N`: those whoever asks may manage, by id.
    func listSubscriptions(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        let limit: Int
        switch self.limit(admitted) {
        case .success(let value): limit = value
        case .failure(let refused): return .answer(refused.answer)
        }
        let after = admitted.query.first("after") ?? ""
        let entries = shard.service.subscriptions.all
            .filter { $0.id > after && $0.known.isManaged(by: admitted.principal) }.sorted { $0.id < $1.id }
        let json = SubscriptionJSON(service: shard.service)
        var body = Array("{\"subscriptions\":[".utf8)
        var count = 0
        for entry in entries.prefix(limit) where body.count < Limits.listBytesMax {
            if count > 0 { body.append(UInt8(ascii: ",")) }
            body += json.shown(entry).line
            count += 1
        }
        let next: JSONOutput = count < entries.count ? .string(entries[count - 1].id) : .null
        body += Array("],\"next\":".utf8) + next.line + [UInt8(ascii: "}")]
        return .answer(.json(200, body))
    }

    /// `GET /v1/subscriptions/ID`.
    func show(_ admitted: Router.Admitted, _ id: String) -> HTTPHandler.Verdict {
        switch find(id, admitted) {
        case .success(let entry): .answer(.json(200, SubscriptionJSON(service: shard.service).shown(entry).line))
        case .failure(let refused): .answer(refused.answer)
        }
    }

    /// `GET /v1/subscriptions/ID/attempts?position=P&status=S&limit=N`: the newest first.
    func listAttempts(_ admitted: Router.Admitted, _ id: String) -> HTTPHandler.Verdict {
        let entry: SubscriptionEntry
        let limit: Int
        switch (find(id, admitted), self.limit(admitted)) {
        case (.success(let found), .success(let value)): (entry, limit) = (found, value)
        case (.failure(let refused), _), (_, .failure(let refused)): return .answer(refused.answer)
        }
        do throws(AttemptFilter.Refusal) {
            let filter = try AttemptFilter(
                position: admitted.query.first("position"), status: admitted.query.first("status"))
            let json = SubscriptionJSON(service: shard.service)
            let attempts = entry.status.current.attempts.reversed()
                .filter { filter.admits($0, in: shard.service.logID) }.prefix(limit)
            let rows = JSONOutput.array(attempts.map(json.attempt))
            return .answer(.json(200, JSONOutput.object([.init("attempts", rows)]).line))
        } catch {
            return .answer(.problem(400, error.code, error.detail))
        }
    }

    /// A change that needs no body.
    func change(_ admitted: Router.Admitted, _ id: String, _ kind: ChangeRequest.Kind) -> HTTPHandler.Verdict {
        let change = SubscriptionChange(
            request: ChangeRequest(kind, id: id, by: admitted.principal), reply: address(admitted))
        shard.perform(on: 0) { change.apply($0) }
        return .pending
    }

    /// `POST /v1/subscriptions/ID/test`: answered when the endpoint has.
    func test(_ admitted: Router.Admitted, _ id: String) -> HTTPHandler.Verdict {
        switch find(id, admitted) {
        case .success(let entry):
            let reply = address(admitted)
            let number = entry.number
            shard.perform(on: Int(number.rawValue) % shard.service.shardCount) {
                $0.webhooks.test(number, reply: reply, $0)
            }
            return .pending
        case .failure(let refused): return .answer(refused.answer)
        }
    }

    /// `PUT /v1/subscriptions/ID`: judged where reading the files it names may block, then decided on shard 0.
    func put(_ admitted: Router.Admitted, _ id: String) -> HTTPHandler.Verdict {
        let request = admitted.request
        if let type = request.headers[.contentType], FanfareWire.MediaType(type)?.isJSON != true {
            return .answer(
                .problem(415, "unsupported-media-type", "A definition is application/json, not \(type.string)."))
        }
        guard request.body.count <= Limits.definitionBytesMax else {
            return .answer(
                .problem(413, "definition-too-large", "A definition has at most \(Limits.definitionBytesMax) bytes."))
        }
        let proposal = SubscriptionProposal(
            body: request.body.array, id: id, principal: admitted.principal, reply: address(admitted))
        let service = shard.service
        return service.worker.submit { proposal.judge(service) } ? .pending : .answer(Self.busy)
    }
}

/// A definition as it came in a request, to be read on the thread of administration.
struct SubscriptionProposal: Sendable {
    /// The request's body.
    let body: [UInt8]
    /// The id of the request's path.
    let id: String
    /// Who asks.
    let principal: Principal
    /// Where the answer goes.
    let reply: ReplyAddress

    /// Reads it and hands it to shard 0, or answers with everything that is wrong.
    func judge(_ service: ServiceContext) {
        do throws(Diagnostics) {
            let configuration = service.configuration
            let addresses = configuration.addressPolicy(ownAddresses: OwnAddresses.ofMachine())
            let definition = try SubscriptionDefinition.parse(
                body, id: id, policy: configuration.apiPolicy(addresses: addresses))
            let kind = ChangeRequest.Kind.put(definition, secret: service.secrets.signingSecret())
            let change = SubscriptionChange(request: ChangeRequest(kind, id: id, by: principal), reply: reply)
            service.inboxes[0].post(ShardTask { change.apply($0) })
        } catch {
            let answer = error.answer("invalid-definition")
            service.inboxes[reply.shard].post(ShardTask { [reply] in $0.answer(reply, answer) })
        }
    }
}

extension Diagnostics {
    /// Everything that is wrong in a request's body, as a problem of the type `code`.
    func answer(_ code: String) -> Answer {
        let items = all.map { diagnostic -> ProblemDocument.Item in
            guard diagnostic.kind == .notJSON, let location = diagnostic.location else {
                return .init(detail: diagnostic.message, pointer: diagnostic.pointer.text)
            }
            return .init(detail: "line \(location.line), column \(location.column): not JSON: \(diagnostic.message)")
        }
        return .problem(
            400, code, items.count == 1 ? items[0].detail : "\(items.count) things are wrong.", errors: items)
    }
}
