import Glibc

/// Files that commands write.
enum LocalFile {
    /// Writes the file at `path`, over what it held.
    ///
    /// - Parameter mode: who may read and write it, when it is made.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(CommandFailure) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .io("\(path): cannot be written: \(SystemWords.last)") }
        let isWritten = Terminal.writeAll(bytes, to: descriptor)
        let words = SystemWords.last
        // A disk over a network tells only now that it is full.
        guard close(descriptor) == 0, isWritten else { throw .io("\(path): cannot be written: \(words)") }
    }

    /// Makes the folder at `path` and those it is in, as far as they are missing; it can be written to afterwards.
    static func makeFolder(_ path: String, mode: mode_t = 0o755) throws(CommandFailure) {
        for end in path.indices.dropFirst() where path[end] == "/" { _ = unsafe mkdir(String(path[..<end]), mode) }
        guard unsafe mkdir(path, mode) == 0 || errno == EEXIST else {
            throw .io("\(path): cannot be made: \(SystemWords.last)")
        }
        // With the dot a file is no folder.
        guard unsafe access("\(path)/.", W_OK | X_OK) == 0 else {
            throw .io("\(path): cannot be written to: \(SystemWords.last)")
        }
    }
}

/// What the system says of a failure.
enum SystemWords {
    /// What errno(3) means now.
    static var last: String {
        // Safe: the text of strerror(3) is copied at once; the other threads of a command only wait.
        unsafe String(cString: strerror(errno)).lowercased()
    }
}
