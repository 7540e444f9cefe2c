import FanfareBase

/// Why an event was not accepted.
package struct EventError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rule that was broken (CONTRACT, section 3).
    package enum Reason: Hashable, Sendable {
        /// Not JSON, or not UTF-8; `location` says where.
        case syntax
        /// Nested deeper than `EventLimits.depthMax`; `location` says where.
        case tooDeep
        /// JSON, but no object (or, in a batch, no array of objects).
        case notAnEvent
        /// Two envelope members with one name.
        case duplicateName
        /// A name outside `[a-z0-9]` or longer than `EventLimits.attributeNameBytesMax`.
        case attributeName
        /// More members than `EventLimits.membersMax`.
        case tooManyMembers
        /// An attribute that is an object, an array, a float or an integer beyond 32 bits, or no string where one has to be.
        case attributeType
        /// A control character, noncharacter or lone surrogate in an attribute, or octets that are not UTF-8 in a header.
        case attributeCharacters
        /// A required attribute is absent.
        case missing
        /// An attribute that must say something is an empty string.
        case empty
        /// `specversion` is not `1.0`.
        case specVersion
        /// `time` is not an RFC 3339 time.
        case time
        /// `data_base64` is not base64.
        case base64
        /// Both `data` and `data_base64`.
        case dataTwice
        /// No valid topic.
        case topic
        /// A topic of the service's own.
        case reservedTopic
        /// A type of the service's own.
        case reservedType
        /// Larger than the configured event size.
        case tooLarge
    }

    /// The rule.
    package var reason: Reason
    /// What is wrong and what would be right, for a person.
    package var detail: String
    /// Where in the request's JSON (RFC 6901): "/source", "/3/source" in a batch, "" for the whole.
    package var pointer: String
    /// The place in the body, for errors of the JSON text itself.
    package var location: JSONLocation?

    /// An error.
    package init(_ reason: Reason, _ detail: String, pointer: String, location: JSONLocation? = nil) {
        self.reason = reason
        self.detail = detail
        self.pointer = pointer
        self.location = location
    }

    /// The HTTP status it is answered with: 400, 403 or 413.
    package var status: Int {
        switch reason {
        case .reservedTopic, .reservedType: 403
        case .tooLarge: 413
        default: 400
        }
    }

    package var description: String { pointer.isEmpty ? detail : "\(pointer): \(detail)" }
}
