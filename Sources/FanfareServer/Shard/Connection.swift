import FanfareBase
import FanfareDelivery
import FanfareRing
import FanfareTLS

/// Where the bytes of a send in flight came from, which says what a short count means.
enum SendSource {
    /// The connection's `output`: what was taken is removed from it.
    case output
    /// Frames shared by all members; the subscriber's place follows from how much was taken.
    case frames(after: StreamPlace)
    /// The shard's arena from `offset` on, for this connection alone (sealed, or framed from the log): an unsent rest is
    /// copied to `output`.
    case arena(offset: UInt32)

    /// The connection's own bytes.
    var isOutput: Bool { if case .output = self { true } else { false } }
}

/// One TCP or Unix connection, accepted or made by us: bytes in, bytes out, and its end. What the bytes mean is its
/// handler's business. There is one for each client, however idle: its fields stand in an order that leaves no gaps.
///
/// Invariants:
/// - at most one send is in flight; `blocked` and a send in flight exclude each other;
/// - nothing is appended to `output` between queueing a send from it and the enter that submits it;
/// - the slot is freed when `operationsInFlight` is 0 and the descriptor closed, not before.
final class Connection {
    /// How far the end has come.
    enum Phase {
        /// Bytes flow both ways.
        case open
        /// Nothing more is accepted; what is in `output` still goes out, then the connection ends.
        case finishing
        /// Our side has ended (FIN sent); input is read and dropped until the peer ends too or the linger time is over,
        /// so that the last answer is not destroyed by a reset (RFC 9112, 9.6).
        case lingering
        /// Waiting for operations in flight, then the descriptor is closed.
        case closing
    }

    /// Its place in the shard's table.
    private(set) var slot: UInt32 = 0
    /// Tells it from earlier holders of the slot.
    private(set) var generation: UInt32 = 0
    /// The socket.
    let descriptor: Int32
    /// Bytes of the send in flight; 0 when there is none.
    var sendBytes: Int32 = 0
    /// The listener that accepted it, with what it may be used for; nil for connections we made.
    let listener: ListenerState?

    /// The TLS session; nil on plain connections.
    var tls: TLSSession?
    /// What the bytes mean.
    var handler: (any ConnectionHandler)?
    /// Its part in the fan-out, once it has subscribed; nil for publishers, webhooks and everyone else.
    var subscriber: Subscriber?
    /// Bytes that go out before any event: answers, control messages, the unsent rest of a send. Already sealed with TLS.
    var output = GrowingBytes(limit: Limits.connectionOutputBytesMax)

    /// Bytes of its TLS handshake while they wait for their turn.
    var handshakeInput: [UInt8] = []
    /// Input the handler does not take at present; see `Shard.readOn`.
    var heldInput = HeldBytes()
    /// Bytes of input kept, here and by the handler, that its shard has counted.
    var inputBytesCounted: UInt32 = 0
    /// When the peer itself last showed that it is there.
    var liveness: PeerLiveness
    /// Bytes of `output` that its shard has counted.
    var outputBytesCounted: UInt32 = 0
    /// When the peer last sent a byte, or our kernel took one for it.
    var lastActive: MonotonicTime
    /// When the timer should act; moved often, the wheel's entry only when it fires.
    var deadline = MonotonicTime(nanoseconds: .max)
    /// When it was accepted or connected.
    let since: MonotonicTime
    /// What it counts for, and whether it may stay.
    var admission = ConnectionAdmission.ours
    /// How far the end has come.
    var phase: Phase = .open
    /// How its input has ended, until that has been acted on.
    var inputEnd = InputEnd.none
    /// Its TLS handshake has begun.
    var handshakeBegan = false
    /// The kernel took less than all; POLL_ADD(POLLOUT) is armed.
    var blocked = false
    /// Its handler waits for `outputDrained`, though it is subscribed.
    var awaitsDrain = false
    /// A multishot receive is armed.
    var receiveArmed = false
    /// The handler wants no input for now; the receive was cancelled or not re-armed.
    var receivePaused = false
    /// The TLS session has been ended from our side.
    var saidGoodbye = false
    /// It stands in the queue of those whose compressed messages wait for the next turn.
    var isQueuedForInflating = false
    /// It stands in the catch-up queue.
    var isQueuedForCatchUp = false
    /// It stands in the shard's list of connections to flush.
    var isDirty = false
    /// Where the send in flight came from.
    var sendSource = SendSource.output
    /// Completions still to come.
    var operationsInFlight: Int16 = 0
    /// When something has to happen; `TimerID` of the wheel's entry.
    var timer: TimerID?

