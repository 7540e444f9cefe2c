import FanfareBase

/// Where an event is published, and what makes it the same as another.
extension EventDecoder {
    /// Puts the event's topic at the start of `identity`: `?topic=`, else `fanfaretopic`, else `type`.
    ///
    /// - Returns: The topic's bytes.
    func resolveTopic(
        of envelope: Envelope, _ source: Span<UInt8>, _ context: PublishContext
    ) throws(Problem) -> Int {
        identity.removeAll(keepingCapacity: true)
        var member: Int?
        // Safe: the context's memory lives as long as the call.
        if let topic = unsafe context.topic {
            unsafe identity.append(contentsOf: topic)
        } else {
            member = envelope[.fanfaretopic] ?? envelope[.type]
            if let member {
                JSONUnescape.append(source, envelope.members[member].content, to: &identity)
            }
        }
        do throws(TopicError) {
            try Topic.validate(identity.span)
        } catch {
            throw .rule(.topic, member, topicDetail(error, member.map { envelope.members[$0].role }))
        }
        if !context.mayUseReservedNames, Topic.isReserved(identity.span) {
            throw .rule(
                .reservedTopic, member, "Topics under fanfare are the service's own; nobody else publishes there.")
        }
        return identity.count
    }

    /// Refuses the types that subscribers know the service by: with `cloudevents.json` a gap is an event.
    func refuseReservedType(
        of envelope: Envelope, _ source: Span<UInt8>, _ context: PublishContext
    ) throws(Problem) {
        guard !context.mayUseReservedNames, let index = envelope[.type] else { return }
        let member = envelope.members[index]
        let isReserved: Bool
        if member.valueHasEscapes {
            var text: [UInt8] = []
            JSONUnescape.append(source, member.content, to: &text)
            isReserved = EventType.isReserved(text.span)
        } else {
            isReserved = EventType.isReserved(source.extracting(member.content))
        }
        guard isReserved else { return }
        throw .rule(.reservedType, index, "Types under dev.fanfare are the service's own; nobody else publishes them.")
    }

    private func topicDetail(_ error: TopicError, _ role: Envelope.Role?) -> String {
        guard let role else { return "The topic \(error)." }
        if role == .fanfaretopic { return "The topic in fanfaretopic \(error)." }
        return "The type cannot be the topic: it \(error). Name a topic with ?topic= or the attribute fanfaretopic."
    }

    /// The key of the topic in `identity` with the event's source and id.
    func deduplicationKey(
        of envelope: Envelope, _ source: Span<UInt8>, _ context: PublishContext
    ) -> DeduplicationKey {
        for role in [Envelope.Role.source, .id] {
            identity.append(0)
            if let member = envelope[role] {
                JSONUnescape.append(source, envelope.members[member].content, to: &identity)
            }
        }
        let identity = identity
        var hash = SipHash128(key: context.hashKey)
        hash.update(identity.span)
        return hash.finished()
    }

    /// Whether the first `topicBytes` of `identity` are something else than the event's type.
    func topicDiffersFromType(of envelope: Envelope, _ source: Span<UInt8>, _ topicBytes: Int) -> Bool {
        guard let member = envelope[.type] else { return true }
        let start = identity.count
        JSONUnescape.append(source, envelope.members[member].content, to: &identity)
        let identity = identity
        let type = identity.span.extracting(start..<identity.count)
        let topic = identity.span.extracting(first: topicBytes)
        guard type.count == topic.count else { return true }
        for index in 0..<type.count where type[index] != topic[index] { return true }
        return false
    }
}
