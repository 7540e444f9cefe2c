import FanfareBase
import FanfareServer
import FanfareTLS
import Glibc

/// The demo's own folder: certificates, configuration, subscription files and data, all removed at the end.
struct DemoFolder {
    /// Its path.
    let path: String
    /// Whom the demo's clients and the service's webhooks trust.
    let authority: SelfSignedCertificate
    /// What the service and the webhook endpoints show.
    let certificate: SelfSignedCertificate

    /// Makes the folder and the certificates in it.
    init() throws(CommandFailure) {
        var template = Array("/tmp/fanfare-demo-XXXXXX".utf8CString)
        // Safe: mkdtemp changes the six X in place.
        guard unsafe mkdtemp(&template) != nil else { throw .io("/tmp: a folder cannot be made") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do throws(TLSError) {
            authority = try SelfSignedCertificate.make(hosts: ["fanfare demo"], isAuthority: true)
            certificate = try SelfSignedCertificate.make(hosts: ["127.0.0.1", "localhost"], issuer: authority)
        } catch {
            throw .io(error.description)
        }
        try write(authority.certificatePEM, to: "ca.pem")
        try write(certificate.certificatePEM, to: "cert.pem")
        try write(certificate.privateKeyPEM, to: "key.pem")
    }

    /// Writes a file of the folder.
    func write(_ text: String, to name: String) throws(CommandFailure) {
        let descriptor = unsafe open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .io("\(path)/\(name): cannot be written") }
        Terminal.write(Array(text.utf8), to: descriptor)
        close(descriptor)
    }

    /// Writes the configuration, with one subscription file for each endpoint.
    func configure(_ endpoints: [DemoEndpoint]) throws(CommandFailure) {
        let tls = JSONOutput.object([
            .init("certificate", .string("cert.pem")), .init("private_key", .string("key.pem")),
        ])
        let everything = ["publish", "subscribe", "manage", "probe"]
        let configuration = JSONOutput.object([
            .init(
                "listeners",
                .array([
                    Self.listener("plain", serves: everything),
                    Self.listener("tls", serves: ["subscribe"], [.init("tls", tls)]),
                    Self.listener("stream", serves: ["subscribe"], [.init("protocol", .string("stream"))]),
                ])),
            .init("log", .object([.init("segment_size", .string("16MiB"))])),
            .init("webhooks", .object([.init("networks", .array([.string("127.0.0.0/8")]))])),
            .init("drain", .string("1s")),
        ])
        try write(String(decoding: configuration.page, as: UTF8.self), to: "fanfare.json")
        guard unsafe mkdir("\(path)/subscriptions.d", 0o700) == 0 else { throw .io("\(path): a folder cannot be made") }
        for endpoint in endpoints {
            let page = String(decoding: endpoint.definition.page, as: UTF8.self)
            try write(page, to: "subscriptions.d/\(endpoint.name).json")
        }
    }

    /// Removes the folder and everything in it.
    func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        guard let directory = unsafe opendir(path) else { return }
        while let entry = unsafe readdir(directory) {
            // Safe: d_name is NUL-terminated within the entry, which lives until the next readdir.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            if unsafe unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        }
        unsafe _ = closedir(directory)
        _ = unsafe rmdir(path)
    }

    private static func listener(
        _ name: String, serves: [String], _ more: [JSONOutput.Member] = []
    ) -> JSONOutput {
        .object(
            [
                .init("name", .string(name)), .init("address", .string("127.0.0.1:0")),
                .init("serves", .array(serves.map { .string($0) })),
            ] + more)
    }
}

/// One webhook endpoint of the demo.
struct DemoEndpoint {
    /// The subscription's id.
    let name: String
    /// Where it listens.
    let url: String
    /// What its deliveries are signed with.
    let secret: String
    /// What it wants.
    let topics: [String]

    /// The subscription file.
    var definition: JSONOutput {
        .object([
            .init("id", .string(name)), .init("topics", .array(topics.map { .string($0) })),
            .init(
                "webhook",
                .object([
                    .init("url", .string(url)), .init("signing_secrets", .array([.string(secret)])),
                    .init("retry", .object([.init("delays", .array([.string("1s"), .string("2s")]))])),
                    .init("tls", .object([.init("ca", .string("../ca.pem"))])),
                ])),
        ])
    }
}
