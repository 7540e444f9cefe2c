import FanfareBase

/// The header lines of one head, checked, as a view of its bytes.
///
/// Noted headers (`HTTPHeaderName`) are found at once; others by walking. Values come without the blanks around them.
/// Invariant: every line is `name: value` and CR LF, with a valid name and a value without control characters.
package struct HTTPHeaders: Sequence {
    /// One header.
    package struct Field {
        /// As sent; compare with `equalsIgnoringCase`.
        package let name: ByteView
        /// Without blanks around it.
        package let value: ByteView
    }

    private let lines: ByteView
    /// Where a noted header's first value begins. Heads are below 64 KiB, so 16 bits hold any place; the value's end is
    /// found when it is asked for, which keeps the index small.
    private var offsets = InlineArray<32, UInt16>(repeating: 0)
    /// One bit for each noted header that is there.
    private var present: UInt32 = 0
    /// One bit for each noted header that is there more than once.
    private var repeated: UInt32 = 0
    /// How many headers there are.
    package private(set) var count = 0

    /// No headers.
    init() { lines = .empty }

    /// Checks and indexes `lines`: zero or more header lines, each with its CR LF, without the empty line at the end.
    init(_ lines: ByteView, headersMax: Int) throws(HTTPDecodeError) {
        invariant(lines.count <= Int(UInt16.max), "a head's offsets fit 16 bits")
        self.lines = lines
        let bytes = unsafe lines.unsafeBytes
        var start = 0
        while start < lines.count {
            guard let end = lines.firstIndex(of: ASCII.lineFeed, from: start) else { throw .bareCarriageReturn }
            guard end > start, unsafe bytes[end - 1] == ASCII.carriageReturn else { throw .bareLineFeed }
            guard count < headersMax else { throw .tooManyHeaders }
            // Safe: start and end lie within `bytes`.
            let line = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end - 1])
            let field = unsafe try HeaderLine(line)
            if let name = unsafe HTTPHeaderName(UnsafeRawBufferPointer(rebasing: line[..<field.nameBytes])) {
                note(name, at: start + field.valueOffset)
            }
            count += 1
            start = end + 1
        }
    }

    private mutating func note(_ name: HTTPHeaderName, at offset: Int) {
        let bit: UInt32 = 1 << UInt32(name.rawValue)
        if present & bit == 0 {
            present |= bit
            offsets[Int(name.rawValue)] = UInt16(offset)
        } else {
            repeated |= bit
        }
    }

    /// The first value of a noted header; nil when it is absent.
    package subscript(name: HTTPHeaderName) -> ByteView? {
        guard contains(name) else { return nil }
        let offset = Int(offsets[Int(name.rawValue)])
        guard var end = lines.firstIndex(of: ASCII.carriageReturn, from: offset) else { return nil }
        while end > offset, ASCII.isBlank(lines[end - 1]) { end -= 1 }
        return lines.slice(offset..<end)
    }

    /// Whether a noted header is there.
    package func contains(_ name: HTTPHeaderName) -> Bool { present >> UInt32(name.rawValue) & 1 != 0 }

    /// Whether a noted header is there more than once.
    package func isRepeated(_ name: HTTPHeaderName) -> Bool { repeated >> UInt32(name.rawValue) & 1 != 0 }

    /// The first value of the header called `name`, in small letters; walks the head. Nil when it is absent.
    package func first(named name: StaticString) -> ByteView? {
        for field in self where field.name.equalsIgnoringCase(name) { return field.value }
        return nil
    }

    /// Whether an element of a comma-separated list header is `token`, whatever its case, over all its lines.
    package func list(_ name: HTTPHeaderName, contains token: StaticString) -> Bool {
        guard isRepeated(name) else { return self[name].map { CommaList($0).contains(token) } ?? false }
        for field in self where field.name.equalsIgnoringCase(name.text) {
            if CommaList(field.value).contains(token) { return true }
        }
        return false
    }

    /// Walks the headers in the order they were sent.
    package struct Iterator: IteratorProtocol {
        private let lines: ByteView
        private var start = 0

        fileprivate init(_ lines: ByteView) { self.lines = lines }

        /// The next header.
        package mutating func next() -> Field? {
            guard start < lines.count, let end = lines.firstIndex(of: ASCII.lineFeed, from: start),
                let colon = lines.firstIndex(of: UInt8(ascii: ":"), from: start)
            else { return nil }
            defer { start = end + 1 }
            return Field(name: lines.slice(start..<colon), value: lines.slice(colon + 1..<end - 1).trimmed)
        }
    }

    /// Walks the headers from the first.
    package func makeIterator() -> Iterator { Iterator(lines) }
}

/// Where name and value are in one header line.
private struct HeaderLine {
    let nameBytes: Int
    let valueOffset: Int

    /// Checks a line given without its CR LF.
    @inline(__always)
    init(_ line: UnsafeRawBufferPointer) throws(HTTPDecodeError) {
        var colon = 0
        // Safe here and below: every index is checked against line.count first.
        while colon < line.count, unsafe ASCII.isToken(line[colon]) { colon += 1 }
        guard colon < line.count else { throw .headerName }
        guard unsafe line[colon] == UInt8(ascii: ":") else {
            if unsafe ASCII.isBlank(line[colon]) { throw colon == 0 ? .obsoleteFolding : .spaceBeforeColon }
            throw .headerName
        }
        guard colon > 0 else { throw .headerName }
        nameBytes = colon
        var first = colon + 1
        var end = line.count
        while first < end, unsafe ASCII.isBlank(line[first]) { first += 1 }
        while end > first, unsafe ASCII.isBlank(line[end - 1]) { end -= 1 }
        valueOffset = first
        unsafe try Self.checkValue(UnsafeRawBufferPointer(rebasing: line[first..<end]))
    }

    /// Refuses control characters other than tab, eight bytes at a time.
    @inline(__always)
    private static func checkValue(_ value: UnsafeRawBufferPointer) throws(HTTPDecodeError) {
        var index = 0
        while index + 8 <= value.count {
            let word = unsafe value.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // The high bit of a byte is set in `low` when it is below 0x20, in `delete` when it is 0x7F.
            let low = (word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080
            let flipped = word ^ 0x7F7F_7F7F_7F7F_7F7F
            let delete = (flipped &- 0x0101_0101_0101_0101) & ~flipped & 0x8080_8080_8080_8080
            if low | delete != 0 { unsafe try checkBytes(value, index..<index + 8) }
            index += 8
        }
        unsafe try checkBytes(value, index..<value.count)
    }

    @inline(__always)
    private static func checkBytes(_ value: UnsafeRawBufferPointer, _ range: Range<Int>) throws(HTTPDecodeError) {
        for index in range {
            let byte = unsafe value[index]
            if !ASCII.isFieldValue(byte) { throw byte == ASCII.carriageReturn ? .bareCarriageReturn : .headerValue }
        }
    }
}
