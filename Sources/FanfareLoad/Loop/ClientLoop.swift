import FanfareBase
import FanfareRing
import FanfareTLS
import FanfareWire
import Glibc

/// A client's event loop: one thread, one ring, many connections and timers.
///
/// A turn: wait for completions or the next timer, handle completions, then timers, then what other threads posted, then
/// one send for each connection with something to say. Handlers run on the loop's thread and must not block. After warm-up
/// nothing is allocated for a message that arrives whole.
///
/// Made and run on one thread.
package final class ClientLoop {
    /// Why there is no loop.
    package enum StartError: Error, CustomStringConvertible {
        /// io_uring is refused.
        case ring(RingError)
        /// eventfd(2) is refused.
        case inbox(EventDescriptor.CreationError)

        package var description: String {
            switch self {
            case .ring(let error): error.description
            case .inbox(let error): "no eventfd: errno \(error.number)"
            }
        }
    }

    enum Purpose: UInt8 {
        case connect, receive, send, pollWritable, accept, inbox, ignored
    }

    struct ListeningSocket {
        let descriptor: Int32
        let tls: TLSContext?
        let makeHandler: () -> any ClientHandler
    }

    /// What to do when a person wants to end the program; set by whoever runs the loop, called on its thread.
    package var onInterrupt: (() -> Void)?
    /// Whether a person has wanted that.
    package private(set) var isInterrupted = false
    /// When the turn began.
    package private(set) var now: MonotonicTime
    /// How other threads reach it.
    package let inbox: ClientInbox

    let operations = OperationQueue()
    let addresses = ByteRegion(capacity: LoadLimits.addressBytesMax)
    var connections = SlotTable<ClientConnection>(capacity: LoadLimits.connectionsMax)
    var dirty: [ClientConnection] = []
    var tlsOutput: [UInt8] = []
    var plaintextPool: [UInt8] = []
    var listening: [ListeningSocket] = []
    private let ring: Ring
    private var completions = CompletionBatch()
    private var timers: TimerWheel<() -> Void>
    private var alarm: (deadline: MonotonicTime, action: () -> Void)?
    private var isStopping = false
    private var dirtySpare: [ClientConnection] = []

    /// A loop of this thread.
    package init() throws(StartError) {
        do throws(RingError) { ring = try Ring() } catch { throw .ring(error) }
        do throws(EventDescriptor.CreationError) { inbox = try ClientInbox() } catch { throw .inbox(error) }
        now = Clock.monotonic
        timers = TimerWheel(now: now)
        pollInbox()
    }

    /// Runs turns until `stop`, and then one more that sends what waits.
    package func run() {
        isStopping = false
        while !isStopping { turn(deadline: nextDeadline) }
        turn(deadline: Clock.monotonic)
    }

    /// Ends `run` after this turn.
    package func stop() { isStopping = true }

    /// Connections there are, those being made and ended included.
    package var connectionCount: Int { connections.count }

    /// A person wants to end the program.
    package func interrupt() {
        isInterrupted = true
        onInterrupt?()
    }

    // MARK: Timers

    /// Calls `action` at `deadline`, a millisecond late at most, never early.
    @discardableResult
    package func at(_ deadline: MonotonicTime, _ action: @escaping () -> Void) -> TimerID {
        timers.insert(deadline: deadline, key: action)
    }

    /// Calls `action` after so many milliseconds.
    @discardableResult
    package func after(milliseconds: Int, _ action: @escaping () -> Void) -> TimerID {
        at(now.advanced(byMilliseconds: milliseconds), action)
    }

    /// Calls `action` at `deadline`, as exactly as the kernel wakes this thread: not a millisecond late, as timers may be.
    /// There is one such call: a further one takes its place.
    package func exactly(at deadline: MonotonicTime, _ action: @escaping () -> Void) { alarm = (deadline, action) }

    private var nextDeadline: MonotonicTime? {
        guard let alarm else { return timers.nextDeadline }
        return min(alarm.deadline, timers.nextDeadline ?? alarm.deadline)
    }

    private func ringAlarm() {
        guard let alarm, alarm.deadline <= now else { return }
        self.alarm = nil
        alarm.action()
    }

    /// Forgets a timer; nothing happens when it has fired.
    package func cancel(_ timer: TimerID) { timers.cancel(timer) }

    // MARK: Turn

    private func turn(deadline: MonotonicTime?) {
        ring.enter(operations, deadline: deadline, completions: &completions)
        now = Clock.monotonic
        addresses.reset()
        for index in 0..<completions.count { handle(completions[index]) }
        while let action = timers.popExpired(now: now) { action() }
        ringAlarm()
        flush()
    }

    private func handle(_ completion: Completion) {
        switch Purpose(rawValue: completion.token.purpose) {
        case .inbox:
            for task in inbox.take() { task(self) }
            pollInbox()
        case .accept: accepted(completion)
        case .connect, .receive, .send, .pollWritable: connectionCompleted(completion)
        case .ignored, nil: break
        }
    }

    private func connectionCompleted(_ completion: Completion) {
        let token = completion.token
        guard let connection = connections.lookup(slot: token.slot, generation: token.generation) else {
            if let buffer = completion.bufferID { operations.append(Operation(.returnBuffer, length: Int(buffer))) }
            return
        }
        switch Purpose(rawValue: token.purpose) {
        case .connect: connectCompleted(completion.result, on: connection)
        case .receive: receiveCompleted(completion, on: connection)
        case .send: sendCompleted(completion.result, on: connection)
        default: writableCompleted(completion.result, on: connection)
        }
    }

    private func pollInbox() {
        let token = Token(purpose: Purpose.inbox.rawValue, generation: 0, slot: 0)
        operations.append(Operation(.pollReadable, descriptor: inbox.event.descriptor, token: token))
    }

    private func flush() {
        swap(&dirty, &dirtySpare)
        for connection in dirtySpare {
            connection.isDirty = false
            flush(connection)
        }
        dirtySpare.removeAll(keepingCapacity: true)
    }

    func markDirty(_ connection: ClientConnection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(connection)
    }

    deinit { for socket in listening { Glibc.close(socket.descriptor) } }
}
