import CFanfareKernel
import FanfareBase
import Glibc

extension Ring {
    /// Turns operations into submission entries; answers at once what needs none.
    func prepare(_ operations: OperationQueue, _ completions: inout CompletionBatch) {
        // Safe: the queue is this thread's and nothing appends to it before removeAll.
        let waiting = unsafe operations.operations
        for index in waiting.indices {
            prepare(unsafe waiting[index], &completions)
        }
        operations.removeAll()
    }

    @inline(__always)
    private func prepare(_ operation: Operation, _ completions: inout CompletionBatch) {
        let token = operation.token.rawValue
        let descriptor = operation.descriptor
        invariant(operation.token.purpose < Token.firstDriverPurpose, "purposes from 0xF0 on are the driver's")
        switch operation.kind {
        case .send:
            let entry = unsafe nextEntry(&completions)
            unsafe fanfare_fill_send(entry, descriptor, operation.address, transferBytes(operation), token)
        case .receive: unsafe fanfare_fill_receive(nextEntry(&completions), descriptor, token)
        case .returnBuffer:
            invariant(
                operation.length >= 0 && operation.length < Int(unsafe ring.pointee.buffer_count),
                "the buffer is a buffer")
            unsafe fanfare_return_buffer(ring, UInt32(truncatingIfNeeded: operation.length))
        case .pollWritable: unsafe fanfare_fill_poll(nextEntry(&completions), descriptor, UInt32(POLLOUT), token)
        case .pollReadable: unsafe fanfare_fill_poll(nextEntry(&completions), descriptor, UInt32(POLLIN), token)
        case .accept: unsafe fanfare_fill_accept(nextEntry(&completions), descriptor, token)
        case .close: unsafe fanfare_fill_close(nextEntry(&completions), descriptor, token)
        case .cancelDescriptor: unsafe fanfare_fill_cancel_descriptor(nextEntry(&completions), descriptor, token)
        case .cancel: unsafe fanfare_fill_cancel(nextEntry(&completions), kernelToken(operation.offset), token)
        case .wake: wake(operation, &completions)
        case .connect: connect(operation, &completions)
        case .writeAndSync: writeAndSync(operation, &completions)
        case .shutdown: shutdown(operation, &completions)
        case .open, .read, .write, .sync, .allocate, .rename, .unlink: prepareFile(operation, &completions)
        }
    }

    @inline(never)
    private func prepareFile(_ operation: Operation, _ completions: inout CompletionBatch) {
        let token = operation.token.rawValue
        let entry = unsafe nextEntry(&completions)
        let descriptor = operation.descriptor
        switch operation.kind {
        case .open:
            let flags = UInt32(truncatingIfNeeded: operation.length) | UInt32(O_CLOEXEC)
            unsafe fanfare_fill_open(entry, operation.address, flags, token)
        case .read:
            unsafe fanfare_fill_read(
                entry, descriptor, operation.address, transferBytes(operation), operation.offset, token)
        case .write:
            unsafe fanfare_fill_write(
                entry, descriptor, operation.address, transferBytes(operation), operation.offset, token)
        case .sync: unsafe fanfare_fill_sync(entry, descriptor, operation.length == 1 ? 0 : 1, token)
        case .allocate:
            unsafe fanfare_fill_allocate(entry, descriptor, operation.offset, UInt64(operation.length), token)
        case .rename: unsafe fanfare_fill_rename(entry, operation.address, operation.second, token)
        case .unlink: unsafe fanfare_fill_unlink(entry, operation.address, token)
        default: invariant(false, "\(operation.kind) is not about a file")
        }
    }

    /// The next entry to fill; submits and collects first when all are taken.
    @inline(__always)
    private func nextEntry(_ completions: inout CompletionBatch) -> UnsafeMutablePointer<io_uring_sqe> {
        if unsafe fanfare_unused_entries(ring) == 0 { submitWithoutWaiting(&completions) }
        return unsafe fanfare_next_entry(ring)
    }

