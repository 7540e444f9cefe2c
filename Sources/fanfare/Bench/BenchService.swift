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
    /// Milliseconds between the end of a service's connections and that of its process.
    private static let endMillisecondsMax = 1000
    /// Listeners of `configure`, each announced on a line of its own.
    private static let listenerCount = 4

    /// Where it listens, in the order of the configuration.
    private(set) var urls: [String] = []
    private let process: pid_t
    private let output: Int32
    /// Ends with this process, whatever ends it: so does the service, which waits for the end of its input.
    private let input: Int32
    /// How it has ended (wait(2)); nil while nobody has seen it end.
    private var status: Int32?

    /// Starts it on `folder`, which must be configured, and waits until it listens.
    init(_ folder: ServiceFolder) throws(CommandFailure) {
        let (input, output) = (try Self.pipe(), try Self.pipe())
        self.input = input.write
        self.output = output.read
        let arguments = ["serve", "--config", "\(folder.path)/fanfare.json", "--until-input-ends"]
        let spawned = Self.spawn(arguments, input: input.read, output: output.write)
        let words = SystemWords.last
        close(input.read)
        close(output.write)
        guard let spawned else {
            close(input.write)
            close(output.read)
            throw .unavailable("the service cannot be started: \(words)")
        }
        process = spawned
        urls = readURLs()
        guard urls.count == Self.listenerCount else {
            let words = endWords
            stop()
            throw .unavailable(words ?? "the service did not start in \(Self.readyMillisecondsMax / 1000) s")
        }
    }

    /// Ends it and waits until it has ended.
    func stop() {
        if endWords == nil {
            kill(process, SIGTERM)
            wait(options: 0)
            if let endWords { Terminal.error("fanfare: when it was stopped, \(endWords)") }
        }
        close(output)
        close(input)
    }

    /// That it has ended by itself and how, in words; nil while it runs, or when it ended as it should.
    var endWords: String? {
        wait(options: WNOHANG)
        // The low seven bits are the signal's number, the next byte the exit code.
        return switch status {
        case nil, 0: nil
        case let status? where status & 0x7F == 0: "the service ended with exit code \(status >> 8)"
        case let status?: "the service was ended by signal \(status & 0x7F)"
        }
    }

    /// The same for one whose connections have just ended: its process may take a moment longer.
    var endWordsSoon: String? {
        for _ in 0..<Self.endMillisecondsMax / 10 {
            if let endWords { return endWords }
            usleep(10_000)
        }
        return endWords
    }

    private func wait(options: Int32) {
        guard status == nil else { return }
        var status: Int32 = 0
        var ended: pid_t
        repeat { ended = unsafe waitpid(process, &status, options) } while ended < 0 && errno == EINTR
        if ended == process { self.status = status }
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

    private static func pipe() throws(CommandFailure) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw .io("a pipe cannot be made: \(SystemWords.last)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// This program with other arguments, in a process group of its own, so that Ctrl-C in a terminal reaches only this
    /// process, which ends it when it has been heard; nil when it cannot be started, as errno says.
    private static func spawn(_ arguments: [String], input: Int32, output: Int32) -> pid_t? {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        // Safe: the copies live until they are freed below; posix_spawn(3) does not keep them.
        var words = unsafe (["fanfare"] + arguments).map { unsafe strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe []
        if let path = unsafe getenv("LD_LIBRARY_PATH") {
            unsafe environment.append(strdup("LD_LIBRARY_PATH=" + String(cString: path)))
        }
        unsafe environment.append(nil)
        defer { unsafe (words + environment).forEach { unsafe free($0) } }
        var process: pid_t = 0
        let result = unsafe posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &words, &environment)
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
