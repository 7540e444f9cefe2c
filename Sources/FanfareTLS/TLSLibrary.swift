import CFanfareCrypto

/// The library that does the work: OpenSSL.
package enum TLSLibrary {
    /// Its version at run time, such as `3.0.22`.
    package static var version: String {
        // Safe: a static text (OpenSSL_version(3)).
        unsafe String(cString: OpenSSL_version(OPENSSL_VERSION_STRING))
    }
}
