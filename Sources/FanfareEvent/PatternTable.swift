import FanfareBase

/// A pattern's number in its table: small, dense, given again after the pattern has gone. Index your own arrays with it.
package struct PatternID: Hashable, Sendable {
    /// The number, from 0.
    package var rawValue: UInt32

    /// The number `rawValue`.
    @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// Which patterns match a topic: a trie of tokens, one node per distinct prefix.
///
/// Equal patterns share one identifier and are counted. A match visits only nodes whose prefix matches the topic so far, so
/// patterns that have nothing to do with the topic cost nothing, and it allocates nothing but room in the caller's array.
/// An edge is found by a keyed 128-bit hash of its token instead of its text: with a secret key two tokens never meet.
///
/// One shard's, one thread's. Memory per distinct prefix is about 100 bytes; bounded by the server's limits on patterns.
package struct PatternTable {
    /// One prefix of some pattern. `none` where nothing is.
    private struct Node {
        /// The child for `*`.
        var star = none
        /// The pattern that ends here.
        var end = none
        /// The pattern that goes on with `>` and ends.
        var tail = none
        /// Children, `star` included.
        var children: UInt32 = 0

        var isUnused: Bool { children == 0 && end == none && tail == none }
    }

    private struct Edge: Hashable {
        var low: UInt64
        var high: UInt64
        var node: UInt32
    }

    /// A topic's tokens, hashed once per match.
    private struct Tokens {
        var hashes = InlineArray<16, DeduplicationKey>(repeating: DeduplicationKey(low: 0, high: 0))
        var count = 0
    }

    private static let none = UInt32.max
    private static let root: UInt32 = 0

    private let key: HashKey
    private var nodes = [Node()]
    private var edges: [Edge: UInt32] = [:]
    private var patterns: [TopicPattern?] = []
    private var uses: [UInt32] = []
    private var freeNodes: [UInt32] = []
    private var freePatterns: [UInt32] = []

    /// An empty table; `key` is random and secret, so that no choice of tokens makes hashes collide.
    package init(key: HashKey) { self.key = key }

    /// Number of distinct patterns.
    package var count: Int { patterns.count - freePatterns.count }

    /// One more than the largest number in use or to be used again: how long an array indexed by `PatternID` has to be.
    package var endIndex: Int { patterns.count }

    /// The pattern with this number.
    package subscript(_ id: PatternID) -> TopicPattern? {
        Int(id.rawValue) < patterns.count ? patterns[Int(id.rawValue)] : nil
    }

    /// Adds one use of `pattern`.
    ///
    /// - Returns: Its number, and whether this is its first use.
    @discardableResult
    package mutating func add(_ pattern: TopicPattern) -> (id: PatternID, isNew: Bool) {
        let (node, isTail) = makePath(of: pattern)
        let found = isTail ? nodes[Int(node)].tail : nodes[Int(node)].end
        if found != Self.none {
            uses[Int(found)] += 1
            return (PatternID(found), false)
        }
        let number = makeNumber(for: pattern)
        if isTail { nodes[Int(node)].tail = number } else { nodes[Int(node)].end = number }
        return (PatternID(number), true)
    }

    /// Takes back one use of the pattern with this number.
    ///
    /// - Returns: Whether that was the last one; the number may then mean another pattern.
    @discardableResult
    package mutating func remove(_ id: PatternID) -> Bool {
        let number = Int(id.rawValue)
        guard let pattern = self[id] else { invariantBroken() }
        uses[number] -= 1
        guard uses[number] == 0 else { return false }
        patterns[number] = nil
        freePatterns.append(id.rawValue)
        removePath(of: pattern)
        return true
    }

    /// Appends the numbers of all patterns that match `topic`, a valid topic; each once, in no particular order.
    package func match(_ topic: Span<UInt8>, into matches: inout [PatternID]) {
        var tokens = Tokens()
        Self.eachToken(of: topic) { token in
            invariant(tokens.count < EventLimits.topicTokensMax, "a matched topic has been validated")
            tokens.hashes[tokens.count] = hash(token)
            tokens.count += 1
        }
        guard Topic.isReserved(topic) else { return collect(from: Self.root, at: 0, tokens, &matches) }
        // The service's own topics: no wildcard in the first place.
        if let child = child(of: Self.root, tokens.hashes[0]) { collect(from: child, at: 1, tokens, &matches) }
    }

    /// Depth is at most the number of tokens.
    private func collect(from node: UInt32, at index: Int, _ tokens: borrowing Tokens, _ matches: inout [PatternID]) {
        let here = nodes[Int(node)]
        guard index < tokens.count else {
            if here.end != Self.none { matches.append(PatternID(here.end)) }
            return
        }
        if here.tail != Self.none { matches.append(PatternID(here.tail)) }
        if here.star != Self.none { collect(from: here.star, at: index + 1, tokens, &matches) }
        let literals = here.children &- (here.star == Self.none ? 0 : 1)
        if literals > 0, let child = child(of: node, tokens.hashes[index]) {
            collect(from: child, at: index + 1, tokens, &matches)
        }
    }

    private func child(of node: UInt32, _ token: DeduplicationKey) -> UInt32? {
        edges[Edge(low: token.low, high: token.high, node: node)]
    }

    // MARK: Changing

    /// The node where `pattern` ends, made if need be, and whether it ends there with `>`.
    private mutating func makePath(of pattern: TopicPattern) -> (node: UInt32, isTail: Bool) {
        var node = Self.root
        for token in pattern.bytes.split(separator: UInt8(ascii: ".")) {
            if token.first == UInt8(ascii: ">") { return (node, true) }
            node = makeChild(of: node, token)
        }
        return (node, false)
    }

    private mutating func makeChild(of node: UInt32, _ token: ArraySlice<UInt8>) -> UInt32 {
        if let child = existingChild(of: node, token) { return child }
        let child = makeNode()
        nodes[Int(node)].children += 1
        if token.first == UInt8(ascii: "*") {
            nodes[Int(node)].star = child
        } else {
            edges[edge(from: node, token)] = child
        }
        return child
    }

    private func existingChild(of node: UInt32, _ token: ArraySlice<UInt8>) -> UInt32? {
        guard token.first == UInt8(ascii: "*") else { return edges[edge(from: node, token)] }
        let star = nodes[Int(node)].star
        return star == Self.none ? nil : star
    }

    private func edge(from node: UInt32, _ token: ArraySlice<UInt8>) -> Edge {
        let hash = hash(token.span)
        return Edge(low: hash.low, high: hash.high, node: node)
    }

    private mutating func makeNode() -> UInt32 {
        if let node = freeNodes.popLast() { return node }
        nodes.append(Node())
        return UInt32(nodes.count - 1)
    }

    private mutating func makeNumber(for pattern: TopicPattern) -> UInt32 {
        if let number = freePatterns.popLast() {
            patterns[Int(number)] = pattern
            uses[Int(number)] = 1
            return number
        }
        invariant(patterns.count < EventLimits.patternsMax, "patterns stay below patternsMax")
        patterns.append(pattern)
        uses.append(1)
        return UInt32(patterns.count - 1)
    }

    /// Takes `pattern`'s end away and every node that only led there.
    private mutating func removePath(of pattern: TopicPattern) {
        let tokens = pattern.bytes.split(separator: UInt8(ascii: "."))
        let isTail = tokens.last?.first == UInt8(ascii: ">")
        let steps = isTail ? tokens.dropLast() : tokens[...]
        var path = [Self.root]
        for token in steps {
            guard let child = existingChild(of: path[path.count - 1], token) else { invariantBroken() }
            path.append(child)
        }
        let last = Int(path[path.count - 1])
        if isTail { nodes[last].tail = Self.none } else { nodes[last].end = Self.none }
        for (index, token) in steps.enumerated().reversed() {
            guard nodes[Int(path[index + 1])].isUnused else { return }
            unlink(path[index + 1], from: path[index], token)
        }
    }

    private mutating func unlink(_ child: UInt32, from node: UInt32, _ token: ArraySlice<UInt8>) {
        nodes[Int(child)] = Node()
        freeNodes.append(child)
        nodes[Int(node)].children -= 1
        if token.first == UInt8(ascii: "*") {
            nodes[Int(node)].star = Self.none
        } else {
            edges[edge(from: node, token)] = nil
        }
    }

    private func invariantBroken() -> Never {
        invariant(false, "a number given to remove is in use, and its pattern's nodes exist")
        fatalError("invariant returned")
    }

    // MARK: Tokens

    private func hash(_ token: Span<UInt8>) -> DeduplicationKey {
        var hash = SipHash128(key: key)
        hash.update(token)
        return hash.finished()
    }

    private static func eachToken(of topic: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
        var start = 0
        for index in 0...topic.count where index == topic.count || topic[index] == UInt8(ascii: ".") {
            body(topic.extracting(start..<index))
            start = index + 1
        }
    }
}
