/// What requests and responses have in common about where messages end.
enum HTTPFraming {
    /// The one Content-Length, digits only; a number beyond what a machine can hold is `bodyTooLong`.
    static func contentLength(_ headers: HTTPHeaders) throws(HTTPDecodeError) -> Int {
        guard !headers.isRepeated(.contentLength) else { throw .contentLengthRepeated }
        guard let text = headers[.contentLength], !text.isEmpty else { throw .contentLength }
        for byte in text where !ASCII.isDigit(byte) { throw .contentLength }
        guard let length = text.decimal else { throw .bodyTooLong }
        return length
    }

    /// Whether the sender means to go on using the connection (RFC 9112, section 9.3).
    static func keepAlive(_ headers: HTTPHeaders, minorVersion: Int) -> Bool {
        guard headers.contains(.connection) else { return minorVersion > 0 }
        if headers.list(.connection, contains: "close") { return false }
        return minorVersion > 0 || headers.list(.connection, contains: "keep-alive")
    }
}

/// Finds the end of a head, line by line, so that a bare LF, or a line or head that is too long, is refused as soon as it
/// arrives, and the same however the head is cut.
struct HTTPHeadScanner {
    /// What a line feed ends.
    private enum LineEnd { case line, head }

    /// Bytes of a head.
    let headBytesMax: Int
    /// Bytes of its first line; beyond it the target is too long.
    let firstLineBytesMax: Int

    /// Checks that the LF at `index` follows a CR, and tells whether it ends the head.
    @inline(__always)
    private static func classify(_ bytes: ByteView, lineFeedAt index: Int) throws(HTTPDecodeError) -> LineEnd {
        guard index > 0, bytes[index - 1] == ASCII.carriageReturn else { throw .bareLineFeed }
        return index >= 3 && bytes[index - 2] == ASCII.lineFeed ? .head : .line
    }

    /// Bytes of the head that `bytes` begins with, its empty line included; nil when its end is not there, or lies
    /// beyond the limit, which `collect` then finds out.
    func headBytes(in bytes: ByteView) throws(HTTPDecodeError) -> Int? {
        let searched = bytes.count > headBytesMax ? bytes.slice(0..<headBytesMax) : bytes
        var start = 0
        while let index = searched.firstIndex(of: ASCII.lineFeed, from: start) {
            if start == 0, index >= firstLineBytesMax { throw .targetTooLong }
            if try Self.classify(searched, lineFeedAt: index) == .head { return index + 1 }
            start = index + 1
        }
        return nil
    }

    /// Moves bytes from `input` to `kept` up to the end of the head, and tells whether it was reached. `kept` never holds
    /// more than `headBytesMax`.
    func collect(_ input: inout ByteView, into kept: inout GrowingBytes) throws(HTTPDecodeError) -> Bool {
        while !input.isEmpty {
            let lineFeed = input.firstIndex(of: ASCII.lineFeed)
            let bytes = lineFeed.map { $0 + 1 } ?? input.count
            let total = kept.count + bytes
            if total > min(firstLineBytesMax, headBytesMax) { try checkLimits(total, kept) }
            kept.append(input.take(bytes))
            if lineFeed != nil, try Self.classify(kept.view, lineFeedAt: kept.count - 1) == .head { return true }
        }
        return false
    }

    /// Off the common path: more bytes than a first line may have.
    private func checkLimits(_ total: Int, _ kept: borrowing GrowingBytes) throws(HTTPDecodeError) {
        if kept.view.firstIndex(of: ASCII.lineFeed) == nil, total > firstLineBytesMax { throw .targetTooLong }
        if total > headBytesMax { throw .headTooLong }
    }
}
