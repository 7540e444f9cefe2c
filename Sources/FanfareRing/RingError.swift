/// Why there is no ring; each says what to do about it.
public enum RingError: Error, CustomStringConvertible {
    /// io_uring_setup(2) was refused.
    case setup(RingDiagnosis)
    /// The receive buffers could not be registered.
    case buffers(RingDiagnosis)
    /// io_uring is there, but lacks something the service cannot do without.
    case unsupported(missing: [String], kernelRelease: String)

    public var description: String {
        switch self {
        case .setup(let diagnosis): "io_uring cannot be used: \(diagnosis.message)"
        case .buffers(let diagnosis): "io_uring receive buffers cannot be registered: \(diagnosis.message)"
        case .unsupported(let missing, let release):
            "io_uring of kernel \(release) lacks \(missing.joined(separator: ", ")); use Linux 6.1 or newer"
        }
    }
}
