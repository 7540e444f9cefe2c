// swift-tools-version: 6.2
import PackageDescription

// Swift 6 mode, every warning an error, every unsafe expression marked and explained.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

// Layers, lowest first: imports point down only, siblings never import one another (Tests/TreeTests checks it).
let package = Package(
    name: "fanfare",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        // L0
        .target(name: "CFanfareBase", cSettings: [.unsafeFlags(["-O3"])]),
        .target(name: "CFanfareKernel", linkerSettings: [.linkedLibrary("uring")]),
        .target(name: "CFanfareJSON", cxxSettings: [.unsafeFlags(["-O3"])], linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CFanfareCrypto", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "CFanfareCompression", linkerSettings: [.linkedLibrary("z"), .linkedLibrary("zstd")]),
        .target(name: "CFanfareHTTP2", linkerSettings: [.linkedLibrary("nghttp2")]),
        .target(name: "CFanfareNames", linkerSettings: [.linkedLibrary("cares")]),
        module("FanfareBase", ["CFanfareBase"]),
        // L1
        module("FanfareRing", ["FanfareBase", "CFanfareKernel"]),
        module("FanfareTLS", ["FanfareBase", "CFanfareCrypto"]),
        module("FanfareWire", ["FanfareBase", "CFanfareCrypto", "CFanfareCompression", "CFanfareHTTP2"]),
        module("FanfareEvent", ["FanfareBase", "CFanfareJSON"]),
        module("FanfareLog", ["FanfareBase"]),
        module("FanfareDelivery", ["FanfareBase", "CFanfareCrypto", "CFanfareCompression"]),
        // L2
        module(
            "FanfareServer",
            [
                "FanfareBase", "FanfareRing", "FanfareTLS", "FanfareWire", "FanfareEvent", "FanfareLog",
                "FanfareDelivery", "CFanfareNames", "CFanfareCrypto",
            ]),
        module(
            "FanfareLoad",
            ["FanfareBase", "FanfareRing", "FanfareTLS", "FanfareWire", "FanfareDelivery", "CFanfareCrypto"]),
        // L3
        .executableTarget(
            name: "fanfare",
            dependencies: [
                "FanfareServer", "FanfareLoad", "FanfareLog", "FanfareDelivery", "FanfareRing", "FanfareTLS", "FanfareWire",
                "FanfareBase",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings,
            // Swift's runtime within the binary, so that it runs where no Swift is installed; the two libraries are what
            // FoundationEssentials (of ArgumentParser) is linked with, and lld does not warn of functions nobody calls.
            linkerSettings: [
                .unsafeFlags(["-static-stdlib", "-use-ld=lld", "-l_FoundationCollections", "-l_FoundationCShims"])
            ]),
        // Benchmarks
        .executableTarget(
            name: "logbench",
            dependencies: [
                "FanfareLog", "FanfareEvent", "FanfareRing", "FanfareBase",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/log", swiftSettings: settings),
        // Tests
        tests("FanfareBaseTests", ["FanfareBase", "CFanfareBase"]),
        tests("FanfareRingTests", ["FanfareRing", "FanfareBase", "CFanfareKernel"]),
        tests("FanfareTLSTests", ["FanfareTLS"]),
        tests("FanfareWireTests", ["FanfareWire", "CFanfareCompression"]),
        tests("FanfareEventTests", ["FanfareEvent"]),
        tests("FanfareLogTests", ["FanfareLog"]),
        tests("FanfareDeliveryTests", ["FanfareDelivery", "CFanfareCompression"]),
        tests("FanfareServerTests", ["FanfareServer"]),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["FanfareServer", "FanfareLog", "FanfareRing", "FanfareTLS", "FanfareBase"],
            path: "Tests/Simulation", swiftSettings: settings),
        tests(
            "FanfareLoadTests",
            ["FanfareLoad", "FanfareBase", "FanfareRing", "FanfareTLS", "FanfareWire", "FanfareDelivery"]),
        .testTarget(
            name: "FuzzTests", dependencies: ["FanfareServer", "FanfareLog", "FanfareEvent", "FanfareWire", "FanfareBase"],
            path: "Tests/Fuzz", swiftSettings: settings),
        tests("TreeTests", []),
    ],
    cxxLanguageStandard: .cxx17
)

// `make microbench` alone sets this, so that nobody else fetches and builds what only it needs (docs/decisions/0037).
if Context.environment["FANFARE_MICROBENCH"] != nil {
    package.dependencies.append(.package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []))
    package.targets += [
        .target(name: "CAllocations", path: "Benchmarks/allocations", exclude: ["report.c"]),
        .executableTarget(
            name: "microbench",
            dependencies: [
                "FanfareDelivery", "FanfareEvent", "FanfareLog", "FanfareRing", "FanfareTLS", "FanfareWire", "FanfareBase",
                "CAllocations", .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/micro", resources: [.embedInCode("event.json")],
            // Warnings are no errors here: the `main` that BenchmarkPlugin writes has one.
            swiftSettings: [.swiftLanguageMode(.v6), .strictMemorySafety()],
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ]
}
