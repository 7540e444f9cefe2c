/// The commit of the checkout that the command runs in, read from its files: git need not be there.
enum BenchCommit {
    /// Its hash; nil outside a checkout.
    static var current: String? {
        let head = line(".git/HEAD")
        guard head.hasPrefix("ref: ") else { return head.isEmpty ? nil : head }
        let reference = String(head.dropFirst(5))
        let loose = line(".git/\(reference)")
        if !loose.isEmpty { return loose }
        let packed = ProcessFiles.text(".git/packed-refs").split(separator: "\n")
        return packed.first { $0.hasSuffix(" \(reference)") }.map { String($0.prefix { $0 != " " }) }
    }

    private static func line(_ path: String) -> String {
        ProcessFiles.text(path).split(separator: "\n").first.map(String.init) ?? ""
    }
}
