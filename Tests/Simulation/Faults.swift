/// How badly the machine treats the service, in thousandths and nanoseconds; chosen by the seed.
struct Faults {
    var shortSend = 0
    var fullSend = 0
    var shortReceive = 0
    var endedMultishot = 0
    var shortWrite = 0
    var reset = 0
    var stall = 0
    var diskNanoseconds = 20_000...200_000
    var networkNanoseconds = 10_000...100_000
    var fullDisk = 0
    var failedSync = 0
    var failedRead = 0

    /// A machine on which nothing goes wrong.
    static let none = Faults()

    /// A machine as bad as the dice say: some runs have none of a fault, some much.
    static func chosen(by dice: Dice) -> Faults {
        func share(_ most: Int) -> Int { dice.perMille(400) ? 0 : dice.number(0...most) }
        var faults = Faults()
        faults.shortSend = share(400)
        faults.fullSend = share(200)
        faults.shortReceive = share(600)
        faults.endedMultishot = share(100)
        faults.shortWrite = share(100)
        faults.reset = share(300)
        faults.stall = share(300)
        faults.diskNanoseconds = 20_000...dice.pick([200_000, 2_000_000, 50_000_000])
        faults.networkNanoseconds = 5_000...dice.pick([50_000, 1_000_000, 20_000_000])
        faults.fullDisk = share(500)
        faults.failedSync = share(300)
        faults.failedRead = share(200)
        return faults
    }
}
