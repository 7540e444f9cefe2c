import CFanfareBase

/// Asks the processor for the cache line at `address`, which will be read soon: a hint, for any address.
@inline(__always) public func prefetch(_ address: UnsafeRawPointer) { unsafe fanfare_prefetch(address) }
