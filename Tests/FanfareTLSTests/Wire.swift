import FanfareTLS
import Testing

/// A session with its bytes as arrays: what it received and what it has to send.
final class Endpoint {
    let session: TLSSession
    var plaintext: [UInt8] = []
    var output: [UInt8] = []

    init(_ session: TLSSession) { self.session = session }

    func receive(_ ciphertext: [UInt8]) throws(TLSError) {
        try session.receive(ciphertext.span, output: &output, plaintext: &plaintext)
    }

    func seal(_ bytes: [UInt8]) { session.seal(bytes.span, output: &output) }

    /// One record of `slices`.
    func sealed(_ slices: [[UInt8]]) -> [UInt8] {
        let copies = unsafe slices.map { slice in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: slice.count, alignment: 1)
            unsafe copy.copyBytes(from: slice)
            return unsafe copy
        }
        defer { for index in unsafe copies.indices { unsafe copies[index].deallocate() } }
        var record = [UInt8](repeating: 0, count: TLSSession.sealedBytesMax(slices.reduce(0) { $0 + $1.count }))
        // Safe: the copies live until this returns.
        let count = unsafe record.withUnsafeMutableBytes { target in
            unsafe copies.map { UnsafeRawBufferPointer($0) }.withUnsafeBufferPointer { slices in
                unsafe session.seal(gathering: slices, into: target)
            }
        }
        return Array(record[..<count])
    }

    func sealGathering(_ slices: [[UInt8]]) { output += sealed(slices) }

    func takeOutput(limit: Int = .max) -> [UInt8] {
        let taken = Array(output.prefix(limit))
        output.removeFirst(taken.count)
        return taken
    }
}

/// A client and a server with nothing between them.
struct Wire {
    let client: Endpoint
    let server: Endpoint

    init(
        _ clientContext: TLSContext, _ serverContext: TLSContext, name: String = "localhost",
        resumption: TLSResumption? = nil
    ) throws {
        client = Endpoint(
            try TLSSession(connectingWith: clientContext, serverName: name, resumption: resumption))
        server = Endpoint(try TLSSession(accepting: serverContext))
    }

    /// Carries bytes both ways, `step` at a time, until there are none. Throws the first error of either side, after
    /// what it had to say was carried to the other.
    func settle(step: Int = .max) throws {
        while !client.output.isEmpty || !server.output.isEmpty {
            try server.receive(client.takeOutput(limit: step))
            try client.receive(server.takeOutput(limit: step))
        }
    }

    /// The whole handshake.
    func shakeHands(step: Int = .max) throws {
        try client.session.startHandshake(output: &client.output)
        try settle(step: step)
    }
}

/// An authority, and contexts that trust it or are certified by it.
struct Authority {
    let certificate: SelfSignedCertificate
    let trust: TLSTrust

    init() throws {
        certificate = try SelfSignedCertificate.make(hosts: ["Test authority"], isAuthority: true)
        trust = try TLSTrust.pem(certificate.certificatePEM)
    }

    func identity(_ hosts: String..., validSeconds: Range<Int> = -60..<3600) throws -> TLSIdentity {
        let leaf = try SelfSignedCertificate.make(hosts: hosts, issuer: certificate, validSeconds: validSeconds)
        return try TLSIdentity(certificateChainPEM: leaf.certificatePEM, privateKeyPEM: leaf.privateKeyPEM)
    }

    func server(_ hosts: String..., tickets: TLSTicketKeys = TLSTicketKeys()) throws -> TLSContext {
        let leaf = try SelfSignedCertificate.make(hosts: hosts, issuer: certificate)
        return try TLSContext.server(
            identity: TLSIdentity(certificateChainPEM: leaf.certificatePEM, privateKeyPEM: leaf.privateKeyPEM),
            tickets: tickets)
    }

    func client(identity: TLSIdentity? = nil) throws -> TLSContext {
        try TLSContext.client(trust: trust, identity: identity)
    }
}
