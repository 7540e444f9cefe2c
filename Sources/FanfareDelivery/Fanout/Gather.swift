import FanfareBase

/// What a member's next send is.
package enum GatherOutcome: Equatable, Sendable {
    /// Nothing is pending. The place may be moved to the head (`moveToHeadIfNothingPends`).
    case nothing
    /// The slices are to be sent. When all bytes were taken the place becomes `after`, otherwise what `settle` says.
    case send(after: StreamPlace)
    /// An event above the place is no longer held: read the log from the place on (`CatchUpBatch`), then gather again.
    case readLog
    /// The turn's share of the frame ring is used up: end the turn and visit the member in the next one.
    case turnFull
}

/// What comes next for a member that takes single events (a webhook subscription).
package enum NextEvent: Equatable {
    /// Nothing above the place.
    case nothing
    /// The first matching event above the place; read it with `Fanout.record(at:)` in this turn.
    case event(SequenceNumber, tailIndex: Int)
    /// An event above the place is no longer held: read the log.
    case readLog
}

/// What is pending for a member.
extension Fanout {
    /// Fills `slices` with what is pending for `member`, `bytesMax` bytes at most. Whole frames, except that a first frame
    /// larger than `bytesMax` is given piece by piece. With `onlyBegunFrame` nothing follows the frame that has been begun.
    ///
    /// The slices are valid until the next `beginTurn`. The member must have at least one interest and no send in flight.
    package func gather(
        _ member: MemberCursor, bytesMax: Int, onlyBegunFrame: Bool = false, into slices: inout FrameSlices
    ) -> GatherOutcome {
        invariant(bytesMax > 0, "a send carries at least one byte")
        phase = .gathering
        slices.removeAll()
        guard member.interestCount == 1, member.place.isBetweenFrames else {
            return walked(member, bytesMax, onlyBegunFrame: onlyBegunFrame, &slices)
        }
        let key = GatherMemo.Key(
            turn: turn, sequence: member.place.sequence.rawValue, interest: member.interest(0), wire: member.wire,
            bytesMax: bytesMax)
        if let line = memo.find(key) {
            unsafe slices.set(line.slice)
            return .send(after: StreamPlace(after: line.after))
        }
        let outcome = walked(member, bytesMax, &slices)
        if case .send(let after) = outcome, after.isBetweenFrames, unsafe slices.slices.count == 1 {
            unsafe memo.remember(key, slices.slices[0], after: after.sequence)
        }
        return outcome
    }

    /// Where `member` is after only `sentBytes` of what was last gathered for it were taken. Before `beginTurn`.
    package func settle(_ member: MemberCursor, sentBytes: Int) -> StreamPlace {
        var place = member.place
        var rest = sentBytes
        var walker = PendingFrames(self, member)
        while rest > 0 {
            guard case .frame(let entry, let index) = walker.next(),
                let whole = ring(member.wire).frameBytes(entry, slot: tail.slot(index))
            else { invariantBroken("no more is sent than was gathered") }
            let bytes = whole - walker.begunBytes
            if rest < bytes {
                place = StreamPlace(
                    after: SequenceNumber(entry.sequence - 1), begunBytes: walker.begunBytes + rest)
            } else {
                place = StreamPlace(after: SequenceNumber(entry.sequence))
            }
            rest -= min(rest, bytes)
        }
        return place
    }

    /// The first event above the place of a member that takes events one by one.
    package func next(_ member: MemberCursor) -> NextEvent {
        var walker = PendingFrames(self, member)
        switch walker.next() {
        case .end: return .nothing
        case .readLog: return .readLog
        case .frame(let entry, let index): return .event(SequenceNumber(entry.sequence), tailIndex: index)
        }
    }

    /// The record of an event that `next` has just named; valid until the next `beginTurn`.
    package func record(at tailIndex: Int) -> EventRecord {
        phase = .gathering
        invariant(tailIndex >= tail.begin && tailIndex < tail.end, "the tail holds the event asked for")
        // Safe: the tail holds the owner of the record's memory.
        return unsafe EventRecord(at: tail.entry(tailIndex).record)
    }

    private func ring(_ wire: WireFormat) -> FrameRing { rings[Int(wire.rawValue)] }

    private func walked(
        _ member: MemberCursor, _ bytesMax: Int, onlyBegunFrame: Bool = false, _ slices: inout FrameSlices
    ) -> GatherOutcome {
        var after = member.place
        var walker = PendingFrames(self, member)
        while slices.byteCount < bytesMax, !onlyBegunFrame || slices.byteCount == 0 {
            let step = walker.next()
            guard case .frame(let entry, let index) = step else {
                return slices.byteCount > 0 ? .send(after: after) : step == .readLog ? .readLog : .nothing
            }
            guard let bytes = ring(member.wire).frameBytes(entry, slot: tail.slot(index)) else {
                return slices.byteCount > 0 ? .send(after: after) : .turnFull
            }
            let from = walker.begunBytes
            let room = bytesMax - slices.byteCount
            if bytes - from > room, slices.byteCount > 0 { break }
            let to = min(bytes, from + room)
            guard append(entry, index, from..<to, of: bytes, member.wire, to: &slices) else {
                return slices.byteCount > 0 ? .send(after: after) : .turnFull
            }
            after =
                to == bytes
                ? StreamPlace(after: SequenceNumber(entry.sequence))
                : StreamPlace(after: SequenceNumber(entry.sequence - 1), begunBytes: to)
        }
        return .send(after: after)
    }

    /// Appends `range` of a frame of `bytes`; false when the turn's share of the ring is used up.
    private func append(
        _ entry: Tail.Entry, _ index: Int, _ range: Range<Int>, of bytes: Int, _ wire: WireFormat,
        to slices: inout FrameSlices
    ) -> Bool {
        let ring = ring(wire)
        if bytes > ring.frameBytesMax {
            guard appendParts(entry, range, ring, wire, to: &slices) else { return false }
        } else {
            guard let start = unsafe ring.frame(entry, slot: tail.slot(index), bytes: bytes) else { return false }
            // Safe: the range lies within the frame.
            unsafe slices.append(start + range.lowerBound, range.count)
        }
        framedThrough = max(framedThrough, SequenceNumber(entry.sequence))
        return true
    }

    /// A large frame is not copied: its prefix is made, its canonical bytes are sent from where they lie.
    private func appendParts(
        _ entry: Tail.Entry, _ range: Range<Int>, _ ring: FrameRing, _ wire: WireFormat, to slices: inout FrameSlices
    ) -> Bool {
        let prefixBytes = ring.prefixBytes(entry)
        let canonicalEnd = prefixBytes + entry.canonicalBytes
        if range.lowerBound < prefixBytes {
            guard let prefix = unsafe ring.prefix(entry), let start = prefix.baseAddress else { return false }
            // Safe: the ranges are clamped to the part they are taken from.
            unsafe slices.append(start + range.lowerBound, min(range.upperBound, prefixBytes) - range.lowerBound)
        }
        let canonical = range.clamped(to: prefixBytes..<canonicalEnd)
        unsafe slices.append(entry.canonical + (canonical.lowerBound - prefixBytes), canonical.count)
        let suffix = range.clamped(to: canonicalEnd..<canonicalEnd + Framing.suffixBytes(wire))
        unsafe slices.append(Framing.suffix + (suffix.lowerBound - canonicalEnd), suffix.count)
        return true
    }
}
