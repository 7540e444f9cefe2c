import FanfareBase

/// The same with bytes that the standard library looks after, where a copy does not matter: clients, tools, tests.
extension TLSSession {
    /// As `receive(_:output:plaintext:)`, appending the data to `plaintext`, also what came before an error.
    @discardableResult
    package func receive(
        _ ciphertext: Span<UInt8>, output: inout [UInt8], plaintext: inout [UInt8]
    ) throws(TLSError) -> Phase {
        var received: [UInt8] = []
        defer { plaintext += received }
        // Safe: the bytes outlive the call; what the closure is given is copied at once.
        let result = unsafe ciphertext.withUnsafeBytes { bytes -> Result<Phase, TLSError> in
            do throws(TLSError) {
                return .success(try unsafe receive(bytes, output: &output) { unsafe received += $0 })
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Appends `plaintext`, of any length, to `output` as records. False when the session has failed.
    ///
    /// - Precondition: not handshaking.
    @discardableResult
    package func seal(_ plaintext: Span<UInt8>, output: inout [UInt8]) -> Bool {
        if plaintext.isEmpty { return true }
        // Safe: the closure initialises exactly the bytes it reports.
        let records = unsafe [UInt8](unsafeUninitializedCapacity: Self.sealedBytesMax(plaintext.count)) {
            target, count in
            count = unsafe plaintext.withUnsafeBytes { bytes in
                unsafe seal(bytes, into: UnsafeMutableRawBufferPointer(target))
            }
        }
        output += records
        return !records.isEmpty
    }
}
