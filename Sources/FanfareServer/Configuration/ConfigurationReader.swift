import FanfareBase

/// A configuration and the subscriptions of its files, all checked.
package struct LoadedConfiguration: Sendable, Hashable {
    /// What `fanfare.json` says.
    package var configuration: Configuration
    /// What the files of the subscriptions' folder say, in the order of their names; `origin` names the file.
    package var subscriptions: [SubscriptionDefinition]
    /// Every file that was read as configuration, the main one first; without it when there is none.
    package var files: [String]
}

/// Reads `fanfare.json` and the files of its subscriptions' folder: all of it, or everything that is wrong with it.
///
/// Blocking: for the main thread at start, or another thread on reload, never a shard's. It changes nothing.
package struct ConfigurationReader {
    /// What is read when no file is named.
    package static let defaultPath = "fanfare.json"

    private let surroundings: Surroundings
    private let development: Bool
    private var files: [String] = []
    private var diagnostics: [Diagnostic] = []

    /// Reads the file at `path`; nil means `fanfare.json` if there is one, else the defaults.
    ///
    /// - Parameter development: Apply `forDevelopment` to what is read, before it is checked.
    /// - Throws: All diagnostics of all files.
    package static func read(
        _ path: String?, development: Bool = false, surroundings: Surroundings = .process
    ) throws(Diagnostics) -> LoadedConfiguration {
        var reader = ConfigurationReader(surroundings: surroundings, development: development)
        let configuration = reader.readMain(path)
        let subscriptions = reader.readFolder(configuration)
        guard reader.diagnostics.isEmpty else { throw Diagnostics(reader.diagnostics) }
        return LoadedConfiguration(configuration: configuration, subscriptions: subscriptions, files: reader.files)
    }

    private init(surroundings: Surroundings, development: Bool) {
        self.surroundings = surroundings
        self.development = development
    }

    /// Reads the main file; whatever was wrong, what comes back serves for further checks.
    private mutating func readMain(_ path: String?) -> Configuration {
        let name = path ?? Self.defaultPath
        var bytes = Array("{}".utf8)
        switch surroundings.file(name) {
        case .success(let content):
            bytes = content
            files.append(name)
        case .failure(.missing) where path == nil: break
        case .failure(let problem): refuse(name, "the configuration \(problem)")
        }
        let folder = Surroundings.folder(of: name)
        var reading = Reading(file: name, rights: .init(secrets: nil, folder: folder, surroundings: surroundings))
        var configuration = reading.read(bytes, as: ConfigurationForms.configuration) ?? Configuration()
        configuration.folder = folder
        resolveFolders(&configuration, &reading)
        if development { configuration = configuration.forDevelopment() }
        ConfigurationChecks.checkListeners(configuration, &reading)
        diagnostics += reading.diagnostics.inOrder
        return configuration
    }

    /// Defaults are relative to the file too; a folder of subscriptions that was named must be there.
    private func resolveFolders(_ configuration: inout Configuration, _ reading: inout Reading) {
        if !reading.isWritten(JSONPointer.root.appending("data_directory")) {
            configuration.dataDirectory = reading.resolve(configuration.dataDirectory)
        }
        let pointer = JSONPointer.root.appending("subscriptions_directory")
        let isNamed = reading.isWritten(pointer)
        if !isNamed { configuration.subscriptionsDirectory = reading.resolve(configuration.subscriptionsDirectory) }
        guard case .failure(let problem) = surroundings.names(configuration.subscriptionsDirectory) else { return }
        if isNamed || problem != .missing {
            reading.refuse(
                "the folder \(configuration.subscriptionsDirectory), which \(problem.ofFolder)",
                allowed: "a folder that can be read", at: pointer)
        }
    }

    /// Reads every `*.json` of the folder, in the order of names; files that begin with a dot are left alone.
    private mutating func readFolder(_ configuration: Configuration) -> [SubscriptionDefinition] {
        let folder = configuration.subscriptionsDirectory
        // A folder that cannot be read has been refused already; the default one may be missing.
        guard case .success(let names) = surroundings.names(folder) else { return [] }
        var definitions: [SubscriptionDefinition] = []
        var places: [String: String] = [:]
        for name in names.sorted() where name.hasSuffix(".json") && !name.hasPrefix(".") {
            // Kept for as long as the definition: without the room that putting it together leaves.
            let path = String(decoding: Array(Surroundings.resolve(name, in: folder).utf8), as: UTF8.self)
            guard let definition = readSubscription(path, configuration, &places) else { continue }
            definitions.append(definition)
        }
        return definitions
    }

    /// Reads one file; `places` tells where each id was defined first.
    private mutating func readSubscription(
        _ path: String, _ configuration: Configuration, _ places: inout [String: String]
    ) -> SubscriptionDefinition? {
        files.append(path)
        let bytes: [UInt8]
        switch surroundings.file(path) {
        case .success(let content): bytes = content
        case .failure(let problem):
            refuse(path, "the subscription file \(problem)")
            return nil
        }
        let policy = configuration.filePolicy(path: path, surroundings: surroundings)
        var (definition, reading) = SubscriptionDefinition.read(bytes, id: nil, policy: policy)
        if let id = definition?.id, !id.isEmpty {
            let pointer = JSONPointer.root.appending("id")
            let place = reading.place(of: pointer)
            if let first = places[id] {
                reading.refuse("the id \"\(id)\" again (the first is at \(first))", allowed: "one of each", at: pointer)
            } else {
                places[id] = "\(path):\(place.line):\(place.column)"
            }
        }
        diagnostics += reading.diagnostics.inOrder
        return development ? definition?.forDevelopment() : definition
    }

    private mutating func refuse(_ path: String, _ message: String) {
        diagnostics.append(
            Diagnostic(kind: .unreadable, file: path, location: nil, pointer: .root, message: message))
    }
}

extension Surroundings.Problem {
    /// The same about a folder.
    fileprivate var ofFolder: String { self == .notAFile ? "is not a folder" : description }
}
