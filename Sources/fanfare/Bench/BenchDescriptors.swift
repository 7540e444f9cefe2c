import FanfareLoad
import FanfareServer
import Glibc

/// Open files: each connection is one, here and in the service, which has the same limit (RLIMIT_NOFILE, getrlimit(2)).
enum BenchDescriptors {
    /// Those of either process besides connections: ring, listeners, log, journal.
    private static let others = 128

    /// Raises the limit as far as it may be, for this process and the service it starts.
    ///
    /// - Throws: When `profile` needs more.
    static func prepare(for profile: LoadProfile) throws(CommandFailure) {
        let sockets = profile.subscribers.reduce(0) { $0 + $1.count }
        let needed = sockets + profile.publish.connections + others
        guard sockets + profile.publish.connections < LoadLimits.connectionsMax else {
            throw .usage(
                "the profile has \(sockets) subscribers: one load generator has \(LoadLimits.connectionsMax) connections at most"
            )
        }
        let allowed = raise()
        guard needed <= allowed else {
            throw .usage(
                "the profile needs \(needed) open files, and \(allowed) are allowed (RLIMIT_NOFILE): raise the hard limit (ulimit -Hn, or LimitNOFILE of a systemd unit), or take fewer subscribers"
            )
        }
    }

    /// How many there may be now.
    private static func raise() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
        limit.rlim_cur = limit.rlim_max
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            return Int(clamping: limit.rlim_cur)
        }
        return Int(clamping: limit.rlim_cur)
    }
}
