import FanfareBase
import FanfareRing
import FanfareTLS
import FanfareWire
import Glibc

/// Why a connection is over.
package enum ClientEnd: Error, Sendable, CustomStringConvertible {
    /// We closed it.
    case closed
    /// The peer ended it.
    case endedByPeer
    /// It could not be made to `address`, for the errno.
    case unreachable(address: String, number: Int32)
    /// It was not there, or not encrypted, in time.
    case timedOut(address: String)
    /// It broke, for the errno.
    case broken(number: Int32)
    /// TLS failed.
    case tls(TLSError)
    /// The peer did not take what we sent: `LoadLimits.connectionOutputBytesMax`.
    case outputOverflow
    /// `LoadLimits.connectionsMax`.
    case tooManyConnections

    package var description: String {
        switch self {
        case .closed: "closed"
        case .endedByPeer: "the connection was closed by the other side"
        case .unreachable(let address, let number): "cannot connect to \(address): \(Self.words(number))"
        case .timedOut(let address): "cannot connect to \(address): no answer in time"
        case .broken(let number): "the connection broke: \(Self.words(number))"
        case .tls(let error): error.description
        case .outputOverflow: "the other side does not read"
        case .tooManyConnections: "too many connections"
        }
    }

    /// Whether nobody took the connection.
    var isUnreachable: Bool {
        switch self {
        case .unreachable, .timedOut: true
        default: false
        }
    }

    /// What the errno means.
    static func words(_ number: Int32) -> String {
        // Safe: strerror's text is copied at once, and a client is one thread.
        unsafe String(cString: strerror(number)).lowercased()
    }
}

/// What a connection's bytes mean. Called by its loop, on its thread, one call at a time.
package protocol ClientHandler: AnyObject {
    /// The connection is there, and encrypted if it is to be: what is sent now goes out at the end of the turn.
    func opened(_ connection: ClientConnection)
    /// Plain bytes arrived; they are gone after the call.
    func received(_ bytes: ByteView, on connection: ClientConnection)
    /// It is over: the last call. `opened` may never have been called.
    func ended(_ connection: ClientConnection, _ reason: ClientEnd)
}

/// One connection of a client loop, made or accepted: bytes in, bytes out, and its end.
///
/// Invariants: at most one send is in flight, never while `isBlocked`; the slot is freed, and `ended` called, when
/// nothing is in flight any more; after that `send` and `close` do nothing.
package final class ClientConnection {
    enum Phase {
        /// Waiting for connect, or for the TLS handshake.
        case opening
        /// Bytes flow both ways.
        case open
        /// What is in `output` still goes out, then the end.
        case finishing
        /// Waiting for what is in flight.
        case closing
        /// Gone.
        case closed
    }

    /// What it takes to begin the TLS session of a connection we make.
    struct Encryption {
        let context: TLSContext
        let serverName: String
        let resumption: TLSResumption?
    }

    /// Where it was made to; empty for accepted ones.
    package let remote: [SocketAddress]
    /// What its bytes mean.
    let handler: any ClientHandler
    unowned let loop: ClientLoop
    var key = SlotTable<ClientConnection>.Key(slot: 0, generation: 0)
    var phase = Phase.opening
    var end = ClientEnd.closed
    var descriptor: Int32 = -1
    /// Which of `remote` is being tried.
    var attempt = 0
    var tls: TLSSession?
    let encryption: Encryption?
    var output = FanfareBase.GrowingBytes(limit: LoadLimits.connectionOutputBytesMax)
    /// Bytes of the send in flight; 0 when there is none.
    var sendBytes = 0
    /// POLL_ADD(POLLOUT) is armed.
    var isBlocked = false
    var isReceiveArmed = false
    /// Nothing is read.
    var isPaused = false
    var isDirty = false
    var operationsInFlight = 0
    var timer: TimerID?

    init(
        loop: ClientLoop, remote: [SocketAddress], handler: any ClientHandler,
        encryption: Encryption?
    ) {
        self.loop = loop
        self.remote = remote
        self.handler = handler
        self.encryption = encryption
    }

    /// Bytes that wait to be sent.
    package var outputBytes: Int { output.count }
    /// Whether bytes can be sent.
    package var isOpen: Bool { phase == .open }

    /// Sends `bytes` at the end of the turn, sealed if the connection is encrypted. Nothing happens unless `isOpen`.
    package func send(_ bytes: ByteView) {
        guard phase == .open else { return }
        loop.append(bytes, to: self)
    }

    /// Sends `bytes` at the end of the turn.
    package func send(_ bytes: [UInt8]) { bytes.withByteView { send($0) } }

    /// Ends it after what waits has been sent; `ended` is called in a later turn.
    package func close() { loop.close(self, .closed) }

    /// Stops reading; a little that was under way may still come. An end of the other side is not noticed meanwhile.
    package func pause() {
        guard !isPaused else { return }
        isPaused = true
        loop.cancelReceive(self)
    }

    /// Reads again.
    package func resume() {
        guard isPaused else { return }
        isPaused = false
        if descriptor >= 0 { loop.armReceive(self) }
    }

    func token(_ purpose: ClientLoop.Purpose) -> Token {
        Token(purpose: purpose.rawValue, generation: key.generation, slot: key.slot)
    }
}
