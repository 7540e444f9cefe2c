import CAllocations
import Glibc

/// Counting of instructions under callgrind: the same in every run, whatever else the machine does, and to be had where the
/// machine has no counters for them.
enum Instructions {
    /// Whether that is what this process is for.
    static var areCounted: Bool { fanfare_can_count_instructions() != 0 }

    /// Has callgrind count those of a thousand operations, after as many thousands to warm up as a measurement has.
    ///
    /// Prints the name and what is allowed, for `Benchmarks/instructions.py`, which knows what callgrind found.
    static func count(_ name: String, allowed: Int?, operationsPerRun: Int, _ prepare: () throws -> Stage) {
        do {
            let stage = try prepare()
            for _ in 0..<20 { try aThousand(stage, operationsPerRun) }
            fanfare_start_counting_instructions()
            for _ in 0..<1_000 / operationsPerRun { try stage.run() }
            unsafe fanfare_stop_counting_instructions(name)
            stage.settle()
        } catch {
            fatalError("\(name): \(error)")
        }
        print("\(name)\t\(allowed.map(String.init) ?? "")")
        fflush(nil)
    }

    private static func aThousand(_ stage: Stage, _ operationsPerRun: Int) throws {
        for _ in 0..<1_000 / operationsPerRun { try stage.run() }
        stage.settle()
    }
}

/// Counts every stage instead of measuring it, and ends the process: called before `main`, under callgrind.
@_cdecl("fanfare_count_stages")
func countStages() {
    benchmarks()
    exit(0)
}
