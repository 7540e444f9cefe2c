import FanfareBase
import FanfareRing
import Glibc

/// Carries out the operations of a service's shards on the simulated disk and network, and completes them. Lives as long
/// as one process: what is in flight when it dies never completes.
@safe final class SimulatedKernel {
    static let dataDirectory = "/data"
    static let directoryDescriptor: Int32 = 3

    /// What a descriptor stands for.
    private enum Object {
        case file(SimulatedDisk.File)
        case link(Link)
        case directory
    }

    private struct Listener {
        var token: Token?
        var backlog: [Link] = []
    }

    /// A write the kernel has taken and not completed.
    private struct FlyingWrite {
        var file: SimulatedDisk.File
        var offset: Int
        var bytes: [UInt8]
    }

    private static let bufferBytes = 2_048
    private let buffersPerShard: Int

    let dice: Dice
    let timeline: Timeline
    let disk: SimulatedDisk
    var faults: Faults
    var canary: Canary?
    /// Where it is noted what clients have taken; nil where nobody asks.
    var acknowledgements: Acknowledgements?
    /// Takes what the shards must never do.
    let violation: (String) -> Void
    private(set) var isAlive = true
    /// When the service must have ended because a sync has failed; nil while none has.
    private(set) var endIsDueAt: UInt64?
    /// Who listens elsewhere, by port of 127.0.0.1.
    var endpoints: [UInt16: Endpoint] = [:]
    /// Connects under way, by token.
    var dials: [UInt64: Dial] = [:]
    private var ready: [[Completion]]
    private var objects: [Int32: Object] = [directoryDescriptor: .directory]
    private var listeners: [Int32: Listener] = [:]
    private var signals: [(token: Token, descriptor: Int32)?]
    private var nextDescriptor: Int32 = 100
    private var buffers: [UnsafeMutableRawPointer]
    private var freeBuffers: [[UInt16]]
    private var flying: [UInt64: FlyingWrite] = [:]
    private var nextFlying: UInt64 = 0
    /// Links whose client has not been told of their end, by descriptor: what the service has closed is still carried to it.
    private(set) var links: [Int32: Link] = [:]

    init(
        shards: Int, dice: Dice, timeline: Timeline, disk: SimulatedDisk, faults: Faults, buffersPerShard: Int = 24,
        violation: @escaping (String) -> Void
    ) {
        self.dice = dice
        self.timeline = timeline
        self.disk = disk
        self.faults = faults
        self.violation = violation
        ready = Array(repeating: [], count: shards)
        signals = Array(repeating: nil, count: shards)
        self.buffersPerShard = buffersPerShard
        unsafe buffers = (0..<shards * buffersPerShard).map { _ in
            .allocate(byteCount: Self.bufferBytes, alignment: 8)
        }
        freeBuffers = Array(repeating: Array(0..<UInt16(buffersPerShard)), count: shards)
    }

    deinit { unsafe buffers.forEach { unsafe $0.deallocate() } }

    // MARK: The shard's side

    /// Whether a shard has completions.
    func hasCompletions(_ shard: Int) -> Bool {
        pollSignal(shard)
        return !ready[shard].isEmpty
    }

    /// Hands a shard what has completed.
    func collect(_ shard: Int, into batch: inout CompletionBatch) {
        batch.removeAll()
        for completion in ready[shard] { batch.append(completion) }
        ready[shard].removeAll(keepingCapacity: true)
    }

    /// Takes everything a shard asks.
    func submit(_ operations: OperationQueue, shard: Int) {
        for index in 0..<operations.count { submit(operations[index], shard) }
        operations.removeAll()
    }

    func complete(_ shard: Int, _ token: Token, _ result: Int32, more: Bool = false) {
        guard isAlive else { return }
        timeline.note(UInt64(shard), token.rawValue, UInt64(bitPattern: Int64(result)))
        ready[shard].append(Completion(token: token, result: result, more: more))
    }

