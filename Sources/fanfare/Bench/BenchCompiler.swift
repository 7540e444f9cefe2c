import Glibc

/// The compiler that made this program: it has left its name in the debugging information (DW_AT_producer), which release
/// builds have too. The language itself has only a question about what is at least there, and the runtime's version is that
/// of the library that happens to be installed.
enum BenchCompiler {
    /// Such as `6.3.1 (swift-6.3.1-RELEASE)`; nil when the program has been stripped.
    static var version: String? {
        let descriptor = unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        let length = Int(status.st_size)
        guard let start = unsafe mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), unsafe start != MAP_FAILED
        else { return nil }
        defer { unsafe _ = munmap(start, length) }
        // Safe: the file is mapped until the end of this function, and what is found is copied.
        return unsafe version(in: UnsafeRawBufferPointer(start: start, count: length))
    }

    /// What follows `Swift version` where a digit does: the program's own words for it are not followed by one.
    private static func version(in bytes: UnsafeRawBufferPointer) -> String? {
        let words = Array("Swift version ".utf8)
        var place = bytes.startIndex
        while let next = unsafe bytes[place...].firstIndex(of: words[0]) {
            place = next + 1
            let rest = unsafe bytes[next...]
            guard unsafe rest.starts(with: words) else { continue }
            let text = unsafe rest.dropFirst(words.count).prefix { $0 != 0 }
            guard let first = unsafe text.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
                continue
            }
            return unsafe String(decoding: text, as: UTF8.self)
        }
        return nil
    }
}
