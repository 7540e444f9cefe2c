import Benchmark
import FanfareEvent
import FanfareWire

/// From a connection's bytes to a record: the request, then the event in it.
func decoding() {
    stage("Decode: HTTP request", allocations: 0, instructions: 6_900) {
        let head =
            "POST /v1/events HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
            + "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\nContent-Type: application/cloudevents+json\r\n"
            + "Content-Length: \(SampleEvent.json.count)\r\n\r\n"
        let request = Array(head.utf8) + SampleEvent.json
        var decoder = HTTPRequestDecoder(limits: HTTPLimits())
        return Stage {
            request.withByteView { bytes in
                var input = bytes
                guard case .request(let decoded) = decoder.decode(&input) else { fatalError("a whole request") }
                blackHole(decoded.body.count)
            }
        }
    }

    stage("Decode: event, structured", allocations: 0, instructions: 27_200) {
        let decoder = EventDecoder()
        let staging = RecordStaging()
        return Stage {
            staging.reset()
            try decoder.decodeStructured(SampleEvent.json.span, SampleEvent.context, into: staging)
        }
    }

    stage("Decode: batch of 100 small events, by the event", allocations: 0, operationsPerRun: 100) {
        let body = Array(SampleEvent.batch(of: 100).utf8)
        let decoder = EventDecoder()
        let staging = RecordStaging()
        return Stage {
            staging.reset()
            try decoder.decodeBatch(body.span, SampleEvent.context, into: staging)
        }
    }

    stage("Decode: event, binary", allocations: 0, instructions: 52_700) {
        let headers = [
            ("ce-specversion", "1.0"), ("ce-id", "gh-0243-updated"), ("ce-type", SampleEvent.topic),
            ("ce-source", "https://github.com"), ("ce-subject", "security_advisory"),
        ].map { (Array($0.0.utf8), Array($0.1.utf8)) }
        let contentType = Array("application/json".utf8)
        let event = try SampleEvent()
        let body = unsafe Array(event.record.data)
        let decoder = EventDecoder()
        let staging = RecordStaging()
        return Stage {
            staging.reset()
            decoder.beginBinary()
            for (name, value) in headers { decoder.addHeader(name.span, value.span) }
            try decoder.finishBinary(
                body: body.span, contentType: contentType.span, SampleEvent.context, into: staging)
        }
    }
}