    private func submit(_ operation: Operation, _ shard: Int) {
        switch operation.kind {
        case .accept: listen(operation, shard)
        case .receive: receive(operation, shard)
        case .send: send(operation, shard)
        case .pollWritable:
            guard let link = link(operation) else { return complete(shard, operation.token, -EBADF) }
            link.poll = operation.token
            pollLink(link)
        case .pollReadable: signals[shard] = (operation.token, operation.descriptor)
        case .cancelDescriptor: cancelDescriptor(operation, shard)
        case .cancel: cancel(operation, shard)
        case .shutdown: shutdown(operation, shard)
        case .close: close(operation, shard)
        case .returnBuffer: returnBuffer(operation, shard)
        case .wake: complete(operation.length, Token(rawValue: operation.offset), 0)
        case .open, .read, .write, .writeAndSync, .sync, .rename, .unlink: submitFile(operation, shard)
        case .connect: dial(operation, shard)
        case .allocate: complete(shard, operation.token, -EOPNOTSUPP)
        }
    }

    private func link(_ operation: Operation) -> Link? {
        if case .link(let link) = objects[operation.descriptor] { return link }
        violation("\(operation.kind) on descriptor \(operation.descriptor), which is no open connection")
        return nil
    }

    private func pollSignal(_ shard: Int) {
        guard let signal = signals[shard] else { return }
        var request = pollfd(fd: signal.descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&request, 1, 0) == 1 else { return }
        signals[shard] = nil
        complete(shard, signal.token, POLLIN)
    }

    // MARK: Connections

    private func listen(_ operation: Operation, _ shard: Int) {
        var listener = listeners[operation.descriptor] ?? Listener()
        listener.token = operation.token
        let waiting = listener.backlog
        listener.backlog = []
        listeners[operation.descriptor] = listener
        for link in waiting { accept(link, on: operation.descriptor) }
    }

    /// A client connects; nil when nobody ever listened there.
    func connect(_ client: any SimulatedClient, listener: Int32, shard: Int) -> Link {
        nextDescriptor += 1
        let link = Link(descriptor: nextDescriptor, shard: shard, client: client, dice: dice)
        links[link.descriptor] = link
        timeline.after(dice.delay(faults.networkNanoseconds)) { [self] in accept(link, on: listener) }
        return link
    }

    /// A connection that the service opened.
    func makeLink(_ client: any SimulatedClient, shard: Int) -> Link {
        nextDescriptor += 1
        let link = Link(descriptor: nextDescriptor, shard: shard, client: client, dice: dice)
        links[link.descriptor] = link
        objects[link.descriptor] = .link(link)
        return link
    }

    private func accept(_ link: Link, on descriptor: Int32) {
        guard isAlive else { return }
        guard let token = listeners[descriptor]?.token else {
            listeners[descriptor, default: Listener()].backlog.append(link)
            return
        }
        objects[link.descriptor] = .link(link)
        let more = !dice.perMille(faults.endedMultishot)
        if !more { listeners[descriptor]?.token = nil }
        complete(link.shard, token, link.descriptor, more: more)
    }

    private func receive(_ operation: Operation, _ shard: Int) {
        guard let link = link(operation) else { return complete(shard, operation.token, -EBADF) }
        if link.receive != nil { violation("a second receive is armed on a connection") }
        link.receive = operation.token
        deliverInbound(link)
    }

    /// Gives the server what has arrived for it.
    private func deliverInbound(_ link: Link) {
        while let token = link.receive, isAlive {
            if link.isReset {
                link.receive = nil
                return complete(link.shard, token, -ECONNRESET)
            }
            guard !link.inbound.isEmpty else {
                guard link.inboundEnded else { return }
                link.receive = nil
                return complete(link.shard, token, 0)
            }
            guard let buffer = freeBuffers[link.shard].popLast() else {
                link.receive = nil
                return complete(link.shard, token, -ENOBUFS)
            }
            var count = min(link.inbound.count, Self.bufferBytes)
            if dice.perMille(faults.shortReceive) { count = dice.number(1...count) }
            let address = unsafe buffers[link.shard * buffersPerShard + Int(buffer)]
            unsafe UnsafeMutableRawBufferPointer(start: address, count: count).copyBytes(from: link.inbound[..<count])
            link.inbound.removeFirst(count)
            let more = !dice.perMille(faults.endedMultishot)
            if !more { link.receive = nil }
            timeline.note(token.rawValue, UInt64(count))
            unsafe ready[link.shard].append(
                Completion(
                    token: token, result: Int32(count), more: more, bufferID: buffer,
                    address: UnsafeRawPointer(address)))
        }
    }

