/// What an event stream held next. Views are valid until the next `decode`.
package enum ServerSentEventItem {
    /// An event to dispatch: its type (`message` when none was given), its data, and the last event id.
    case event(type: ByteView, data: ByteView, id: ByteView)
    /// A blank line without data: nothing is dispatched, but the resume point may have moved.
    case resumePoint(id: ByteView)
    /// The server says how long to wait before connecting again.
    case retry(milliseconds: Int)
    /// An event is larger than we keep. Comes once; everything after it is dropped.
    case tooLarge
}

/// Reads an event stream as a browser does (WHATWG HTML, section 9.2.6): LF, CR LF and CR end lines, a byte order mark at
/// the beginning is skipped, comments and unknown fields are ignored, an unfinished last event is not dispatched.
///
/// Used like `HTTPRequestDecoder`; fed with the body's pieces. Keeps at most `WireLimits.serverSentEventBytesMax`.
package struct ServerSentEventDecoder: ~Copyable {
    private var line = GrowingBytes()
    private var data = GrowingBytes()
    private var type = GrowingBytes()
    private var identifier = GrowingBytes()
    private var lastIdentifier = GrowingBytes()
    private var given = false
    private var failed = false
    private var hasData = false
    /// The last line ended in CR: an LF that follows belongs to it.
    private var skipsLineFeed = false
    private var atStart = true

    /// A decoder for a new stream.
    package init() {}

    /// The id to resume after: what goes into `Last-Event-ID`.
    package var lastEventID: ByteView { lastIdentifier.view }

    /// The next item in `input`; nil when `input` is used up and more is needed.
    package mutating func decode(_ input: inout ByteView) -> ServerSentEventItem? {
        if given { forgetGiven() }
        if failed { input = .empty }
        while !input.isEmpty {
            if skipsLineFeed {
                skipsLineFeed = false
                if input[0] == ASCII.lineFeed {
                    input.take(1)
                    continue
                }
            }
            let item: ServerSentEventItem?
            if let end = input.firstLineEnd {
                item = endLine(&input, at: end)
            } else {
                item = keep(input.take(input.count))
            }
            if let item { return item }
        }
        return nil
    }

    private mutating func forgetGiven() {
        data.truncate(to: 0)
        type.truncate(to: 0)
        (given, hasData) = (false, false)
    }

    private mutating func endLine(_ input: inout ByteView, at end: Int) -> ServerSentEventItem? {
        let piece = input.take(end)
        skipsLineFeed = input.take(1)[0] == ASCII.carriageReturn
        if line.isEmpty { return process(piece) }
        if let item = keep(piece) { return item }
        let item = process(line.view)
        line.truncate(to: 0)
        return item
    }

    private mutating func keep(_ piece: ByteView) -> ServerSentEventItem? {
        guard fits(piece.count) else { return fail() }
        line.append(piece)
        return nil
    }

    private func fits(_ bytes: Int) -> Bool {
        line.count + data.count + type.count + identifier.count + bytes <= WireLimits.serverSentEventBytesMax
    }

    private mutating func fail() -> ServerSentEventItem {
        failed = true
        line.release()
        data.release()
        return .tooLarge
    }

    private mutating func process(_ received: ByteView) -> ServerSentEventItem? {
        var text = received
        if atStart {
            atStart = false
            if text.hasPrefix("\u{FEFF}") { text.take(3) }
        }
        if text.isEmpty { return dispatch() }
        let colon = text.firstIndex(of: UInt8(ascii: ":")) ?? text.count
        let name = text.slice(0..<colon)
        var value = text.slice(from: min(colon + 1, text.count))
        if !value.isEmpty, value[0] == 0x20 { value.take(1) }
        return field(name, value)
    }

    private mutating func field(_ name: ByteView, _ value: ByteView) -> ServerSentEventItem? {
        if name.equals("data") {
            guard fits(value.count + 1) else { return fail() }
            if hasData { data.append(ASCII.lineFeed) }
            data.append(value)
            hasData = true
        } else if name.equals("id") {
            if value.firstIndex(of: 0) == nil {
                identifier.truncate(to: 0)
                guard fits(value.count) else { return fail() }
                identifier.append(value)
            }
        } else if name.equals("event") {
            type.truncate(to: 0)
            guard fits(value.count) else { return fail() }
            type.append(value)
        } else if name.equals("retry"), let milliseconds = value.decimal {
            return .retry(milliseconds: milliseconds)
        }
        return nil
    }

    private mutating func dispatch() -> ServerSentEventItem {
        lastIdentifier.truncate(to: 0)
        lastIdentifier.append(identifier.view)
        given = true
        guard hasData else { return .resumePoint(id: lastIdentifier.view) }
        return .event(type: type.isEmpty ? ByteView("message") : type.view, data: data.view, id: lastIdentifier.view)
    }
}
