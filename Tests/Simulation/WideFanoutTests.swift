import FanfareBase
import FanfareRing
import FanfareServer
import Testing

/// One shard with 100,000 subscribers of one topic and one subscriber of another.
@Suite struct WideFanoutTests {
    @Test func aTopicOfOneWaitsNoLongerThanATurnForATopicOfAHundredThousand() throws {
        let hall = try Hall(members: 100_000)
        hall.seatEverybody()
        hall.publish("wide")
        hall.step(until: { hall.sendsToCrowd > 20_000 })
        hall.publish("lone")
        hall.step(until: { hall.loneSentIn != nil && hall.answers.count == 2 })
        let committed = try #require(hall.answers.last, "the event is durable")
        let sent = try #require(hall.loneSentIn)
        #expect(hall.sendsToCrowd < 90_000, "the wide fan-out was still going on")
        #expect(sent - committed <= 1, "durable in turn \(committed), sent in turn \(sent)")
        // Each has been told two things: that it has subscribed, and the event.
        hall.step(until: { hall.crowd.lines == 200_000 && hall.lone.lines == 2 })
        #expect(hall.crowd.lines == 200_000)
        #expect(hall.lone.lines == 2)
        #expect(hall.sendsInOneTurn < 1_000, "a turn is short, however many there are to be served")
        #expect(hall.violations.isEmpty, "\(hall.violations)")
    }
}

/// A service of one shard on a machine without faults, stepped turn by turn, and everyone who has come to it.
private final class Hall {
    /// Counts the lines that some or many connections bring.
    final class Audience: SimulatedClient {
        private(set) var lines = 0

        func received(_ bytes: ArraySlice<UInt8>) { for byte in bytes where byte == 10 { lines += 1 } }
        func ended() {}
    }

    let crowd = Audience()
    let lone = Audience()
    private let publisher = Audience()
    private let members: Int
    private let booth: Booth
    private var kernel: SimulatedKernel { booth.kernel }
    private var batch = CompletionBatch()
    private var turn = 0
    private var loneLink: Link?
    private var publisherLink: Link?
    /// Since everybody is seated.
    private(set) var sendsToCrowd = 0
    private(set) var sendsInOneTurn = 0
    /// The turn in which the event of the topic of one was sent.
    private(set) var loneSentIn: Int?
    /// The turns in which publishing was answered.
    private(set) var answers: [Int] = []

    var violations: [String] { booth.violations }

    init(members: Int) throws {
        self.members = members
        booth = try Booth { $0.limits.connections = members + 10 }
    }

    /// Everyone subscribes and is told so.
    func seatEverybody() {
        loneLink = subscribe(lone, to: "lone")
        for seated in 0..<members {
            _ = subscribe(crowd, to: "wide")
            if seated % 100 == 0 { step(until: { true }) }
        }
        step(until: { crowd.lines == members && lone.lines == 1 })
        publisherLink = kernel.connect(publisher, listener: 10, shard: 0)
        step(until: { true })
        (sendsToCrowd, sendsInOneTurn, loneSentIn, answers) = (0, 0, nil, [])
    }

    private func subscribe(_ audience: Audience, to topic: String) -> Link {
        let link = kernel.connect(audience, listener: 11, shard: 0)
        let line = "{\"op\":\"subscribe\",\"id\":\"s\",\"topics\":[\"\(topic)\"],\"from\":\"latest\"}\n"
        kernel.send(Array(line.utf8), on: link)
        return link
    }

    func publish(_ topic: String) {
        guard let publisherLink else { return }
        let body = "{\"specversion\":\"1.0\",\"id\":\"\(topic)\",\"source\":\"/sim\",\"type\":\"t\"}"
        let head =
            "POST /v1/events?topic=\(topic) HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\n"
        kernel.send(Array("\(head)content-length: \(body.utf8.count)\r\n\r\n\(body)".utf8), on: publisherLink)
    }

    /// Turns until `isOver`, one at least.
    func step(until isOver: () -> Bool) {
        let last = turn + 20_000
        let service = booth.service
        let timeline = booth.timeline
        repeat {
            turn += 1
            _ = service.prepareToSleep(0)
            service.awake(0)
            kernel.collect(0, into: &batch)
            _ = service.shards[0].turn(batch, time: timeline.time)
            note(service.shards[0].operations)
            kernel.submit(service.shards[0].operations, shard: 0)
            timeline.advance(to: timeline.now + 100_000)
        } while !isOver() && turn < last
    }

    private func note(_ operations: OperationQueue) {
        var sends = 0
        for index in 0..<operations.count where operations[index].kind == .send {
            switch operations[index].descriptor {
            case loneLink?.descriptor: loneSentIn = turn
            case publisherLink?.descriptor: answers.append(turn)
            default: sends += 1
            }
        }
        sendsToCrowd += sends
        sendsInOneTurn = max(sendsInOneTurn, sends)
    }
}
