/// An accepted event as it lies in the log, in memory and on disk alike: a fixed header, the attribute table, the topic,
/// the trace context and the canonical event. Delivery wraps these bytes and never parses them again.
///
/// Layout, little-endian, starting at a multiple of 8 bytes and padded with zeros to one:
///
///      0  UInt32  record bytes, padding included      40  UInt32  schema version (0: none)
///      4  UInt16  attribute count                     44  UInt32  canonical bytes
///      6  UInt8   data kind                           48  UInt32  data offset (in the canonical event)
///      7  UInt8   flags                               52  UInt32  data bytes
///      8  UInt64  sequence                            56  UInt16  topic bytes
///     16  UInt64  time accepted (ns since 1970)       58  UInt16  traceparent bytes
///     24  UInt64  deduplication key, low half         60  UInt16  tracestate bytes
///     32  UInt64  deduplication key, high half        62  UInt16  baggage bytes
///     64  attribute table, 16 bytes each; then topic, traceparent, tracestate, baggage, canonical event
///
/// The canonical event is one JSON object without CR or LF that begins with `canonicalPrefix`, the 25 characters of its
/// position, a quote and a comma; the publisher's members follow in their order and spelling. The sequencer patches
/// sequence, time and position in place; nothing else ever changes.
///
/// A view: it borrows memory that its holder keeps alive and has validated (`isValid`) when it came from a disk.
@safe public struct EventRecord {
    /// Bytes before the attribute table.
    public static let headerBytes = 64
    /// Bytes of one entry of the attribute table.
    public static let attributeEntryBytes = 16
    /// How every canonical event begins; the position's text follows.
    public static let canonicalPrefix: StaticString = "{\"fanfareposition\":\""
    /// Bytes of `canonicalPrefix`: the offset of the position's text in the canonical event.
    public static let positionOffset = 20
    /// Where the publisher's members begin in the canonical event: after the position, its quote and the comma.
    public static let membersOffset = positionOffset + Position.textBytes + 2

    /// What the event carries as data.
    public enum DataKind: UInt8, Sendable {
        /// Neither `data` nor `data_base64`.
        case none = 0
        /// `data`: the range is the JSON value as published.
        case json = 1
        /// `data_base64`: the range is the base64 text without its quotes.
        case base64 = 2
    }

    /// One line of the attribute table; offsets are in the canonical event.
    public struct Attribute: Sendable {
        /// How the value is spelt.
        public enum Kind: UInt8, Sendable {
            /// The range is the text between the quotes.
            case string = 0
            /// The range is the digits.
            case integer = 1
            /// The range is `true` or `false`.
            case boolean = 2
        }

        /// Where the name's first letter is.
        public var nameOffset: UInt32
        /// Where the value's first character is (after the quote of a string).
        public var valueOffset: UInt32
        /// Length of the value without quotes.
        public var valueBytes: UInt32
        /// Length of the name.
        public var nameBytes: UInt8
        /// How the value is spelt.
        public var kind: Kind
        /// The value is a string that holds backslash escapes.
        public var hasEscapes: Bool

        /// A line of the table.
        public init(
            nameOffset: UInt32, nameBytes: UInt8, valueOffset: UInt32, valueBytes: UInt32, kind: Kind, hasEscapes: Bool
        ) {
            self.nameOffset = nameOffset
            self.nameBytes = nameBytes
            self.valueOffset = valueOffset
            self.valueBytes = valueBytes
            self.kind = kind
            self.hasEscapes = hasEscapes
        }
    }

    /// The record's bytes, padding included.
    public let bytes: UnsafeRawBufferPointer

    /// The record that begins at `start`, whose header has been validated or written by this process.
    @inlinable public init(at start: UnsafeRawPointer) {
        let count = Int(unsafe start.loadUnaligned(as: UInt32.self))
        unsafe bytes = UnsafeRawBufferPointer(start: start, count: count)
    }

    /// The number the sequencer gave.
    @inlinable public var sequence: SequenceNumber { SequenceNumber(load(8, UInt64.self)) }
    /// When the sequencer accepted it.
    @inlinable public var time: WallTime { WallTime(nanoseconds: load(16, UInt64.self)) }
    /// The keyed hash of topic, source and id.
    @inlinable public var deduplicationKey: DeduplicationKey {
        DeduplicationKey(low: load(24, UInt64.self), high: load(32, UInt64.self))
    }
    /// The event's schema version; 0 when it has none.
    @inlinable public var schemaVersion: UInt32 { load(40, UInt32.self) }
    /// Lines in the attribute table.
    @inlinable public var attributeCount: Int { Int(load(4, UInt16.self)) }
    /// What `data` holds.
    @inlinable public var dataKind: DataKind { DataKind(rawValue: load(6, UInt8.self)) ?? .none }

