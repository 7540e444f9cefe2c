import Benchmark
import FanfareDelivery

/// An event's frame on each wire, and what permessage-deflate makes of an event: once for an event and shard.
func framing() {
    for wire in WireFormat.allCases where wire != .deflatedWebSocket {
        stage("Frame: \(wire)", allocations: 0, instructions: wire == .namedServerSentEvents ? 2_520 : 1_440) {
            let event = try SampleEvent()
            let deflated = DeflatedEvents(resultBytesMax: 1 << 20)
            var frame: [UInt8] = []
            return Stage {
                frame.removeAll(keepingCapacity: true)
                Framing.append(event.record, wire, deflated, into: &frame)
                blackHole(frame.count)
            }
        }
    }

    stage("Frame: deflate", allocations: 0) {
        let event = try SampleEvent()
        let deflater = MessageDeflater()
        var target = unsafe [UInt8](repeating: 0, count: event.record.canonical.count)
        return Stage {
            // Safe: deflate writes within the target.
            let count = unsafe target.withUnsafeMutableBytes { target in
                unsafe deflater.deflate(event.record.canonical, into: target)
            }
            guard let count, count > 0 else { fatalError("the event gets smaller") }
        }
    }
}
