import FanfareBase
import FanfareDelivery
import FanfareTLS
import FanfareWire

/// Connections through the operator's proxy (CONNECT, RFC 9110, section 9.3.6): the proxy is asked for the very address
/// that was looked up and allowed, unless it is to resolve names itself.
extension WebhookDispatcher {
    /// Connects to the proxy, to ask it for `target`.
    func tunnel(
        _ connection: EndpointConnection, to target: String, through proxy: Configuration.EgressProxy, _ shard: Shard
    ) {
        connection.tunnel = target
        if let known = proxy.url.literalAddresses
            ?? shard.service.resolver.known(proxy.url.host, now: shard.time.monotonic), let address = known.first
        {
            return connect(connection, to: address, port: proxy.url.port, shard)
        }
        connection.resolvesProxy = true
        resolve(proxy.url.host, for: connection, shard)
    }

    /// The proxy's name has been looked up.
    func resolvedProxy(_ connection: EndpointConnection, _ answer: Resolver.Answer, _ shard: Shard) {
        connection.resolvesProxy = false
        switch answer {
        case .success(let addresses):
            guard let proxy = shard.service.configuration.webhooks.proxy, let address = addresses.first else {
                return notMade(connection, shard)
            }
            connect(connection, to: address, port: proxy.url.port, shard)
        case .failure(let failure):
            let words = "the proxy's name has no address: \(failure.words)"
            failed(connection, DeliveryProblem(failure: .resolve, words: words), shard)
        }
    }

    /// Asks the proxy that has been connected to for a tunnel.
    func askForTunnel(_ connection: EndpointConnection, to target: String, on bytes: Connection, _ shard: Shard) {
        connection.phase = .tunnelling
        connection.deadline = stageDeadline(connection, Limits.connectMilliseconds, shard)
        // No answer to CONNECT has content that belongs to it when it succeeds, and none is read when it fails.
        connection.decoder.answersHEAD = true
        watch(connection, shard)
        var request = "CONNECT \(target) HTTP/1.1\r\nhost: \(target)\r\nuser-agent: fanfare/\(ServiceVersion.text)\r\n"
        if let authorization = shard.service.configuration.webhooks.proxy?.authorization {
            request += "proxy-authorization: \(authorization.text)\r\n"
        }
        shard.send(Array((request + "\r\n").utf8), on: bytes)
    }

    /// The proxy has answered, or a part of its answer has come. `isAll`: nothing came behind it, as no endpoint speaks first.
    func proxyAnswered(_ connection: EndpointConnection, _ event: HTTPResponseEvent?, isAll: Bool, _ shard: Shard) {
        guard let event else { return }
        guard case .response(let response) = event, let bytes = connection.connection else {
            let words = "the proxy's answer is not HTTP/1.1"
            return failed(connection, DeliveryProblem(failure: .connect, words: words), shard)
        }
        guard 200..<300 ~= response.status else {
            let words = "the proxy answered \(response.status)"
            return failed(connection, DeliveryProblem(failure: .connect, words: words), shard)
        }
        guard isAll else {
            let words = "the proxy sent more than its answer"
            return failed(connection, DeliveryProblem(failure: .connect, words: words), shard)
        }
        connection.delivery?.timings.connected = shard.time.monotonic
        connection.decoder = EndpointConnection.newDecoder()
        guard let session = connection.session else { return opened(connection, shard) }
        connection.session = nil
        bytes.tls = session
        startHandshake(session, connection, bytes, shard)
    }
}
