import FanfareBase
import FanfareWire

/// What a refusal's body says, in words: problem+json (RFC 9457) read leniently.
package enum ProblemText {
    /// Detail, then what is wrong in particular, one a line; the body itself when it is no problem document.
    package static func words(_ body: ByteView) -> String {
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(body.array) } catch {
            // Not JSON: perhaps a proxy's page.
            return line(body)
        }
        guard let problem = document.root.object else { return line(body) }
        let title = problem["title"]?.string ?? ""
        let detail = problem["detail"]?.string ?? ""
        var lines = [detail.isEmpty ? title : detail]
        for item in problem["errors"]?.array ?? [] {
            guard let error = item.object, let words = error["detail"]?.string, !detail.contains(words) else {
                continue
            }
            let pointer = error["pointer"]?.string ?? ""
            lines.append("  " + (pointer.isEmpty ? words : "\(pointer): \(words)"))
        }
        return lines.joined(separator: "\n")
    }

    /// The beginning of a text, on one line.
    private static func line(_ body: ByteView) -> String {
        let words = body.slice(0..<min(body.count, 2000)).string.split { $0.isWhitespace }.joined(separator: " ")
        return String(
            words.filter { $0.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } }.prefix(200))
    }
}
