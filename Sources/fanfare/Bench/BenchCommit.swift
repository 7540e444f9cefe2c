/// The commit of the checkout that the command runs in, read from its files: git need not be there.
enum BenchCommit {
    /// Its hash; nil outside a checkout.
    static var current: String? {
        // Of a further worktree `.git` is a file that names its folder, which names the one that all share (gitrepository-layout(5)).
        let link = line(".git")
        let own = link.hasPrefix("gitdir: ") ? String(link.dropFirst(8)) : ".git"
        let common = line("\(own)/commondir")
        let shared = common.isEmpty ? own : common.hasPrefix("/") ? common : "\(own)/\(common)"
        let head = line("\(own)/HEAD")
        guard head.hasPrefix("ref: ") else { return head.isEmpty ? nil : head }
        let reference = String(head.dropFirst(5))
        let loose = line("\(shared)/\(reference)")
        if !loose.isEmpty { return loose }
        let packed = ProcessFiles.text("\(shared)/packed-refs").split(separator: "\n")
        return packed.first { $0.hasSuffix(" \(reference)") }.map { String($0.prefix { $0 != " " }) }
    }

    private static func line(_ path: String) -> String {
        ProcessFiles.text(path).split(separator: "\n").first.map(String.init) ?? ""
    }
}
