import FanfareBase

/// One send of a member that reads the log, being framed record by record.
///
/// The reader offers the records above the member's place in ascending order, wanted or not, and sends `bytes`. When all
/// were taken the member's place becomes `after`, otherwise `place(afterSending:)`. The member is live again as soon as
/// `Fanout.gather` no longer says `readLog`: when its place has reached the floor of its interests. Nothing else
/// distinguishes catching up from live, so history joins live without hole or duplicate.
///
/// Reused from send to send. The bytes belong to whoever holds this value; they are valid until it is changed.
package struct CatchUpBatch {
    /// What became of an offered record.
    package enum Offer: Equatable, Sendable {
        /// Framed, or passed over because it is not wanted: offer the next one.
        case taken
        /// It does not fit any more (all of it): send, then offer it again.
        case full
        /// The event whose frame was begun has been removed from the log: nothing sensible can follow; close.
        case begunEventIsGone
    }

    /// The frames so far.
    package private(set) var bytes: [UInt8] = []
    /// Events whose frames end in `bytes`.
    package var endedFrames: Int { after.isBetweenFrames ? ends.count : max(0, ends.count - 1) }
    /// Where the member is once all of `bytes` have been sent.
    package private(set) var after = StreamPlace(after: .zero)

    private var start = StreamPlace(after: .zero)
    private var wire = WireFormat.stream
    private let deflated: DeflatedEvents
    private var bytesMax = 0
    private var onlyBegunFrame = false
    /// Where each event's frame ends in `bytes` (would end, where it is cut).
    private var ends: [(sequence: SequenceNumber, end: Int)] = []

    /// Nothing framed. `deflated` is the fan-out's, with which its members share what was compressed.
    package init(_ deflated: DeflatedEvents) { self.deflated = deflated }

    /// Begins a send of at most `bytesMax` bytes for a member at `place`. With `onlyBegunFrame` nothing follows the frame that
    /// has been begun.
    package mutating func begin(at place: StreamPlace, wire: WireFormat, bytesMax: Int, onlyBegunFrame: Bool = false) {
        self.onlyBegunFrame = onlyBegunFrame
        invariant(bytesMax > 0, "a send carries at least one byte")
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        start = place
        after = place
        self.wire = wire
        self.bytesMax = bytesMax
    }

    /// Takes the next record of the log; `isWanted` says whether it matches one of the member's interests. Records at or
    /// below the place are passed over, so a reader may begin with a whole block.
    package mutating func offer(_ record: EventRecord, isWanted: Bool) -> Offer {
        let sequence = record.sequence
        guard sequence > after.sequence else { return .taken }
        let begunBytes = after.begunBytes
        if begunBytes > 0 || onlyBegunFrame, !bytes.isEmpty { return .full }
        if begunBytes > 0, sequence != after.sequence.next { return .begunEventIsGone }
        guard isWanted || begunBytes > 0 else {
            after = StreamPlace(after: sequence)
            return .taken
        }
        if wire == .deflatedWebSocket, !bytes.isEmpty, deflated.isSpent { return .full }
        let frame = Frame(record, wire, deflated)
        if !bytes.isEmpty, bytes.count + frame.bytes > bytesMax { return .full }
        return append(frame, begunBytes..<min(frame.bytes, begunBytes + bytesMax), of: sequence)
    }

    /// The numbers up to `sequence` hold no event (a lost range), or the member was told of them as a gap.
    ///
    /// - Returns: `begunEventIsGone` when the member is inside the frame of one of them.
    package mutating func pass(to sequence: SequenceNumber) -> Offer {
        guard sequence > after.sequence else { return .taken }
        if after.begunBytes > 0 { return bytes.isEmpty ? .begunEventIsGone : .full }
        after = StreamPlace(after: sequence)
        return .taken
    }

    /// Where the member is when only `sentBytes` of `bytes` were taken.
    package func place(afterSending sentBytes: Int) -> StreamPlace {
        invariant(sentBytes <= bytes.count, "no more is sent than was framed")
        if sentBytes == bytes.count { return after }
        var place = start
        var begin = -start.begunBytes
        for (sequence, end) in ends {
            if sentBytes == begin { break }
            if sentBytes < end {
                return StreamPlace(after: SequenceNumber(sequence.rawValue - 1), begunBytes: sentBytes - begin)
            }
            place = StreamPlace(after: sequence)
            begin = end
        }
        return place
    }

    private mutating func append(_ frame: Frame, _ range: Range<Int>, of sequence: SequenceNumber) -> Offer {
        frame.append(range, to: &bytes)
        ends.append((sequence, bytes.count + (frame.bytes - range.upperBound)))
        after =
            range.upperBound == frame.bytes
            ? StreamPlace(after: sequence)
            : StreamPlace(after: SequenceNumber(sequence.rawValue - 1), begunBytes: range.upperBound)
        return .taken
    }
}
