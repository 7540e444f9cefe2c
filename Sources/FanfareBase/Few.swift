/// Elements of which there is nearly always one: it lies in place, and only further ones need the heap.
///
/// For lists that each of many thousand idle objects has. Keeps the order in which elements were appended.
///
/// Invariant: there are others only when there is a first; without others no heap memory is held.
package struct Few<Element>: RandomAccessCollection {
    @usableFromInline var one: Element?
    @usableFromInline var others: [Element] = []

    /// None.
    @inlinable package init() {}

    /// Always 0.
    @inlinable package var startIndex: Int { 0 }
    /// How many there are.
    @inlinable package var endIndex: Int { one == nil ? 0 : 1 + others.count }

    /// The element at `index`.
    @inlinable package subscript(index: Int) -> Element {
        if index > 0 { return others[index - 1] }
        guard let one else { invariantFailure("an element asked for by its index is there") }
        return one
    }

    /// Puts `element` behind the others.
    @inlinable package mutating func append(_ element: Element) {
        if one == nil { one = element } else { others.append(element) }
    }

    /// Takes the last element out; nil when there is none.
    @inlinable package mutating func popLast() -> Element? { isEmpty ? nil : remove(at: endIndex - 1) }

    /// Takes the element at `index` out; those behind it move up.
    @inlinable package mutating func remove(at index: Int) -> Element {
        let removed = self[index]
        if index > 0 {
            others.remove(at: index - 1)
        } else {
            one = others.isEmpty ? nil : others.removeFirst()
        }
        if others.isEmpty { others = [] }
        return removed
    }
}

extension Few: Sendable where Element: Sendable {}
