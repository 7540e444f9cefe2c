import FanfareBase
import Glibc

/// How far something is that takes more than a moment, on standard error: one line that changes for a person, and, if
/// wanted, a line every two seconds for a file.
final class ProgressLine {
    private static let linesEveryNanoseconds: UInt64 = 2_000_000_000
    private static let quietNanoseconds: UInt64 = 1_000_000_000

    private let isInteractive = isatty(STDERR_FILENO) == 1
    private let tellsFiles: Bool
    private let startedAt = Clock.monotonic
    private var shownAt = MonotonicTime(nanoseconds: 0)
    private var isShown = false

    /// - Parameter tellsFiles: whether to write lines when nobody watches.
    init(tellsFiles: Bool) { self.tellsFiles = tellsFiles }

    /// Shows how far it is; nothing in the first second, so that what is quick stays quiet.
    func show(_ text: @autoclosure () -> String) {
        let now = Clock.monotonic
        guard now.nanoseconds(since: startedAt) >= Self.quietNanoseconds else { return }
        if isInteractive {
            isShown = true
            return Terminal.write(Array("\r\u{1B}[K\(text())".utf8), to: STDERR_FILENO)
        }
        guard tellsFiles, now.nanoseconds(since: shownAt) >= Self.linesEveryNanoseconds else { return }
        shownAt = now
        Terminal.error(text())
    }

    /// Makes room for what comes after it.
    func finish() {
        if isShown { Terminal.write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
        isShown = false
    }
}
