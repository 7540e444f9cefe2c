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

    /// Decides it.
    ///
    /// - Throws: When there is nothing to measure: chance, or a low rate, has put no event after the warm-up.
    init(_ profile: LoadProfile, run: String) throws(CommandFailure) {
        self.profile = profile
        self.run = run
        numbering = EventNumbering(prefix: "bench-\(run)-")
        offsets = profile.schedule.offsets(
            duration: UInt64(profile.publishMilliseconds) * 1_000_000, countMax: ConfigurationRange.profileEvents)
        let warmUp = UInt64(profile.warmUpMilliseconds) * 1_000_000
        guard let first = offsets.firstIndex(where: { $0 >= warmUp }) else {
            throw .data(
                "the profile plans no event after its warm-up: a longer \"duration\" or a higher \"rate\" is needed")
        }
        measuredFrom = first
    }

    /// Nanoseconds from the beginning in which events are sent.
    var publishNanoseconds: UInt64 { UInt64(profile.publishMilliseconds) * 1_000_000 }

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

    /// The topic whose index among the profile's is `index`; all are equally long.
    func topic(_ index: Int) -> String {
        let digits = String(index)
        return "bench.\(run)." + String(repeating: "0", count: BenchRequest.topicDigits - digits.utf8.count) + digits
    }
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
