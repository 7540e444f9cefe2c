import FanfareBase
import FanfareEvent
import Testing

struct PatternTests {
    private func matches(_ pattern: String, _ topic: String) throws -> Bool {
        let bytes = Array(topic.utf8)
        return try TopicPattern(pattern).matches(bytes.span)
    }

    @Test(
        arguments: [
            ("a", nil), ("A-z_0.9", nil), (String(repeating: "a", count: 64), nil),
            (Array(repeating: "a", count: 16).joined(separator: "."), nil),
            ("", .empty), (".", .emptyToken), ("a.", .emptyToken), (".a", .emptyToken), ("a..b", .emptyToken),
            (String(repeating: "a", count: 65), .tokenTooLong),
            ("a." + String(repeating: "b", count: 65) + ".c", .tokenTooLong),
            (Array(repeating: "a", count: 17).joined(separator: "."), .tooManyTokens),
            ("a b", .character(0x20)), ("a.é", .character(0xC3)), ("a\0", .character(0)), ("a/b", .character(0x2F)),
            ("a.*", .character(0x2A)), (">", .character(0x3E)), ("a:b", .character(0x3A)), ("a@", .character(0x40)),
            ("a[", .character(0x5B)), ("a{", .character(0x7B)), ("a`", .character(0x60)),
        ] as [(String, TopicError?)])
    func topicsAreTokensJoinedByDots(text: String, expected: TopicError?) {
        do throws(TopicError) {
            #expect(try Topic(text).text == text)
            #expect(expected == nil)
        } catch {
            #expect(error == expected)
        }
    }

    @Test(
        arguments: [
            ("a", nil), ("*", nil), (">", nil), ("a.*.b.>", nil), ("*.*.>", nil), ("fanfare.>", nil),
            ("", .empty), ("a*", .wildcardInToken), ("*a", .wildcardInToken), ("a.b>", .wildcardInToken),
            ("**", .wildcardInToken),
            (">.a", .tailNotLast), ("a.>.>", .tailNotLast), ("a..*", .emptyToken), ("*.", .emptyToken),
            ("a.%3E", .character(0x25)),
            (Array(repeating: "*", count: 17).joined(separator: "."), .tooManyTokens),
        ] as [(String, TopicError?)])
    func patternsHaveWholeTokensAsWildcards(text: String, expected: TopicError?) {
        do throws(TopicError) {
            #expect(try TopicPattern(text).text == text)
            #expect(expected == nil)
        } catch {
            #expect(error == expected)
        }
    }

    @Test(arguments: [
        ("a.b", "a.b", true), ("a.b", "a.c", false), ("a.b", "a", false), ("a.b", "a.b.c", false), ("a", "ab", false),
        ("a.*", "a.b", true), ("a.*", "a", false), ("a.*", "a.b.c", false), ("*.b", "a.b", true), ("*", "a", true),
        ("a.*.c", "a.bbb.c", true), ("a.*.c", "a.b.d", false), (">", "a", true), (">", "a.b.c", true),
        ("a.>", "a", false),
        ("a.>", "a.b", true), ("a.>", "a.b.c", true), ("a.>", "ab.c", false), ("a.*.>", "a.b", false),
        ("a.*.>", "a.b.c", true),
        // The service's own topics want to be named.
        (">", "fanfare.x", false), ("*.x", "fanfare.x", false), ("fanfare.>", "fanfare", false),
        // And `fanfare` alone is none of them.
        ("*", "fanfare", true), (">", "fanfare", true),
        ("fanfare.>", "fanfare.x", true),
        ("fanfare.*", "fanfare.x", true), ("fanfare", "fanfare", true), ("*.x", "fanfares.x", true),
        (">", "fanfares", true),
        (">", "a.fanfare", true), (">", "fanfar", true),
    ])
    func aPatternMatchesOneTokenPerStarAndTheRestPerTail(pattern: String, topic: String, expected: Bool) throws {
        #expect(try matches(pattern, topic) == expected)
        var table = PatternTable(key: HashKey(low: 1, high: 1))
        let (id, isNew) = table.add(try TopicPattern(pattern))
        #expect(isNew)
        let bytes = Array(topic.utf8)
        var found: [PatternID] = []
        table.match(bytes.span, into: &found)
        #expect(found == (expected ? [id] : []))
    }

