import Glibc

/// Reads a file of certificates or keys as a whole. For start and reload, never on a shard's turn.
enum FileContents {
    /// More than any bundle of issuers (Debian's has 220 KB); a larger file is refused as unreadable.
    static let bytesMax = 4 << 20

    static func read(_ path: String) throws(TLSError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            // Safe: read writes at most the chunk's count into it.
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            guard count >= 0 else { throw failure(path) }
            if count == 0 { return contents }
            contents += chunk[..<count]
            guard contents.count <= bytesMax else {
                throw .unreadableFile(path: path, reason: "larger than \(bytesMax) bytes")
            }
        }
    }

    private static func failure(_ path: String) -> TLSError {
        // Safe: strerror's text is copied before the next call can change it.
        .unreadableFile(path: path, reason: unsafe String(cString: strerror(errno)))
    }
}