    private func returnBuffer(_ operation: Operation, _ shard: Int) {
        let buffer = UInt16(operation.length)
        if freeBuffers[shard].contains(buffer) { violation("a receive buffer was given back twice") }
        freeBuffers[shard].append(buffer)
    }

    private func send(_ operation: Operation, _ shard: Int) {
        guard let link = link(operation), let address = unsafe operation.address else {
            return complete(shard, operation.token, -EBADF)
        }
        if link.isReset || link.serverEnded { return complete(shard, operation.token, -EPIPE) }
        var count = min(operation.length, link.room)
        if dice.perMille(faults.fullSend) { count = 0 }
        if count > 1, dice.perMille(faults.shortSend) { count = dice.number(1...count - 1) }
        guard count > 0 else { return complete(shard, operation.token, -EAGAIN) }
        // Safe: a send's bytes stay as they are until its completion has been handled.
        unsafe link.outbound.append(contentsOf: UnsafeRawBufferPointer(start: address, count: count))
        complete(shard, operation.token, Int32(count))
        drain(link)
    }

    /// Carries what was sent to the client, as fast as the client reads.
    private func drain(_ link: Link) {
        guard !link.isDraining, !link.isReset, !link.isSwallowing else { return }
        guard !link.outbound.isEmpty || link.serverEnded else { return }
        link.isDraining = true
        let pause = dice.delay(faults.networkNanoseconds) + (link.outbound.count > link.readBytes ? link.readPause : 0)
        timeline.at(max(timeline.now + UInt64(pause), link.stalledUntil)) { [self] in
            link.isDraining = false
            guard isAlive, !link.isReset, !link.isSwallowing else { return }
            let count = min(link.outbound.count, dice.number(1...link.readBytes))
            let bytes = link.outbound[..<count]
            link.outbound.removeFirst(count)
            timeline.note(UInt64(link.descriptor), UInt64(count))
            if count > 0 { acknowledgements?.took(count, on: link.descriptor, at: timeline.now) }
            link.client?.received(bytes)
            pollLink(link)
            if link.outbound.isEmpty, link.serverEnded {
                links[link.descriptor] = nil
                let client = link.client
                link.client = nil
                client?.ended()
            } else {
                drain(link)
            }
        }
    }

    private func pollLink(_ link: Link) {
        guard let token = link.poll, isAlive else { return }
        if link.isReset || link.serverEnded {
            link.poll = nil
            complete(link.shard, token, POLLOUT | POLLERR | POLLHUP)
        } else if link.room > 0 {
            link.poll = nil
            // With a full buffer by fault there may have been room all along: the kernel says so a little later.
            timeline.after(dice.number(1...50_000)) { [self] in complete(link.shard, token, POLLOUT) }
        }
    }

    private func cancelDescriptor(_ operation: Operation, _ shard: Int) {
        var count: Int32 = 0
        if case .link(let link) = objects[operation.descriptor] {
            for token in [link.receive, link.poll].compactMap(\.self) {
                complete(shard, token, -ECANCELED)
                count += 1
            }
            (link.receive, link.poll) = (nil, nil)
        } else if let token = listeners[operation.descriptor]?.token {
            listeners[operation.descriptor]?.token = nil
            complete(shard, token, -ECANCELED)
            count = 1
        }
        complete(shard, operation.token, count)
    }

    private func cancel(_ operation: Operation, _ shard: Int) {
        if cancelDial(operation.offset) { return complete(shard, operation.token, 0) }
        // What it was about has completed in the meantime.
        guard operation.descriptor >= 0 else { return complete(shard, operation.token, -ENOENT) }
        guard let link = link(operation), link.receive?.rawValue == operation.offset, let token = link.receive else {
            return complete(shard, operation.token, -ENOENT)
        }
        link.receive = nil
        complete(shard, token, -ECANCELED)
        complete(shard, operation.token, 0)
    }

