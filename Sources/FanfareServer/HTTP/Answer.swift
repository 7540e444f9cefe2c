import FanfareBase
import FanfareWire

/// One HTTP answer, before it is bytes.
struct Answer {
    /// The status code.
    var status: Int
    /// Nil: no content-type, no body.
    var contentType: StaticString?
    /// The body.
    var body: [UInt8] = []
    /// Further headers, written as they are.
    var headers: [(name: String, value: String)] = []
    /// The connection ends behind it.
    var closes = false

    /// A JSON answer.
    static func json(_ status: Int, _ body: [UInt8]) -> Answer {
        Answer(status: status, contentType: "application/json", body: body)
    }

    /// A plain text answer.
    static func text(_ status: Int, _ text: String) -> Answer {
        Answer(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    /// An answer without a body.
    static func empty(_ status: Int) -> Answer { Answer(status: status) }

    /// A problem (RFC 9457): `code` is the stable end of its type URI.
    static func problem(
        _ status: Int, _ code: String, _ detail: String, errors: [ProblemDocument.Item] = [],
        members: [(name: String, json: String)] = [], headers: [(name: String, value: String)] = []
    ) -> Answer {
        let problem = ProblemDocument(code: code, status: status, detail: detail, errors: errors, members: members)
        return Answer(
            status: status, contentType: ProblemDocument.mediaType, body: problem.json, headers: headers)
    }

    /// No Host, which HTTP/1.0 leaves out and the rules about names need.
    static let hostMissing: Answer = {
        var answer = problem(400, "host-missing", "Name the service in a Host header; HTTP/1.0 has it too.")
        answer.closes = true
        return answer
    }()

    /// Connections have used up their share of `limits.memory`.
    static let outOfMemory = problem(
        503, "out-of-memory", "Requests and answers under way have used up their share of memory; try again shortly.",
        headers: [("retry-after", "1")])

    /// The bytes that answer `request`'s connection; `date` is a `DateHeader`'s line.
    func bytes(keepAlive: Bool, minorVersion: Int, isHead: Bool = false, date: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(body.count + 256)
        HTTPWriter.appendStatusLine(status, to: &output)
        output += date
        HTTPWriter.appendConnection(keepAlive: keepAlive && !closes, minorVersion: minorVersion, to: &output)
        if let contentType { HTTPWriter.appendHeader("content-type", contentType, to: &output) }
        for (name, value) in headers { output += Array("\(name): \(value)\r\n".utf8) }
        if HTTPStatus.hasNoBody(status) {
            HTTPWriter.endHead(&output)
        } else {
            HTTPWriter.appendHeader("content-length", body.count, to: &output)
            HTTPWriter.endHead(&output)
            if !isHead { output += body }
        }
        return output
    }
}
