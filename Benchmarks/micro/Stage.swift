import Benchmark
import CAllocations

extension BenchmarkMetric {
    /// Heap allocations, counted by `CAllocations`: the package's own counts need what only its default traits build.
    static let allocations = custom("Allocations in 1,000", useScalingFactor: false)
}

/// A stage that is ready to run.
struct Stage {
    /// Does what is measured.
    var run: () throws -> Void
    /// Called after every thousand operations, not measured.
    var settle: () -> Void = {}
}

/// Measures a stage by the thousand operations: allocations, time, and instructions where the machine counts them.
///
/// More than `allocations` in any thousand operations after warm-up fail the run: on one machine with one toolchain they are
/// the same each time. Times are shown and never judged. Each stage runs in a process of its own.
///
/// Under callgrind (`Benchmarks/instructions.py`) the instructions of a thousand operations are counted instead, in one process.
///
/// - Parameters:
///   - allocations: how many a thousand operations may make.
///   - instructions: how many one operation may take: a few percent more than it does, so that another patch release of the
///     compiler does not fail the run; nil where they depend on the processor, as OpenSSL's and zlib's do.
///   - operationsPerRun: how many one call of `Stage.run` does; a divisor of 1,000.
///   - prepare: makes the stage; not measured.
func stage(
    _ name: String, allocations: Int, instructions: Int? = nil, operationsPerRun: Int = 1,
    prepare: @escaping () throws -> Stage
) {
    if Instructions.areCounted {
        return Instructions.count(name, allowed: instructions, operationsPerRun: operationsPerRun, prepare)
    }
    var prepared: Stage?
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock, .instructions, .allocations], timeUnits: .nanoseconds, warmupIterations: 20,
        scalingFactor: .kilo, maxDuration: .milliseconds(500), maxIterations: 100)
    Benchmark(name, configuration: configuration) { benchmark in
        guard let stage = prepared else { return benchmark.error("it was not prepared") }
        benchmark.startMeasurement()
        let before = fanfare_allocations()
        for _ in 0..<1_000 / operationsPerRun { try stage.run() }
        let made = Int(fanfare_allocations() - before)
        benchmark.stopMeasurement()
        benchmark.measurement(.allocations, made)
        if made > allocations, benchmark.currentIteration >= benchmark.configuration.warmupIterations {
            benchmark.error("\(made) allocations in 1,000 operations: at most \(allocations) are expected")
        }
        stage.settle()
    } setup: {
        prepared = try prepare()
    }
}