    /// A connection that has just been accepted or made.
    init(descriptor: Int32, listener: ListenerState?, tls: TLSSession?, now: MonotonicTime) {
        self.descriptor = descriptor
        self.listener = listener
        self.tls = tls
        lastActive = now
        liveness = PeerLiveness(now: now)
        since = now
    }

    /// Where the shard has put it.
    var key: SlotTable<Connection>.Key {
        get { SlotTable<Connection>.Key(slot: slot, generation: generation) }
        set {
            slot = newValue.slot
            generation = newValue.generation
        }
    }

    /// Whether a send may be queued now.
    @inline(__always) var canSend: Bool { sendBytes == 0 && !blocked && (phase == .open || phase == .finishing) }

    /// A token of this connection for `purpose`.
    @inline(__always) func token(_ purpose: Purpose) -> Token {
        Token(purpose: purpose.rawValue, generation: generation, slot: slot)
    }
}

/// What a connection's bytes mean: HTTP, WebSocket, Server-Sent Events, the stream protocol, a webhook being delivered.
///
/// Called by the shard, on its thread, one call at a time.
protocol ConnectionHandler: AnyObject {
    /// The TLS handshake is complete: data can be sent.
    func secured(on connection: Connection, shard: Shard)
    /// The TLS session has failed; the connection ends.
    func tlsFailed(_ error: TLSError, on connection: Connection, shard: Shard)
    /// Plain bytes arrived. They are gone after the call.
    func received(_ bytes: UnsafeRawBufferPointer, on connection: Connection, shard: Shard)
    /// Bytes it keeps of input that is not complete.
    var retainedBytes: Int { get }
    /// The shard's connections hold all they may, and this one much of it: it is refused, and keeps nothing.
    func outOfMemory(on connection: Connection, shard: Shard)
    /// Whether its peer may send compressed messages, which wait when the turn has inflated enough.
    var inflates: Bool { get }
    /// Whether it takes further input now.
    func mayRead(from connection: Connection, shard: Shard) -> Bool
    /// The peer will send no more.
    func inputEnded(on connection: Connection, shard: Shard)
    /// The connection's deadline has passed.
    func deadlinePassed(on connection: Connection, shard: Shard)
    /// The token it asked to have verified has been: `.principal` or `.refused`; or cannot be at present: `.unverified`.
    func tokenVerified(_ outcome: AccessControl.Outcome, on connection: Connection, shard: Shard)
    /// All of `output` has been taken by the kernel.
    func outputDrained(on connection: Connection, shard: Shard)
    /// The connection is over; the handler's last call.
    func closed(on connection: Connection, shard: Shard)
}

extension ConnectionHandler {
    func secured(on connection: Connection, shard: Shard) {}
    func tlsFailed(_ error: TLSError, on connection: Connection, shard: Shard) {}
    func tokenVerified(_ outcome: AccessControl.Outcome, on connection: Connection, shard: Shard) {}
    var retainedBytes: Int { 0 }
    func outOfMemory(on connection: Connection, shard: Shard) { shard.abort(connection) }
    var inflates: Bool { false }
    func mayRead(from connection: Connection, shard: Shard) -> Bool { true }
    func outputDrained(on connection: Connection, shard: Shard) {}
}
