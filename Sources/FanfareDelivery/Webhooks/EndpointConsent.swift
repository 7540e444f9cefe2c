import FanfareBase

/// Whether an endpoint has agreed to get events (CloudEvents HTTP 1.1 Web Hooks, section 4): a state machine without clock
/// or socket.
///
/// Invariants: nothing is delivered before consent; at most one question is open; the answer to a question asked before the
/// endpoint changed decides nothing. The questions never end: after the schedule's last delay that delay is repeated.
package struct EndpointConsent: Sendable {
    /// What is to be done for the endpoint.
    package enum Step: Equatable, Sendable {
        /// Send `OPTIONS` and say `asked`.
        case ask
        /// Deliver nothing. Look again at `until`; nil while a question is open.
        case wait(until: MonotonicTime?)
        /// Deliver, with at least so many nanoseconds between two requests when the endpoint set a rate.
        case deliver(intervalNanoseconds: Int?)
    }

    /// One question, so that its answer can be told from that to another.
    package struct Question: Equatable, Sendable {
        fileprivate var number: Int
    }

    private enum State: Equatable {
        case due(MonotonicTime)
        case asking
        case granted(intervalNanoseconds: Int?)
    }

    private let origin: String
    private let retry: RetryPolicy
    private var state = State.due(MonotonicTime(nanoseconds: 0))
    private var questions = 0
    private var refusals = 0

    /// Why there is no consent, in words; nil when there is, and before the first answer.
    package private(set) var reason: String?

    /// An endpoint not yet asked. `origin` is what `WebHook-Request-Origin` says; `retry` when it is asked again.
    /// `before` is what was decided with of the same subscription: the answer to a question of it is none to one of this.
    package init(origin: String, retry: RetryPolicy, after before: EndpointConsent? = nil) {
        self.origin = origin
        self.retry = retry
        questions = before?.questions ?? 0
    }

    /// Whether it has agreed.
    package var isGranted: Bool { if case .granted = state { true } else { false } }

    /// The least time between two requests that it agreed to; nil when it bounds nothing, or has not agreed.
    package var intervalNanoseconds: Int? { if case .granted(let interval) = state { interval } else { nil } }

    /// What is to be done at `now`.
    package func step(now: MonotonicTime) -> Step {
        switch state {
        case .due(let time): time <= now ? .ask : .wait(until: time)
        case .asking: .wait(until: nil)
        case .granted(let interval): .deliver(intervalNanoseconds: interval)
        }
    }

    /// A question is on its way. Only when `step` says `ask`.
    package mutating func asked() -> Question {
        if case .due = state {} else { invariant(false, "an endpoint is asked only when a question is due") }
        state = .asking
        questions += 1
        return Question(number: questions)
    }

    /// The endpoint answered.
    package mutating func answered(
        _ question: Question, _ answer: EndpointConsentAnswer, now: MonotonicTime, random: UInt64
    ) {
        guard isOpen(question) else { return }
        switch answer.verdict(origin: origin) {
        case .granted(let interval):
            state = .granted(intervalNanoseconds: interval)
            refusals = 0
            reason = nil
        case .refused(let words): refuse(words, now, random)
        }
    }

    /// No answer came, and why in words.
    package mutating func failed(_ question: Question, _ words: String, now: MonotonicTime, random: UInt64) {
        if isOpen(question) { refuse(words, now, random) }
    }

    /// The question was not sent (the service drains, or no connection was free): it is due again, and no step of the
    /// schedule is used.
    package mutating func notAsked(_ question: Question, now: MonotonicTime) {
        if isOpen(question) { state = .due(now) }
    }

    private func isOpen(_ question: Question) -> Bool { state == .asking && question.number == questions }

    private mutating func refuse(_ words: String, _ now: MonotonicTime, _ random: UInt64) {
        reason = words
        refusals = min(refusals + 1, max(1, retry.delays.count))
        let delay =
            retry.delay(afterAttempt: refusals, random: random)
            ?? RetryPolicy().delay(afterAttempt: 1, random: random) ?? 0
        state = .due(now.advanced(byNanoseconds: delay))
    }
}
