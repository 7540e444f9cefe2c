import FanfareBase
import FanfareDelivery
import Synchronization

/// Where signing secrets come from: the system's cryptographic generator in production, a seed where everything is to repeat.
///
/// A shard gets it as it gets clock and seed. Any thread: administration makes secrets on its own.
package final class SecretSource: Sendable {
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    /// Secrets made of what `generator` gives.
    package init(_ generator: any RandomNumberGenerator & Sendable) { self.generator = Mutex(generator) }

    /// Secrets that nobody can guess.
    package static var system: SecretSource { SecretSource(SystemRandomNumberGenerator()) }

    /// A new Standard Webhooks secret of 32 random bytes.
    package func signingSecret() -> String {
        let words = generator.withLock { generator in (0..<4).map { _ in generator.next() as UInt64 } }
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
        return "whsec_" + String(decoding: Base64.encode(bytes), as: UTF8.self)
    }
}
