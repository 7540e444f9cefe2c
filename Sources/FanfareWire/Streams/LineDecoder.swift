/// What a newline-delimited stream held next.
package enum LineEvent {
    /// A line without its LF or CR LF; may be empty.
    case line(ByteView)
    /// A line is longer than the limit: the stream ends here. Comes once; everything after it is dropped.
    case tooLong
}

/// Splits a newline-delimited stream (NDJSON) into lines.
///
/// Used like `HTTPRequestDecoder`: `decode` takes what it uses off `input`. A line that lies whole in `input` is given out
/// in place; the beginning of one that does not is kept, at most `lineBytesMax` of it. Between lines nothing is held.
package struct LineDecoder: ~Copyable {
    /// Bytes of a line, line end not counted. May be changed between lines.
    package var lineBytesMax: Int
    private var kept = GrowingBytes()
    private var given = false
    private var failed = false

    /// A decoder for lines of at most `lineBytesMax` bytes, line end not counted.
    package init(lineBytesMax: Int = WireLimits.lineBytesDefaultMax) { self.lineBytesMax = lineBytesMax }

    /// Whether the stream is between lines: what goes on here might as well be a new decoder.
    package var isIdle: Bool { (given || kept.isEmpty) && !failed }

    /// Bytes allocated for what is not complete.
    package var retainedBytes: Int { kept.capacity }

    /// Gives back the memory of the line given out last, before the next `decode`: for one that has to wait for it.
    package mutating func releaseGiven() {
        guard given else { return }
        kept.release()
        given = false
    }

    /// The next line in `input`; nil when `input` is used up and more is needed.
    package mutating func decode(_ input: inout ByteView) -> LineEvent? {
        releaseGiven()
        if failed { input = .empty }
        guard !input.isEmpty else { return nil }
        guard let end = input.firstIndex(of: ASCII.lineFeed) else { return keep(&input) }
        if kept.isEmpty {
            let line = Self.withoutCarriageReturn(input.slice(0..<end))
            input.take(end + 1)
            return line.count <= lineBytesMax ? .line(line) : fail(&input)
        }
        guard kept.count + end <= lineBytesMax + 1 else { return fail(&input) }
        kept.append(input.take(end))
        input.take(1)
        let line = Self.withoutCarriageReturn(kept.view)
        guard line.count <= lineBytesMax else { return fail(&input) }
        given = true
        return .line(line)
    }

    /// The stream has ended: its last line, if it had no line end. Nil when there is none.
    package mutating func finish() -> LineEvent? {
        guard !given, !failed, !kept.isEmpty else { return nil }
        given = true
        return .line(Self.withoutCarriageReturn(kept.view))
    }

    private mutating func keep(_ input: inout ByteView) -> LineEvent? {
        // One more for a CR whose LF is still to come.
        let total = kept.count + input.count
        let room = input[input.count - 1] == ASCII.carriageReturn ? lineBytesMax + 1 : lineBytesMax
        guard total <= room else { return fail(&input) }
        kept.append(input.take(input.count))
        return nil
    }

    private mutating func fail(_ input: inout ByteView) -> LineEvent {
        failed = true
        kept.release()
        input = .empty
        return .tooLong
    }

    private static func withoutCarriageReturn(_ line: ByteView) -> ByteView {
        guard !line.isEmpty, line[line.count - 1] == ASCII.carriageReturn else { return line }
        return line.slice(0..<line.count - 1)
    }
}
