import FanfareBase
import FanfareServer
import Glibc
import Synchronization
import Testing

/// Definitions, entries and principals in few words.
private enum Make {
    static func definition(_ id: String, topics: [String] = ["a.>"], tenant: String = "acme", file: String? = nil)
        throws -> SubscriptionDefinition
    {
        let webhook = SubscriptionDefinition.Webhook(url: try WebhookURL("https://example.com/h"))
        var definition = SubscriptionDefinition(id: id, topics: topics, webhook: webhook)
        definition.tenant = tenant
        definition.origin = file.map { .file($0) } ?? .api
        return definition
    }

    /// A subscription that is being delivered.
    static func running(_ definition: SubscriptionDefinition) -> KnownSubscription {
        var known = KnownSubscription(definition)
        known.isInstalled = true
        return known
    }

    /// A subscription whose file has gone while it was being delivered.
    static func orphaned(_ definition: SubscriptionDefinition) -> KnownSubscription {
        var known = running(definition)
        known.origin = .file(nil)
        known.paused = "its file has gone"
        return known
    }

    static func principal(manage: [String] = ["acme"]) -> Principal {
        Principal(name: "p", publish: [], subscribe: ["a.>"], manage: manage)
    }
}

@Suite struct FilePlanTests {
    private let file: SubscriptionDefinition
    private let made: SubscriptionDefinition

    init() throws {
        file = try Make.definition("x", file: "x.json")
        made = try Make.definition("x")
    }

    @Test func filesNobodyKnowsAreCreated() {
        let plan = FilePlan(files: [file], known: [])
        #expect(plan.created == [file])
        #expect(plan.replaced.isEmpty && plan.vanished.isEmpty && plan.unchanged == 0)
    }

    @Test func aFileThatSaysTheSameChangesNothing() {
        let plan = FilePlan(files: [file], known: [Make.running(file)])
        #expect(plan.unchanged == 1)
        #expect(plan.created.isEmpty && plan.replaced.isEmpty && plan.vanished.isEmpty)
    }

    @Test func aFileThatSaysSomethingElseReplaces() throws {
        let other = try Make.definition("x", topics: ["b"], file: "x.json")
        let plan = FilePlan(files: [other], known: [Make.running(file)])
        #expect(plan.replaced == [other])
        #expect(plan.takenOver.isEmpty && plan.unchanged == 0)
    }

    @Test func aFileThatMovedReplaces() throws {
        let moved = try Make.definition("x", file: "y.json")
        #expect(FilePlan(files: [moved], known: [Make.running(file)]).replaced == [moved])
    }

    @Test func aFileThatVanishedPausesOnce() {
        #expect(FilePlan(files: [], known: [Make.running(file)]).vanished == ["x"])
        #expect(FilePlan(files: [], known: [Make.orphaned(file)]).vanished.isEmpty)
    }

    @Test func aFileThatComesBackGoesOn() {
        #expect(FilePlan(files: [file], known: [Make.orphaned(file)]).replaced == [file])
    }

    @Test func whatTheJournalKnowsOfAFileIsInstalledAtStart() {
        var known = KnownSubscription(id: "x", origin: .file(nil))
        known.paused = "its file has gone"
        let plan = FilePlan(files: [file], known: [known])
        #expect(plan.replaced == [file] && plan.created.isEmpty && plan.takenOver.isEmpty)
    }

    @Test func aFileTakesOverWhatWasMadeThroughTheAPI() {
        let plan = FilePlan(files: [file], known: [Make.running(made)])
        #expect(plan.takenOver == ["x"])
        #expect(plan.replaced == [file])
    }

    @Test func whatWasMadeThroughTheAPINeedsNoFile() {
        #expect(FilePlan(files: [], known: [Make.running(made)]).vanished.isEmpty)
    }
}

@Suite struct ChangeRequestTests {
    private let made: SubscriptionDefinition
    private let file: SubscriptionDefinition

