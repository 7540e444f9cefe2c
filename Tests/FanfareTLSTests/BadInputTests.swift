import FanfareBase
import FanfareTLS
import Testing

@Suite struct BadInputTests {
    let client: TLSContext
    let server: TLSContext

    init() throws {
        let authority = try Authority()
        client = try authority.client()
        server = try authority.server("localhost")
    }

    private func error(_ endpoint: Endpoint, receiving bytes: [UInt8], step: Int = .max) -> TLSError? {
        var rest = bytes[...]
        do throws(TLSError) {
            while !rest.isEmpty {
                try endpoint.receive(Array(rest.prefix(step)))
                rest = rest.dropFirst(step)
            }
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n", "POST /v1/events HTTP/1.1\r\n", "PUT /x HTTP/1.1\r\n", "HEAD / HTTP/1.1\r\n",
        "DELETE /x HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "PATCH /x HTTP/1.1\r\n", "CONNECT a:1 HTTP/1.1\r\n",
    ])
    func plainHTTPIsRecognisedByServers(request: String) throws {
        let server = Endpoint(try TLSSession(accepting: server))
        #expect(error(server, receiving: Array(request.utf8)) == .plaintextHTTP)
        #expect(server.session.phase == .failed)
    }

    @Test func plainHTTPIsRecognisedByteByByte() throws {
        let server = Endpoint(try TLSSession(accepting: server))
        #expect(error(server, receiving: Array("GET / HTTP/1.1\r\n".utf8), step: 1) == .plaintextHTTP)
    }

    @Test func plainHTTPIsRecognisedByClients() throws {
        let wire = try Wire(client, server)
        try wire.client.session.startHandshake(output: &wire.client.output)
        #expect(error(wire.client, receiving: Array("HTTP/1.1 400 Bad Request\r\n".utf8)) == .plaintextHTTP)
    }

    @Test func garbageFailsTheSession() throws {
        for seed: UInt64 in 0..<300 {
            var generator = SeededRandom(seed: seed)
            let garbage = (0..<600).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let server = Endpoint(try TLSSession(accepting: server))
            let failure = error(server, receiving: garbage, step: seed % 2 == 0 ? .max : 7)
            #expect(failure != nil, "seed \(seed)")
            #expect(error(server, receiving: garbage) == .sessionFailed, "seed \(seed)")
        }
    }

    @Test func aHelloCutAnywhereWaitsForMoreAndEndsAsATruncation() throws {
        let wire = try Wire(client, server)
        try wire.client.session.startHandshake(output: &wire.client.output)
        let hello = wire.client.takeOutput()
        for count in 0..<hello.count {
            let server = Endpoint(try TLSSession(accepting: server))
            #expect(error(server, receiving: Array(hello[..<count])) == nil)
            #expect(server.session.phase == .handshaking)
            #expect(throws: TLSError.truncated) { try server.session.receiveEnd() }
        }
    }

    @Test func aHelloChangedAnywhereBreaksNothing() throws {
        let wire = try Wire(client, server)
        try wire.client.session.startHandshake(output: &wire.client.output)
        let hello = wire.client.takeOutput()
        for index in hello.indices {
            var changed = hello
            changed[index] ^= 0xFF
            let server = Endpoint(try TLSSession(accepting: server))
            _ = error(server, receiving: changed)
            #expect(!server.session.isEstablished)
        }
    }

    @Test func aServersFlightChangedAnywhereIsNeverAccepted() throws {
        let probe = try Wire(client, server)
        try probe.client.session.startHandshake(output: &probe.client.output)
        try probe.server.receive(probe.client.takeOutput())
        for index in stride(from: 0, to: probe.server.output.count, by: 5) {
            let wire = try Wire(client, server)
            try wire.client.session.startHandshake(output: &wire.client.output)
            try wire.server.receive(wire.client.takeOutput())
            var flight = wire.server.takeOutput()
            guard index < flight.count else { continue }
            flight[index] ^= 0x55
            let failure = error(wire.client, receiving: flight)
            // A longer length makes it wait; the version of the record layer is not looked at once encrypted.
            if failure == nil { #expect(!wire.client.session.isEstablished || flight[index] ^ 0x55 <= 3) }
        }
    }

    @Test func aRecordChangedAnywhereFailsTheSession() throws {
        let probe = try Wire(client, server)
        try probe.shakeHands()
        for index in 0..<(40 + 22) where !(1...4).contains(index) {
            let wire = try Wire(client, server)
            try wire.shakeHands()
            wire.client.seal([UInt8](repeating: 7, count: 40))
            wire.client.output[index] ^= 1
            #expect(error(wire.server, receiving: wire.client.takeOutput()) != nil, "byte \(index)")
            #expect(wire.server.plaintext.isEmpty)
            #expect(!wire.server.output.isEmpty)
            wire.server.output = []
            wire.server.seal([1])
            #expect(wire.server.output.isEmpty)
        }
    }

    @Test func aFailureOfOneSessionLeavesTheOthersAlone() throws {
        let good = try Wire(client, server)
        try good.shakeHands()
        let bad = Endpoint(try TLSSession(accepting: server))
        #expect(error(bad, receiving: [UInt8](repeating: 0xAB, count: 100)) != nil)
        good.client.seal([1, 2])
        good.server.seal([3, 4])
        try good.settle()
        #expect(good.server.plaintext == [1, 2] && good.client.plaintext == [3, 4])
    }
}
