import Synchronization

/// Something that one thread makes and another takes over: once it is taken nothing of it is held here.
final class Handover<Value: Sendable>: Sendable {
    private let value: Mutex<Value?>

    /// Holds `value` until it is taken.
    init(_ value: Value) { self.value = Mutex(value) }

    /// The value, the first time; nil afterwards.
    func take() -> Value? {
        value.withLock { value in
            defer { value = nil }
            return value
        }
    }
}
