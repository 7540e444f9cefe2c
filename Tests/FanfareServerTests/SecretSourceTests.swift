import FanfareBase
import FanfareDelivery
import Testing

import FanfareServer

@Suite struct SecretSourceTests {
    @Test func aSeedGivesTheSameSecretsAgain() {
        let (one, other) = (SecretSource(SeededRandom(seed: 7)), SecretSource(SeededRandom(seed: 7)))
        let secrets = (0..<3).map { _ in one.signingSecret() }
        #expect(secrets == (0..<3).map { _ in other.signingSecret() })
        #expect(Set(secrets).count == 3)
        #expect(SecretSource(SeededRandom(seed: 8)).signingSecret() != secrets[0])
    }

    @Test func aSecretIsOneOfStandardWebhooks() throws {
        for source in [SecretSource.system, SecretSource(SeededRandom(seed: 1))] {
            let secret = source.signingSecret()
            #expect(secret.hasPrefix("whsec_") && secret.utf8.count == 6 + 44)
            _ = try WebhookSecret(secret)
        }
    }
}
