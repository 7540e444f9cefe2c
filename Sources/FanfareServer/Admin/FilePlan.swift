/// What the definitions of files change: a pure comparison with what is known (CONTRACT, section 2: files are the truth
/// for their subscriptions).
package struct FilePlan: Sendable {
    /// Files whose subscription nobody knows yet.
    package var created: [SubscriptionDefinition] = []
    /// Files that say something else than what is known, or whose subscription was paused.
    package var replaced: [SubscriptionDefinition] = []
    /// Of those replaced, the ones that were made through the API: the file takes over.
    package var takenOver: [String] = []
    /// Subscriptions whose file has gone, and that were not paused for it yet.
    package var vanished: [String] = []
    /// Subscriptions of files that are as they were.
    package var unchanged = 0

    /// Compares the files' definitions with what is known.
    package init(files: [SubscriptionDefinition], known: [KnownSubscription]) {
        let entries = Dictionary(known.map { ($0.id, $0) }) { first, _ in first }
        for file in files {
            guard let entry = entries[file.id] else {
                created.append(file)
                continue
            }
            if entry.definition == file, entry.paused == nil, entry.isInstalled {
                unchanged += 1
            } else {
                replaced.append(file)
                if entry.origin == .api { takenOver.append(file.id) }
            }
        }
        let ids = Set(files.map(\.id))
        vanished = known.filter { $0.isOfPresentFile && !ids.contains($0.id) }.map(\.id).sorted()
    }
}