    @inline(never)
    private func submitWithoutWaiting(_ completions: inout CompletionBatch) {
        submit(waitingNanoseconds: 0, &completions)
        collect(&completions)
    }

    @inline(__always)
    private func transferBytes(_ operation: Operation) -> UInt32 {
        invariant(
            operation.length >= 0 && operation.length <= RingLimits.transferBytesMax, "a transfer has at most 2 GiB")
        return UInt32(truncatingIfNeeded: operation.length)
    }

    /// What the kernel knows the operation with this token by. Looks through what is tracked: cancelling is rare.
    private func kernelToken(_ rawValue: UInt64) -> UInt64 {
        var found = rawValue
        unsafe tracked.forEach { key, operation in
            guard operation.token.rawValue == rawValue else { return }
            let purpose = TrackedOperation.Purpose.tracked
            found = Token(purpose: purpose, generation: key.generation, slot: key.slot).rawValue
        }
        return found
    }

    private func wake(_ operation: Operation, _ completions: inout CompletionBatch) {
        let peers = unsafe peers
        invariant(operation.length >= 0 && operation.length < peers.count, "a shard that is woken is a peer")
        let descriptor = peers[operation.length]
        let token = Token(purpose: TrackedOperation.Purpose.wake, generation: 0, slot: UInt32(operation.length))
        unsafe fanfare_fill_wake(nextEntry(&completions), descriptor, operation.offset, token.rawValue)
    }

    private func connect(_ operation: Operation, _ completions: inout CompletionBatch) {
        invariant(
            operation.length >= 2 && operation.length <= SocketAddress.bytesMax, "connect is given a whole sockaddr")
        guard let address = unsafe operation.address else { invariantFailure("connect is given an address") }
        // Safe: the caller keeps `length` bytes of sockaddr there; every sockaddr begins with its family.
        let family = Int32(unsafe address.loadUnaligned(as: sa_family_t.self))
        let descriptor = fanfare_open_stream_socket(family, Int32(RingLimits.unsentLowBytes))
        guard descriptor >= 0 else {
            completions.append(Completion(token: operation.token, result: descriptor))
            return
        }
        guard let token = track(.connect(token: operation.token, descriptor: descriptor)) else {
            Glibc.close(descriptor)
            completions.append(Completion(token: operation.token, result: -EAGAIN))
            return
        }
        let entry = unsafe nextEntry(&completions)
        unsafe fanfare_fill_connect(entry, descriptor, address, UInt32(operation.length), token.rawValue)
    }

    private func writeAndSync(_ operation: Operation, _ completions: inout CompletionBatch) {
        let bytes = transferBytes(operation)
        guard let token = track(.writeAndSync(token: operation.token)) else {
            completions.append(Completion(token: operation.token, result: -EAGAIN))
            return
        }
        unsafe fanfare_fill_write_and_sync(
            nextEntry(&completions), operation.descriptor, operation.address, bytes, operation.offset, token.rawValue)
        unsafe syncsInFlight += 1
        // A sync is a kernel worker's; the disk is to be at it while the turn's sends are made (docs/decisions/0035).
        submitWithoutWaiting(&completions)
        sched_yield()
    }

    /// By the system call, because IORING_OP_SHUTDOWN always goes to a kernel worker. What was queued before it must be
    /// with the kernel first, or a last send would find the socket shut.
    private func shutdown(_ operation: Operation, _ completions: inout CompletionBatch) {
        if unsafe fanfare_unsubmitted_entries(ring) > 0 { submitWithoutWaiting(&completions) }
        let result = Glibc.shutdown(
            operation.descriptor, operation.length == Int(SHUT_WR) ? Int32(SHUT_WR) : Int32(SHUT_RDWR))
        completions.append(Completion(token: operation.token, result: result == 0 ? 0 : -errno))
    }

    private func track(_ operation: TrackedOperation) -> Token? {
        do {
            let key = try unsafe tracked.insert(operation)
            return Token(purpose: TrackedOperation.Purpose.tracked, generation: key.generation, slot: key.slot)
        } catch {
            return nil
        }
    }
}
