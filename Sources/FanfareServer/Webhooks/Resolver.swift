import CFanfareNames
import FanfareBase
import FanfareRing
import Glibc
import Synchronization

/// Turns names into addresses, for all shards, on one thread of its own that begins with the first question.
///
/// Answers are kept for their TTL. Questions for a name that is being looked up wait for the same answer. Whoever gets an
/// address still has to ask its address policy: a name may resolve to anything at any time.
final class Resolver: Sendable {
    /// Why a name has no addresses, in words.
    struct Failure: Error, Sendable, Hashable {
        /// For a person.
        let words: String
    }

    /// What a name resolves to: at least one address, in the order in which they should be tried.
    typealias Answer = Result<[IPAddress], Failure>

    private let core = Core()

    /// A resolver that has not begun.
    init() {}

    deinit { core.stop() }

    /// The addresses of `name` if they are known. Any thread.
    func known(_ name: String, now: MonotonicTime) -> [IPAddress]? {
        core.state.withLock { $0.cache.addresses(of: name, now: now) }
    }

    /// Looks `name` up; `done` is called once, on the resolver's thread (or here, when too much is being looked up).
    func resolve(_ name: String, _ done: @escaping @Sendable (Answer) -> Void) {
        let refusal = core.ask(name, done)
        if let refusal { done(.failure(refusal)) }
    }

    /// What the resolver and its thread share; the thread keeps it alive until it ends.
    fileprivate final class Core: Sendable {
        struct State: Sendable {
            var cache = ResolverCache()
            /// Who waits for which name.
            var waiting: [String: [@Sendable (Answer) -> Void]] = [:]
            /// Names the thread has not begun with.
            var asked: [String] = []
            var isRunning = false
            var isStopped = false
        }

        let state = Mutex(State())
        let event: EventDescriptor?

        init() {
            do throws(EventDescriptor.CreationError) { event = try EventDescriptor() } catch { event = nil }
        }

        func stop() {
            state.withLock { $0.isStopped = true }
            event?.signal()
        }

        func ask(_ name: String, _ done: @escaping @Sendable (Answer) -> Void) -> Failure? {
            guard let event else { return Failure(words: "no descriptor is left for the resolver") }
            let (refusal, mustStart) = state.withLock { state -> (Failure?, Bool) in
                if state.waiting[name] != nil {
                    state.waiting[name]?.append(done)
                    return (nil, false)
                }
                guard state.waiting.count < Limits.lookupsMax else {
                    return (Failure(words: "\(Limits.lookupsMax) names are being looked up already"), false)
                }
                state.waiting[name] = [done]
                state.asked.append(name)
                defer { state.isRunning = true }
                return (nil, !state.isRunning)
            }
            if let refusal { return refusal }
            if mustStart { ResolverThread.start(self) }
            event.signal()
            return nil
        }

        /// Tells everyone who waits for `name`.
        func answer(_ name: String, _ answer: Answer, ttlSeconds: Int) {
            let waiting = state.withLock { state -> [@Sendable (Answer) -> Void] in
                if case .success(let addresses) = answer {
                    state.cache.keep(addresses, of: name, ttlSeconds: ttlSeconds, now: Clock.monotonic)
                }
                return state.waiting.removeValue(forKey: name) ?? []
            }
            for done in waiting { done(answer) }
        }
    }
}

/// The thread that talks to c-ares.
private enum ResolverThread {
    private final class Question {
        let name: String
        let core: Resolver.Core

        init(_ name: String, _ core: Resolver.Core) {
            self.name = name
            self.core = core
        }
    }

    static func start(_ core: Resolver.Core) {
        let box = unsafe Unmanaged.passRetained(core)
        var thread = pthread_t()
        // Safe: the core is retained for the thread, which takes it over.
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                ResolverThread.run(unsafe Unmanaged<Resolver.Core>.fromOpaque(argument).takeRetainedValue())
                return nil
            }, box.toOpaque())
        invariant(result == 0, "the resolver's thread can be created")
        pthread_detach(thread)
    }

    private static func run(_ core: Resolver.Core) {
        guard let event = core.event else { return }
        let names = unsafe fanfare_names_open(Int32(Limits.lookupTimeoutMilliseconds), Int32(Limits.lookupTries))
        while true {
            event.drain()
            let (asked, isStopped) = core.state.withLock { state -> ([String], Bool) in
                defer { state.asked = [] }
                return (state.asked, state.isStopped)
            }
            if isStopped { break }
            for name in asked { unsafe look(name, up: names, core) }
            if let names = unsafe names {
                unsafe fanfare_names_wait(names, event.descriptor)
            } else {
                sleepUntilSignalled(event)
            }
        }
        if let names = unsafe names { unsafe fanfare_names_close(names) }
    }

    private static func look(_ name: String, up names: OpaquePointer?, _ core: Resolver.Core) {
        guard let names = unsafe names else {
            return core.answer(name, .failure(.init(words: "the system's resolver cannot be set up")), ttlSeconds: 0)
        }
        let question = unsafe Unmanaged.passRetained(Question(name, core)).toOpaque()
        // Safe: c-ares calls back exactly once, which takes the question over.
        unsafe fanfare_names_lookup(
            names, name,
            { context, answer in
                guard let context = unsafe context, let answer = unsafe answer else { return }
                let question = unsafe Unmanaged<Question>.fromOpaque(context).takeRetainedValue()
                unsafe question.core.answer(
                    question.name, ResolverThread.result(answer.pointee), ttlSeconds: Int(answer.pointee.ttl_seconds))
            }, question)
    }

    private static func result(_ answer: fanfare_names_answer) -> Resolver.Answer {
        if let error = unsafe answer.error { return .failure(.init(words: unsafe String(cString: error))) }
        var addresses: [IPAddress] = []
        unsafe withUnsafeBytes(of: answer.addresses) { all in
            let size = MemoryLayout<fanfare_names_address>.stride
            for index in 0..<min(Int(unsafe answer.count), Int(FANFARE_NAMES_ADDRESSES_MAX)) {
                // Safe: the tuple holds FANFARE_NAMES_ADDRESSES_MAX of these one after the other.
                let entry = unsafe all.baseAddress! + index * size
                let count = Int(unsafe entry.load(as: UInt8.self))
                let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: entry + 1, count: min(count, 16)))
                if let address = IPAddress(bytes: bytes) { addresses.append(address) }
            }
        }
        return addresses.isEmpty ? .failure(.init(words: "no address")) : .success(addresses)
    }

    private static func sleepUntilSignalled(_ event: EventDescriptor) {
        var polled = pollfd(fd: event.descriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&polled, 1, -1)
    }
}