    init() throws {
        made = try Make.definition("x")
        file = try Make.definition("x", file: "x.json")
    }

    private func refusal(
        _ kind: ChangeRequest.Kind, _ known: KnownSubscription?, by principal: Principal = Make.principal(),
        isFull: Bool = false
    ) -> ChangeRequest.Refusal? {
        do throws(ChangeRequest.Refusal) {
            try ChangeRequest(kind, id: "x", by: principal).check(known, isFull: isFull)
            return nil
        } catch {
            return error
        }
    }

    private func put(_ definition: SubscriptionDefinition) -> ChangeRequest.Kind { .put(definition, secret: "whsec_x") }

    private func isForbidden(_ refusal: ChangeRequest.Refusal?) -> Bool {
        if case .forbidden = refusal { true } else { false }
    }

    @Test func whoManagesTheTenantMayCreateAndReplace() {
        #expect(refusal(put(made), nil) == nil)
        #expect(refusal(put(made), Make.running(made)) == nil)
    }

    @Test func anotherTenantIsForbiddenBeforeAndAfterTheChange() throws {
        let others = try Make.definition("x", tenant: "other")
        #expect(isForbidden(refusal(put(others), nil)))
        for kind in [put(made), .remove, .enable, .disable] {
            #expect(isForbidden(refusal(kind, Make.running(others))))
        }
    }

    @Test func aTopicOutsideTheGrantIsForbidden() throws {
        for topics in [["a.b", "b.c"], [">"], ["*.b"], ["fanfare.>"]] {
            #expect(isForbidden(refusal(put(try Make.definition("x", topics: topics)), nil)), "\(topics)")
        }
    }

    @Test func theAPIChangesNoFilesDefinitionButMayDisableIt() {
        let known = Make.running(file)
        #expect(refusal(put(made), known) == .ofFile("x.json"))
        #expect(refusal(.remove, known) == .ofFile("x.json"))
        #expect(refusal(.disable, known) == nil)
        #expect(refusal(.enable, known) == nil)
    }

    @Test func whatAVanishedFileLeftCanBeRemovedAndTakenOverButNotEnabled() {
        let known = Make.orphaned(file)
        #expect(refusal(.remove, known) == nil)
        #expect(refusal(put(made), known) == nil)
        #expect(refusal(.enable, known) == .paused("its file has gone"))
    }

    @Test func whatNobodyKnowsTheTenantOfIsForThoseWhoManageEverything() {
        let known = KnownSubscription(id: "x", origin: .file(nil))
        #expect(isForbidden(refusal(.remove, known)))
        #expect(refusal(.remove, known, by: Make.principal(manage: ["*"])) == nil)
    }

