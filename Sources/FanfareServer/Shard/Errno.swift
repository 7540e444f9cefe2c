import Glibc

/// The error numbers the server decides by, as completions carry them (negated).
enum Errno {
    static let again = EAGAIN
    static let canceled = ECANCELED
    static let noBufferSpace = ENOBUFS
    static let noSuchFile = ENOENT
    static let io = EIO
}

/// Flags of open(2) as the server uses them.
enum OpenFlags {
    static let readWrite = O_RDWR | O_CLOEXEC
    static let createTruncated = O_CREAT | O_TRUNC
    static let readOnly = O_RDONLY | O_CLOEXEC
}

/// The second argument of shutdown(2).
enum ShutdownHow {
    /// No more is sent.
    static let write = 1
    /// Nothing either way.
    static let both = 2
}
