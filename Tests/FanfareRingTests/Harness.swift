import FanfareBase
import FanfareRing
import Glibc
import Testing

/// A ring with its queue and the completions seen so far, used on the thread of one test.
@safe final class Harness {
    let ring: Ring
    let queue = OperationQueue()
    let region = ByteRegion(capacity: 1 << 20)
    var batch = CompletionBatch()

    init(_ configuration: RingConfiguration = .small) throws(RingError) {
        ring = try Ring(configuration)
    }

    /// What one completion said, without the memory it may have pointed at.
    struct Answer: Equatable {
        var purpose: UInt8
        var result: Int32
        var more = false
        var bytes: [UInt8]?
        var bufferID: UInt16?
    }

    func token(_ purpose: UInt8) -> Token { Token(purpose: purpose, generation: 1, slot: 7) }

    func ask(
        _ kind: Operation.Kind, _ purpose: UInt8, descriptor: Int32 = -1, bytes: [UInt8]? = nil, second: String? = nil,
        length: Int = 0, offset: UInt64 = 0
    ) {
        guard let bytes else {
            queue.append(
                Operation(kind, descriptor: descriptor, token: token(purpose), length: length, offset: offset))
            return
        }
        let address = unsafe keep(bytes)
        let other = unsafe second.map { text in unsafe keep(Array(text.utf8) + [0]) }
        unsafe queue.append(
            Operation(
                kind, descriptor: descriptor, token: token(purpose), address: address, second: other,
                length: length == 0 ? bytes.count : length, offset: offset))
    }

    func path(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

    /// Copies bytes to where they stay until the harness goes.
    func keep(_ bytes: [UInt8]) -> UnsafeRawPointer {
        unsafe bytes.withUnsafeBytes { bytes in unsafe region.append(bytes)! }
    }

    /// One turn; received bytes are copied out and their buffers given back unless `keeping`.
    func turn(milliseconds: Int? = 5_000, keeping: Bool = false) -> [Answer] {
        ring.enter(
            queue, deadline: milliseconds.map { Clock.monotonic.advanced(byMilliseconds: $0) }, completions: &batch)
        return (0..<batch.count).map { index in
            let completion = batch[index]
            var answer = Answer(purpose: completion.token.purpose, result: completion.result, more: completion.more)
            if let identifier = completion.bufferID, let address = unsafe completion.address {
                answer.bytes = unsafe Array(UnsafeRawBufferPointer(start: address, count: Int(completion.result)))
                answer.bufferID = identifier
                if !keeping { returnBuffer(identifier) }
            }
            return answer
        }
    }

    func returnBuffer(_ identifier: UInt16) { queue.append(Operation(.returnBuffer, length: Int(identifier))) }

    /// Turns until `count` completions have come.
    func turns(until count: Int, keeping: Bool = false) -> [Answer] {
        var answers: [Answer] = []
        for _ in 0..<10_000 where answers.count < count { answers += turn(keeping: keeping) }
        return answers
    }

    /// Two connected stream sockets, non-blocking.
    static func pair() -> (Int32, Int32) {
        var descriptors: [Int32] = [-1, -1]
        let result = unsafe socketpair(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &descriptors)
        #expect(result == 0)
        return (descriptors[0], descriptors[1])
    }

    static func write(_ descriptor: Int32, _ bytes: [UInt8]) {
        #expect(unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    static func read(_ descriptor: Int32, upTo count: Int = 1 << 20) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let taken = unsafe Glibc.read(descriptor, &bytes, count)
        return taken > 0 ? Array(bytes[..<taken]) : []
    }

    /// A listener on a free port of 127.0.0.1 and its address.
    static func listener() throws -> (Int32, SocketAddress) {
        let descriptor = try Listener.openTCP(address: SocketAddress(parsing: "127.0.0.1:0"), reusePort: false)
        return (descriptor, try #require(SocketAddress.local(of: descriptor)))
    }

    /// A new directory of this test's own.
    static func directory() -> String {
        var template = Array("/tmp/fanfare-ring-XXXXXX".utf8CString)
        _ = unsafe mkdtemp(&template)
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension RingConfiguration {
    /// Small enough for many tests at once under RLIMIT_MEMLOCK.
    static var small: Self {
        var configuration = Self()
        configuration.submissionEntries = 64
        configuration.completionEntries = 256
        configuration.receiveBufferCount = 16
        configuration.receiveBufferBytes = 1024
        return configuration
    }
}
