import CFanfareBase

/// The process's heap.
package enum Heap {
    /// Gives whole free pages back to the system: after something that has left much of them and will not come again. Takes a
    /// millisecond or so, during which others that allocate wait.
    package static func trim() { fanfare_trim_heap() }
}
