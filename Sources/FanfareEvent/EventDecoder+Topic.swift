import FanfareBase

/// Where an event is published, and what makes it the same as another.
extension EventDecoder {
    /// The member whose value is the event's topic: `fanfaretopic`, else `type`.
    func topicMember(of envelope: borrowing Envelope) -> Int? { envelope[.fanfaretopic] ?? envelope[.type] }

    /// Throws unless the event may be published on `topic`, which is the value of `member` (nil: the request named it).
    func checkTopic(
        _ topic: Span<UInt8>, _ member: Int?, of envelope: borrowing Envelope, _ context: PublishContext
    ) throws(Problem) {
        do throws(TopicError) { try Topic.validate(topic) } catch {
            throw .rule(.topic, member, Self.topicDetail(error, member.map { envelope.members[$0].role }))
        }
        if !context.mayUseReservedNames, Topic.isReserved(topic) {
            throw .rule(
                .reservedTopic, member, "Topics under fanfare are the service's own; nobody else publishes there.")
        }
    }

    /// Refuses the types that subscribers know the service by: with `cloudevents.json` a gap is an event.
    func refuseReservedType(
        of envelope: borrowing Envelope, _ source: Span<UInt8>, _ context: PublishContext
    ) throws(Problem) {
        guard !context.mayUseReservedNames, let index = envelope[.type] else { return }
        let member = envelope.members[index]
        let isReserved =
            member.valueHasEscapes
            ? EventType.isReserved(Self.text(of: member, source).span)
            : EventType.isReserved(source.extracting(member.content))
        guard isReserved else { return }
        throw .rule(.reservedType, index, "Types under dev.fanfare are the service's own; nobody else publishes them.")
    }

    private static func topicDetail(_ error: TopicError, _ role: Envelope.Role?) -> String {
        guard let role else { return "The topic \(error)." }
        if role == .fanfaretopic { return "The topic in fanfaretopic \(error)." }
        return "The type cannot be the topic: it \(error). Name a topic with ?topic= or the attribute fanfaretopic."
    }

    /// Whether `topic` is the event's type as well.
    func isType(_ topic: Span<UInt8>, of envelope: borrowing Envelope, _ source: Span<UInt8>) -> Bool {
        guard let index = envelope[.type] else { return false }
        let member = envelope.members[index]
        return member.valueHasEscapes
            ? equals(Self.text(of: member, source).span, topic) : equals(source.extracting(member.content), topic)
    }

    /// The hash of `topic NUL source NUL id`, each unescaped. Attributes hold no NUL.
    func deduplicationKey(
        of envelope: borrowing Envelope, _ topic: Span<UInt8>, _ source: Span<UInt8>, _ context: PublishContext
    ) -> DeduplicationKey {
        var hash = SipHash128(key: context.hashKey)
        hash.update(topic)
        hash.update(0)
        if let index = envelope[.source] { Self.add(envelope.members[index], source, to: &hash) }
        hash.update(0)
        if let index = envelope[.id] { Self.add(envelope.members[index], source, to: &hash) }
        return hash.finished()
    }

    private static func add(_ member: Envelope.Member, _ source: Span<UInt8>, to hash: inout SipHash128) {
        if member.valueHasEscapes {
            hash.update(text(of: member, source).span)
        } else {
            hash.update(source.extracting(member.content))
        }
    }

    /// The text of a string with escapes. Rare, so it may cost an array.
    static func text(of member: Envelope.Member, _ source: Span<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        JSONUnescape.append(source, member.content, to: &text)
        return text
    }
}
