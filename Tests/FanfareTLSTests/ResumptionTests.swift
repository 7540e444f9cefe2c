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
    private func firstSession(_ server: TLSContext) throws -> TLSResumption {
        let wire = try Wire(client, server)
        try wire.shakeHands()
        #expect(!wire.client.session.isResumed)
        let resumption = wire.client.session.takeResumption()
        #expect(wire.client.session.takeResumption() == nil)
        return try #require(resumption)
    }

    /// Offers `resumption`; what the client then keeps, or nil when the server did not want it.
    private func resumed(_ resumption: TLSResumption, at server: TLSContext) throws -> TLSResumption? {
        let wire = try Wire(client, server, resumption: resumption)
        try wire.shakeHands()
        #expect(wire.client.session.isEstablished)
        #expect(wire.client.session.isResumed == wire.server.session.isResumed)
        return wire.client.session.isResumed ? wire.client.session.takeResumption() : nil
    }

    private func server(_ keys: TLSTicketKeys) throws -> TLSContext { try authority.server("localhost", tickets: keys) }

    @Test(arguments: [false, true])
    func aSessionIsResumedAtAnotherShardWithTheSameKeys(onlyTLS12: Bool) throws {
        if onlyTLS12 { client.limitToTLS12() }
        let keys = TLSTicketKeys()
        let first = try firstSession(server(keys))
        let second = try server(keys)
        let wire = try Wire(client, second, resumption: first)
        try wire.shakeHands()
        #expect(wire.client.session.isResumed && wire.server.session.isResumed)
    }

    @Test func everyResumptionBringsTheNextTicket() throws {
        let server = try server(TLSTicketKeys())
        var resumption = try firstSession(server)
        for _ in 0..<3 { resumption = try #require(try resumed(resumption, at: server)) }
    }

    @Test func aSessionIsResumedAfterARestartWithStoredKeys() throws {
        let keys = TLSTicketKeys()
        let resumption = try firstSession(server(keys))
        let stored = try TLSTicketKeys(serialised: keys.serialised)
        #expect(try resumed(resumption, at: server(stored)) != nil)
    }

    @Test func aSessionOutlivesTwoRotationsButNotThree() throws {
        let keys = TLSTicketKeys()
        let shard = try server(keys)
        let resumption = try firstSession(shard)
        shard.replaceTicketKeys(keys.rotated().rotated())
        #expect(try resumed(resumption, at: shard) != nil)
        shard.replaceTicketKeys(keys.rotated().rotated().rotated())
        #expect(try resumed(resumption, at: shard) == nil)
    }

    @Test func otherKeysMeanAFullHandshake() throws {
        let resumption = try firstSession(server(TLSTicketKeys()))
        #expect(try resumed(resumption, at: server(TLSTicketKeys())) == nil)
    }

    @Test func aSessionIsNotOfferedUnderAnotherNameSinceThatWasNotVerified() throws {
        let server = try authority.server("localhost", "example.com")
        let resumption = try firstSession(server)
        let wire = try Wire(client, server, name: "example.com", resumption: resumption)
        try wire.shakeHands()
        #expect(!wire.client.session.isResumed)
    }

    @Test func aSessionIsNotOfferedByAContextWithOtherTrust() throws {
        let server = try server(TLSTicketKeys())
        let resumption = try firstSession(server)
        let wire = try Wire(authority.client(), server, resumption: resumption)
        try wire.shakeHands()
        #expect(!wire.client.session.isResumed)
    }

    @Test func dataFlowsInAResumedSession() throws {
        let server = try server(TLSTicketKeys())
        let wire = try Wire(client, server, resumption: firstSession(server))
        try wire.shakeHands(step: 1)
        wire.server.seal([1])
        wire.client.seal([2])
        try wire.settle()
        #expect(wire.client.plaintext == [1] && wire.server.plaintext == [2])
    }
}

@Suite struct TicketKeysTests {
    @Test func keysAreRandomAndRotationKeepsTheNewestThree() {
        let keys = TLSTicketKeys()
        #expect(keys != TLSTicketKeys())
        #expect(keys.serialised.count == 96)
        #expect(keys.rotated().rotated().rotated().serialised.count == 256)
        #expect(keys.rotated().serialised.suffix(80) == keys.serialised.suffix(80))
    }

    @Test func storedKeysCutAnywhereOrSpeltOtherwiseAreRefused() throws {
        let keys = TLSTicketKeys().rotated()
        let bytes = keys.serialised
        #expect(try TLSTicketKeys(serialised: bytes) == keys)
        for count in 0..<bytes.count where count != 96 {
            #expect(throws: TLSError.badTicketKeys) { try TLSTicketKeys(serialised: Array(bytes[..<count])) }
        }
        #expect(throws: TLSError.badTicketKeys) { try TLSTicketKeys(serialised: [0] + bytes.dropFirst()) }
        #expect(throws: TLSError.badTicketKeys) {
            try TLSTicketKeys(serialised: bytes + [UInt8](repeating: 7, count: 160))
        }
    }
}
