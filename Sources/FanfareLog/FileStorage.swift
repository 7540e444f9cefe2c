#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A data directory on a real file system.
///
/// Each call opens what it needs and closes it again, so no descriptor outlives it but the lock's, which flock(2) holds
/// until this object goes away.
package final class FileStorage: LogStorage {
    /// The directory's path.
    package let path: String
    private var lockDescriptor: Int32 = -1

    /// The directory at `path`, made (mode 0700) when it is not there.
    package init(path: String) throws(LogError) {
        self.path = path
        if unsafe mkdir(path, 0o700) != 0, errno != EEXIST { throw Self.failure("make", path) }
    }

    deinit { if lockDescriptor >= 0 { _ = close(lockDescriptor) } }

    package func lock() throws(LogError) {
        let descriptor = try open(LogFileName.lock, O_RDWR | O_CREAT)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            _ = close(descriptor)
            if code == EWOULDBLOCK { throw .locked }
            throw .system(operation: "lock", file: LogFileName.lock, code: code)
        }
        lockDescriptor = descriptor
    }

    package func list() throws(LogError) -> [String] {
        guard let directory = unsafe opendir(path) else { throw Self.failure("list", path) }
        defer { unsafe _ = closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = unsafe readdir(directory) {
            // Safe: d_name is NUL-terminated within the entry, which lives until the next readdir.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw Self.failure("list", path) }
        return names
    }

    package func size(of name: String) throws(LogError) -> UInt64 {
        var status = stat()
        guard unsafe stat(full(name), &status) == 0 else { throw Self.failure("look at", name) }
        return UInt64(status.st_size)
    }

    package func read(_ name: String, at offset: UInt64, into target: UnsafeMutableRawBufferPointer) throws(LogError)
        -> Int
    {
        let descriptor = try open(name, O_RDONLY)
        defer { _ = close(descriptor) }
        var done = 0
        while done < target.count {
            // Safe: done stays below the target's count.
            let count = unsafe pread(
                descriptor, target.baseAddress! + done, target.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw Self.failure("read", name) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    package func create(_ name: String) throws(LogError) {
        _ = close(try open(name, O_RDWR | O_CREAT | O_TRUNC))
    }

    package func write(_ name: String, at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(LogError) {
        let descriptor = try open(name, O_RDWR)
        defer { _ = close(descriptor) }
        var done = 0
        while done < bytes.count {
            // Safe: done stays below the bytes' count.
            let count = unsafe pwrite(
                descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw Self.failure("write", name) }
            if count == 0 { throw .system(operation: "write", file: name, code: EIO) }
            done += count
        }
    }

    package func sync(_ name: String) throws(LogError) {
        let descriptor = try open(name, O_RDWR)
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure("sync", name) }
    }

    package func rename(_ name: String, to newName: String) throws(LogError) {
        guard Self.systemRename(full(name), full(newName)) == 0 else { throw Self.failure("rename", name) }
    }

    package func remove(_ name: String) throws(LogError) {
        guard unsafe unlink(full(name)) == 0 else { throw Self.failure("remove", name) }
    }

    package func syncDirectory() throws(LogError) {
        let descriptor = try open(".", O_RDONLY | O_DIRECTORY)
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure("sync", path) }
    }

    private func full(_ name: String) -> String { path + "/" + name }

    private func open(_ name: String, _ flags: Int32) throws(LogError) -> Int32 {
        let descriptor = Self.systemOpen(full(name), flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("open", name) }
        return descriptor
    }

    private static func failure(_ operation: String, _ name: String) -> LogError {
        .system(operation: operation, file: name, code: errno)
    }

    // The functions of unistd and stdio, which this class's own methods hide.
    private static func systemRename(_ from: String, _ to: String) -> Int32 {
        #if canImport(Glibc)
            unsafe Glibc.rename(from, to)
        #else
            unsafe Musl.rename(from, to)
        #endif
    }

    private static func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
        #if canImport(Glibc)
            unsafe Glibc.open(path, flags, mode)
        #else
            unsafe Musl.open(path, flags, mode)
        #endif
    }
}
