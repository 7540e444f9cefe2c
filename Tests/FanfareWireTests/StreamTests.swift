import FanfareWire
import Testing

/// By one decoder, and by one that makes room for a new one whenever it is idle, as a socket's does: they say the same.
func decodeLines(_ pieces: [[UInt8]], lineBytesMax: Int = 100) -> [String] {
    let seen = decodeLines(pieces, lineBytesMax, renewing: false)
    #expect(decodeLines(pieces, lineBytesMax, renewing: true) == seen)
    return seen
}

private func decodeLines(_ pieces: [[UInt8]], _ lineBytesMax: Int, renewing: Bool) -> [String] {
    var decoder = LineDecoder(lineBytesMax: lineBytesMax)
    var seen: [String] = []
    for piece in pieces {
        piece.withByteView { view in
            var input = view
            while let event = decoder.decode(&input) {
                switch event {
                case .line(let line): seen.append(line.string)
                case .tooLong: seen.append("(too long)")
                }
            }
        }
        decoder.releaseGiven()
        if renewing, decoder.isIdle { decoder = LineDecoder(lineBytesMax: lineBytesMax) }
    }
    if case .line(let line)? = decoder.finish() { seen.append("rest:" + line.string) }
    return seen
}

@Suite struct LineDecoderTests {
    @Test func linesEndInLFOrCRLFWhereverTheyAreCut() {
        let stream = bytes("{\"a\":1}\n\r\n\n{\"b\":\"\r\"}\r\nrest\r")
        let wanted = ["{\"a\":1}", "", "", "{\"b\":\"\r\"}", "rest:rest"]
        #expect(decodeLines([stream]) == wanted)
        #expect(decodeLines(singleBytes(stream)) == wanted)
        for cut in 1..<stream.count { #expect(decodeLines(pieces(stream, cuts: [cut])) == wanted) }
    }

    @Test func aLineAtTheLimitIsTakenAndOneBeyondEndsTheStream() {
        for end in ["\n", "\r\n"] {
            let good = bytes("abcd" + end + "abcd" + end)
            #expect(decodeLines([good], lineBytesMax: 4) == ["abcd", "abcd"])
            #expect(decodeLines(singleBytes(good), lineBytesMax: 4) == ["abcd", "abcd"])
            let bad = bytes("abcd" + end + "abcde" + end + "a" + end)
            #expect(decodeLines([bad], lineBytesMax: 4) == ["abcd", "(too long)"])
            #expect(decodeLines(singleBytes(bad), lineBytesMax: 4) == ["abcd", "(too long)"])
        }
        #expect(decodeLines([bytes("abcde")], lineBytesMax: 4) == ["(too long)"])
        #expect(decodeLines([bytes("abcd\r\r\n")], lineBytesMax: 4) == ["(too long)"])
        #expect(decodeLines(singleBytes(bytes("abcd\r\r\n")), lineBytesMax: 4) == ["(too long)"])
    }

    @Test func betweenLinesNothingIsHeld() {
        var decoder = LineDecoder()
        for piece in ["ab", "c\n"] {
            bytes(piece).withByteView { view in
                var input = view
                while decoder.decode(&input) != nil {}
            }
        }
        let (isIdle, retained) = (decoder.isIdle, decoder.retainedBytes)
        #expect(isIdle)
        #expect(retained == 0)
    }
}

func decodeEvents(_ pieces: [[UInt8]]) -> [String] {
    var decoder = ServerSentEventDecoder()
    var seen: [String] = []
    for piece in pieces {
        piece.withByteView { view in
            var input = view
            while let item = decoder.decode(&input) {
                switch item {
                case .event(let type, let data, let id): seen.append("\(type.string)|\(data.string)|\(id.string)")
                case .resumePoint(let id): seen.append("resume \(id.string)")
                case .retry(let milliseconds): seen.append("retry \(milliseconds)")
                case .tooLarge: seen.append("too large")
                }
            }
        }
    }
    return seen
}

@Suite struct ServerSentEventTests {
    private func expect(_ text: String, _ wanted: [String]) {
        let stream = bytes(text)
        #expect(decodeEvents([stream]) == wanted)
        #expect(decodeEvents(singleBytes(stream)) == wanted)
        for cut in 1..<stream.count { #expect(decodeEvents(pieces(stream, cuts: [cut])) == wanted, "cut at \(cut)") }
    }

    @Test func theExamplesOfTheStandardAreUnderstood() {
        expect("data: YHOO\ndata: +2\ndata: 10\n\n", ["message|YHOO\n+2\n10|"])
        expect(
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            ["resume ", "message|first event|1", "message|second event|", "message| third event|"])
        expect("data\n\ndata\ndata\n\ndata:", ["message||", "message|\n|"])
        expect("data:test\n\ndata: test\n\n", ["message|test|", "message|test|"])
    }

    @Test func everyLineEndAndAByteOrderMarkAreUnderstood() {
        expect("\u{FEFF}id: 7\r\nevent: x\rdata: a\ndata: b\r\n\r\n", ["x|a\nb|7"])
        expect("data: a\r\rdata: b\r\r", ["message|a|", "message|b|"])
        expect("event: x\n\ndata: a\n\n", ["resume ", "message|a|"])
    }

    @Test func anIDMovesTheResumePointAndOneWithNULDoesNot() {
        expect("id: 3\n\nid: \u{0}4\n\ndata: x\n\n", ["resume 3", "resume 3", "message|x|3"])
    }

    @Test func retryIsDigitsOnly() {
        expect("retry: 1500\nretry: 1x\nretry: -1\nretry:\n\n", ["retry 1500", "resume "])
    }

    @Test func whatIsWrittenIsRead() {
        var output: [UInt8] = []
        ServerSentEvents.appendRetry(milliseconds: 1000, to: &output)
        asking("a\nb\r\nc\rd\n") { data in
            ServerSentEvents.appendEvent(id: ByteView("p-1"), event: ByteView("gap"), data: data, to: &output)
        }
        ServerSentEvents.appendEvent(id: nil, data: .empty, to: &output)
        ServerSentEvents.appendHeartbeat(id: ByteView("p-2"), to: &output)
        #expect(
            decodeEvents([output]) == ["retry 1000", "gap|a\nb\nc\nd\n|p-1", "message||p-1", "resume p-2"])
    }

    @Test func theHeadIsWhatEventSourceWants() {
        var output: [UInt8] = []
        ServerSentEvents.appendHead(to: &output)
        HTTPWriter.endHead(&output)
        #expect(
            decodeResponses([output], mode: .stream) == [
                .head(
                    200,
                    [
                        "content-type=text/event-stream", "cache-control=no-store", "x-accel-buffering=no",
                        "connection=close",
                    ])
            ])
    }

    @Test func aTooLargeEventIsAFailure() {
        let part = bytes("data: ") + [UInt8](repeating: 65, count: 1_000_000) + bytes("\n")
        #expect(decodeEvents([part, part, part, part, part, bytes("\n")]) == ["too large"])
        #expect(decodeEvents((0..<5).map { _ in [UInt8](repeating: 65, count: 1_000_000) }) == ["too large"])
    }
}
