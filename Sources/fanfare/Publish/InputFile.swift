import Glibc

/// Reading of whole files for commands.
enum InputFile {
    /// Bytes of input taken; more is refused, since it is held in memory.
    static let bytesMax = 1 << 30

    /// What is in the file at `path`; `-` is standard input.
    static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { if path != "-" { close(descriptor) } }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            // Safe: read writes at most the chunk's count into it.
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            if count == 0 { return contents }
            contents += chunk[..<count]
            guard contents.count <= bytesMax else { throw .data("\(path): more than 1 GiB; publish it in parts") }
        }
    }

    private static func failure(_ path: String) -> CommandFailure {
        // Safe: strerror's text is copied before the next call can change it.
        .io("\(path): \(unsafe String(cString: strerror(errno)).lowercased())")
    }
}
