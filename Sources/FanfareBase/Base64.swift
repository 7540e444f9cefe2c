/// Base64 with the standard alphabet and padding (RFC 4648, section 4), strictly: no line breaks, no other alphabet, no
/// missing padding, no bits set in what padding leaves over.
public enum Base64 {
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// Characters that `count` bytes become.
    @inlinable public static func encodedBytes(for count: Int) -> Int { (count + 2) / 3 * 4 }

    /// The text of `bytes`.
    public static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        append(bytes, to: &output)
        return output
    }

    /// Appends the text of `bytes` to `output`.
    public static func append(_ bytes: some Collection<UInt8>, to output: inout [UInt8]) {
        output.reserveCapacity(output.count + encodedBytes(for: bytes.count))
        var group: UInt32 = 0
        var held = 0
        for byte in bytes {
            group = group << 8 | UInt32(byte)
            held += 1
            if held == 3 {
                append(group, characters: 4, to: &output)
                (group, held) = (0, 0)
            }
        }
        guard held > 0 else { return }
        append(group << UInt32(8 * (3 - held)), characters: held + 1, to: &output)
        for _ in held..<3 { output.append(UInt8(ascii: "=")) }
    }

    private static func append(_ group: UInt32, characters: Int, to output: inout [UInt8]) {
        for index in 0..<characters {
            let value = Int(group >> UInt32(18 - 6 * index) & 63)
            // Safe: the alphabet has 64 characters.
            unsafe output.append(alphabet.utf8Start[value])
        }
    }

    /// The bytes that `text` stands for; nil when it is not strictly base64.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        var held = 0
        var padding = 0
        for character in text {
            if character == UInt8(ascii: "=") {
                padding += 1
                group <<= 6
            } else {
                guard padding == 0, let value = value(of: character) else { return nil }
                group = group << 6 | UInt32(value)
            }
            held += 1
            guard held == 4 else { continue }
            guard appendDecoded(group, padding: padding, to: &output) else { return nil }
            (group, held) = (0, 0)
        }
        return output
    }

    /// Appends the bytes of one group of four; false when padding is in the wrong place or leaves bits over.
    private static func appendDecoded(_ group: UInt32, padding: Int, to output: inout [UInt8]) -> Bool {
        guard padding <= 2, group & (1 << UInt32(8 * padding) - 1) == 0 else { return false }
        for index in 0..<(3 - padding) { output.append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * index))) }
        return true
    }

    /// The six bits of one character of the alphabet.
    @inlinable public static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }

    /// The bytes that `text` stands for in the alphabet for URLs without padding (RFC 4648, section 5; RFC 7515, section
    /// 2), as strictly; nil when it is anything else.
    public static func decodeURL(_ text: some Collection<UInt8>) -> [UInt8]? {
        var standard: [UInt8] = []
        standard.reserveCapacity(text.count + 3)
        for character in text {
            switch character {
            case UInt8(ascii: "-"): standard.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): standard.append(UInt8(ascii: "/"))
            case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): return nil
            default: standard.append(character)
            }
        }
        while standard.count % 4 != 0 { standard.append(UInt8(ascii: "=")) }
        return decode(standard)
    }
}
