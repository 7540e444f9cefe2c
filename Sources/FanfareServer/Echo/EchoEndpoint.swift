import FanfareWire

/// Conformance mode (`fanfare serve --websocket-echo`): whatever the path, a WebSocket that gets its own messages back.
struct EchoEndpoint {
    let shard: Shard
    let connection: Connection

    /// Opens the WebSocket that `request` asks for, or says why not.
    func open(_ request: HTTPRequest) -> HTTPHandler.Verdict {
        guard WebSocketHandshake.isRequested(by: request) else {
            return .answer(
                .problem(
                    426, "websocket-only", "This listener echoes WebSocket messages and does nothing else.",
                    headers: [("upgrade", "websocket"), ("connection", "upgrade")]))
        }
        let key: ByteView
        do throws(WebSocketHandshakeError) { key = try WebSocketHandshake.check(request) } catch {
            return .answer(.webSocketRefused(error))
        }
        let extensions = WebSocketCompression.acceptance(of: request.headers)
        var head: [UInt8] = []
        WebSocketHandshake.appendAcceptance(key: key, extensions: extensions, to: &head)
        shard.send(head, on: connection)
        let handler = EchoHandler(inflater: extensions == nil ? nil : shard.inflater)
        if connection.phase == .open { handler.awaitMore(on: connection, shard: shard) }
        return .switched(handler)
    }
}

extension Answer {
    /// A request that cannot become a WebSocket.
    static func webSocketRefused(_ error: WebSocketHandshakeError) -> Answer {
        if error == .method { return Router.notAllowed("GET") }
        let headers =
            error.status == 426
            ? [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")] : []
        return .problem(error.status, error.code, "\(error.detail)", headers: headers)
    }
}
