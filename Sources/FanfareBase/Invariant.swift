/// Stops the process when something *we* did wrong is about to be made worse; on in release builds too.
///
/// What the world does (input, peers, disks) is never an invariant: it is a typed error.
@inlinable @inline(__always)
public func invariant(
    _ condition: @autoclosure () -> Bool, _ sentence: @autoclosure () -> String,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { invariantFailure(sentence(), file: file, line: line) }
}

/// Stops the process where a value that must be there is not: the `else` of a guard, told as `invariant` would.
@inline(never)
public func invariantFailure(_ sentence: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    fatalError("invariant broken: \(sentence)", file: file, line: line)
}
