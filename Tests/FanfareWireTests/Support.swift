import FanfareBase
import FanfareWire
import Testing

/// A request as tests compare it: everything copied.
struct SeenRequest: Equatable, CustomStringConvertible {
    var method: String
    var path: String
    var query: String
    var host: String
    var headers: [String]
    var keepAlive: Bool
    var body: [UInt8]

    init(_ request: HTTPRequest) {
        method = request.methodName.string
        path = request.path.string
        query = request.query.string
        host = request.host.string
        headers = request.headers.map { "\($0.name.string)=\($0.value.string)" }
        keepAlive = request.keepAlive
        body = request.body.array
    }

    var description: String { "\(method) \(path)?\(query) \(headers) \(String(decoding: body, as: UTF8.self))" }
}

/// What a request decoder said, copied.
enum SeenHTTP: Equatable {
    case request(SeenRequest)
    case continueExpected(String)
    case failure(HTTPDecodeError)
}

/// Cuts `bytes` at the given places.
func pieces(_ bytes: [UInt8], cuts: [Int]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var start = 0
    for cut in cuts.map({ min($0, bytes.count) }) + [bytes.count] where cut > start {
        result.append(Array(bytes[start..<cut]))
        start = cut
    }
    return result
}

/// One byte each.
func singleBytes(_ bytes: [UInt8]) -> [[UInt8]] { bytes.map { [$0] } }

/// Everything a request decoder says to these pieces.
func decodeHTTP(_ pieces: [[UInt8]], limits: HTTPLimits = HTTPLimits()) -> [SeenHTTP] {
    var decoder = HTTPRequestDecoder(limits: limits)
    var seen: [SeenHTTP] = []
    for piece in pieces {
        piece.withByteView { view in
            var input = view
            while let event = decoder.decode(&input) {
                switch event {
                case .request(let request): seen.append(.request(SeenRequest(request)))
                case .continueExpected(let request): seen.append(.continueExpected(request.path.string))
                case .failure(let error): seen.append(.failure(error))
                }
            }
            #expect(input.isEmpty, "a decoder that wants more has used all")
        }
    }
    return seen
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
