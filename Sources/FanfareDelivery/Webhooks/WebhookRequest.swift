import FanfareBase

/// Makes the requests of one subscription: what never changes is laid out once, the rest is appended per attempt.
///
/// As HTTP/1.1 text, from which the fields of HTTP/2 are split where an endpoint speaks that.
package struct WebhookRequest {
    /// Where requests go and what they carry beside the event.
    package struct Options: Sendable {
        /// Path and query, beginning with `/`.
        package var target: String
        /// Host and, unless it is the scheme's own, port.
        package var host: String
        /// `user-agent: fanfare/VERSION`.
        package var version: String
        /// How the event becomes a body.
        package var contentMode: WebhookContentMode
        /// Configured headers, in their order.
        package var headers: [(name: String, value: String)]
        /// What is left out unless it is asked for.
        package var include: Inclusions
        /// The content coding of bodies; nil: as they are.
        package var coding: BodyEncoder.Coding?

        /// Options.
        package init(
            target: String, host: String, version: String, contentMode: WebhookContentMode = .structured,
            headers: [(name: String, value: String)] = [], include: Inclusions = [], coding: BodyEncoder.Coding? = nil
        ) {
            self.coding = coding
            self.include = include
            self.target = target
            self.host = host
            self.version = version
            self.contentMode = contentMode
            self.headers = headers
        }
    }

    /// What requests carry only when a subscription asks for it.
    package struct Inclusions: OptionSet, Sendable {
        /// One bit each.
        package let rawValue: UInt8

        /// The inclusions of these bits.
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The attribute `fanfareposition`.
        package static let position = Inclusions(rawValue: 1)
        /// The publisher's `tracestate`.
        package static let traceState = Inclusions(rawValue: 2)
        /// The publisher's `baggage`.
        package static let baggage = Inclusions(rawValue: 4)
    }

    /// What one attempt is about.
    package struct Attempt: Sendable {
        /// The event's `webhook-id`.
        package var id: WebhookID
        /// When the attempt is made.
        package var time: WallTime
        /// From 1.
        package var number: Int

        /// Attempt `number` to deliver `id`, at `time`.
        package init(id: WebhookID, time: WallTime, number: Int) {
            self.id = id
            self.time = time
            self.number = number
        }
    }

    private let head: [UInt8]
    private let contentMode: WebhookContentMode
    private let include: Inclusions
    private let signer: WebhookSigner
    private let encoder: BodyEncoder?
    private var signed: [UInt8] = []
    private var body: [UInt8] = []

    /// The requests of a subscription, signed by `signer`. Refuses headers that would frame, route or forge.
    package init(_ options: Options, signer: WebhookSigner) throws(WebhookRequestError) {
        guard options.target.hasPrefix("/"), WebhookHeaders.isVisible(options.target) else { throw .invalidTarget }
        guard WebhookHeaders.isVisible(options.host) else { throw .invalidHost }
        var head: [UInt8] = []
        head += " \(options.target) HTTP/1.1\r\nhost: \(options.host)\r\n".utf8
        head += "user-agent: fanfare/\(options.version)\r\n".utf8
        for (name, value) in options.headers { try WebhookHeaders.append(name, value, to: &head) }
        self.head = head
        self.signer = signer
        contentMode = options.contentMode
        include = options.include
        encoder = options.coding.map { BodyEncoder($0) }
    }

    /// Appends the request of one attempt to `request`. Allocates nothing once its buffers have grown.
    package mutating func append(
        _ record: EventRecord, _ attempt: Attempt, to request: inout [UInt8]
    ) throws(WebhookRequestError) {
        body.removeAll(keepingCapacity: true)
        guard WebhookContent.appendBody(record, contentMode, include, to: &body) else { throw .undecodableData }
        request.append("POST")
        request += head
        WebhookContent.appendHeaders(record, contentMode, include, to: &request)
        let coded = encoder?.encode(body)
        request.append("content-length: ")
        request.append(decimal: UInt64(coded?.count ?? body.count))
        if let encoder, coded != nil {
            request.append("\r\ncontent-encoding: ")
            request += encoder.coding.rawValue.utf8
        }
        request.append("\r\nfanfare-attempt: ")
        request.append(decimal: UInt64(attempt.number))
        unsafe appendTrace("traceparent", record.traceParent, to: &request)
        if include.contains(.traceState) { unsafe appendTrace("tracestate", record.traceState, to: &request) }
        if include.contains(.baggage) { unsafe appendTrace("baggage", record.baggage, to: &request) }
        let signature = appendIdentity(attempt, to: &request)
        request.append("\r\n\r\n")
        if let coded { request += coded } else { request += body }
        // Of the content, not of its coding: frameworks that decode do so before anyone sees the body.
        signer.sign(signed, body, &request, at: signature)
    }

    /// Appends the question whether the endpoint wants events from `origin`, `perMinute` at most if that is given
    /// (CloudEvents HTTP 1.1 Web Hooks, section 4.1). Not signed: it says nothing.
    package func appendConsentQuestion(origin: String, perMinute: Int?, to request: inout [UInt8]) {
        request.append("OPTIONS")
        request += head
        request.append("webhook-request-origin: ")
        request += origin.utf8
        if let perMinute {
            request.append("\r\nwebhook-request-rate: ")
            request.append(decimal: UInt64(perMinute))
        }
        request.append("\r\n\r\n")
    }

    /// Appends the `webhook-*` headers with room for the signature; where that room is.
    private mutating func appendIdentity(_ attempt: Attempt, to request: inout [UInt8]) -> Int {
        signed.removeAll(keepingCapacity: true)
        attempt.id.append(to: &signed)
        request.append("\r\nwebhook-id: ")
        request += signed
        signed.append(UInt8(ascii: "."))
        let timestamp = signed.count
        signed.append(decimal: attempt.time.seconds)
        request.append("\r\nwebhook-timestamp: ")
        request += signed[timestamp...]
        signed.append(UInt8(ascii: "."))
        request.append("\r\nwebhook-signature: ")
        let offset = request.count
        for _ in 0..<signer.textBytes { request.append(UInt8(ascii: " ")) }
        return offset
    }

    /// Passes a header of the publisher's trace context on, unless it holds anything that could end the line.
    private func appendTrace(_ name: StaticString, _ value: UnsafeRawBufferPointer, to request: inout [UInt8]) {
        guard unsafe !value.isEmpty, unsafe value.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
            return
        }
        request.append("\r\n")
        request.append(name)
        request.append(": ")
        unsafe request.append(contentsOf: value)
    }
}
