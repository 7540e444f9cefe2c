import FanfareBase

/// The answers a connection owes, in the order of its requests: pipelined answers may become ready in any order and leave
/// in this one (RFC 9112, 9.3.2).
///
/// Invariant: tickets `first ..< first + count` are given and their answers not yet sent.
struct ResponseQueue {
    /// What an answer's bytes need to know of its request.
    struct Framing {
        /// The connection stays open behind the answer.
        var keepAlive: Bool
        /// HTTP/1.x.
        var minorVersion: Int
        /// The request was HEAD: no body.
        var isHead = false
        /// What is added for an origin that may read the answer.
        var crossOrigin: [(name: String, value: String)] = []
    }

    private struct Entry {
        var framing: Framing
        var bytes: [UInt8]?
    }

    private var entries: [Entry] = []
    private var head = 0
    private var first: UInt64 = 0

    /// Answers owed.
    var count: Int { entries.count - head }
    /// Nothing is owed.
    var isEmpty: Bool { count == 0 }
    /// No further request may be read until an answer has left.
    var isFull: Bool { count >= Limits.pipelinedRequestsMax }

    /// A ticket for the answer to the request that comes next.
    mutating func take(_ framing: Framing) -> UInt64 {
        entries.append(Entry(framing: framing, bytes: nil))
        return first + UInt64(count) - 1
    }

    /// Fills in an answer, made at `date` (a `DateHeader`'s line). Tickets of a connection that has moved on are ignored.
    mutating func fill(_ ticket: UInt64, _ answer: Answer, date: [UInt8]) {
        guard let index = index(of: ticket) else { return }
        let framing = entries[index].framing
        var answer = answer
        answer.headers += framing.crossOrigin
        entries[index].bytes = answer.bytes(
            keepAlive: framing.keepAlive, minorVersion: framing.minorVersion, isHead: framing.isHead, date: date)
    }

    /// Whether the answer to this ticket is not there yet.
    func isOwed(_ ticket: UInt64) -> Bool { index(of: ticket).map { entries[$0].bytes == nil } ?? false }

    /// The next answer that may leave.
    mutating func next() -> [UInt8]? {
        guard head < entries.count, let answer = entries[head].bytes else { return nil }
        entries[head].bytes = nil
        head += 1
        first += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: entries.count <= 16)
            head = 0
        }
        return answer
    }

    private func index(of ticket: UInt64) -> Int? {
        guard ticket >= first, ticket - first < UInt64(count) else { return nil }
        return head + Int(ticket - first)
    }
}
