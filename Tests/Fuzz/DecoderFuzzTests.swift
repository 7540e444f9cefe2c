import FanfareBase
import FanfareEvent
import FanfareServer
import FanfareWire
import Testing

/// What comes from outside: no bytes make a decoder trap, and what it says does not depend on how they were cut.
@Suite struct DecoderFuzzTests {
    private static let events = [
        #"{"specversion":"1.0","id":"1","source":"/a","type":"a.b","data":{"x":[1,2.5e3,null,true,"\u00e9\n"]}}"#,
        #"{"specversion":"1.0","id":"é","source":"urn:x","type":"t","subject":"s","time":"2026-11-23T10:00:00.5Z","n":7}"#,
        #"{"data_base64":"AAEC","type":"a","source":"b","id":"c","specversion":"1.0","datacontenttype":"a/b","x":null}"#,
        "[{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/\",\"type\":\"a\"} ,\r\n{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/\",\"type\":\"a\",\"data\":[]}]",
    ].map { Array($0.utf8) }

    /// Decodes as one of three kinds of body; whether it was accepted.
    private func decodes(_ input: [UInt8], as kind: Int, _ decoder: EventDecoder, _ staging: RecordStaging) -> Bool {
        let context = PublishContext(hashKey: HashKey(low: 1, high: 2))
        do throws(EventError) {
            switch kind {
            case 0: try decoder.decodeStructured(input.span, context, into: staging)
            case 1: try decoder.decodeBatch(input.span, context, into: staging)
            default: _ = try decoder.decodeLine(input.span, context, into: staging)
            }
            return true
        } catch {
            return false
        }
    }

    @Test func events() {
        let decoder = EventDecoder()
        let staging = RecordStaging()
        let again = RecordStaging()
        Fuzzer("event", Self.events).run(rounds: 40_000) { input, _ in
            for kind in 0..<3 {
                staging.reset()
                guard decodes(input, as: kind, decoder, staging) else {
                    #expect(staging.isEmpty, "a refused event leaves nothing")
                    continue
                }
                var accepted: [[UInt8]] = []
                staging.forEach { record in accepted.append(unsafe Array(record.canonical)) }
                for canonical in accepted {
                    again.reset()
                    let text = String(decoding: canonical, as: UTF8.self)
                    #expect(decodes(canonical, as: 0, decoder, again), "what was accepted is accepted again: \(text)")
                    #expect(!canonical.contains(10) && !canonical.contains(13), "and is one line")
                }
            }
        }
    }

    private static let requests = [
        "GET /v1/events?topic=a HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\nHost: a:80\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: [::1]:1\r\ntransfer-encoding: chunked\r\nExpect: 100-continue\r\n\r\n3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n",
        "\r\nOPTIONS * HTTP/1.0\r\n\r\n",
    ].map { Array($0.utf8) }

    private func requests(_ pieces: [[UInt8]]) -> [String] {
        var decoder = HTTPRequestDecoder(limits: HTTPLimits())
        return said(pieces) { input in
            var next = decoder.decode(&input)
            // Whether it is asked for depends on whether the body is there already.
            while case .continueExpected = next { next = decoder.decode(&input) }
            return next.map { event in
                switch event {
                case .request(let request):
                    "\(request.methodName.array) \(request.path.array) \(request.headers.map { $0.value.array }) \(request.body.array)"
                case .continueExpected: "continue"
                case .failure(let error): "\(error)"
                }
            }
        }
    }

    @Test func httpRequests() {
        Fuzzer("http-request", Self.requests).run(rounds: 20_000) { input, random in
            let cut = pieces(of: input, &random)
            #expect(requests([input]) == requests(cut), "\(input) cut \(cut.map(\.count))")
        }
    }