    private func shutdown(_ operation: Operation, _ shard: Int) {
        if let listener = listeners.removeValue(forKey: operation.descriptor) {
            if let token = listener.token { complete(shard, token, -EINVAL) }
            return complete(shard, operation.token, 0)
        }
        guard let link = link(operation) else { return complete(shard, operation.token, -EBADF) }
        link.serverEnded = true
        if operation.length != SHUT_WR { link.inboundEnded = true }
        deliverInbound(link)
        pollLink(link)
        drain(link)
        complete(shard, operation.token, 0)
    }

    private func close(_ operation: Operation, _ shard: Int) {
        guard let object = objects.removeValue(forKey: operation.descriptor) else {
            violation("close of descriptor \(operation.descriptor), which is not open")
            return complete(shard, operation.token, -EBADF)
        }
        if case .link(let link) = object {
            if link.receive != nil || link.poll != nil {
                violation("a connection was closed with operations in flight")
            }
            link.serverEnded = true
            link.serverClosed = true
            drain(link)
        }
        complete(shard, operation.token, 0)
    }

    // MARK: The client's side

    /// A client sends; `arrived` is called when the service's side of the connection has all of it.
    func send(_ bytes: [UInt8], on link: Link, arrived: (() -> Void)? = nil) {
        let arrival = max(timeline.now + UInt64(dice.delay(faults.networkNanoseconds)), link.lastArrival)
        link.lastArrival = arrival
        timeline.at(arrival) { [self] in
            guard isAlive, !link.isReset, !link.isSwallowing, !link.inboundEnded, !link.serverClosed else { return }
            link.inbound += bytes
            deliverInbound(link)
            arrived?()
        }
    }

    /// A client ends its side.
    func end(_ link: Link) {
        timeline.at(link.lastArrival) { [self] in
            guard isAlive, !link.serverClosed else { return }
            link.inboundEnded = true
            deliverInbound(link)
        }
    }

    /// A client is gone without a word, or someone between broke the connection.
    func reset(_ link: Link) {
        guard isAlive, !link.isReset else { return }
        link.isReset = true
        link.inbound = []
        link.outbound = []
        deliverInbound(link)
        pollLink(link)
        let client = link.client
        link.client = nil
        client?.ended()
    }

    // MARK: Files

    private func submitFile(_ operation: Operation, _ shard: Int) {
        var bytes: [UInt8] = []
        var flight: UInt64 = 0
        let isWrite = operation.kind == .write || operation.kind == .writeAndSync
        if isWrite, let address = unsafe operation.address {
            bytes = unsafe Array(UnsafeRawBufferPointer(start: address, count: operation.length))
            if case .file(let file) = objects[operation.descriptor] {
                nextFlying += 1
                flight = nextFlying
                flying[flight] = FlyingWrite(file: file, offset: Int(operation.offset), bytes: bytes)
            }
        }
        // The kernel keeps the file and copies paths when it takes the operation.
        let object = objects[operation.descriptor]
        let path = unsafe Self.name(operation.kind, operation.address)
        let second = unsafe Self.name(operation.kind, operation.second)
        timeline.after(dice.delay(faults.diskNanoseconds)) { [self] in
            guard isAlive else { return }
            flying[flight] = nil
            if isWrite { checkUnchanged(operation, bytes) }
            complete(shard, operation.token, perform(operation, on: object, bytes, path, second))
        }
    }

    private static func name(_ kind: Operation.Kind, _ address: UnsafeRawPointer?) -> String {
        guard kind == .open || kind == .rename || kind == .unlink, let address = unsafe address else { return "" }
        let path = unsafe String(cString: address.assumingMemoryBound(to: CChar.self))
        return String(path.dropFirst(dataDirectory.count + 1))
    }

