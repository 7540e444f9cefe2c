import FanfareBase
import FanfareLog
import Testing

/// What lies on the disk: no bytes make a tool or a start trap or never end, and nothing changed is shown as an event
/// unless its checksum was made right again.
@Suite struct LogFuzzTests {
    /// The events of a directory as `log show` has them; nil when it cannot be opened.
    private func shown(_ folder: LogFolder) -> [UInt64: [UInt8]]? {
        guard var printer = try? LogPrinter(folder, after: .zero) else { return nil }
        var events: [UInt64: [UInt8]] = [:]
        var items = 0
        while let item = try? printer.next() {
            items += 1
            guard items < 10_000 else {
                Issue.record("log show does not end")
                break
            }
            if case .event(let record) = item { events[record.sequence.rawValue] = unsafe Array(record.canonical) }
        }
        return events
    }

    /// Verifies, shows and opens the directory; gives the events.
    private func tryAll(_ folder: LogFolder, _ what: @autoclosure () -> String) -> [UInt64: [UInt8]] {
        let report = LogVerifier.verify(folder)
        #expect([0, 65, 74].contains(report.exitCode), "\(what())")
        if report.exitCode == 65 {
            #expect(report.damage.allSatisfy { !$0.file.isEmpty }, "damage has a place: \(what())")
        }
        let events = shown(folder) ?? [:]
        let copy = LogFolder(folder.files)
        var configuration = LogConfiguration()
        configuration.segmentBytes = 64 << 10
        configuration.deduplicationBytesMax = 1 << 20
        do throws(LogError) {
            let recovered = try LogRecovery.open(
                copy, configuration: configuration, now: LogFolder.now, random: LogFolder.random)
            let identity = recovered.identity
            _ = try JournalRecovery.open(copy, identity: identity)
            indexes(recovered.catalog, copy)
        } catch {
            // A healthy directory opens.
            #expect(!report.isHealthy, "verify says healthy, opening says \(error): \(what())")
        }
        return events
    }

    private func indexes(_ catalog: SegmentCatalog, _ folder: LogFolder) {
        for segment in catalog.all {
            guard let place = segment.topicIndex, let file = folder.files[segment.fileName],
                place.offset + UInt64(place.bytes) <= UInt64(file.count)
            else { continue }
            let section = Array(file[Int(place.offset)..<Int(place.offset) + place.bytes])
            unsafe section.withUnsafeBytes { section in
                guard let index = try? unsafe SegmentIndex(section: section, of: segment, identity: catalog.identity)
                else { return }
                var last = SequenceNumber(segment.first.rawValue - 1)
                for run in unsafe index.runs(forTopicsMatching: { $0.count % 2 == 1 }) {
                    #expect(run.offset < run.end && run.first <= run.last && run.first > last)
                    last = run.last
                }
            }
        }
    }

    @Test func directories() throws {
        let good = try LogFolder.made()
        let names = good.files.keys.filter { $0 != "lock" }.sorted()
        let events = try #require(shown(good))
        #expect(events.count == 50)
        #expect(tryAll(good, "unchanged") == events)
        let resealing = Resealing(identity: try #require(good.files["identity"]))
        // The input says which file is changed, where and how.
        Fuzzer("log", [[UInt8](repeating: 1, count: 64)]).run(rounds: 600) { input, random in
            let folder = LogFolder(good.files)
            let name = names[Int(input.first ?? 0) % names.count]
            guard var bytes = folder.files[name] else { return }
            let isResealed = random.below(2) == 0
            for _ in 0..<1 + random.below(3) { change(&bytes, name, &random) }
            if isResealed { reseal(&bytes, name, resealing) }
            folder.files[name] = bytes
            let found = tryAll(folder, "\(name), resealed \(isResealed)")
            guard !isResealed else { return }
            for (number, event) in found { #expect(events[number] == event, "\(name): event \(number) was changed") }
        }
    }

    /// Changes a field of a header or a byte of the contents, or cuts the file.
    private func change(_ bytes: inout [UInt8], _ name: String, _ random: inout FuzzRandom) {
        guard !bytes.isEmpty else { return }
        let isSegment = name.hasPrefix("segment")
        let last = max(0, bytes.count - 4096)
        let used = isSegment ? min(bytes.count, 40_000) : bytes.count
        let header = isSegment ? random.below(used / 4096 + 1) * 4096 + random.below(160) : random.below(min(used, 256))
        let places = [header, random.below(used), isSegment ? last + random.below(140) : random.below(used)]
        let place = places[random.below(places.count)]
        switch random.below(12) {
        case 0: bytes.removeSubrange(random.below(bytes.count)...)
        case 1, 2, 3:
            let value = random.interesting()
            for index in 0..<(random.below(2) == 0 ? 4 : 8) where place + index < bytes.count {
                bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
            }
        case 4:
            // A block goes where another one was.
            guard isSegment, bytes.count >= 12_288 else { return }
            let from = random.below(used / 4096) * 4096
            let to = random.below(used / 4096) * 4096
            bytes.replaceSubrange(to..<to + 4096, with: Array(bytes[from..<from + 4096]))
        default: if place < bytes.count { bytes[place] = UInt8(truncatingIfNeeded: random.next()) }
        }
    }

    private func reseal(_ bytes: inout [UInt8], _ name: String, _ resealing: Resealing) {
        if name.hasPrefix("segment") {
            resealing.segment(&bytes)
        } else if name.hasPrefix("journal") {
            resealing.journal(&bytes)
        } else {
            Resealing.identity(&bytes)
        }
    }
}
