import FanfareBase
import FanfareLoad
import Testing

@Suite struct DeliveryLedgerTests {
    private func ledger(_ deliveries: [(number: Int, sequence: UInt64?)]) -> DeliveryLedger {
        var ledger = DeliveryLedger()
        for delivery in deliveries { _ = ledger.take(delivery.number, sequence: delivery.sequence) }
        return ledger
    }

    @Test func whatComesOnceAndInOrderIsNeitherLostNorRepeatedNorDisordered() {
        let ledger = ledger([(0, 10), (1, 11), (2, 15)])
        #expect((ledger.lost(of: 3), ledger.duplicates, ledger.reordered) == (0, 0, 0))
    }

    @Test func holesAndWhatIsMissingAtTheEndAreLost() {
        let ledger = ledger([(0, 1), (3, 2), (5, 3)])
        #expect(ledger.lost(of: 8) == 5)
        #expect(ledger.lost(of: 3) == 2)
    }

    @Test func aRepeatedDeliveryIsCountedAndNothingElseChanges() {
        var ledger = ledger([(0, 1), (2, 2)])
        let repeated = [ledger.take(2, sequence: 2), ledger.take(0, sequence: 1)]
        #expect(repeated == [false, false])
        #expect((ledger.duplicates, ledger.lost(of: 3), ledger.reordered) == (2, 1, 0))
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func inWhateverOrderTheyComeTheSameAreMissing(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var ledger = DeliveryLedger()
        var received: Set<Int> = []
        var repeated = 0
        for _ in 0..<200 {
            let number = Int.random(in: 0..<150, using: &random)
            let isNew = received.insert(number).inserted
            if !isNew { repeated += 1 }
            #expect(ledger.take(number, sequence: nil) == isNew, "seed \(seed)")
            #expect(ledger.receivedCount == received.count, "seed \(seed)")
        }
        for expected in [0, 1, 75, 150, 160] {
            let missing = (0..<expected).filter { !received.contains($0) }
            #expect(ledger.missing(of: expected) == missing, "seed \(seed)")
            #expect(ledger.lost(of: expected) == missing.count, "seed \(seed)")
        }
        #expect(ledger.duplicates == repeated)
    }

    @Test func orderIsThatOfTheLogNotOfThePublishers() {
        #expect(ledger([(1, 5), (0, 6)]).reordered == 0)
        let disordered = ledger([(0, 6), (1, 5), (2, 7)])
        #expect((disordered.reordered, disordered.lost(of: 3)) == (1, 0))
        #expect(ledger([(1, nil), (0, nil)]).reordered == 0)
    }
}
