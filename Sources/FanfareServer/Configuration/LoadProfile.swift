/// A load profile: what `fanfare bench` publishes, to whom, and how well it should go.
package struct LoadProfile: Sendable, Hashable {
    /// How a subscriber receives.
    package enum Transport: String, Sendable, CaseIterable {
        /// RFC 6455.
        case websocket
        /// Server-Sent Events.
        case sse
        /// Lines of JSON.
        case stream
        /// An HTTP endpoint of the load generator.
        case webhook
    }

    /// How events are spread over time.
    package enum Arrivals: String, Sendable, CaseIterable {
        /// Evenly.
        case constant
        /// With exponentially distributed gaps.
        case poisson
        /// `burst` at once.
        case burst
        /// At `rate` first, at `peak` last.
        case ramp
    }

    /// Who publishes how much when.
    package struct Publishing: Sendable, Hashable {
        /// Events a second.
        package var rate = 1000
        /// How they are spread.
        package var arrivals = Arrivals.constant
        /// Events at once; nil but with `burst`.
        package var burst: Int?
        /// Events a second at the end; nil but with `ramp`.
        package var peak: Int?
        /// Connections they are sent on, in turn.
        package var connections = 1
        /// Whether 503 and 429 are answers to be counted, not the end of the run.
        package var isOverload = false
    }

    /// What is published.
    package struct Events: Sendable, Hashable {
        /// Bytes of an event as it is published, about.
        package var bytes = 200
        /// Topics, each event's the next one; subscriber i wants topic i.
        package var topics = 1
        /// Which acknowledgement publishers wait for.
        package var durability = Configuration.Durability.synced
    }

    /// What the service is to do when a socket does not take what there is.
    package enum SlowPolicy: String, Sendable, CaseIterable {
        /// Go on from the log.
        case catchUp = "catch_up"
        /// Jump to the newest event and say so.
        case skip
        /// Close the connection.
        case close
    }

    /// What a group's sockets do besides receiving, again and again, each in its turn or all at once.
    package struct Behaviour: Sendable, Hashable {
        /// The kinds of it.
        package enum Kind: String, Sendable, CaseIterable {
            /// They stop reading for some time.
            case stalls
            /// They leave, and come anew at the newest event.
            case churns
            /// They are cut off, and come back to the event they had last.
            case reconnects
        }

        /// What they do.
        package var kind: Kind
        /// Milliseconds between the end of one occasion and the next.
        package var everyMilliseconds = 10_000
        /// Milliseconds that one lasts.
        package var forMilliseconds = 0
        /// Whether all begin at one time; else they are spread over `every`.
        package var isAtOnce = false

        /// The behaviour of this kind.
        package init(_ kind: Kind) { self.kind = kind }
    }

    /// Some subscribers that are alike.
    package struct Audience: Sendable, Hashable {
        /// How they receive.
        package var transport: Transport
        /// How many they are.
        package var count: Int
        /// Whether their connections are encrypted.
        package var isEncrypted = false
        /// What the service is to do when they are slow.
        package var slowPolicy = SlowPolicy.catchUp
        /// What they do besides receiving; nil for nothing.
        package var behaviour: Behaviour?
    }

    /// What must hold for every transport.
    package struct Goals: Sendable, Hashable {
        /// Milliseconds from the intended send to the receipt for half, 99 % and 99.9 % of the deliveries; nil: any.
        package var p50Milliseconds: Int?
        /// As above.
        package var p99Milliseconds: Int?
        /// As above.
        package var p999Milliseconds: Int?
    }

    /// What it is for.
    package var description = ""
    /// Milliseconds that are measured.
    package var durationMilliseconds = 10_000
    /// Milliseconds before, whose deliveries are reconciled but not timed.
    package var warmUpMilliseconds = 2_000
    /// What chance depends on.
    package var seed = 1
    /// Shards of the service that is started.
    package var shards = 1
    /// Who publishes how much when.
    package var publish = Publishing()
    /// What is published.
    package var events = Events()
    /// Who receives.
    package var subscribers: [Audience] = []
    /// How well it should go.
    package var goals = Goals()

    /// Milliseconds of publishing.
    package var publishMilliseconds: Int { warmUpMilliseconds + durationMilliseconds }
}
