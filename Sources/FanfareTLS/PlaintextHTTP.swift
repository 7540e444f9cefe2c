/// Recognises HTTP without TLS by its first bytes, also the methods OpenSSL does not know.
enum PlaintextHTTP {
    private static let beginnings: [StaticString] = [
        "GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "HTTP/1.",
    ]

    static func begins(_ bytes: UnsafeRawBufferPointer) -> Bool {
        beginnings.contains { beginning in
            // Safe: a StaticString's start is valid for its utf8CodeUnitCount.
            unsafe bytes.starts(
                with: UnsafeRawBufferPointer(start: beginning.utf8Start, count: beginning.utf8CodeUnitCount))
        }
    }
}
