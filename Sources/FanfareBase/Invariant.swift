/// Stops the process when something *we* did wrong is about to be made worse; on in release builds too.
///
/// What the world does (input, peers, disks) is never an invariant: it is a typed error.
@inlinable @inline(__always)
package func invariant(
    _ condition: @autoclosure () -> Bool, _ sentence: @autoclosure () -> String,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { invariantFailure(sentence(), file: file, line: line) }
}

@inline(never)
@usableFromInline
func invariantFailure(_ sentence: String, file: StaticString, line: UInt) -> Never {
    fatalError("invariant broken: \(sentence)", file: file, line: line)
}
