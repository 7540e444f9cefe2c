import FanfareServer
import Glibc

/// The service under test, a process of its own: what it costs can be told from what the load costs.
final class BenchService {
    /// What the process has used.
    struct Usage {
        /// Seconds of CPU since it began.
        var cpuSeconds: Double
        /// Bytes of memory that are resident.
        var residentBytes: Int
    }

    /// Milliseconds it may take to be ready.
    private static let readyMillisecondsMax: Int32 = 20_000
    /// Listeners of `configure`, each announced on a line of its own.
    private static let listenerCount = 4

    /// Where it listens, in the order of the configuration.
    private(set) var urls: [String] = []
    private let process: pid_t
    private let output: Int32

    /// Starts it on `folder`, which must be configured, and waits until it listens.
    init(_ folder: ServiceFolder) throws(CommandFailure) {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw .io("a pipe cannot be made (errno \(errno))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        output = ends[0]
        let spawned = Self.spawn(["serve", "--config", "\(folder.path)/fanfare.json"], output: ends[1])
        close(ends[1])
        guard let spawned else {
            close(ends[0])
            throw .unavailable("the service cannot be started (errno \(errno))")
        }
        process = spawned
        urls = readURLs()
        guard urls.count == Self.listenerCount else {
            stop()
            throw .unavailable("the service did not start")
        }
    }

    /// Ends it and waits until it has ended.
    func stop() {
        kill(process, SIGTERM)
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        close(output)
    }

    /// What it has used until now.
    var usage: Usage {
        // The name in parentheses may hold spaces; 11 fields after it comes utime, then stime (proc_pid_stat(5)).
        let stat = ProcessFiles.text("/proc/\(process)/stat")
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        let pages = ProcessFiles.text("/proc/\(process)/statm").split(separator: " ")
        guard fields.count > 13, pages.count > 1 else { return Usage(cpuSeconds: 0, residentBytes: 0) }
        let ticks = (Double(fields[12]) ?? 0) + (Double(fields[13]) ?? 0)
        return Usage(
            cpuSeconds: ticks / Double(sysconf(Int32(_SC_CLK_TCK))),
            residentBytes: (Int(pages[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Reads until every listener is announced, or the service has ended or takes too long.
    private func readURLs() -> [String] {
        var text = ""
        while true {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            let found = lines.filter { $0.hasPrefix("listening on ") }.map { String($0.split(separator: " ")[2]) }
            if found.count == Self.listenerCount { return found }
            var waited = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            var block = [UInt8](repeating: 0, count: 4096)
            guard unsafe poll(&waited, 1, Self.readyMillisecondsMax) > 0 else { return found }
            // Safe: read(2) is told how large the block is.
            let count = unsafe block.withUnsafeMutableBytes { unsafe read(output, $0.baseAddress, $0.count) }
            guard count > 0 else { return found }
            text += String(decoding: block[..<count], as: UTF8.self)
        }
    }

    /// This program with other arguments; nil when it cannot be started, as errno says.
    private static func spawn(_ arguments: [String], output: Int32) -> pid_t? {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        // Safe: the copies live until they are freed below; posix_spawn(3) does not keep them.
        var words = unsafe (["fanfare"] + arguments).map { unsafe strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe []
        if let path = unsafe getenv("LD_LIBRARY_PATH") {
            unsafe environment.append(strdup("LD_LIBRARY_PATH=" + String(cString: path)))
        }
        unsafe environment.append(nil)
        defer { unsafe (words + environment).forEach { unsafe free($0) } }
        var process: pid_t = 0
        let result = unsafe posix_spawn(&process, "/proc/self/exe", &actions, nil, &words, &environment)
        errno = result
        return result == 0 ? process : nil
    }
}

/// Small files of procfs.
enum ProcessFiles {
    /// The text of the file at `path`; empty when it cannot be read.
    static func text(_ path: String) -> String {
        switch Surroundings.process.file(path) {
        case .success(let bytes): String(decoding: bytes, as: UTF8.self)
        case .failure: ""
        }
    }
}

extension ServiceFolder {
    /// Writes the configuration of a service that `profile` is to load.
    func configure(_ profile: LoadProfile) throws(CommandFailure) {
        let stream = JSONOutput.Member("protocol", .string("stream"))
        let rule = JSONOutput.object([
            .init("match", .string(">")), .init("durability", .string(profile.events.durability.rawValue)),
        ])
        let everyone = JSONOutput.integer(Self.connectionsMax)
        let configuration = JSONOutput.object([
            .init("shards", .integer(profile.shards)),
            .init(
                "listeners",
                .array([
                    Self.listener("plain", serves: ["publish", "subscribe", "manage", "probe"]),
                    Self.listener("tls", serves: ["publish", "subscribe", "manage", "probe"], [Self.tls]),
                    Self.listener("stream", serves: ["subscribe"], [stream]),
                    Self.listener("stream-tls", serves: ["subscribe"], [stream, Self.tls]),
                ])),
            .init("topics", .array([rule])),
            .init(
                "limits", .object([.init("connections", everyone), .init("connections_per_address", everyone)])),
            .init(
                "webhooks",
                .object([
                    .init("networks", .array([.string("127.0.0.0/8")])), .init("plain_http", .boolean(true)),
                    .init("secrets", .object([.init("files", .array([.string("\(path)/ca.pem")]))])),
                ])),
            .init("drain", .string("1s")),
        ])
        try write(String(decoding: configuration.page, as: UTF8.self), to: "fanfare.json")
    }

    /// Connections of the service, all from one address: more than descriptors allow.
    private static var connectionsMax: Int { 1_000_000 }
}
