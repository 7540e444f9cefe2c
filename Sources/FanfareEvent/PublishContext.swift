import FanfareBase

/// What a publish request says beside its body. Borrowed for the call: the headers' memory must outlive it.
@safe package struct PublishContext {
    /// The secret of the log's deduplication keys.
    package var hashKey: HashKey
    /// Largest event, in bytes as published (`limits.event_size`).
    package var eventBytesMax = EventLimits.eventBytesDefault
    /// `?topic=`, decoded: goes before anything the event says. Nil when not given.
    package var topic: UnsafeRawBufferPointer?
    /// Whether topics under `fanfare.` and types under `dev.fanfare.` are open: for what the service itself publishes.
    package var mayUseReservedNames = false
    /// The request's `traceparent`; empty when there is none.
    package var traceParent = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// The request's `tracestate`.
    package var traceState = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// The request's `baggage`.
    package var baggage = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

    /// A request without topic and trace context.
    package init(hashKey: HashKey) { self.hashKey = hashKey }

    /// Header bytes that will be stored: what is too long or could not be sent as a header again is left out.
    static func stored(_ header: UnsafeRawBufferPointer, max: Int) -> UnsafeRawBufferPointer {
        // Safe: the buffers live as long as the call.
        let isFine = unsafe header.count <= max && header.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        return unsafe isFine ? header : UnsafeRawBufferPointer(start: nil, count: 0)
    }
}