    private func checkUnchanged(_ operation: Operation, _ bytes: [UInt8]) {
        guard let address = unsafe operation.address else { return }
        let isSame = unsafe UnsafeRawBufferPointer(start: address, count: bytes.count).elementsEqual(bytes)
        if !isSame { violation("memory of a write in flight was changed") }
    }

    private func perform(
        _ operation: Operation, on object: Object?, _ bytes: [UInt8], _ path: String, _ second: String
    ) -> Int32 {
        switch operation.kind {
        case .open: return open(path, flags: Int32(operation.length))
        case .rename: return disk.rename(path, to: second) ? 0 : -ENOENT
        case .unlink: return disk.remove(path) ? 0 : -ENOENT
        case .sync: return sync(object)
        case .read: return read(operation, object)
        default: return write(operation, object, bytes)
        }
    }

    private func open(_ name: String, flags: Int32) -> Int32 {
        let create = flags & O_CREAT != 0
        if create, disk.isFull { return -ENOSPC }
        if flags & O_ACCMODE == O_RDONLY, dice.perMille(faults.failedRead) { return -EIO }
        guard let file = disk.open(name, create: create) else { return -ENOENT }
        nextDescriptor += 1
        objects[nextDescriptor] = .file(file)
        return nextDescriptor
    }

    private func sync(_ object: Object?) -> Int32 {
        switch object {
        case .directory: disk.syncDirectory()
        case .file(let file): return synced(file) ? 0 : -EIO
        case .link, nil: return -EBADF
        }
        return 0
    }

    private func synced(_ file: SimulatedDisk.File, _ range: Range<Int>? = nil) -> Bool {
        if disk.sync(file, range) { return true }
        // A segment being prepared holds nothing yet: it is closed and removed first.
        let cleaningUp = disk.isPreparing(file) ? 3 * faults.diskNanoseconds.upperBound + 10_000_000 : 0
        endIsDueAt = endIsDueAt ?? timeline.now + UInt64(cleaningUp)
        return false
    }

    private func read(_ operation: Operation, _ object: Object?) -> Int32 {
        guard case .file(let file) = object, let address = unsafe operation.address else {
            return -EBADF
        }
        if dice.perMille(faults.failedRead) { return -EIO }
        let bytes = file.read(at: Int(operation.offset), operation.length)
        // Safe: a read's memory is the shard's until the completion.
        unsafe UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(mutating: address), count: bytes.count)
            .copyBytes(from: bytes)
        return Int32(bytes.count)
    }

    private func write(_ operation: Operation, _ object: Object?, _ bytes: [UInt8]) -> Int32 {
        guard case .file(let file) = object else { return -EBADF }
        var bytes = bytes
        if disk.isFull {
            if bytes.count > 512, dice.perMille(300) {
                return write(operation, file, bytes[..<dice.number(1...bytes.count - 1)])
            }
            return -ENOSPC
        }
        if canary == .changedWrite, bytes.count > 600, dice.perMille(100) { bytes[300] ^= 1 }
        if bytes.count > 1, dice.perMille(faults.shortWrite) {
            return write(operation, file, bytes[..<dice.number(1...bytes.count - 1)])
        }
        return write(operation, file, bytes[...])
    }

    private func write(_ operation: Operation, _ file: SimulatedDisk.File, _ bytes: ArraySlice<UInt8>) -> Int32 {
        let offset = Int(operation.offset)
        file.write(bytes, at: offset)
        if operation.kind == .writeAndSync, !synced(file, offset..<offset + bytes.count) { return -EIO }
        return Int32(bytes.count)
    }

    // MARK: The end

    /// The process dies: writes in flight may have reached the page cache, in part; every connection breaks.
    func die() {
        isAlive = false
        for (_, write) in flying.sorted(by: { $0.key < $1.key }) where dice.perMille(500) {
            write.file.write(write.bytes[..<dice.number(0...write.bytes.count)], at: write.offset)
        }
        let open = links.sorted { $0.key < $1.key }.map(\.value)
        links = [:]
        for link in open {
            link.isReset = true
            let client = link.client
            link.client = nil
            client?.ended()
        }
    }
}