    @Test func thereIsNothingToRemoveEnableOrDisableOfNobody() {
        for kind in [ChangeRequest.Kind.remove, .enable, .disable] { #expect(refusal(kind, nil) == .notFound) }
    }

    @Test func aFullRegistryRefusesNewOnesOnly() {
        #expect(refusal(put(made), nil, isFull: true) == .full)
        #expect(refusal(put(made), Make.running(made), isFull: true) == nil)
    }

    @Test func aTenantHasNoMoreThanItsQuota() throws {
        func refusal(_ known: KnownSubscription?, others: Int) -> ChangeRequest.Refusal? {
            do throws(ChangeRequest.Refusal) {
                try ChangeRequest(put(made), id: "x", by: Make.principal()).check(
                    known, isFull: false, quota: (allowed: 2, others: others))
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(nil, others: 1) == nil)
        #expect(refusal(nil, others: 2) == .quota(tenant: "acme", 2))
        // Replacing one adds none, unless it comes from another tenant.
        #expect(refusal(Make.running(made), others: 2) == nil)
        let manager = Make.principal(manage: ["acme", "other"])
        let other = Make.running(try Make.definition("x", tenant: "other"))
        #expect(throws: ChangeRequest.Refusal.quota(tenant: "acme", 2)) {
            try ChangeRequest(put(made), id: "x", by: manager).check(
                other, isFull: false, quota: (allowed: 2, others: 2))
        }
    }

    @Test func onlySecretsTheServiceKeepsCanBeRotated() {
        let rotate = ChangeRequest.Kind.rotate(secret: "whsec_x", overlapMilliseconds: 0)
        #expect(refusal(rotate, nil) == .notFound)
        #expect(refusal(rotate, Make.running(made)) == nil)
        #expect(refusal(rotate, Make.running(file)) == .ofFile("x.json"))
        var kept = file
        kept.keepsSecrets = true
        #expect(refusal(rotate, Make.running(kept)) == nil)
    }

    @Test func aRotatedSecretSignsBesidesItsSuccessorForTheOverlap() {
        let (now, later) = (WallTime(nanoseconds: 10), WallTime(nanoseconds: 20))
        var webhook = made.webhook
        webhook.signingSecrets = [Secret("whsec_a")]
        webhook = webhook.rotated(to: Secret("whsec_b"), now: now, until: later)
        #expect(webhook.signingSecrets.map(\.text) == ["whsec_b"])
        #expect(webhook.retiringSecrets == [.init(secret: Secret("whsec_a"), until: later)])
        let again = webhook.rotated(to: Secret("whsec_c"), now: later, until: WallTime(nanoseconds: 30))
        #expect(again.retiringSecrets.map(\.secret.text) == ["whsec_b"])
        #expect(
            webhook.rotated(to: Secret("whsec_c"), now: now, until: now).retiringSecrets.map(\.secret.text) == [
                "whsec_a"
            ])
    }

    @Test func aSecretIsMadeOnlyWhereThereIsNone() {
        var own = made
        own.webhook.signingSecrets = [Secret("whsec_own")]
        let new = ChangeRequest.signed(made, known: nil, secret: "whsec_made")
        #expect(new.made == "whsec_made")
        #expect(new.0.webhook.signingSecrets.map(\.text) == ["whsec_made"])
        #expect(ChangeRequest.signed(own, known: nil, secret: "whsec_made").made == nil)
        let kept = ChangeRequest.signed(made, known: Make.running(own), secret: "whsec_made")
        #expect(kept.made == nil)
        #expect(kept.0.webhook.signingSecrets.map(\.text) == ["whsec_own"])
    }
}

@Suite struct ReloadTests {
    @Test func keysThatARunningServiceKeepsAreNamed() {
        var changed = Configuration()
        #expect(changed.keysThatDiffer(from: Configuration()).isEmpty)
        changed.shards = 3
        changed.drainMilliseconds = 1
        changed.subscriptionsDirectory = "elsewhere"
        changed.tokens = [Configuration.AccessToken(name: "new", secret: Secret("new-0123456789abcdef"))]
        #expect(changed.keysThatDiffer(from: Configuration()) == ["shards", "drain"])
    }
}

@Suite struct AdminWorkerTests {
    /// What the jobs have done.
    private final class Notes: Sendable {
        let gate = Mutex(())
        let numbers = Mutex<[Int]>([])

        func submit(_ number: Int, to worker: AdminWorker) -> Bool {
            worker.submit { self.numbers.withLock { $0.append(number) } }
        }
    }

    @Test(.timeLimit(.minutes(1))) func jobsAreDoneInOrderAndOneTooManyIsRefused() {
        let worker = AdminWorker(jobsMax: 256)
        let notes = Notes()
        var taken = 0
        notes.gate.withLock { _ in
            #expect(worker.submit { notes.gate.withLock { _ in } })
            while notes.submit(taken, to: worker) { taken += 1 }
        }
        while notes.numbers.withLock(\.count) < taken { sched_yield() }
        #expect(taken > 1)
        #expect(notes.numbers.withLock { $0 } == Array(0..<taken))
        #expect(worker.submit {})
    }
}
