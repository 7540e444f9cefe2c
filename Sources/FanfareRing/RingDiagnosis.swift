import Glibc

/// Why the system refuses a ring, and the cure: a pure function of the error and of what the system says about itself.
public struct RingDiagnosis: Equatable, Sendable {
    /// What stands in the way.
    public enum Cause: Equatable, Sendable {
        /// Older than 6.1, or without io_uring.
        case oldKernel
        /// `kernel.io_uring_disabled` is 1 or 2.
        case disabledBySystemControl
        /// A seccomp filter, as containers have by default.
        case seccomp
        /// RLIMIT_MEMLOCK is used up.
        case lockedMemory
        /// RLIMIT_NOFILE, or the whole system's, is used up.
        case descriptors
        /// No memory although the limits allow it.
        case memory
        /// None of the above.
        case unknown
    }

    /// What the system says about itself.
    public struct Environment: Equatable, Sendable {
        /// As `uname -r` prints it.
        public var kernelRelease: String
        /// `/proc/sys/kernel/io_uring_disabled`; nil where there is no such file (before 6.6).
        public var disabledLevel: Int?
        /// RLIMIT_MEMLOCK in bytes; nil when unlimited.
        public var lockedMemoryBytes: UInt64?
        /// RLIMIT_NOFILE, the soft one.
        public var descriptorLimit: UInt64
        /// `Seccomp:` of `/proc/self/status`: 0 none, 1 strict, 2 filter; nil when it cannot be read.
        public var seccompMode: Int?

        /// An environment of these values.
        public init(
            kernelRelease: String, disabledLevel: Int?, lockedMemoryBytes: UInt64?, descriptorLimit: UInt64,
            seccompMode: Int?
        ) {
            self.kernelRelease = kernelRelease
            self.disabledLevel = disabledLevel
            self.lockedMemoryBytes = lockedMemoryBytes
            self.descriptorLimit = descriptorLimit
            self.seccompMode = seccompMode
        }
    }

    /// What stands in the way.
    public let cause: Cause
    /// Cause and cure in a sentence for the person who starts the service.
    public let message: String

    /// What `errno` of io_uring_setup(2) or io_uring_register(2) means in `environment`.
    public init(errno number: Int32, environment: Environment) {
        cause = Self.cause(of: number, in: environment)
        message = Self.message(cause, number, environment)
    }

    private static func cause(of number: Int32, in environment: Environment) -> Cause {
        switch number {
        case ENOSYS: isOld(environment) ? .oldKernel : environment.seccompMode == 2 ? .seccomp : .oldKernel
        case EINVAL: isOld(environment) ? .oldKernel : .unknown
        case EPERM, EACCES:
            if let level = environment.disabledLevel, level > 0 {
                .disabledBySystemControl
            } else if environment.seccompMode == 2 {
                .seccomp
            } else {
                .unknown
            }
        case ENOMEM: environment.lockedMemoryBytes == nil ? .memory : .lockedMemory
        case EMFILE, ENFILE: .descriptors
        default: .unknown
        }
    }

    private static func message(_ cause: Cause, _ number: Int32, _ environment: Environment) -> String {
        switch cause {
        case .oldKernel:
            "this kernel (\(environment.kernelRelease)) is too old or was built without io_uring; "
                + "use Linux 6.1 or newer"
        case .disabledBySystemControl:
            "the system control kernel.io_uring_disabled is \(environment.disabledLevel ?? 0); set it to 0 "
                + "(sysctl kernel.io_uring_disabled=0)\(environment.disabledLevel == 1 ? ", or add this user to the group named by kernel.io_uring_group" : "")"
        case .seccomp:
            "a seccomp filter refuses it, as containers' default profiles do; run with a profile that allows "
                + "io_uring_setup, io_uring_enter and io_uring_register (Docker: --security-opt seccomp=PROFILE.json)"
        case .lockedMemory:
            "RLIMIT_MEMLOCK (\((environment.lockedMemoryBytes ?? 0) / 1024) KiB) does not hold the rings of all shards; "
                + "raise it (ulimit -l, systemd LimitMEMLOCK=, Docker --ulimit memlock=) to 1 MiB a shard, or use fewer shards"
        case .descriptors:
            "RLIMIT_NOFILE (\(environment.descriptorLimit)) or the system's table of open files is used up; raise it "
                + "(ulimit -n, systemd LimitNOFILE=)"
        case .memory: "the system has no memory for it; free some, or use fewer shards"
        case .unknown:
            "errno \(number) on kernel \(environment.kernelRelease), for no reason that is known; "
                + "Linux 6.1 or newer without restrictions on io_uring is needed"
        }
    }

    private static func isOld(_ environment: Environment) -> Bool {
        guard let version = KernelVersion(environment.kernelRelease) else { return false }
        return version < KernelVersion(major: 6, minor: 1)
    }
}

/// The two numbers of a kernel's release that features are counted by.
public struct KernelVersion: Comparable, Sendable {
    /// 6 in 6.1.
    public let major: Int
    /// 1 in 6.1.
    public let minor: Int

    /// The version `major.minor`.
    public init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// The first two numbers of what `uname -r` prints, such as `6.1.0-18-amd64`; nil when it has no two numbers.
    public init?(_ release: String) {
        let parts = release.split(separator: ".", maxSplits: 2)
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1].prefix { $0.isWholeNumber }) else {
            return nil
        }
        self.init(major: major, minor: minor)
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
