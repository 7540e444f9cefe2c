import CFanfareKernel
import Glibc

/// What this kernel's io_uring can do: probed once at start, logged, and checked against what the driver needs.
public struct KernelFeatures: Sendable {
    /// As `uname -r` prints it.
    public let kernelRelease: String
    /// The IORING_FEAT_ bits.
    public let features: UInt32
    /// Numbers of the supported operations.
    public let operations: Set<UInt8>

    /// Features of these values.
    public init(kernelRelease: String, features: UInt32, operations: Set<UInt8>) {
        self.kernelRelease = kernelRelease
        self.features = features
        self.operations = operations
    }

    /// Asks the kernel by making a small ring and letting it go.
    public static func probe() throws(RingError) -> Self {
        var supported = [UInt8](repeating: 0, count: 256)
        var features: UInt32 = 0
        let result = unsafe fanfare_probe(&supported, &features)
        let environment = RingDiagnosis.Environment.current
        guard result == 0 else { throw .setup(RingDiagnosis(errno: -result, environment: environment)) }
        let operations = Set(supported.indices.filter { supported[$0] != 0 }.map { UInt8($0) })
        return Self(kernelRelease: environment.kernelRelease, features: features, operations: operations)
    }

    /// Names of what the driver needs and this kernel lacks; empty when the service can run.
    public var missing: [String] {
        Self.neededOperations.filter { !operations.contains($0.number) }.map(\.name)
            + Self.neededFeatures.filter { features & $0.bit == 0 }.map(\.name)
            // No bit tells of SINGLE_ISSUER and DEFER_TASKRUN: both are there from 6.1 on.
            + (KernelVersion(kernelRelease).map { $0 < KernelVersion(major: 6, minor: 1) } ?? false
                ? ["IORING_SETUP_DEFER_TASKRUN"] : [])
    }

    /// Throws `unsupported` when something is missing.
    public func check() throws(RingError) {
        let missing = missing
        guard missing.isEmpty else { throw .unsupported(missing: missing, kernelRelease: kernelRelease) }
    }

    private static let neededFeatures: [(name: String, bit: UInt32)] = [
        ("IORING_FEAT_NODROP", UInt32(IORING_FEAT_NODROP)),
        ("IORING_FEAT_SUBMIT_STABLE", UInt32(IORING_FEAT_SUBMIT_STABLE)),
        ("IORING_FEAT_EXT_ARG", UInt32(IORING_FEAT_EXT_ARG)),
        ("IORING_FEAT_CQE_SKIP", UInt32(IORING_FEAT_CQE_SKIP)),
    ]

    private static let neededOperations: [(name: String, number: UInt8)] = [
        ("ACCEPT", number(IORING_OP_ACCEPT)), ("CONNECT", number(IORING_OP_CONNECT)),
        ("RECV", number(IORING_OP_RECV)), ("SEND", number(IORING_OP_SEND)),
        ("POLL_ADD", number(IORING_OP_POLL_ADD)), ("ASYNC_CANCEL", number(IORING_OP_ASYNC_CANCEL)),
        ("CLOSE", number(IORING_OP_CLOSE)), ("MSG_RING", number(IORING_OP_MSG_RING)),
        ("OPENAT", number(IORING_OP_OPENAT)), ("READ", number(IORING_OP_READ)), ("WRITE", number(IORING_OP_WRITE)),
        ("FSYNC", number(IORING_OP_FSYNC)), ("FALLOCATE", number(IORING_OP_FALLOCATE)),
        ("RENAMEAT", number(IORING_OP_RENAMEAT)), ("UNLINKAT", number(IORING_OP_UNLINKAT)),
    ]

    private static func number(_ operation: io_uring_op) -> UInt8 { UInt8(truncatingIfNeeded: operation.rawValue) }
}
