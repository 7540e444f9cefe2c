/// Every limit of the log and the journal, with its unit, its reason and what happens there.
package enum LogLimits {
    /// Alignment of batches in a segment and of the memory they are written from, in bytes: the largest unit a disk tears
    /// in practice, so a batch never shares one with a batch that was synced before it.
    package static let blockBytes = 4096
    /// Largest batch any reader accepts, in bytes. A longer one is reported as damage: no configuration writes it.
    package static let batchBytesMax = 256 << 20
    /// Largest record the writer takes, in bytes. A larger one breaks an invariant: `event_size` is checked before it.
    package static let recordBytesMax = 128 << 20
    /// Smallest segment a configuration may ask for, in bytes; smaller ones are raised to it.
    package static let segmentBytesMin = 64 << 10
    /// Largest segment, in bytes; larger ones are lowered to it, so that a block number fits 32 bits with room.
    package static let segmentBytesMax = 4 << 30
    /// Bytes from which a batch's memory is kept for another one instead of being freed; smaller memory the allocator has at
    /// hand anyway.
    package static let spareBytesMin = 64 << 10
    /// Bytes of such memory kept at most; beyond it the oldest is freed.
    package static let spareBytesMax = 4 << 20
    /// Bytes of an open batch that are checksummed at once: three streams of 4 KiB, which the processor does together, and
    /// still in its nearest cache.
    package static let checksumBytes = 12 << 10
    /// Numbers reserved ahead while topics with `written` durability are in use: what an unclean stop loses at most.
    package static let sequenceReserve: UInt64 = 1 << 20
    /// How long after the last `written` append numbers are still reserved ahead, in nanoseconds.
    package static let reserveHoldNanoseconds: UInt64 = 10_000_000_000
    /// Bytes of a segment between two entries of its sparse index: what a reader skips over at most.
    package static let sparseStrideBytes = 128 << 10
    /// Bytes written and synced at once while the next segment is filled with zeros: small enough not to delay a batch's
    /// sync.
    package static let fillBytes = 1 << 20
    /// The next segment is prepared once one part in so many of the current one is written: early enough to be ready long
    /// before it is needed, late enough to cost a start nothing.
    package static let preparationShare = 16
    /// Bytes of the next segment filled for each byte written to the current one beyond that part: ready when a fifth of the
    /// current one is written, without a burst that batches would have to wait for. One that begins late catches up first.
    package static let preparationPace = 8
    /// Pairs of topic and batch remembered for the segment being written. Beyond it the segment is sealed without a topic
    /// index, and catching up reads all of it.
    package static let topicPostingsMax = 1 << 20
    /// Bytes of topic texts remembered for the segment being written; beyond it as at `topicPostingsMax`.
    package static let topicTextBytesMax = 16 << 20
    /// Bytes between two stretches of a segment that are wanted, below which they are read as one: one read costs more than
    /// reading so much in vain.
    package static let runGapBytes = 32 << 10
    /// Segments one directory may hold; publishing is refused as with a full disk until retention makes room.
    package static let segmentsMax = 1 << 20
    /// Deduplication entries let go in one flush because they are older than the window: bounds the time of a turn.
    package static let expiriesPerFlushMax = 4096
    /// Bytes read at once when a segment is scanned at start-up or by a tool.
    package static let scanBytes = 4 << 20
    /// How long to wait before a disk that was full is tried again, in nanoseconds.
    package static let spaceRetryNanoseconds = 1_000_000_000
    /// How often retention by age is looked at, in nanoseconds; a segment outlives its age by at most this.
    package static let retentionCheckNanoseconds = 60_000_000_000

    /// Size at which the journal is first compacted, in bytes, whatever its snapshot's size.
    package static let journalCompactionBytesMin = 4 << 20
    /// How many times its snapshot's size a journal grows to before it is compacted.
    package static let journalCompactionFactor = 4
    /// Bytes of entries that may wait in memory for the disk. Beyond it `Journal.isFull` tells the server to stop
    /// starting attempts; nothing is dropped.
    package static let journalBacklogBytesMax = 8 << 20
    /// Largest definition of a subscription or value of a key, in bytes; larger ones break an invariant.
    package static let journalValueBytesMax = 1 << 20
    /// Bytes of an error's text kept with a retry or a dead letter; the rest is cut off at a character's border.
    package static let journalTextBytesMax = 256
    /// Dead letters kept for one subscription; beyond it the oldest is forgotten.
    package static let deadLettersPerSubscriptionMax = 10_000
    /// Acknowledged ranges above a cursor kept for one subscription. Beyond it the highest new one is not kept: after a
    /// restart its events are delivered again, which at-least-once allows.
    package static let acknowledgedRangesMax = 65_536
}
