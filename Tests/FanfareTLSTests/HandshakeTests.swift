import FanfareTLS
import Testing

@Suite struct HandshakeTests {
    let authority: Authority

    init() throws { authority = try Authority() }

    @Test(arguments: [1, 3, 100, .max])
    func aHandshakeSucceedsHoweverItsBytesArrive(step: Int) throws {
        let wire = try Wire(authority.client(), authority.server("localhost"))
        try wire.shakeHands(step: step)
        #expect(wire.client.session.isEstablished)
        #expect(wire.server.session.isEstablished)
        #expect(wire.client.session.version == "TLSv1.3")
        #expect(!wire.client.session.isResumed)
    }

    @Test func bothSidesAgreeOnHTTP11() throws {
        let wire = try Wire(authority.client(), authority.server("localhost"))
        #expect(wire.server.session.negotiatedProtocol == nil)
        try wire.shakeHands()
        #expect(wire.client.session.negotiatedProtocol == "http/1.1")
        #expect(wire.server.session.negotiatedProtocol == "http/1.1")
    }

    @Test(arguments: [1, .max])
    func aClientThatKnowsOnlyTLS12IsServed(step: Int) throws {
        let context = try authority.client()
        context.limitToTLS12()
        let wire = try Wire(context, authority.server("localhost"))
        try wire.shakeHands(step: step)
        #expect(wire.server.session.version == "TLSv1.2")
        wire.client.seal(Array("GET".utf8))
        wire.server.seal(Array("200".utf8))
        try wire.settle(step: step)
        #expect(wire.server.plaintext == Array("GET".utf8))
        #expect(wire.client.plaintext == Array("200".utf8))
    }

    @Test func manyHandshakesOfOneContextMayOverlap() throws {
        let (client, server) = (try authority.client(), try authority.server("localhost"))
        let wires = try (0..<8).map { _ in try Wire(client, server) }
        for wire in wires { try wire.client.session.startHandshake(output: &wire.client.output) }
        for _ in 0..<4000 {
            for wire in wires {
                try wire.server.receive(wire.client.takeOutput(limit: 7))
                try wire.client.receive(wire.server.takeOutput(limit: 7))
            }
        }
        for wire in wires { #expect(wire.client.session.isEstablished && wire.server.session.isEstablished) }
    }

    @Test func aClientShowsItsCertificateToServersThatAsk() throws {
        let server = try TLSContext.server(
            identity: authority.identity("localhost"), tickets: TLSTicketKeys(), clientTrust: authority.trust)
        let wire = try Wire(authority.client(identity: authority.identity("client")), server)
        try wire.shakeHands()
        #expect(wire.server.session.isEstablished)
    }

    @Test func aClientWithoutACertificateIsToldThatOneIsRequired() throws {
        let server = try TLSContext.server(
            identity: authority.identity("localhost"), tickets: TLSTicketKeys(), clientTrust: authority.trust)
        let wire = try Wire(authority.client(), server)
        #expect(throws: TLSError.self) { try wire.shakeHands() }
        #expect(wire.server.session.phase == .failed)
        let alert = wire.server.takeOutput()
        let error = #expect(throws: TLSError.self) { try wire.client.receive(alert) }
        guard case .alertReceived(code: 116, _) = error else {
            Issue.record("certificate_required expected, got \(String(describing: error))")
            return
        }
    }
}
