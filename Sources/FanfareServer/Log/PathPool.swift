/// Paths of operations queued in a turn. The kernel copies a path when it takes the operation, so all are freed in the
/// next turn.
@safe final class PathPool {
    private var paths: [UnsafeMutablePointer<CChar>] = unsafe []

    deinit { freeAll() }

    /// A C string of `text`, valid until `freeAll`.
    func pointer(_ text: String) -> UnsafeRawPointer {
        let characters = text.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: characters.count)
        for (index, character) in characters.enumerated() {
            // Safe: the copy has room for all characters.
            unsafe (copy + index).initialize(to: character)
        }
        unsafe paths.append(copy)
        return UnsafeRawPointer(copy)
    }

    /// Frees all paths: their operations have been taken.
    func freeAll() {
        unsafe paths.forEach { unsafe $0.deallocate() }
        unsafe paths.removeAll(keepingCapacity: true)
    }
}