    @Test(arguments: [
        ("acme.>", "acme.orders.*", true), ("acme.>", "acme.>", true), ("acme.>", "acme", false),
        ("acme.>", "acme.*", true),
        ("acme.*", "acme.>", false), ("acme.*", "acme.a", true), ("acme.*", "acme.a.b", false), (">", "a.b", true),
        (">", ">", true),
        (">", "*", true), ("*", ">", false), ("*.>", ">", false), (">", "*.>", true), ("a.b", "a.*", false),
        ("a.*", "a.*", true),
        ("*.b", "a.b", true), ("a.b", "a.b.c", false), ("a.b.c", "a.b", false), ("*.*", "*.*", true),
        (">", "fanfare.x", false), ("*.x", "fanfare.x", false), ("fanfare.>", "fanfare.x", true),
        ("fanfare.>", ">", false),
        ("fanfare.>", "fanfare.>", true), ("a.b", "ab", false),
    ])
    func aRightCoversWhatLiesWithin(right: String, request: String, expected: Bool) throws {
        #expect(try TopicPattern(right).covers(TopicPattern(request)) == expected)
    }

    @Test func equalPatternsShareANumberUntilTheLastIsGone() throws {
        var table = PatternTable(key: HashKey(low: 1, high: 1))
        let pattern = try TopicPattern("a.*.c")
        let first = table.add(pattern)
        let second = table.add(pattern)
        let other = table.add(try TopicPattern("a.>"))
        #expect(first.id == second.id && first.isNew && !second.isNew && other.id != first.id)
        #expect(table.count == 2 && table[first.id] == pattern)
        #expect(!table.remove(first.id) && table.count == 2)
        #expect(table.remove(first.id) && table.count == 1 && table[first.id] == nil)
        let topic = Array("a.b.c".utf8)
        var found: [PatternID] = []
        table.match(topic.span, into: &found)
        #expect(found == [other.id])
        #expect(table.add(try TopicPattern("x")).id == first.id)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func theTableAgreesWithTryingEveryPattern(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var table = PatternTable(key: HashKey(low: seed, high: ~seed))
        var uses: [TopicPattern: Int] = [:]
        var ids: [TopicPattern: PatternID] = [:]
        for step in 0..<3_000 {
            if step % 3 == 2,
                let (pattern, id) = ids.sorted(by: { $0.key.text < $1.key.text }).randomElement(using: &random)
            {
                uses[pattern, default: 0] -= 1
                #expect(table.remove(id) == (uses[pattern] == 0), "seed \(seed), step \(step)")
                if uses[pattern] == 0 {
                    uses[pattern] = nil
                    ids[pattern] = nil
                }
            } else {
                let pattern = try TopicPattern(Self.text(&random, wildcards: true))
                let (id, isNew) = table.add(pattern)
                #expect(isNew == (uses[pattern] == nil))
                uses[pattern, default: 0] += 1
                ids[pattern] = id
            }
            let topic = Array(Self.text(&random, wildcards: false).utf8)
            var found: [PatternID] = []
            table.match(topic.span, into: &found)
            var expected: Set<PatternID> = []
            for (pattern, id) in ids where pattern.matches(topic.span) { expected.insert(id) }
            #expect(Set(found) == expected && found.count == expected.count, "seed \(seed), step \(step)")
            #expect(table.count == ids.count)
        }
        for (pattern, id) in ids { for _ in 0..<uses[pattern]! { table.remove(id) } }
        #expect(table.count == 0)
    }

    @Test func coveringAgreesWithMatching() throws {
        var random = SeededRandom(seed: 9)
        for _ in 0..<3_000 {
            let right = try TopicPattern(Self.text(&random, wildcards: true))
            let request = try TopicPattern(Self.text(&random, wildcards: true))
            guard right.covers(request) else { continue }
            for _ in 0..<20 {
                let topic = Array(Self.text(&random, wildcards: false).utf8)
                let isWanted = request.matches(topic.span)
                let isAllowed = right.matches(topic.span)
                #expect(!isWanted || isAllowed)
            }
        }
    }

    private static func text(_ random: inout SeededRandom, wildcards: Bool) -> String {
        let words = ["a", "b", "c", "fanfare"] + (wildcards ? ["*", "*"] : [])
        var tokens = (0..<Int.random(in: 1...4, using: &random)).map { _ in words.randomElement(using: &random) ?? "a" }
        if wildcards, Int.random(in: 0..<3, using: &random) == 0 { tokens.append(">") }
        return tokens.joined(separator: ".")
    }
}
