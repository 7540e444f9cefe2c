import FanfareBase
import FanfareEvent
import Glibc
import Testing

/// The 273 real webhooks of GitHub's own examples, where they are at hand: at FANFARE_GITHUB_EVENTS, else in `shared/data`
/// beside a folder above this file.
struct GitHubEventsTests {
    static let path: String? = {
        let name = "shared/data/github-webhooks.cloudevents.ndjson"
        if let given = unsafe getenv("FANFARE_GITHUB_EVENTS") { return unsafe String(cString: given) }
        var folder = #filePath
        while let slash = folder.lastIndex(of: "/") {
            folder = String(folder[..<slash])
            if unsafe access("\(folder)/\(name)", R_OK) == 0 { return "\(folder)/\(name)" }
        }
        return nil
    }()

    static func lines() -> [[UInt8]] {
        guard let path, let file = unsafe fopen(path, "r") else { return [] }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        while true {
            let chunk = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
                count = unsafe fread(buffer.baseAddress, 1, buffer.count, file)
            }
            if chunk.isEmpty { break }
            bytes += chunk
        }
        return bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) }
    }

    /// The bytes of the member `data`, found by counting brackets outside strings.
    private func data(of line: [UInt8]) throws -> ArraySlice<UInt8> {
        let key = Array("\"data\":".utf8)
        let start = try #require(line.indices.first { line[$0...].starts(with: key) }) + key.count
        var depth = 0
        var isString = false
        var index = start
        while true {
            let byte = line[index]
            index += 1
            if isString {
                if byte == UInt8(ascii: "\\") { index += 1 } else if byte == UInt8(ascii: "\"") { isString = false }
            } else if byte == UInt8(ascii: "\"") {
                isString = true
            } else if byte == UInt8(ascii: "{") {
                depth += 1
            } else if byte == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return line[start..<index] }
            }
        }
    }

    @Test(.enabled(if: path != nil, "github-webhooks.cloudevents.ndjson is not here: set FANFARE_GITHUB_EVENTS"))
    func everyGitHubEventKeepsItsDataByteForByte() throws {
        let lines = Self.lines()
        #expect(lines.count == 273)
        for line in lines {
            let decoding = Decoding()
            try decoding.structured(line)
            let expected = try data(of: line)
            decoding.staging.forEach { record in
                #expect(unsafe record.data.elementsEqual(expected))
                #expect(unsafe record.members.elementsEqual(line.dropFirst()))
            }
            #expect(decoding.records[0].isValid)
        }
    }

    @Test(.enabled(if: path != nil, "github-webhooks.cloudevents.ndjson is not here: set FANFARE_GITHUB_EVENTS"))
    func allGitHubEventsAreOneBatchToo() throws {
        let batch =
            [UInt8](ascii: "[") + Array(Self.lines().joined(separator: [UInt8(ascii: ",")])) + [UInt8](ascii: "]")
        let decoding = Decoding()
        try decoding.decoder.decodeBatch(batch.span, decoding.context, into: decoding.staging)
        #expect(decoding.staging.count == 273)
        #expect(Set(decoding.records.map(\.key)).count == 273)
    }
}

extension [UInt8] {
    fileprivate init(ascii text: String) { self = Array(text.utf8) }
}
