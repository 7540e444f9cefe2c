import FanfareBase
import FanfareEvent

/// A real event of 1,312 bytes, one of GitHub's documented webhooks, as published (`event.json`) and as the record that the
/// service makes of it.
@safe final class SampleEvent {
    /// As published.
    static let json = PackageResources.event_json
    /// Its topic: its type, as no `topic` was published.
    static let topic = "com.github.security_advisory.updated"
    /// With a fixed key, so that every run hashes alike.
    static var context: PublishContext { PublishContext(hashKey: HashKey(low: 1, high: 2)) }

    /// A batch of `count` events with 200 bytes of data, as `Benchmarks/ingest/publishers.c` sends it.
    static func batch(of count: Int) -> String {
        let data = String(repeating: "x", count: 198)
        let events = (0..<count).map {
            #"{"specversion":"1.0","id":"12345-\#(1_000_000 + $0)","source":"/bench","type":"bench.topic","data":"\#(data)"}"#
        }
        return "[" + events.joined(separator: ",") + "]"
    }

    private let staging = RecordStaging()
    private var count: UInt64 = 0

    /// The event, decoded.
    init() throws {
        try EventDecoder().decodeStructured(Self.json.span, Self.context, into: staging)
        renew()
    }

    /// The record. Its memory is this object's.
    var record: EventRecord { staging.record(at: 0) }

    /// Makes it another event: the next number, and another identity.
    func renew() {
        count += 1
        // Sequence and deduplication key, as EventRecord lays them out.
        unsafe staging.bytes.storeBytes(of: count, toByteOffset: 8, as: UInt64.self)
        unsafe staging.bytes.storeBytes(of: count &* 0x9E37_79B9_7F4A_7C15, toByteOffset: 24, as: UInt64.self)
    }
}
