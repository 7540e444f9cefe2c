import FanfareBase
import FanfareLoad
import FanfareServer

/// What a run will do, decided before it begins: every event, its topic and when it is meant to be sent.
final class BenchPlan {
    /// What was asked for.
    let profile: LoadProfile
    /// Where event numbers are in ids.
    let numbering: EventNumbering
    /// Nanoseconds from the beginning, by event.
    let offsets: [UInt64]
    /// The first event after the warm-up.
    let measuredFrom: Int
    /// When the beginning is; set when everyone is there.
    var startedAt = MonotonicTime(nanoseconds: 0)
    /// Tells this run's events, topics and subscriptions from others' on the same service.
    let run: String

    init(_ profile: LoadProfile, run: String) {
        self.profile = profile
        self.run = run
        numbering = EventNumbering(prefix: "bench-\(run)-")
        offsets = profile.schedule.offsets(
            duration: UInt64(profile.publishMilliseconds) * 1_000_000, countMax: ConfigurationRange.profileEvents)
        let warmUp = UInt64(profile.warmUpMilliseconds) * 1_000_000
        measuredFrom = offsets.firstIndex { $0 >= warmUp } ?? offsets.count
    }

    /// When event `number` is meant to be sent.
    func intended(_ number: Int) -> MonotonicTime { startedAt.advanced(byNanoseconds: Int(offsets[number])) }

    /// The topic that member `member` of the audience wants.
    func topic(ofMember member: Int) -> String { topic(member % profile.events.topics) }

    /// The events that member `member` is to receive.
    func expected(byMember member: Int) -> Int {
        let topics = profile.events.topics
        let index = member % topics
        return offsets.count / topics + (index < offsets.count % topics ? 1 : 0)
    }

    /// Event `number` as structured JSON of about the size asked for.
    func event(_ number: Int) -> [UInt8] {
        let topic = topic(number % profile.events.topics)
        var text = Array(
            "{\(numbering.members(number)),\"source\":\"/fanfare/bench\",\"type\":\"\(topic)\",\"data\":\"".utf8)
        let filling = max(0, profile.events.bytes - text.count - 2)
        text += repeatElement(UInt8(ascii: "x"), count: filling)
        text += [UInt8(ascii: "\""), UInt8(ascii: "}")]
        return text
    }

    private func topic(_ index: Int) -> String { "bench.\(run).\(index)" }
}

extension LoadProfile {
    /// When its events are meant to be sent.
    var schedule: ArrivalSchedule {
        let rate = Double(publish.rate)
        return switch publish.arrivals {
        case .constant: .constant(rate: rate)
        case .poisson: .poisson(rate: rate, seed: UInt64(seed))
        case .burst: .burst(rate: rate, size: publish.burst ?? 1)
        case .ramp: .ramp(rate: rate, peak: Double(publish.peak ?? publish.rate))
        }
    }
}
