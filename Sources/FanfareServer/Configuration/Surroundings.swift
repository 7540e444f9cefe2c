#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What reading a configuration asks of the world: files and environment variables. Tests bring their own.
package struct Surroundings: Sendable {
    /// Why a file or folder cannot be read; a sentence's end.
    package enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
        /// It does not exist.
        case missing
        /// It may not be read.
        case forbidden
        /// It is a folder, a device or the like.
        case notAFile
        /// It is larger than `fileBytesMax`.
        case tooLarge
        /// errno(3).
        case other(Int32)

        package var description: String {
            switch self {
            case .missing: "does not exist"
            case .forbidden: "may not be read by this user"
            case .notAFile: "is not a regular file"
            case .tooLarge: "is larger than \(Surroundings.fileBytesMax / 1024) KiB"
            case .other(let code): "cannot be read (errno \(code))"
            }
        }
    }

    /// Bytes of a configuration, certificate or secret file; a larger one is refused.
    package static let fileBytesMax = 4 << 20

    /// The content of the regular file at a path.
    package var file: @Sendable (String) -> Result<[UInt8], Problem>
    /// The names in the folder at a path, in any order.
    package var names: @Sendable (String) -> Result<[String], Problem>
    /// The value of an environment variable.
    package var variable: @Sendable (String) -> String?

    /// A world of these.
    package init(
        file: @escaping @Sendable (String) -> Result<[UInt8], Problem>,
        names: @escaping @Sendable (String) -> Result<[String], Problem>,
        variable: @escaping @Sendable (String) -> String?
    ) {
        self.file = file
        self.names = names
        self.variable = variable
    }

    /// The process's own. Blocking: not for a shard's thread.
    package static let process = Surroundings(file: readFile, names: listNames, variable: readVariable)

    /// `path` as seen from the folder `base`; an empty base is the working folder.
    package static func resolve(_ path: String, in base: String) -> String {
        path.hasPrefix("/") || base.isEmpty ? path : base == "/" ? "/\(path)" : "\(base)/\(path)"
    }

    /// The folder that the file at `path` is in; empty for the working folder.
    package static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func readFile(_ path: String) -> Result<[UInt8], Problem> {
        // Without O_NONBLOCK opening a named pipe would wait for its writer.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(problem(errno)) }
        defer { _ = close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return .failure(problem(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.notAFile) }
        var bytes: [UInt8] = []
        while true {
            var block = [UInt8](repeating: 0, count: 65_536)
            // Safe: the block is as large as the count that read(2) is told.
            let count = unsafe block.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                return .failure(problem(errno))
            }
            guard count > 0 else { return .success(bytes) }
            bytes += block[..<count]
            guard bytes.count <= fileBytesMax else { return .failure(.tooLarge) }
        }
    }

    private static func listNames(_ path: String) -> Result<[String], Problem> {
        guard let folder = unsafe opendir(path) else { return .failure(errno == ENOTDIR ? .notAFile : problem(errno)) }
        defer { unsafe _ = closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            // Safe: d_name ends in a zero within the entry, which is valid until the next readdir(3).
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return .success(names)
    }

    private static func readVariable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    private static func problem(_ code: Int32) -> Problem {
        switch code {
        case ENOENT, ENOTDIR: .missing
        case EACCES, EPERM: .forbidden
        case EISDIR: .notAFile
        default: .other(code)
        }
    }
}
