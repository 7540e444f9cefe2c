import FanfareServer
import Glibc

/// The machine a run was on, as far as it tells results apart.
struct BenchMachine {
    /// The processor's name; empty when the kernel does not tell.
    let processor: String
    /// Cores.
    let cores: Int
    /// Bytes of memory.
    let memoryBytes: Int
    /// The kernel's release.
    let kernel: String

    /// This one.
    static var current: BenchMachine {
        let model = ProcessFiles.text("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        let name = model?.split(separator: ":", maxSplits: 1).last.map { $0.drop { $0 == " " } } ?? ""
        return BenchMachine(
            processor: String(name), cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
            memoryBytes: sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)),
            kernel: ProcessFiles.text("/proc/sys/kernel/osrelease").filter { $0 != "\n" })
    }

    /// As it is in a result.
    var output: JSONOutput {
        .object([
            .init("processor", .string(processor)), .init("cores", .integer(cores)),
            .init("memory_bytes", .integer(memoryBytes)), .init("kernel", .string(kernel)),
        ])
    }
}
