import FanfareBase
import FanfareWire

/// What a refusal's body says, in words: problem+json (RFC 9457) read leniently.
package enum ProblemText {
    /// Detail, then what is wrong in particular, one a line; the body itself when it is no problem document.
    package static func words(_ body: ByteView) -> String {
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(body.array) } catch {
            // Not JSON: perhaps a proxy's page.
            return String(body.string.prefix(200))
        }
        guard let problem = document.root.object else { return String(body.string.prefix(200)) }
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
}
