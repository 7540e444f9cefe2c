import FanfareBase
import FanfareWire

/// Bytes in waiting that are taken from the front a piece at a time, and grow behind.
///
/// Taking moves nothing until as much has been taken as is left, so a megabyte of requests that are let in one by one is not
/// copied once a request.
///
/// Invariant: `taken` is less than `bytes.count`, or both are 0.
package struct HeldBytes {
    private var bytes: [UInt8] = []
    private var taken: Int32 = 0

    /// None.
    package init() {}

    /// A copy of `view`.
    package init(_ view: ByteView) { bytes = view.array }

    /// Nothing waits.
    package var isEmpty: Bool { bytes.isEmpty }
    /// Bytes that are kept, those taken among them: at most twice what waits.
    package var byteCount: Int { bytes.count }

    /// Puts `more` behind.
    package mutating func append(_ more: UnsafeRawBufferPointer) { unsafe bytes.append(contentsOf: more) }

    /// Calls `body` with what waits.
    package func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        // Safe: taken ≤ count.
        unsafe bytes.withUnsafeBytes { unsafe body(UnsafeRawBufferPointer(rebasing: $0[Int(taken)...])) }
    }

    /// What waits when everything before `rest` is taken; a copy of `rest` when it is not the end of these bytes.
    package func remaining(_ rest: ByteView) -> HeldBytes {
        let isOurEnd = unsafe bytes.withUnsafeBytes { own in
            // Safe: only addresses are compared.
            guard let start = unsafe rest.unsafeBytes.baseAddress, let ownStart = own.baseAddress else {
                return false
            }
            return unsafe start >= ownStart + Int(taken) && start + rest.count == ownStart + own.count
        }
        guard isOurEnd, 2 * rest.count >= bytes.count else { return HeldBytes(rest) }
        var remaining = self
        remaining.taken = Int32(bytes.count - rest.count)
        invariant(Int(remaining.taken) < bytes.count || bytes.isEmpty, "what is kept ends with what waits")
        return remaining
    }
}
