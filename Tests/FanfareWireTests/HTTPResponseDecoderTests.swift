import FanfareWire
import Testing

/// What a response decoder said, copied; `at` a failure the status seen by then.
enum SeenResponse: Equatable {
    case response(Int, headers: [String], body: [UInt8], bodyBytes: Int, isComplete: Bool, keepAlive: Bool)
    case head(Int, [String])
    case body([UInt8])
    case end
    case failure(HTTPDecodeError, statusSeen: Int?)
}

func decodeResponses(
    _ pieces: [[UInt8]], mode: HTTPResponseDecoder.Mode = .collect(bodyKeptBytesMax: 1024, bodyReadBytesMax: 65_536),
    answersHEAD: Bool = false, closes: Bool = false
) -> [SeenResponse] {
    var decoder = HTTPResponseDecoder(mode: mode)
    decoder.answersHEAD = answersHEAD
    var seen: [SeenResponse] = []
    for piece in pieces {
        piece.withByteView { view in
            var input = view
            while let event = decoder.decode(&input) { note(event, decoder.statusSeen, in: &seen) }
        }
    }
    if closes, let event = decoder.finish() { note(event, decoder.statusSeen, in: &seen) }
    return seen
}

private func note(_ event: HTTPResponseEvent, _ statusSeen: Int?, in seen: inout [SeenResponse]) {
    switch event {
    case .response(let response):
        seen.append(
            .response(
                response.status, headers: response.headers.map { "\($0.name.string)=\($0.value.string)" },
                body: response.body.array, bodyBytes: response.bodyBytes, isComplete: response.isComplete,
                keepAlive: response.keepAlive))
    case .head(let response):
        seen.append(.head(response.status, response.headers.map { "\($0.name.string)=\($0.value.string)" }))
    case .body(let bytes):
        if case .body(let before)? = seen.last {
            seen[seen.count - 1] = .body(before + bytes.array)
        } else {
            seen.append(.body(bytes.array))
        }
    case .end: seen.append(.end)
    case .failure(let error): seen.append(.failure(error, statusSeen: statusSeen))
    }
}

@Suite struct HTTPResponseDecoderTests {
    private func expect(
        _ text: String, _ status: Int, body: String = "", headers: [String], keepAlive: Bool = true,
        answersHEAD: Bool = false, closes: Bool = false
    ) {
        let message = bytes(text)
        let wanted = [
            SeenResponse.response(
                status, headers: headers, body: bytes(body), bodyBytes: body.utf8.count, isComplete: true,
                keepAlive: keepAlive)
        ]
        #expect(decodeResponses([message], answersHEAD: answersHEAD, closes: closes) == wanted)
        #expect(decodeResponses(singleBytes(message), answersHEAD: answersHEAD, closes: closes) == wanted)
        for cut in 1..<message.count {
            #expect(decodeResponses(pieces(message, cuts: [cut]), answersHEAD: answersHEAD, closes: closes) == wanted)
        }
    }

