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
        #expect(wire.client.session.negotiatedProtocol == "http/1.1")
        #expect(wire.server.session.negotiatedProtocol == "http/1.1")
        #expect(!wire.client.session.isResumed)
    }
}
