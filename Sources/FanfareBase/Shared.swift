/// A value kept once on the heap however many hold it: a copy costs one word until someone changes it, and then only the one
/// who does.
///
/// For what is large and mostly the same: a definition that several tables know, a state that most members of a table have
/// never left. Assigning through it replaces or copies the storage, never what another holder sees.
@propertyWrapper
package struct Shared<Value> {
    @usableFromInline
    final class Storage {
        @usableFromInline var value: Value

        @inlinable init(_ value: Value) { self.value = value }
    }

    @usableFromInline var storage: Storage

    /// Keeps `wrappedValue`, for one holder so far.
    @inlinable package init(wrappedValue: Value) { storage = Storage(wrappedValue) }

    /// Keeps `value`, for one holder so far.
    @inlinable package init(_ value: Value) { storage = Storage(value) }

    /// The value.
    @inlinable package var wrappedValue: Value {
        _read { yield storage.value }
        _modify {
            if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.value) }
            yield &storage.value
        }
        set {
            if isKnownUniquelyReferenced(&storage) { storage.value = newValue } else { storage = Storage(newValue) }
        }
    }

    /// The holder itself, to be handed to further ones.
    @inlinable package var projectedValue: Shared<Value> {
        get { self }
        set { self = newValue }
    }

    /// Whether `other` keeps the same storage: they are equal without a look.
    @inlinable package func isSame(as other: Shared<Value>) -> Bool { storage === other.storage }
}

// Safe: storage that more than one holder refers to is never written.
extension Shared: @unchecked Sendable where Value: Sendable {}

extension Shared: Equatable where Value: Equatable {
    /// Whether the values are equal.
    @inlinable package static func == (left: Shared, right: Shared) -> Bool {
        left.isSame(as: right) || left.wrappedValue == right.wrappedValue
    }
}

extension Shared: Hashable where Value: Hashable {
    /// Feeds the value.
    @inlinable package func hash(into hasher: inout Hasher) { wrappedValue.hash(into: &hasher) }
}
