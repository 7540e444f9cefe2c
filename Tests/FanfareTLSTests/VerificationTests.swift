import FanfareTLS
import Testing

@Suite struct VerificationTests {
    let authority: Authority

    init() throws { authority = try Authority() }

    /// Why a client with `trust` refuses `identity`, called `name`; checks that the server is told.
    private func refusal(
        _ identity: TLSIdentity, trust: TLSTrust? = nil, name: String = "localhost"
    ) throws -> TLSUntrusted? {
        let client = try TLSContext.client(trust: trust ?? authority.trust)
        let wire = try Wire(client, TLSContext.server(identity: identity, tickets: TLSTicketKeys()), name: name)
        do {
            try wire.shakeHands()
        } catch TLSError.untrustedPeer(let untrusted) {
            let alert = wire.client.takeOutput()
            let told = #expect(throws: TLSError.self) { try wire.server.receive(alert) }
            guard case .alertReceived = told else {
                Issue.record("the server gets an alert")
                return untrusted
            }
            return untrusted
        }
        return nil
    }

    private func selfSigned() throws -> SelfSignedCertificate {
        try SelfSignedCertificate.make(hosts: ["localhost", "127.0.0.1", "::1"])
    }

    @Test func aCertificateOfATrustedAuthorityIsAccepted() throws {
        #expect(try refusal(authority.identity("localhost")) == nil)
        #expect(try refusal(authority.identity("other", "localhost")) == nil)
        #expect(try refusal(authority.identity("localhost"), name: "localhost.") == nil)
        #expect(try refusal(authority.identity("*.example.com"), name: "a.example.com") == nil)
    }

    @Test func aCertificateForAnotherHostIsRefused() throws {
        let identity = try authority.identity("example.com")
        #expect(try refusal(identity) == .wrongHost(expected: "localhost"))
        #expect(try refusal(identity, name: "127.0.0.1") == .wrongHost(expected: "127.0.0.1"))
        #expect(try refusal(identity, name: "a.example.com") == .wrongHost(expected: "a.example.com"))
    }

    @Test(arguments: ["127.0.0.1", "::1", "[::1]"])
    func addressesAreVerified(name: String) throws {
        #expect(try refusal(authority.identity("127.0.0.1", "::1"), name: name) == nil)
        let expected = name == "[::1]" ? "::1" : name
        #expect(try refusal(authority.identity("127.0.0.2", "::2"), name: name) == .wrongHost(expected: expected))
    }

    @Test func aCertificateOfAnUnknownAuthorityIsRefused() throws {
        #expect(try refusal(Authority().identity("localhost")) == .unknownIssuer)
    }

    @Test func aSelfSignedCertificateIsRefusedUnlessItIsTrustedItself() throws {
        let made = try selfSigned()
        let identity = try TLSIdentity(
            certificateChainPEM: made.certificatePEM, privateKeyPEM: made.privateKeyPEM)
        #expect(try refusal(identity) == .selfSigned)
        #expect(try refusal(identity, trust: .pem(made.certificatePEM)) == nil)
        #expect(try refusal(identity, trust: .pem(made.certificatePEM), name: "::1") == nil)
    }

    @Test func anExpiredCertificateIsRefused() throws {
        #expect(try refusal(authority.identity("localhost", validSeconds: -7200 ..< -3600)) == .expired)
    }

    @Test func aCertificateFromTheFutureIsRefused() throws {
        #expect(try refusal(authority.identity("localhost", validSeconds: 3600..<7200)) == .notYetValid)
    }

    @Test func theSystemDoesNotTrustATestAuthority() throws {
        #expect(try refusal(authority.identity("localhost"), trust: .system()) == .unknownIssuer)
    }

    @Test func withoutTrustAnythingIsAccepted() throws {
        let made = try selfSigned()
        let identity = try TLSIdentity(
            certificateChainPEM: made.certificatePEM, privateKeyPEM: made.privateKeyPEM)
        #expect(try refusal(identity, trust: TLSTrust.none, name: "other.example.com") == nil)
    }

    @Test func anIntermediateIsSentAlongAndLeadsToTheRoot() throws {
        let middle = try SelfSignedCertificate.make(
            hosts: ["Middle"], issuer: authority.certificate, isAuthority: true)
        let leaf = try SelfSignedCertificate.make(hosts: ["localhost"], issuer: middle)
        let whole = try TLSIdentity(
            certificateChainPEM: leaf.certificatePEM + middle.certificatePEM, privateKeyPEM: leaf.privateKeyPEM)
        #expect(try refusal(whole) == nil)
        let alone = try TLSIdentity(certificateChainPEM: leaf.certificatePEM, privateKeyPEM: leaf.privateKeyPEM)
        #expect(try refusal(alone) == .unknownIssuer)
    }

    @Test(arguments: ["", ".", "a\0b", String(repeating: "a", count: 254)])
    func aNameThatCannotBeSentIsRefused(name: String) throws {
        let client = try authority.client()
        #expect(throws: TLSError.badServerName(name)) {
            try TLSSession(connectingWith: client, serverName: name)
        }
    }
}
