import FanfareBase
import FanfareRing
import FanfareServer
import FanfareTLS
import Glibc
import Testing

/// What a turn does when everybody comes at once, or leaves.
@Suite struct StormTests {
    @Test func ofClientsThatComeAtOnceATurnTakesOneStepOfAHandshake() throws {
        let storm = try Storm()
        try storm.come(200, saying: Storm.subscribe)
        let isOver = storm.booth.step(until: { storm.visitors.allSatisfy { $0.text.contains("\"subscribed\"") } })
        #expect(isOver)
        #expect(storm.sendsInOneTurn == 1)
        #expect(storm.visitors.allSatisfy { $0.failure == nil && !$0.isOver })
        #expect(storm.booth.violations.isEmpty, "\(storm.booth.violations)")
    }

    @Test func whoIsHalfInWaitsForNobodyWhoCameLater() throws {
        let storm = try Storm()
        try storm.come(200, saying: Storm.subscribe)
        let isIn = storm.booth.step(until: { storm.visitors.contains { $0.text.contains("\"subscribed\"") } })
        #expect(isIn)
        #expect(storm.visitors.count { $0.isAnswered } < 10)
    }

    @Test func anEventWaitsForAFewStepsOfTheStorm() throws {
        let storm = try Storm()
        let live = storm.seatOneForLive()
        try storm.come(200, saying: Storm.subscribe)
        storm.booth.step(until: { storm.sends >= 100 })
        let before = storm.sends
        let (publisher, _) = storm.booth.enter(Storm.publish)
        storm.booth.step(until: { live.text.contains("\"id\":\"e\"") })
        #expect(storm.sends - before < 20, "connecting, writing and sending take a turn each, and a few to get there")
        #expect(storm.sends < 400, "the storm was still going on")
        #expect(publisher.text.isEmpty || publisher.text.hasPrefix("HTTP/1.1 202"))
    }

    @Test(arguments: [10, 100_000])
    func whatIsSaidWithTheLastFlightIsHeardThoughTheClientEndsItsSide(dataBytes: Int) throws {
        let storm = try Storm()
        let data = String(repeating: "x", count: dataBytes)
        let event = "{\"specversion\":\"1.0\",\"id\":\"e\",\"source\":\"/s\",\"type\":\"t\",\"data\":\"\(data)\"}"
        let publish = "{\"op\":\"publish\",\"topic\":\"a\",\"event\":\(event)}\n"
        try storm.come(30, saying: publish, endsThen: true)
        let isOver = storm.booth.step(until: { storm.visitors.allSatisfy(\.isOver) })
        #expect(isOver)
        for visitor in storm.visitors {
            #expect(visitor.failure == nil)
            #expect(visitor.text.contains("\"op\":\"published\""), "it was told \(visitor.text.prefix(200))")
        }
        #expect(storm.booth.violations.isEmpty, "\(storm.booth.violations)")
    }

    @Test(arguments: [true, false])
    func ofClientsThatLeaveAtOnceATurnLetsOutAFew(brokenOff: Bool) throws {
        let storm = try Storm()
        let live = storm.seatOneForLive()
        let guests = (0..<1_000).map { _ in storm.booth.enter("") }
        storm.booth.pass(seconds: 1)
        let link = storm.booth.enter("").link
        storm.booth.pass(seconds: 1)
        let kernel = storm.booth.kernel
        for guest in guests { brokenOff ? kernel.reset(guest.link) : kernel.end(guest.link) }
        kernel.send(Array(Storm.publish.utf8), on: link)
        storm.booth.step(until: { live.text.contains("\"id\":\"e\"") })
        #expect(guests.count { $0.link.serverClosed } < 500, "those who leave hold nobody up")
        let haveLeft = storm.booth.step(until: { guests.allSatisfy { $0.link.serverClosed } })
        #expect(haveLeft)
        #expect(storm.endsInOneTurn <= 8, "it was \(storm.endsInOneTurn)")
        #expect(storm.booth.violations.isEmpty, "\(storm.booth.violations)")
    }

