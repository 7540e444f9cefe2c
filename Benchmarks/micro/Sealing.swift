import Benchmark
import FanfareBase
import FanfareDelivery
import FanfareTLS

/// What is done for each connection or endpoint that wants it: a TLS record, a webhook's signature and request.
func sealing() {
    // OpenSSL's own buffer for a record, which it frees when idle (SSL_MODE_RELEASE_BUFFERS).
    stage("Seal: TLS record", allocations: 4_000) {
        let session = try establishedSession()
        let plaintext = SampleEvent.json
        var record = [UInt8](repeating: 0, count: TLSSession.sealedBytesMax(plaintext.count))
        return Stage {
            // Safe: both live as long as the call.
            let count = unsafe plaintext.withUnsafeBytes { plaintext in
                unsafe record.withUnsafeMutableBytes { unsafe session.seal(plaintext, into: $0) }
            }
            guard count > plaintext.count else { fatalError("the session is established") }
        }
    }

    // OpenSSL 3's copies of the two hashes that the key was put into beforehand.
    stage("Seal: webhook signature, v1", allocations: 2_000) {
        let signer = try webhookSigner()
        let signed = Array("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.".utf8)
        var signature = [UInt8](repeating: 0, count: signer.textBytes)
        return Stage { signer.sign(signed, SampleEvent.json, &signature) }
    }

    // Those of its signature.
    stage("Seal: webhook request", allocations: 2_000) {
        let event = try SampleEvent()
        let options = WebhookRequest.Options(target: "/hooks", host: "example.com", version: "1")
        var requests = try WebhookRequest(options, signer: try webhookSigner())
        let position = Position(log: LogID(1), sequence: SequenceNumber(1))
        let attempt = WebhookRequest.Attempt(
            id: WebhookID(position, key: SampleEvent.context.hashKey), time: Clock.wall, number: 1)
        var request: [UInt8] = []
        return Stage {
            request.removeAll(keepingCapacity: true)
            try requests.append(event.record, attempt, to: &request)
        }
    }
}

private func webhookSigner() throws -> WebhookSigner {
    try WebhookSigner([try WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")])
}

/// A server's session after its handshake with a client.
private func establishedSession() throws -> TLSSession {
    let certificate = try SelfSignedCertificate.make(hosts: ["localhost"])
    let identity = try TLSIdentity(
        certificateChainPEM: certificate.certificatePEM, privateKeyPEM: certificate.privateKeyPEM)
    let server = try TLSSession(accepting: .server(identity: identity, tickets: TLSTicketKeys()))
    let client = try TLSSession(connectingWith: .client(trust: .none), serverName: "localhost")
    var fromClient: [UInt8] = []
    var plaintext: [UInt8] = []
    try client.startHandshake(output: &fromClient)
    while !fromClient.isEmpty {
        var fromServer: [UInt8] = []
        try server.receive(fromClient.span, output: &fromServer, plaintext: &plaintext)
        fromClient = []
        try client.receive(fromServer.span, output: &fromClient, plaintext: &plaintext)
    }
    return server
}
