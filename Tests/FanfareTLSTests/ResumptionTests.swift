import FanfareTLS
import Testing

@Suite struct ResumptionTests {
    let authority: Authority
    let client: TLSContext

    init() throws {
        authority = try Authority()
        client = try authority.client()
    }

    /// A full handshake and what the client keeps of it.
    private func firstSession(_ server: TLSContext, client: TLSContext) throws -> TLSResumption? {
        let wire = try Wire(client, server)
        try wire.shakeHands()
        #expect(!wire.client.session.isResumed)
        return wire.client.session.takeResumption()
    }

    private func isResumed(_ resumption: TLSResumption?, at server: TLSContext) throws -> Bool {
        let wire = try Wire(client, server, resumption: resumption)
        try wire.shakeHands()
        #expect(wire.client.session.isResumed == wire.server.session.isResumed)
        return wire.client.session.isResumed
    }

    @Test func aSessionIsResumedAtAnotherShardWithTheSameKeys() throws {
        let keys = TLSTicketKeys()
        let resumption = try firstSession(authority.server("localhost", tickets: keys), client: client)
        #expect(try isResumed(resumption, at: authority.server("localhost", tickets: keys)))
    }
}
