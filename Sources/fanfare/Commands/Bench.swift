import ArgumentParser

/// `fanfare bench`, which the load lab brings.
struct Bench: FanfareCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a service under a load profile.", shouldDisplay: false)

    @Argument(parsing: .allUnrecognized)
    var arguments: [String] = []

    func perform() throws(CommandFailure) {
        throw .usage("bench comes with the load lab, in a later version")
    }
}
