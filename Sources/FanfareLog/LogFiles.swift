import FanfareBase

/// A segment's place in the row of segments, from 1.
package struct SegmentNumber: Comparable, Hashable, Sendable {
    /// The number itself.
    package var rawValue: UInt32

    /// Segment `rawValue`.
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// The segment after this one.
    package var next: Self { Self(rawValue + 1) }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// The name of its file: sorted as text, names are in order.
    package var fileName: String {
        LogFileName.segmentPrefix + LogFileName.digits(rawValue) + LogFileName.segmentSuffix
    }
    /// The name of its file until it is filled with zeros and synced.
    var preparationName: String { LogFileName.preparationPrefix + LogFileName.digits(rawValue) }
    /// The name of its file when retention has taken it out of the row, until another segment uses it.
    var spareName: String { LogFileName.sparePrefix + LogFileName.digits(rawValue) }
}

/// A file that the log or the journal has open: the server maps it to a descriptor.
package struct LogFileID: Hashable, Sendable {
    /// Segments use their number; journals have the highest bit set.
    package var rawValue: UInt32

    /// The file with this number.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    init(_ segment: SegmentNumber) { rawValue = segment.rawValue }
    init(journal number: UInt32) { rawValue = number | 0x8000_0000 }
}

/// The names of the files in a data directory.
enum LogFileName {
    static let identity = "identity"
    static let newIdentity = "identity.new"
    static let lock = "lock"
    static let segmentPrefix = "segment-"
    static let segmentSuffix = ".log"
    static let preparationPrefix = "prepared-"
    /// A retired segment's file that the next segment will use.
    static let sparePrefix = "spare-"
    static let journalPrefix = "journal-"
    static let newJournalPrefix = "new-journal-"

    static func journal(_ number: UInt32) -> String { journalPrefix + digits(number) }
    static func newJournal(_ number: UInt32) -> String { newJournalPrefix + digits(number) }

    static func digits(_ number: UInt32) -> String {
        let text = String(number)
        return String(repeating: "0", count: 10 - text.count) + text
    }

    /// The number in `name` between `prefix` and `suffix`; nil when the name is not exactly of that form.
    static func number(in name: String, prefix: String, suffix: String = "") -> UInt32? {
        guard name.utf8.count == prefix.utf8.count + 10 + suffix.utf8.count, name.hasPrefix(prefix),
            name.hasSuffix(suffix)
        else { return nil }
        let text = name.dropFirst(prefix.count).dropLast(suffix.count)
        guard text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        return UInt32(text)
    }

    static func segment(_ name: String) -> SegmentNumber? {
        number(in: name, prefix: segmentPrefix, suffix: segmentSuffix).map(SegmentNumber.init)
    }
}
