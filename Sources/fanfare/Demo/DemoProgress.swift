import FanfareBase
import Glibc

/// How the demo goes, on standard error: one line that changes for a person, a line every two seconds otherwise.
final class DemoProgress {
    private let eventCount: Int
    private let isInteractive = isatty(STDERR_FILENO) == 1
    private var shownAt = MonotonicTime(nanoseconds: 0)

    init(eventCount: Int) { self.eventCount = eventCount }

    /// Shows how far it is.
    func show(published: Int, delivered: Int, sent: Int) {
        let text = "published \(published) of \(eventCount), delivered \(delivered) of \(sent)"
        if isInteractive { return Terminal.write(Array("\r\u{1B}[K\(text)".utf8), to: STDERR_FILENO) }
        let now = Clock.monotonic
        guard now.nanoseconds(since: shownAt) >= 2_000_000_000 else { return }
        shownAt = now
        Terminal.error(text)
    }

    /// Makes room for what comes after it.
    func finish() {
        if isInteractive { Terminal.write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
    }
}
