import FanfareBase

/// The last results of `gather` for members with one interest: the next member at the same place gets the same slice for
/// one comparison. Good for one turn, in which nothing is announced once gathering has begun.
struct GatherMemo {
    /// What a result depends on.
    struct Key: Equatable {
        var turn: Int
        var sequence: UInt64
        var interest: InterestID
        var wire: WireFormat
        var bytesMax: Int
    }

    /// A remembered send of one slice that begins and ends between frames.
    @safe struct Line {
        var key: Key
        var slice: UnsafeRawBufferPointer
        var after: SequenceNumber
    }

    private var lines: [Line?] = Array(repeating: nil, count: DeliveryLimits.memoisedGathers)

    func find(_ key: Key) -> Line? {
        guard let line = lines[place(key)], line.key == key else { return nil }
        return line
    }

    mutating func remember(_ key: Key, _ slice: UnsafeRawBufferPointer, after: SequenceNumber) {
        lines[place(key)] = unsafe Line(key: key, slice: slice, after: after)
    }

    private func place(_ key: Key) -> Int {
        let mixed =
            (UInt64(key.interest.rawValue) &* 8 + UInt64(key.wire.rawValue)) ^ key.sequence ^ UInt64(key.bytesMax) << 20
        return Int(truncatingIfNeeded: mixed &* 0x9E37_79B9_7F4A_7C15 >> 32) & (DeliveryLimits.memoisedGathers - 1)
    }
}
