import FanfareBase

extension LogWriter {
    /// Gives up the oldest segment when it is too old or all are too large: out of the catalog first, then off the row of
    /// names, the directory synced before the next one goes, so that a crash never leaves a hole in the row.
    func startRetention(_ time: TurnTime) {
        switch retention {
        case .unlinking, .keeping, .syncingDirectory: return
        case .waiting(let retry): if time.monotonic < retry { return }
        case .stuck(let segment, let retry): return time.monotonic < retry ? () : remove(segment)
        case .idle: break
        }
        retention = .idle
        guard stopping == .no, let oldest = segments.first, oldest !== sealing?.segment else { return }
        if oldest === active.segment {
            // It can go only when another one has taken over.
            if active.events > 0, isTooOld(oldest, time.wall) { mustSwitch = true }
        } else if segments.count > 1,
            isTooOld(oldest, time.wall) || segments.reduce(0, { $0 + $1.fileBytes }) > configuration.retentionBytes
        {
            segments.removeFirst()
            return remove(catalog.removeFirst())
        }
        retention = .waiting(retry: time.monotonic.advanced(byNanoseconds: LogLimits.retentionCheckNanoseconds))
    }

    private func isTooOld(_ segment: Segment, _ now: WallTime) -> Bool {
        segment.newestTime.seconds &+ configuration.retentionAgeSeconds < now.seconds
    }

    /// Takes the file of a segment out of the row. One of the right size is kept for the next segment, so that it need not
    /// be filled with zeros: readers that still have it open find batches of another segment there, see that theirs has
    /// left the catalog, and tell a gap.
    private func remove(_ segment: Segment) {
        if spare == nil, segment.fileBytes == UInt64(configuration.segmentBytesEffective) {
            retention = .keeping(segment)
            actions.add(.retention, .rename(from: segment.fileName, to: segment.number.spareName))
        } else {
            retention = .unlinking(segment)
            actions.add(.retention, .unlink(name: segment.fileName))
        }
    }

    func retentionCompleted(_ result: Int32, _ time: TurnTime) {
        switch retention {
        case .unlinking where result >= 0 || result == -noSuchFile: syncRetention(keeping: nil)
        case .keeping(let segment) where result >= 0: syncRetention(keeping: segment.number)
        case .unlinking(let segment), .keeping(let segment):
            // Younger ones must not go before it.
            let retry = time.monotonic.advanced(byNanoseconds: LogLimits.retentionCheckNanoseconds)
            retention = .stuck(segment, retry: retry)
        case .syncingDirectory(let kept) where result >= 0:
            // Only now may the file be written to: power loss cannot give it its old name back.
            if let kept { spare = kept }
            retention = .idle
        default: fail("sync", "the data directory", -result)
        }
    }

    private func syncRetention(keeping segment: SegmentNumber?) {
        retention = .syncingDirectory(keeping: segment)
        actions.add(.retention, .syncDirectory)
    }
}
