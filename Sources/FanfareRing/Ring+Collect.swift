import CFanfareKernel
import FanfareBase
import Glibc

extension Ring {
    /// Copies every completion that is ready into the batch and gives their places back. Runs no handler.
    func collect(_ completions: inout CompletionBatch) {
        let ready = unsafe fanfare_ready_completions(ring)
        guard ready > 0 else { return }
        for index in 0..<ready {
            // Safe: the places up to `ready` are ours until they are consumed.
            let entry = unsafe fanfare_completion(ring, index)!
            let token = Token(rawValue: unsafe entry.pointee.user_data)
            let result = unsafe entry.pointee.res
            guard token.purpose < Token.firstDriverPurpose else {
                collectTracked(token, result, &completions)
                continue
            }
            let flags = unsafe entry.pointee.flags
            let more = flags & IORING_CQE_F_MORE != 0
            guard flags & IORING_CQE_F_BUFFER != 0 else {
                completions.append(Completion(token: token, result: result, more: more))
                continue
            }
            let buffer = flags >> UInt32(IORING_CQE_BUFFER_SHIFT)
            unsafe completions.append(
                Completion(
                    token: token, result: result, more: more, bufferID: UInt16(truncatingIfNeeded: buffer),
                    address: fanfare_buffer(ring, buffer)))
        }
        unsafe fanfare_consume_completions(ring, ready)
    }

    /// Takes the kernel's answer to a tracked operation; passes on the shard's completion.
    @inline(never)
    private func collectTracked(_ token: Token, _ result: Int32, _ completions: inout CompletionBatch) {
        guard token.purpose != TrackedOperation.Purpose.wake else {
            unsafe refusedWakes += 1
            return
        }
        let key = SlotTable<TrackedOperation>.Key(slot: token.slot, generation: token.generation)
        guard let operation = unsafe tracked.lookup(key) else { invariantFailure("what is tracked is in flight") }
        switch operation {
        case .connect(let shardToken, let descriptor):
            if result < 0 { Glibc.close(descriptor) }
            finish(key, Completion(token: shardToken, result: result < 0 ? result : descriptor), &completions)
        case .writeAndSync(let shardToken):
            unsafe syncsInFlight -= 1
            finish(key, Completion(token: shardToken, result: result), &completions)
        }
    }

    private func finish(
        _ key: SlotTable<TrackedOperation>.Key, _ completion: Completion, _ completions: inout CompletionBatch
    ) {
        unsafe tracked.remove(key)
        completions.append(completion)
    }
}
