import FanfareBase
import FanfareWire
import Testing

/// One request that must be refused, and with what.
struct HostileRequest: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    let error: HTTPDecodeError
    let status: Int
    var testDescription: String { name }

    init(_ name: String, _ text: String, _ error: HTTPDecodeError, _ status: Int = 400) {
        self.init(name, Array(text.utf8), error, status)
    }

    init(_ name: String, _ bytes: [UInt8], _ error: HTTPDecodeError, _ status: Int = 400) {
        (self.name, self.bytes, self.error, self.status) = (name, bytes, error, status)
    }

    private static let get = "GET / HTTP/1.1\r\nHost: h\r\n"
    private static let post = "POST / HTTP/1.1\r\nHost: h\r\n"
    private static let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"

    static let requestLines: [Self] = [
        .init("two spaces after the method", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", .version),
        .init("space before the method", " GET / HTTP/1.1\r\nHost: h\r\n\r\n", .method),
        .init("no version (HTTP/0.9)", "GET /\r\n\r\n", .requestLine),
        .init("nothing but a method", "GET\r\n\r\n", .requestLine),
        .init("version in small letters", "GET / http/1.1\r\nHost: h\r\n\r\n", .version),
        .init("version with spaces behind", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", .version),
        .init("version 1.10", "GET / HTTP/1.10\r\nHost: h\r\n\r\n", .version),
        .init("version 2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", .versionUnsupported, 505),
        .init("version 0.9", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", .versionUnsupported, 505),
        .init("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2, 505),
        .init("TLS handshake", [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01], .tlsOnPlainPort),
        .init("method with a control character", "G\u{1}T / HTTP/1.1\r\nHost: h\r\n\r\n", .method),
        .init("method with a slash", "GE/T / HTTP/1.1\r\nHost: h\r\n\r\n", .method),
        .init("long method", String(repeating: "M", count: 33) + " / HTTP/1.1\r\nHost: h\r\n\r\n", .method),
        .init("target without slash", "GET index HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        .init("target with a fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        .init("target with raw UTF-8", "GET /ä HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        .init("target with NUL", "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        .init("target with tab", "GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        .init("asterisk without OPTIONS", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        .init("absolute target of another scheme", "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        .init("absolute target with user", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        .init("absolute target, other host", "GET http://x/ HTTP/1.1\r\nHost: h\r\n\r\n", .hostDisagrees),
        .init("CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", .connectUnsupported, 501),
        .init(
            "long target", "GET /" + String(repeating: "a", count: 20_000) + " HTTP/1.1\r\nHost: h\r\n\r\n",
            .targetTooLong, 414),
        .init("endless target", "GET /" + String(repeating: "a", count: 40_000), .targetTooLong, 414),
        .init("two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", .method),
        .init("bare LF before", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", .bareLineFeed),
        .init("CR and something else before", "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", .bareCarriageReturn),
    ]

    static let headers: [Self] = [
        .init("bare LF after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", .bareLineFeed),
        .init("bare LF after a header", "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", .bareLineFeed),
        .init("bare LF as the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\n", .bareLineFeed),
        .init("bare CR in a value", get + "A: b\rc\r\n\r\n", .bareCarriageReturn),
        .init("bare CR in a name", get + "A\r: b\r\n\r\n", .headerName),
        .init("CR CR LF", get + "A: b\r\r\n\r\n", .bareCarriageReturn),
        .init("obs-fold", get + "A: b\r\n c\r\n\r\n", .obsoleteFolding),
        .init("obs-fold with tab", get + "A: b\r\n\tc\r\n\r\n", .obsoleteFolding),
        .init("obs-fold in the first header", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", .obsoleteFolding),
        .init("space before colon", get + "A : b\r\n\r\n", .spaceBeforeColon),
        .init("tab before colon", get + "Content-Length\t: 3\r\n\r\n", .spaceBeforeColon),
        .init("no colon", get + "Abc\r\n\r\n", .headerName),
        .init("empty name", get + ": b\r\n\r\n", .headerName),
        .init("name with NUL", get + "A\0: b\r\n\r\n", .headerName),
        .init("name with UTF-8", get + "Ä: b\r\n\r\n", .headerName),
        .init("name with a parenthesis", get + "A(: b\r\n\r\n", .headerName),
        .init("value with NUL", get + "A: b\0c\r\n\r\n", .headerValue),
        .init("value with NUL in its first eight", get + "A: abc\0efghijkl\r\n\r\n", .headerValue),
        .init("value with DEL", get + "A: abcdefgh\u{7F}jklmnopq\r\n\r\n", .headerValue),
        .init("value with escape", get + "A: \u{1B}[0m\r\n\r\n", .headerValue),
        .init("no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", .hostMissing),
        .init("no headers at all", "GET / HTTP/1.1\r\n\r\n", .hostMissing),
        .init("two Hosts", get + "Host: h\r\n\r\n", .hostRepeated),
        .init("two Hosts, other case", get + "hOST: x\r\n\r\n", .hostRepeated),
        .init("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", .hostInvalid),
        .init("Host with a path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", .hostInvalid),
        .init("Host with user", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", .hostInvalid),
        .init("Host with two ports", "GET / HTTP/1.1\r\nHost: h:1:2\r\n\r\n", .hostInvalid),
        .init("Host with a huge port", "GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n", .hostInvalid),
        .init("Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .hostInvalid),
        .init("Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .hostInvalid),
        .init(
            "too many headers", get + (0..<128).map { "A\($0): b\r\n" }.joined() + "\r\n", .tooManyHeaders, 431),
        .init(
            "long head", get + "A: " + String(repeating: "b", count: 40_000) + "\r\n\r\n", .headTooLong, 431),
        .init("endless header", get + "A: " + String(repeating: "b", count: 40_000), .headTooLong, 431),
        .init("unknown expectation", post + "Expect: 200-ok\r\nContent-Length: 3\r\n\r\n", .expectation, 417),
    ]

    static let framing: [Self] = [
        .init("two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", .contentLengthRepeated),
        .init("two equal lengths", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", .contentLengthRepeated),
        .init("list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc", .contentLength),
        .init("length with sign", post + "Content-Length: +3\r\n\r\nabc", .contentLength),
        .init("negative length", post + "Content-Length: -3\r\n\r\nabc", .contentLength),
        .init("hex length", post + "Content-Length: 0x3\r\n\r\nabc", .contentLength),
        .init("length with blanks within", post + "Content-Length: 1 0\r\n\r\n", .contentLength),
        .init("empty length", post + "Content-Length:\r\n\r\n", .contentLength),
        .init("length beyond 63 bits", post + "Content-Length: 9223372036854775808\r\n\r\n", .bodyTooLong, 413),
        .init("length beyond 64 bits", post + "Content-Length: 99999999999999999999999\r\n\r\n", .bodyTooLong, 413),
        .init("length beyond the limit", post + "Content-Length: 1000000001\r\n\r\n", .bodyTooLong, 413),
        .init(
            "length and chunked", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .lengthWithTransferEncoding),
        .init(
            "chunked and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            .lengthWithTransferEncoding),
        .init("gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", .transferEncoding),
        .init("chunked, chunked", post + "Transfer-Encoding: chunked, chunked\r\n\r\n", .transferEncoding),
        .init(
            "two codings in two lines",
            post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncoding),
        .init("identity", post + "Transfer-Encoding: identity\r\n\r\n", .transferEncoding),
        .init("chunked in quotes", post + "Transfer-Encoding: \"chunked\"\r\n\r\n", .transferEncoding),
        .init("chunked with vertical tab", post + "Transfer-Encoding: \u{B}chunked\r\n\r\n", .headerValue),
        .init("empty coding", post + "Transfer-Encoding:\r\n\r\n", .transferEncoding),
        .init(
            "chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .transferEncodingInHTTP10),
        .init(
            "two lengths in HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            .contentLengthRepeated),
        .init("chunk size with 0x", chunked + "0x3\r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("chunk size with sign", chunked + "+3\r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("negative chunk size", chunked + "-3\r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("chunk size with space before", chunked + " 3\r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("chunk size with space behind", chunked + "3 \r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("empty chunk size", chunked + "\r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("extension without size", chunked + ";a=b\r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("chunk size of 17 digits", chunked + "00000000000000003\r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("chunk size of 16 digits", chunked + "ffffffffffffffff\r\nabc\r\n0\r\n\r\n", .bodyTooLong, 413),
        .init("chunk size with bare LF", chunked + "3\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("extension with bare LF", chunked + "3;a\nabc\r\n0\r\n\r\n", .chunkSize),
        .init("extension with bare CR", chunked + "3;a\rb\r\nabc\r\n0\r\n\r\n", .chunkSize),
        .init(
            "long extension", chunked + "3;" + String(repeating: "a", count: 300) + "\r\nabc\r\n0\r\n\r\n",
            .chunkExtensions),
        .init(
            "many extensions",
            chunked + String(repeating: "1;" + String(repeating: "a", count: 200) + "\r\nx\r\n", count: 100),
            .chunkExtensions),
        .init("chunk longer than its size", chunked + "3\r\nabcd\r\n0\r\n\r\n", .chunkEnd),
        .init("chunk end with bare LF", chunked + "3\r\nabc\n0\r\n\r\n", .chunkEnd),
        .init("trailer without colon", chunked + "0\r\nabc\r\n\r\n", .trailer),
        .init("trailer with fold", chunked + "0\r\nA: b\r\n c\r\n\r\n", .trailer),
        .init("trailer with bare LF", chunked + "0\r\nA: b\n\r\n", .trailer),
        .init("bare LF instead of trailers", chunked + "0\r\n\n", .trailer),
        .init(
            "long trailers", chunked + "0\r\n" + String(repeating: "A: b\r\n", count: 2000) + "\r\n", .trailerTooLong,
            431),
    ]
}

@Suite struct HostileHTTPTests {
    @Test(arguments: HostileRequest.requestLines + HostileRequest.headers + HostileRequest.framing)
    func isRefusedWithItsStatusHoweverItArrives(_ hostile: HostileRequest) {
        #expect(decodeHTTP([hostile.bytes]) == [.failure(hostile.error)])
        #expect(hostile.error.status == hostile.status)
        #expect(decodeHTTP(singleBytes(hostile.bytes)) == [.failure(hostile.error)])
        var random = SeededRandom(seed: UInt64(hostile.bytes.count))
        for _ in 0..<8 {
            let cut = Int.random(in: 0...hostile.bytes.count, using: &random)
            #expect(decodeHTTP(pieces(hostile.bytes, cuts: [cut])) == [.failure(hostile.error)], "cut at \(cut)")
        }
    }

    @Test func nothingIsUnderstoodAfterAFailure() {
        let smuggled = bytes("GET /x HTTP/1.1\nHost: h\r\n\r\nGET /y HTTP/1.1\r\nHost: h\r\n\r\n")
        let next = bytes("GET /z HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(decodeHTTP([smuggled, next]) == [.failure(.bareLineFeed)])
    }

    @Test func everyFailureHasAStableCodeAndADetail() {
        for error in HTTPDecodeError.allCases {
            #expect(
                error.code.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || $0 == 45 || $0 == 46 || ($0 >= 48 && $0 <= 57) }
            )
            #expect("\(error.detail)".count > 20)
        }
    }

    @Test func randomBytesNeverBreakADecoder() {
        for seed in 0..<2000 {
            var random = SeededRandom(seed: UInt64(seed))
            var message = HTTPRequestDecoderTests.chunked + HTTPRequestDecoderTests.post
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                message[Int.random(in: 0..<message.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let whole = decodeHTTP([message])
            #expect(decodeHTTP(singleBytes(message)) == whole, "seed \(seed)")
        }
    }
}
