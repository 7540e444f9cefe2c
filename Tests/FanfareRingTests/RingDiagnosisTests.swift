import FanfareRing
import Glibc
import Testing

@Suite struct RingDiagnosisTests {
    private func environment(
        release: String = "6.12.1", disabled: Int? = 0, locked: UInt64? = 8 << 20, seccomp: Int? = 0
    ) -> RingDiagnosis.Environment {
        RingDiagnosis.Environment(
            kernelRelease: release, disabledLevel: disabled, lockedMemoryBytes: locked, descriptorLimit: 1024,
            seccompMode: seccomp)
    }

    @Test func eachRefusalIsNamedWithItsCure() {
        let cases: [(Int32, RingDiagnosis.Environment, RingDiagnosis.Cause, String)] = [
            (ENOSYS, environment(release: "5.4.0-generic"), .oldKernel, "Linux 6.1"),
            (ENOSYS, environment(seccomp: 2), .seccomp, "profile"),
            (ENOSYS, environment(), .oldKernel, "without io_uring"),
            (EINVAL, environment(release: "5.15.0"), .oldKernel, "5.15.0"),
            (EINVAL, environment(), .unknown, "errno 22"),
            (EPERM, environment(disabled: 2), .disabledBySystemControl, "sysctl kernel.io_uring_disabled=0"),
            (EPERM, environment(disabled: 1, seccomp: 2), .disabledBySystemControl, "kernel.io_uring_group"),
            (EPERM, environment(disabled: nil, seccomp: 2), .seccomp, "seccomp="),
            (EPERM, environment(), .unknown, "errno 1"),
            (ENOMEM, environment(locked: 65_536), .lockedMemory, "RLIMIT_MEMLOCK (64 KiB)"),
            (ENOMEM, environment(locked: nil), .memory, "memory"),
            (EMFILE, environment(), .descriptors, "RLIMIT_NOFILE (1024)"),
            (ENFILE, environment(), .descriptors, "open files"),
            (EIO, environment(), .unknown, "errno 5"),
        ]
        for (number, environment, cause, words) in cases {
            let diagnosis = RingDiagnosis(errno: number, environment: environment)
            #expect(diagnosis.cause == cause)
            #expect(diagnosis.message.contains(words), "\(diagnosis.message)")
        }
    }

    @Test func releasesAreComparedByTheirNumbers() throws {
        #expect(KernelVersion("6.1.0-18-amd64") == KernelVersion(major: 6, minor: 1))
        #expect(KernelVersion("5.10") == KernelVersion(major: 5, minor: 10))
        #expect(KernelVersion("6.9-rc1") == KernelVersion(major: 6, minor: 9))
        #expect(try #require(KernelVersion("5.19.2")) < KernelVersion(major: 6, minor: 1))
        for text in ["", "6", "linux", "6.x", ".1"] { #expect(KernelVersion(text) == nil) }
    }

    @Test func thisMachineDescribesItself() {
        let environment = RingDiagnosis.Environment.current
        #expect(KernelVersion(environment.kernelRelease) != nil)
        #expect(environment.seccompMode != nil)
        #expect(environment.descriptorLimit > 0)
    }
}
