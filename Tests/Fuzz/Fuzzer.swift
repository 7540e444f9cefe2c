import FanfareBase
import Foundation
import Synchronization
import Testing

/// Changes good inputs at random and hands them to a decoder, which must survive them.
///
/// Every input comes from a seed of its own. A trap prints `fuzz NAME: died of seed N`; a failed expectation names the
/// seed; both are shown again by `make fuzz ONLY=NAME SEED=N ROUNDS=1`. What was found stays in `Tests/Corpus/NAME`.
struct Fuzzer {
    /// The decoder's name: its folder in the corpus.
    let name: String
    /// Good inputs, and those found before.
    let corpus: [[UInt8]]

    private static let setting = ProcessInfo.processInfo.environment

    init(_ name: String, _ good: [[UInt8]]) {
        self.name = name
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Corpus/\(name)")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path()))?.sorted() ?? []
        corpus =
            good
            + names.compactMap { FileManager.default.contents(atPath: folder.appending(path: $0).path()) }.map(
                Array.init)
    }

    /// Runs `body` on every input of the corpus as it is, then on changed ones: `rounds` of them, or for `FUZZ_SECONDS`.
    func run(rounds: Int, _ body: (_ input: [UInt8], _ random: inout FuzzRandom) -> Void) {
        if let only = Self.setting["FUZZ_ONLY"], only != name { return }
        let first = Self.setting["FUZZ_SEED"].flatMap(UInt64.init) ?? 1
        let seconds = Self.setting["FUZZ_SECONDS"].flatMap(Double.init)
        let rounds = Self.setting["FUZZ_ROUNDS"].flatMap(Int.init) ?? (seconds == nil ? rounds : .max)
        let end = Date(timeIntervalSinceNow: seconds ?? .infinity)
        let slot = Death.enter(name)
        defer { Death.leave(slot) }
        for (index, input) in corpus.enumerated() {
            var random = FuzzRandom(seed: UInt64(index))
            body(input, &random)
        }
        var seed = first
        while seed &- first < UInt64(rounds), seed & 63 != 0 || Date() < end {
            Death.note(slot, seed)
            var random = FuzzRandom(seed: seed)
            let input = random.changed(corpus)
            body(input, &random)
            seed &+= 1
        }
        print("fuzz \(name): \(seed - first) inputs from seed \(first)")
    }
}

/// Says what was being tried when the process dies of a trap.
private enum Death {
    static let slots = 32
    private static let next = Atomic<Int>(0)
    /// Safe: each running fuzzer writes its own slot; read by the dying thread alone, which looks for its own.
    nonisolated(unsafe) private static let seeds = UnsafeMutablePointer<UInt64>.allocate(capacity: slots)
    nonisolated(unsafe) private static let threads = UnsafeMutablePointer<UInt>.allocate(capacity: slots)
    nonisolated(unsafe) private static let names = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
        capacity: slots)

    static func enter(_ name: String) -> Int {
        let slot = next.wrappingAdd(1, ordering: .relaxed).oldValue % slots
        unsafe names[slot] = unsafe strdup(name)
        unsafe threads[slot] = UInt(pthread_self())
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE] { signal(number, say) }
        return slot
    }

    static func note(_ slot: Int, _ seed: UInt64) { unsafe seeds[slot] = seed }

    static func leave(_ slot: Int) { unsafe threads[slot] = 0 }

    private static let say: @convention(c) (Int32) -> Void = { number in
        for slot in 0..<slots where unsafe threads[slot] == UInt(pthread_self()) {
            guard let name = unsafe names[slot] else { continue }
            write("\nfuzz ")
            unsafe _ = Foundation.write(STDERR_FILENO, name, strlen(name))
            write(": died of seed ")
            var digits = UInt64(1)
            while unsafe seeds[slot] / digits >= 10 { digits *= 10 }
            while digits > 0 {
                var digit = unsafe UInt8(ascii: "0") + UInt8(seeds[slot] / digits % 10)
                unsafe _ = Foundation.write(STDERR_FILENO, &digit, 1)
                digits /= 10
            }
            write("\n")
        }
        signal(number, SIG_DFL)
        raise(number)
    }

    private static func write(_ text: StaticString) {
        unsafe _ = Foundation.write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    }
}

/// Numbers, and changes, from a seed.
struct FuzzRandom: RandomNumberGenerator {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func next() -> UInt64 { random.next() }

    /// A number below `bound`.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// One of the inputs with one to eight changes.
    mutating func changed(_ corpus: [[UInt8]]) -> [UInt8] {
        var input = corpus[below(corpus.count)]
        for _ in 0..<1 + below(8) { change(&input, corpus) }
        return input
    }

    private mutating func change(_ bytes: inout [UInt8], _ corpus: [[UInt8]]) {
        guard !bytes.isEmpty else { return bytes.append(UInt8(truncatingIfNeeded: next())) }
        let place = below(bytes.count)
        let length = min(1 + below(16), bytes.count - place)
        switch below(10) {
        case 0: bytes[place] ^= 1 << UInt8(below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: next())
        case 2: bytes.removeSubrange(place..<place + length)
        case 3: bytes.insert(contentsOf: bytes[place..<place + length], at: below(bytes.count))
        case 4: bytes.insert(contentsOf: Self.words[below(Self.words.count)], at: place)
        case 5: bytes.removeSubrange(place...)
        case 6: put(interesting(), 4, at: place, in: &bytes)
        case 7: put(interesting(), 8, at: place, in: &bytes)
        case 8:
            let other = corpus[below(corpus.count)]
            guard !other.isEmpty else { return }
            let from = below(other.count)
            bytes.insert(contentsOf: other[from..<min(from + 1 + below(64), other.count)], at: place)
        default: for index in place..<place + length { bytes[index] = UInt8(truncatingIfNeeded: next()) }
        }
    }

    /// A number at which decoders go wrong.
    mutating func interesting() -> UInt64 {
        let numbers: [UInt64] = [
            0, 1, 7, 8, 127, 128, 255, 4095, 4096, 65_535, 65_536, 1 << 31, 1 << 32 - 1, 1 << 63, .max,
        ]
        return numbers[below(numbers.count)] &+ UInt64(below(3)) &- 1
    }

    private func put(_ value: UInt64, _ count: Int, at place: Int, in bytes: inout [UInt8]) {
        for index in 0..<count where place + index < bytes.count {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }

    private static let words: [[UInt8]] = [
        "{", "}", "[", "]", "\"", "\\u0000", "\\ud800", "null", "true", "1e999", "-0", ":", ",", "\r\n", "\n", " ",
        "\t", "\0",
        "\u{FEFF}", "specversion", "data_base64", "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\n", "HTTP/1.1",
        "Host: a\r\n", "ffffffffffffffff\r\n", "0\r\n\r\n", "*", ">", "fanfare.", "id:", "data:", "retry:",
    ].map { Array($0.utf8) }
}

/// Cuts `bytes` into pieces at random: what a decoder says must not depend on it.
func pieces(of bytes: [UInt8], _ random: inout FuzzRandom) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = min(1 + random.below(random.below(4) == 0 ? 3 : 64), rest.count)
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
    }
    return pieces
}
