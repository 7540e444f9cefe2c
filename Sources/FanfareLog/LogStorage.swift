/// One data directory, synchronously: for start-up, tools, tests and the simulator. While the service runs, the same things
/// are done by `LogAction`s instead.
///
/// Names are relative to the directory. Every error is `LogError.system` with the errno, or `.locked`.
package protocol LogStorage: AnyObject {
    /// Keeps other processes out until this object goes away.
    func lock() throws(LogError)
    /// The names of all files, in no order.
    func list() throws(LogError) -> [String]
    /// The size of a file, in bytes.
    func size(of name: String) throws(LogError) -> UInt64
    /// Reads until `target` is full or the file ends; how many bytes that were.
    func read(_ name: String, at offset: UInt64, into target: UnsafeMutableRawBufferPointer) throws(LogError) -> Int
    /// Makes an empty file, emptying one of that name.
    func create(_ name: String) throws(LogError)
    /// Writes all of `bytes`; the file grows as needed.
    func write(_ name: String, at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(LogError)
    /// Makes a file's contents durable.
    func sync(_ name: String) throws(LogError)
    /// Gives a file another name, replacing one that has it.
    func rename(_ name: String, to newName: String) throws(LogError)
    /// Removes a file.
    func remove(_ name: String) throws(LogError)
    /// Makes creations, renames and removals durable.
    func syncDirectory() throws(LogError)
}

extension LogStorage {
    func write(_ name: String, at offset: UInt64, _ bytes: LogBytes) throws(LogError) {
        try unsafe write(name, at: offset, bytes.base)
    }

    /// The bytes of `range`, fewer when the file ends.
    func bytes(of name: String, at offset: UInt64, count: Int) throws(LogError) -> [UInt8] {
        let memory = LogMemory(capacity: count)
        let read = try unsafe self.read(name, at: offset, into: memory.target(0..<count))
        return memory.bytes(0..<read).array
    }

    /// Writes a whole small file so that either all of it or nothing is there after a crash.
    func replace(_ name: String, by bytes: [UInt8], through temporary: String) throws(LogError) {
        let memory = LogMemory(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { memory.store(byte, at: index) }
        try create(temporary)
        try write(temporary, at: 0, memory.bytes(0..<bytes.count))
        try sync(temporary)
        try rename(temporary, to: name)
        try syncDirectory()
    }
}