    @Test func stepsAreTakenInTheOrderOfArrivalFirstAndSecondOnesInTurn() {
        var queue = HandshakeQueue<Int>()
        for client in 1...4 { queue.append(client, hasBegun: false) }
        queue.append(-1, hasBegun: true)
        queue.append(-2, hasBegun: true)
        var order: [Int] = []
        while let client = queue.popFirst() { order.append(client) }
        #expect(order == [-1, 1, -2, 2, 3, 4])
        #expect(queue.isEmpty)
    }
}

/// A service with a listener for TLS, and those who come to it, on a network and a disk that need no time.
private final class Storm {
    static let subscribe = "{\"op\":\"subscribe\",\"id\":\"s\",\"topics\":[\"a\"]}\n"
    static let publish: String = {
        let body = "{\"specversion\":\"1.0\",\"id\":\"e\",\"source\":\"/s\",\"type\":\"t\"}"
        return "POST /v1/events?topic=live HTTP/1.1\r\nhost: localhost\r\n"
            + "content-type: application/cloudevents+json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
    }()
    private static let secureListener: Int32 = 12

    let booth: Booth
    private let context: TLSContext
    private(set) var visitors: [SecureVisitor] = []
    /// To the visitors.
    private(set) var sends = 0
    private(set) var sendsInOneTurn = 0
    private(set) var endsInOneTurn = 0

    init() throws {
        let certificate = try SelfSignedCertificate.make(hosts: ["localhost"])
        context = try TLSContext.client(trust: TLSTrust.pem(certificate.certificatePEM))
        let files = try Self.write(certificate)
        booth = try Booth { configuration in
            var secure = configuration.listeners[1]
            secure.name = "secure"
            secure.tls = files
            configuration.listeners.append(secure)
        }
        unsafe unlink(files.certificate)
        unsafe unlink(files.privateKey)
        booth.turnNanoseconds = 10_000
        booth.kernel.faults.networkNanoseconds = 1_000...1_000
        booth.kernel.faults.diskNanoseconds = 1_000...1_000
        booth.watch = { [unowned self] in note($0) }
    }

    /// One who is told of `publish`, on a network that takes what it is given.
    func seatOneForLive() -> Visitor {
        let (live, link) = booth.enter(stream: true, "{\"op\":\"subscribe\",\"id\":\"l\",\"topics\":[\"live\"]}\n")
        link.capacity = 1 << 20
        link.readBytes = 1 << 20
        booth.pass(seconds: 1)
        return live
    }

    func come(_ count: Int, saying piece: String, endsThen: Bool = false) throws {
        for _ in 0..<count {
            visitors.append(
                try SecureVisitor(
                    context, booth.kernel, listener: Self.secureListener, says: piece, endsThen: endsThen))
        }
    }

    private func note(_ operations: OperationQueue) {
        let guests = Set(visitors.compactMap { $0.link?.descriptor })
        var sends = 0
        var closes = 0
        for index in 0..<operations.count {
            if operations[index].kind == .send, guests.contains(operations[index].descriptor) { sends += 1 }
            if operations[index].kind == .close { closes += 1 }
        }
        self.sends += sends
        sendsInOneTurn = max(sendsInOneTurn, sends)
        endsInOneTurn = max(endsInOneTurn, closes)
    }

    private static func write(_ certificate: SelfSignedCertificate) throws -> FanfareServer.Listener.TLSFiles {
        var folder = Array("/tmp/fanfare-storm-XXXXXX".utf8CString)
        // Safe: mkdtemp changes the characters of its NUL-terminated template.
        let made = unsafe mkdtemp(&folder)
        let path = try unsafe String(cString: #require(unsafe made))
        let files = FanfareServer.Listener.TLSFiles(
            certificate: "\(path)/certificate.pem", privateKey: "\(path)/key.pem")
        for (name, text) in [
            (files.certificate, certificate.certificatePEM), (files.privateKey, certificate.privateKeyPEM),
        ] {
            let file = try unsafe #require(unsafe fopen(name, "w"))
            unsafe fputs(text, file)
            unsafe fclose(file)
        }
        return files
    }
}
