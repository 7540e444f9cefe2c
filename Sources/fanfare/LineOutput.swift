import FanfareWire
import Glibc

/// Lines for standard output, gathered so that many of them cost one write.
struct LineOutput {
    /// Bytes gathered before they are written without being asked.
    private static let bytesMax = 64 << 10
    private var bytes: [UInt8] = []

    /// Whether nothing waits to be written.
    var isEmpty: Bool { bytes.isEmpty }

    /// Adds a line.
    mutating func line(_ text: UnsafeRawBufferPointer) {
        unsafe bytes.append(contentsOf: text)
        bytes.append(UInt8(ascii: "\n"))
        if bytes.count >= Self.bytesMax { flush() }
    }

    /// Adds a line.
    mutating func line(_ text: ByteView) { unsafe line(text.unsafeBytes) }

    /// Writes what was gathered; waits until the reader has taken it.
    mutating func flush() {
        Terminal.write(bytes)
        bytes.removeAll(keepingCapacity: true)
    }
}
