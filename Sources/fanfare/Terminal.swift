import Glibc

/// What people see: results on standard output, everything else on standard error.
enum Terminal {
    /// Whether a person is looking at standard output.
    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Writes a line to standard output at once.
    static func line(_ text: String) { write(Array((text + "\n").utf8)) }

    /// Writes a line to standard error.
    static func error(_ text: String) { write(Array((text + "\n").utf8), to: STDERR_FILENO) }

    /// Writes bytes to standard output at once, or to another descriptor.
    static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) {
        // A reader that has gone (EPIPE) wants no more; nothing else can be done about a broken terminal either.
        _ = writeAll(bytes, to: descriptor)
    }

    /// Writes bytes to a descriptor; false when they are not all written, as errno says.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            bytes = bytes.dropFirst(count)
        }
        return true
    }
}