    @Test func aBodyEndsWhereItsLengthSays() {
        expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, body: "ok", headers: ["Content-Length=2"])
        expect("HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", 500, headers: ["Content-Length=0"])
    }

    @Test func aBodyEndsWithItsLastChunk() {
        expect(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nA: b\r\n\r\n", 200,
            body: "abcde", headers: ["Transfer-Encoding=chunked"])
    }

    @Test func aBodyEndsWithTheConnectionWhenNothingElseIsSaid() {
        expect("HTTP/1.1 200 OK\r\nA: b\r\n\r\nabc", 200, body: "abc", headers: ["A=b"], keepAlive: false, closes: true)
        expect("HTTP/1.0 200 OK\r\n\r\n", 200, headers: [], keepAlive: false, closes: true)
    }

    @Test func someResponsesHaveNoBody() {
        expect("HTTP/1.1 204 No Content\r\n\r\n", 204, headers: [])
        expect("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, headers: ["Content-Length=7"])
        expect("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 200, headers: ["Content-Length=7"], answersHEAD: true)
        expect("HTTP/1.1 200 OK\r\n\r\n", 200, headers: [], answersHEAD: true)
    }

    @Test func interimResponsesAreSkipped() {
        expect(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 1\r\n\r\nx",
            202, body: "x", headers: ["Content-Length=1"])
        let many = bytes(String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 17))
        #expect(decodeResponses([many]) == [.failure(.statusLine, statusSeen: 100)])
    }

    @Test func theServerDecidesAboutKeepAliveToo() {
        expect(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 200, body: "x",
            headers: ["Connection=close", "Content-Length=1"], keepAlive: false)
        expect(
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, body: "x",
            headers: ["Connection=keep-alive", "Content-Length=1"])
    }

    @Test func responsesFollowOneAnother() {
        let one = bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(decodeResponses([one + one + one]).count == 3)
        #expect(decodeResponses(singleBytes(one + one + one)).count == 3)
    }

    @Test func ofALongBodyTheBeginningIsKept() {
        let body = [UInt8](repeating: 7, count: 5000)
        let message = bytes("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n") + body
        let wanted = [
            SeenResponse.response(
                200, headers: ["Content-Length=5000"], body: Array(body[..<1024]), bodyBytes: 5000, isComplete: true,
                keepAlive: true)
        ]
        #expect(decodeResponses([message]) == wanted)
        #expect(decodeResponses(singleBytes(message)) == wanted)
    }

    @Test func anEndlessBodyIsNotReadToItsEnd() {
        let message = bytes("HTTP/1.1 200 OK\r\n\r\n") + [UInt8](repeating: 7, count: 70_000)
        guard case .response(200, _, let body, _, let isComplete, let keepAlive)? = decodeResponses([message]).first
        else {
            Issue.record("no response")
            return
        }
        #expect(body.count == 1024)
        #expect(!isComplete)
        #expect(!keepAlive)
    }

    @Test func aStreamIsGivenAsItArrives() {
        let chunked = bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        let wanted: [SeenResponse] = [.head(200, ["Transfer-Encoding=chunked"]), .body(bytes("abcde")), .end]
        #expect(decodeResponses([chunked], mode: .stream) == wanted)
        #expect(decodeResponses(singleBytes(chunked), mode: .stream) == wanted)
        #expect(decodeResponses(singleBytes(chunked + chunked), mode: .stream) == wanted + wanted)
        let open = bytes("HTTP/1.1 200 OK\r\n\r\nabcde")
        #expect(
            decodeResponses(singleBytes(open), mode: .stream, closes: true) == [
                .head(200, []), .body(bytes("abcde")), .end,
            ])
        let empty = bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(decodeResponses(singleBytes(empty), mode: .stream) == [.head(200, ["Content-Length=0"]), .end])
    }

    @Test func whatFollowsASwitchOfProtocolsIsLeftToTheCaller() {
        let message = bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n") + [0x81, 0x00]
        for mode in [HTTPResponseDecoder.Mode.stream, .collect(bodyKeptBytesMax: 10, bodyReadBytesMax: 10)] {
            message.withByteView { view in
                var decoder = HTTPResponseDecoder(mode: mode)
                var input = view
                let first = decoder.decode(&input) != nil
                let second = decoder.decode(&input) != nil
                #expect(first)
                #expect(!second)
                #expect(input.array == [0x81, 0x00])
            }
        }
    }

    @Test func theStatusOfAnAnswerIsNotThatOfTheNextRequest() {
        var decoder = HTTPResponseDecoder(mode: .collect(bodyKeptBytesMax: 1024, bodyReadBytesMax: 65_536))
        func gives(_ text: String) -> Bool {
            bytes(text).withByteView { view in
                var input = view
                return decoder.decode(&input) != nil
            }
        }
        for answer in ["Content-Length: 0\r\n\r\n", "Content-Length: 2\r\n\r\nok", "\r\n"] {
            let isGiven = gives("HTTP/1.1 200 OK\r\n" + answer)
            #expect(isGiven == (answer != "\r\n"))
            #expect(decoder.statusSeen == (isGiven ? nil : 200), "only while an answer is under way")
        }
    }

    @Test func aConnectionThatClosesEarlyIsAFailureThatKnowsTheStatus() {
        let message = bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        #expect(decodeResponses([message], closes: true) == [.failure(.closedEarly, statusSeen: 200)])
        #expect(decodeResponses([bytes("HTTP/1.1 2")], closes: true) == [.failure(.closedEarly, statusSeen: nil)])
        #expect(decodeResponses([], closes: true) == [])
    }

    @Test(arguments: [
        ("garbage\r\n\r\n", HTTPDecodeError.statusLine), ("HTTP/2 200 OK\r\n\r\n", .statusLine),
        ("HTTP/1.1 99 OK\r\n\r\n", .statusLine), ("HTTP/1.1 2000 OK\r\n\r\n", .statusLine),
        ("HTTP/1.1 +20 OK\r\n\r\n", .statusLine), ("HTTP/1.1 200 O\0K\r\n\r\n", .statusLine),
        ("HTTP/1.1 200 OK\r\nAb\r\n\r\n", .headerName), ("HTTP/1.1 200 OK\n\n", .bareLineFeed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", .contentLengthRepeated),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthWithTransferEncoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .transferEncoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", .chunkSize),
    ])
    func aMalformedResponseFails(_ text: String, _ error: HTTPDecodeError) {
        for pieces in [[bytes(text)], singleBytes(bytes(text))] {
            guard case .failure(error, _)? = decodeResponses(pieces).last else {
                Issue.record("\(text) gave \(decodeResponses(pieces))")
                continue
            }
        }
    }
}
