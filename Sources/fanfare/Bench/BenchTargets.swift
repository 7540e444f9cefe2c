import FanfareLoad
import FanfareServer

/// The ways into the service that a run uses.
struct BenchTargets {
    /// Where events go and subscriptions are made.
    let publish: ClientTarget
    private let plain: ClientTarget?
    private let encrypted: ClientTarget?
    private let stream: ClientTarget?
    private let encryptedStream: ClientTarget?

    /// The listeners of a service of ours.
    init(_ service: BenchService, _ folder: ServiceFolder) throws(CommandFailure) {
        var targets: [ClientTarget] = []
        for url in service.urls {
            do {
                let url = try ServiceURL(url)
                targets.append(
                    try ClientTarget(
                        url, addresses: NameLookup.addresses(of: url), trust: .pem(folder.authority.certificatePEM)))
            } catch {
                throw .unavailable("\(url): \(error)")
            }
        }
        publish = targets[0]
        plain = targets[0]
        encrypted = targets[1]
        stream = targets[2]
        encryptedStream = targets[3]
    }

    /// A service that is there already; what `profile` needs and one HTTP listener does not have is refused.
    init(_ target: ClientTarget, _ profile: LoadProfile) throws(CommandFailure) {
        publish = target
        plain = target.url.isEncrypted ? nil : target
        encrypted = target.url.isEncrypted ? target : nil
        stream = nil
        encryptedStream = nil
        for audience in profile.subscribers {
            if audience.transport == .webhook, !audience.isEncrypted { continue }
            guard audience.transport != .webhook, find(audience) != nil else {
                let kind = "\(audience.transport.rawValue)\(audience.isEncrypted ? " with tls" : "")"
                throw .usage("the profile's subscribers (\(kind)) cannot be had with --url \(target.url)")
            }
        }
    }

    /// What a group of sockets connects to.
    ///
    /// - Precondition: it was not refused above.
    func target(for audience: LoadProfile.Audience) -> ClientTarget { find(audience)! }

    private func find(_ audience: LoadProfile.Audience) -> ClientTarget? {
        switch (audience.transport, audience.isEncrypted) {
        case (.stream, false): stream
        case (.stream, true): encryptedStream
        case (_, false): plain
        case (_, true): encrypted
        }
    }
}