    /// The topic's text.
    @inlinable public var topic: UnsafeRawBufferPointer { unsafe slice(topicOffset, topicBytes) }
    /// The publish request's `traceparent` header; empty when there was none.
    @inlinable public var traceParent: UnsafeRawBufferPointer {
        unsafe slice(topicOffset + topicBytes, Int(load(58, UInt16.self)))
    }
    /// The publish request's `tracestate` header.
    @inlinable public var traceState: UnsafeRawBufferPointer {
        unsafe slice(topicOffset + topicBytes + Int(load(58, UInt16.self)), Int(load(60, UInt16.self)))
    }
    /// The publish request's `baggage` header.
    @inlinable public var baggage: UnsafeRawBufferPointer {
        unsafe slice(canonicalOffset - Int(load(62, UInt16.self)), Int(load(62, UInt16.self)))
    }
    /// The canonical event, position included: what sockets and the API deliver.
    @inlinable public var canonical: UnsafeRawBufferPointer {
        unsafe slice(canonicalOffset, Int(load(44, UInt32.self)))
    }
    /// The members after the position, up to and including the closing brace: with `{` before it, the event as webhooks
    /// get it.
    @inlinable public var members: UnsafeRawBufferPointer {
        unsafe slice(canonicalOffset + Self.membersOffset, Int(load(44, UInt32.self)) - Self.membersOffset)
    }
    /// The data as `dataKind` says; empty when there is none.
    @inlinable public var data: UnsafeRawBufferPointer {
        unsafe slice(canonicalOffset + Int(load(48, UInt32.self)), Int(load(52, UInt32.self)))
    }

    /// Line `index` of the attribute table.
    @inlinable public func attribute(_ index: Int) -> Attribute {
        let offset = Self.headerBytes + index * Self.attributeEntryBytes
        return Attribute(
            nameOffset: load(offset, UInt32.self), nameBytes: load(offset + 12, UInt8.self),
            valueOffset: load(offset + 4, UInt32.self), valueBytes: load(offset + 8, UInt32.self),
            kind: Attribute.Kind(rawValue: load(offset + 13, UInt8.self)) ?? .string,
            hasEscapes: load(offset + 14, UInt8.self) != 0)
    }

    /// The name of an attribute of this record.
    @inlinable public func name(of attribute: Attribute) -> UnsafeRawBufferPointer {
        unsafe slice(canonicalOffset + Int(attribute.nameOffset), Int(attribute.nameBytes))
    }

    /// The value of an attribute of this record, as spelt in JSON, without quotes.
    @inlinable public func value(of attribute: Attribute) -> UnsafeRawBufferPointer {
        unsafe slice(canonicalOffset + Int(attribute.valueOffset), Int(attribute.valueBytes))
    }

    /// The attribute called `name`, or nil.
    public func attribute(named name: StaticString) -> Attribute? {
        for index in 0..<attributeCount {
            let candidate = attribute(index)
            let bytes = unsafe self.name(of: candidate)
            // Safe: a StaticString's start is valid for its utf8CodeUnitCount.
            let wanted = unsafe UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            if unsafe bytes.elementsEqual(wanted) { return candidate }
        }
        return nil
    }

    /// Whether the record's own lengths agree with each other and with `limit`, the bytes available from `start`: what a
    /// reader checks before it makes a view of bytes from a disk.
    public static func isValid(at start: UnsafeRawPointer, limit: Int) -> Bool {
        guard limit >= headerBytes else { return false }
        let count = Int(unsafe start.loadUnaligned(as: UInt32.self))
        guard count >= headerBytes, count <= limit, count % 8 == 0 else { return false }
        let record = unsafe EventRecord(at: start)
        let canonicalBytes = Int(record.load(44, UInt32.self))
        let end = record.canonicalOffset + canonicalBytes
        guard end <= count, count - end < 8, canonicalBytes >= membersOffset else { return false }
        guard DataKind(rawValue: record.load(6, UInt8.self)) != nil else { return false }
        guard Int(record.load(48, UInt32.self)) + Int(record.load(52, UInt32.self)) <= canonicalBytes else {
            return false
        }
        for index in 0..<record.attributeCount {
            let entry = record.attribute(index)
            guard Int(entry.nameOffset) + Int(entry.nameBytes) <= canonicalBytes,
                Int(entry.valueOffset) + Int(entry.valueBytes) <= canonicalBytes
            else { return false }
        }
        return true
    }

    @inlinable var topicOffset: Int { Self.headerBytes + attributeCount * Self.attributeEntryBytes }
    @inlinable var topicBytes: Int { Int(load(56, UInt16.self)) }
    @inlinable var canonicalOffset: Int {
        topicOffset + topicBytes + Int(load(58, UInt16.self)) + Int(load(60, UInt16.self)) + Int(load(62, UInt16.self))
    }

    @inlinable func load<T: BitwiseCopyable>(_ offset: Int, _: T.Type) -> T {
        // Safe: callers stay within the record, whose lengths were checked when it was written or read.
        unsafe bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
    }

    @inlinable func slice(_ offset: Int, _ count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }
}

/// A keyed 128-bit hash of an event's topic, source and id: equal for equal events, unforgeable without the log's key.
public struct DeduplicationKey: Hashable, Sendable {
    /// The lower 64 bits.
    public var low: UInt64
    /// The upper 64 bits.
    public var high: UInt64

    /// The key with these halves.
    @inlinable public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}
