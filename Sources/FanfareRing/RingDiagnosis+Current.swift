import Glibc

extension RingDiagnosis.Environment {
    /// This machine's and process's values now. Reads files: for the start and for errors only.
    public static var current: Self {
        Self(
            kernelRelease: kernelRelease,
            disabledLevel: text(ofFile: "/proc/sys/kernel/io_uring_disabled").flatMap { number(in: $0) },
            lockedMemoryBytes: limit(of: __RLIMIT_MEMLOCK),
            descriptorLimit: limit(of: RLIMIT_NOFILE) ?? .max,
            seccompMode: seccompMode(inStatus: text(ofFile: "/proc/self/status") ?? ""))
    }

    /// What `uname -r` prints.
    static var kernelRelease: String {
        let text = text(ofFile: "/proc/sys/kernel/osrelease") ?? ""
        return text.split(separator: "\n").first.map(String.init) ?? "unknown"
    }

    /// The number after `Seccomp:` in the text of `/proc/self/status`.
    static func seccompMode(inStatus status: String) -> Int? {
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Seccomp:") }) else { return nil }
        return number(in: line.dropFirst("Seccomp:".count))
    }

    private static func number(in text: some StringProtocol) -> Int? {
        Int(String(text.filter { $0.isNumber }))
    }

    private static func limit(of resource: __rlimit_resource) -> UInt64? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_cur != .max else {
            return nil
        }
        return UInt64(limit.rlim_cur)
    }

    /// Up to 16 KiB of a small file of the kernel's; nil when it cannot be read.
    private static func text(ofFile path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe read(descriptor, bytes.baseAddress, bytes.count)
        }
        guard count >= 0 else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
