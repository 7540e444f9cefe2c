/// The command line in a result: results are shown to others, so a token is not in it.
enum BenchCommand {
    /// `arguments` with the value of `--token` hidden.
    static func text(_ arguments: [String]) -> String {
        var words: [String] = []
        for argument in arguments {
            if words.last == "--token" {
                words.append("(hidden)")
            } else {
                words.append(argument.hasPrefix("--token=") ? "--token=(hidden)" : argument)
            }
        }
        return words.joined(separator: " ")
    }
}
