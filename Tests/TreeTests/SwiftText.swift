/// Swift source line by line with comments and the insides of string literals blanked, so that rules look at code only.
///
/// A scanner, not a parser: it knows line and block comments, `"…"`, `"""…"""` and raw strings, which is all the rules need.
struct SwiftText {
    /// Code only; the same count and order as the lines given.
    let code: [String]

    init(_ lines: [String]) {
        var blockCommentDepth = 0
        var multilineHashes: Int?
        code = lines.map { line in
            Self.strip(Array(line.utf8), blockCommentDepth: &blockCommentDepth, multilineHashes: &multilineHashes)
        }
    }

    private static func strip(_ bytes: [UInt8], blockCommentDepth: inout Int, multilineHashes: inout Int?) -> String {
        let quote = UInt8(ascii: "\"")
        let slash = UInt8(ascii: "/")
        let star = UInt8(ascii: "*")
        let hash = UInt8(ascii: "#")
        var kept: [UInt8] = []
        var index = 0
        func at(_ offset: Int) -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }
        func run(of byte: UInt8, from start: Int) -> Int {
            bytes[min(start, bytes.count)...].prefix { $0 == byte }.count
        }

        while index < bytes.count {
            if let hashes = multilineHashes {
                if run(of: quote, from: index) >= 3, run(of: hash, from: index + 3) >= hashes {
                    multilineHashes = nil
                    index += 3 + hashes
                } else {
                    index += at(index) == UInt8(ascii: "\\") && hashes == 0 ? 2 : 1
                }
            } else if blockCommentDepth > 0 {
                if at(index) == star, at(index + 1) == slash {
                    blockCommentDepth -= 1
                    index += 2
                } else if at(index) == slash, at(index + 1) == star {
                    blockCommentDepth += 1
                    index += 2
                } else {
                    index += 1
                }
            } else if at(index) == slash, at(index + 1) == slash {
                break
            } else if at(index) == slash, at(index + 1) == star {
                blockCommentDepth += 1
                index += 2
            } else if at(index) == quote || (at(index) == hash && at(index + run(of: hash, from: index)) == quote) {
                let hashes = run(of: hash, from: index)
                index += hashes
                kept += [quote, quote]
                if run(of: quote, from: index) >= 3 {
                    multilineHashes = hashes
                    index += 3
                } else {
                    index = endOfString(bytes, from: index + 1, hashes: hashes)
                }
            } else {
                kept.append(at(index))
                index += 1
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    /// The index after the closing quote of a one-line string whose first character is at `start`.
    private static func endOfString(_ bytes: [UInt8], from start: Int, hashes: Int) -> Int {
        var index = start
        var parentheses = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\") where hashes == 0 && parentheses == 0:
                if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "(") { parentheses = 1 }
                index += 2
                continue
            case UInt8(ascii: "(") where parentheses > 0: parentheses += 1
            case UInt8(ascii: ")") where parentheses > 0: parentheses -= 1
            case UInt8(ascii: "\"") where parentheses == 0:
                if bytes[(index + 1)...].prefix(hashes).count(where: { $0 == UInt8(ascii: "#") }) == hashes {
                    return index + 1 + hashes
                }
            default: break
            }
            index += 1
        }
        return index
    }
}