    private static let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 No\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nRetry-After: 5\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
        "HTTP/1.0 410 Gone\r\n\r\nuntil the end",
    ].map { Array($0.utf8) }

    @Test func httpResponses() {
        Fuzzer("http-response", Self.responses).run(rounds: 20_000) { input, random in
            let cut = pieces(of: input, &random)
            func responses(_ pieces: [[UInt8]]) -> [String] {
                var decoder = HTTPResponseDecoder(mode: .collect(bodyKeptBytesMax: 1 << 10, bodyReadBytesMax: 1 << 16))
                var said = said(pieces) { input in decoder.decode(&input).map(Self.text) }
                if let last = decoder.finish() { said.append(Self.text(last)) }
                return said
            }
            #expect(responses([input]) == responses(cut), "\(input) cut \(cut.map(\.count))")
        }
    }

    private static func text(_ event: HTTPResponseEvent) -> String {
        switch event {
        case .response(let response):
            "\(response.status) \(response.headers.map { $0.value.array }) \(response.body.array)"
        case .failure(let error): "\(error)"
        default: "\(event)"
        }
    }

    private static let frames: [[UInt8]] = [
        [0x81, 0x85, 1, 2, 3, 4, 0x68 ^ 1, 0x65 ^ 2, 0x6C ^ 3, 0x6C ^ 4, 0x6F ^ 1, 0x89, 0x80, 0, 0, 0, 0],
        [0x01, 0x82, 0, 0, 0, 0, 0xC3, 0xA9, 0x80, 0x81, 9, 9, 9, 9, 0x41 ^ 9, 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8],
        [0x82, 0xFE, 0x00, 0x80, 0, 0, 0, 0] + [UInt8](repeating: 7, count: 128),
    ]

    @Test func webSocketFrames() {
        Fuzzer("websocket", Self.frames).run(rounds: 20_000) { input, random in
            let cut = pieces(of: input, &random)
            func messages(_ pieces: [[UInt8]]) -> [String] {
                var decoder = WebSocketDecoder(role: .server, messageBytesMax: 4096)
                return said(pieces) { input in
                    decoder.decode(&input).map { event in
                        switch event {
                        case .text(let view): "text \(view.array)"
                        case .binary(let view): "binary \(view.array)"
                        case .ping(let view): "ping \(view.array)"
                        case .pong(let view): "pong \(view.array)"
                        case .close(let code, let reason): "close \(code) \(reason.array)"
                        case .failure(let error): "\(error)"
                        }
                    }
                }
            }
            #expect(messages([input]) == messages(cut), "\(input) cut \(cut.map(\.count))")
        }
    }

    @Test func linesAndServerSentEvents() {
        let good = ["a\nb\r\n\nlong line\n", "id: 1\ndata: a\ndata: b\n\n: x\nretry: 5\nevent: e\ndata\r\r"].map {
            Array($0.utf8)
        }
        Fuzzer("lines", good).run(rounds: 20_000) { input, random in
            let cut = pieces(of: input, &random)
            func lines(_ pieces: [[UInt8]]) -> [String] {
                var decoder = LineDecoder(lineBytesMax: 64)
                return said(pieces) { input in
                    decoder.decode(&input).map { event in
                        if case .line(let view) = event { "\(view.array)" } else { "\(event)" }
                    }
                }
            }
            #expect(lines([input]) == lines(cut), "\(input) cut \(cut.map(\.count))")
            var decoder = ServerSentEventDecoder()
            _ = said(cut) { input in decoder.decode(&input).map { _ in "" } }
        }
    }

    @Test func configurations() {
        let good = [
            "{}",
            #"{"shards": 2, "log": {"segment_size": "4MiB", "retention": {"age": "7d"}}, "topics": [{"match": ">", "durability": "synced"}]}"#,
            #"{"listeners": [{"name": "a", "address": "127.0.0.1:80", "serves": ["publish"]}], "tokens": [{"name": "t", "secret": "0123456789abcdef", "allow": {"publish": ["a.>"]}}]}"#,
        ].map { Array($0.utf8) }
        Fuzzer("configuration", good).run(rounds: 10_000) { input, _ in
            let surroundings = Surroundings(
                file: { $0 == "fanfare.json" ? .success(input) : .failure(.missing) },
                names: { _ in .failure(.missing) },
                variable: { _ in nil })
            do throws(Diagnostics) {
                _ = try ConfigurationReader.read("fanfare.json", development: false, surroundings: surroundings)
            } catch {
                #expect(!error.all.isEmpty)
            }
        }
    }

    /// Everything `next` says to these pieces.
    private func said(_ pieces: [[UInt8]], _ next: (inout ByteView) -> String?) -> [String] {
        var said: [String] = []
        for piece in pieces {
            unsafe piece.withUnsafeBytes { bytes in
                var input = unsafe ByteView(bytes)
                while let text = next(&input) {
                    said.append(text)
                    #expect(said.count < 100_000, "a decoder comes to an end")
                }
            }
        }
        return said
    }
}
