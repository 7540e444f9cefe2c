/// Takes the chunked transfer coding off (RFC 9112, section 7.1), a byte at a time for the lines between the data, in
/// whole pieces for the data. Keeps no bytes.
///
/// Strict: sizes are hex digits, lines end in CR LF, extensions and trailers are checked, bounded and dropped.
struct HTTPChunkedDecoder {
    /// What the input held next.
    enum Piece {
        /// A piece of the body, as it lies in the input.
        case data(ByteView)
        /// The body and its trailer section are complete.
        case end
    }

    private enum State {
        /// Before or in the hex digits of a size.
        case size
        /// Blanks behind a size, which only an extension may follow.
        case blankAfterSize
        case extensions
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        /// At the beginning of a trailer line, or of the empty line that ends the section.
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case lastLineFeed
    }

    private var state = State.size
    private var size: UInt64 = 0
    private var digits = 0
    private var lineBytes = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    /// Bytes of data given out so far.
    private(set) var bodyBytes = 0

    /// The next piece of `input`, which is taken off it; nil when all of it is used up.
    ///
    /// A chunk that would make the body longer than `bodyBytesMax` is refused when its size is read.
    mutating func next(_ input: inout ByteView, bodyBytesMax: Int) throws(HTTPDecodeError) -> Piece? {
        while !input.isEmpty {
            if state == .data {
                let piece = input.take(Int(min(size, UInt64(input.count))))
                size -= UInt64(piece.count)
                bodyBytes += piece.count
                if size == 0 { state = .dataCarriageReturn }
                return .data(piece)
            }
            if try step(input.take(1)[0], bodyBytesMax: bodyBytesMax) { return .end }
        }
        return nil
    }

    /// Takes one byte outside data; true when it was the last of the body.
    private mutating func step(_ byte: UInt8, bodyBytesMax: Int) throws(HTTPDecodeError) -> Bool {
        switch state {
        case .size, .blankAfterSize, .extensions: try stepSizeLine(byte)
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { throw .chunkSize }
            try beginChunk(bodyBytesMax: bodyBytesMax)
        case .data: break
        case .dataCarriageReturn:
            guard byte == ASCII.carriageReturn else { throw .chunkEnd }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { throw .chunkEnd }
            (state, size, digits, lineBytes) = (.size, 0, 0, 0)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed: try stepTrailer(byte)
        case .lastLineFeed:
            guard byte == ASCII.lineFeed else { throw .trailer }
            return true
        }
        return false
    }

    private mutating func stepSizeLine(_ byte: UInt8) throws(HTTPDecodeError) {
        lineBytes += 1
        guard lineBytes <= WireLimits.chunkLineBytesMax else { throw .chunkExtensions }
        if state == .size, let digit = ASCII.hexValue(byte) {
            digits += 1
            guard digits <= 16 else { throw .chunkSize }
            size = size << 4 | UInt64(digit)
            return
        }
        guard digits > 0 else { throw .chunkSize }
        switch byte {
        case ASCII.carriageReturn where state != .blankAfterSize: state = .sizeLineFeed
        case UInt8(ascii: ";"): state = .extensions
        case 0x20, 0x09:
            if state == .size { state = .blankAfterSize }
        default:
            guard state == .extensions, ASCII.isFieldValue(byte) else { throw .chunkSize }
        }
        if state == .extensions {
            extensionBytes += 1
            guard extensionBytes <= WireLimits.chunkExtensionBytesMax else { throw .chunkExtensions }
        }
    }

    private mutating func beginChunk(bodyBytesMax: Int) throws(HTTPDecodeError) {
        guard size <= UInt64(max(0, bodyBytesMax - bodyBytes)) else { throw .bodyTooLong }
        state = size == 0 ? .trailerStart : .data
    }

    private mutating func stepTrailer(_ byte: UInt8) throws(HTTPDecodeError) {
        trailerBytes += 1
        guard trailerBytes <= WireLimits.trailerBytesMax else { throw .trailerTooLong }
        switch state {
        case .trailerStart:
            if byte == ASCII.carriageReturn {
                state = .lastLineFeed
            } else {
                guard ASCII.isToken(byte) else { throw .trailer }
                state = .trailerName
            }
        case .trailerName:
            if byte == UInt8(ascii: ":") {
                state = .trailerValue
            } else if !ASCII.isToken(byte) {
                throw .trailer
            }
        case .trailerValue:
            if byte == ASCII.carriageReturn {
                state = .trailerLineFeed
            } else if !ASCII.isFieldValue(byte) {
                throw .trailer
            }
        default:
            guard byte == ASCII.lineFeed else { throw .trailer }
            state = .trailerStart
        }
    }
}
