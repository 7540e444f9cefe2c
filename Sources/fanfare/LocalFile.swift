import Glibc

/// Files that commands write.
enum LocalFile {
    /// Writes the file at `path`, over what it held.
    ///
    /// - Parameter mode: who may read and write it, when it is made.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(CommandFailure) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .io("\(path): cannot be written (errno \(errno))") }
        Terminal.write(bytes, to: descriptor)
        close(descriptor)
    }
}
