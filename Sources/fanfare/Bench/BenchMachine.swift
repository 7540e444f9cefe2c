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
            processor: String(name), cores: cores,
            memoryBytes: sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)),
            kernel: ProcessFiles.text("/proc/sys/kernel/osrelease").filter { $0 != "\n" })
    }

    /// Cores of this one.
    static var cores: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

    /// Seconds that this one's cores have been busy since it began, or taken by its host; nil when the kernel does not tell.
    static var busySeconds: Double? {
        // `cpu` and the ticks for user, nice, system, idle, iowait, irq, softirq and steal (proc_stat(5)).
        let fields = ProcessFiles.text("/proc/stat").prefix { $0 != "\n" }.split(separator: " ")
        guard fields.count > 8, fields[0] == "cpu" else { return nil }
        let busy = [1, 2, 3, 6, 7, 8].reduce(0.0) { $0 + (Double(fields[$1]) ?? 0) }
        return busy / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
