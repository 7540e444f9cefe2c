import FanfareServer
import FanfareTLS

/// Versions of what runs in a run, as far as they tell results apart.
struct BenchVersions {
    /// This program's.
    let fanfare: String
    /// That of the compiler that made it, in its own words; nil when the program has been stripped of them.
    let swift: String?
    /// That of the TLS library in this process.
    let openSSL: String
    /// That of the library for io_uring in this process; nil when its file does not tell.
    let liburing: String?

    /// Those of this process.
    static var current: BenchVersions {
        BenchVersions(
            fanfare: ServiceVersion.text, swift: BenchCompiler.version, openSSL: TLSLibrary.version,
            liburing: library("liburing"))
    }

    /// The version in the name of a shared library's file, `NAME.so.VERSION`, of those that are mapped.
    private static func library(_ name: String) -> String? {
        for line in ProcessFiles.text("/proc/self/maps").split(separator: "\n") {
            if let place = line.firstRange(of: "/\(name).so.") { return String(line[place.upperBound...]) }
        }
        return nil
    }
}
