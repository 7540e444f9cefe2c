import FanfareBase
import FanfareServer
import FanfareTLS
import Glibc

/// The folder of a service that lives as long as a command: certificates, configuration and data, all removed at the end.
struct ServiceFolder {
    /// Its path.
    let path: String
    /// Whom the command's clients and the service's webhooks trust.
    let authority: SelfSignedCertificate
    /// What the service and the webhook endpoints show.
    let certificate: SelfSignedCertificate

    /// Makes the folder and the certificates in it.
    ///
    /// - Parameter purpose: a part of its name.
    init(_ purpose: String) throws(CommandFailure) {
        var template = Array("/tmp/fanfare-\(purpose)-XXXXXX".utf8CString)
        // Safe: mkdtemp changes the six X in place.
        guard unsafe mkdtemp(&template) != nil else { throw .io("/tmp: a folder cannot be made") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do throws(TLSError) {
            authority = try SelfSignedCertificate.make(hosts: ["fanfare \(purpose)"], isAuthority: true)
            certificate = try SelfSignedCertificate.make(hosts: ["127.0.0.1", "localhost"], issuer: authority)
        } catch {
            throw .io(error.description)
        }
        try write(authority.certificatePEM, to: "ca.pem")
        try write(certificate.certificatePEM, to: "cert.pem")
        try write(certificate.privateKeyPEM, to: "key.pem")
    }

    /// What a server with the folder's certificate needs.
    func serverContext() throws -> TLSContext {
        try TLSContext.server(
            identity: TLSIdentity(
                certificateChainPEM: certificate.certificatePEM, privateKeyPEM: certificate.privateKeyPEM),
            tickets: TLSTicketKeys())
    }

    /// Writes a file of the folder.
    func write(_ text: String, to name: String) throws(CommandFailure) {
        try LocalFile.write(Array(text.utf8), to: "\(path)/\(name)", mode: 0o600)
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

    /// A certificate and key of this folder, as a listener's `tls`.
    static var tls: JSONOutput.Member {
        .init(
            "tls",
            .object([.init("certificate", .string("cert.pem")), .init("private_key", .string("key.pem"))]))
    }

    /// A listener on a free port of the loopback address.
    static func listener(
        _ name: String, serves: [String], _ more: [JSONOutput.Member] = []
    ) -> JSONOutput {
        .object(
            [
                .init("name", .string(name)), .init("address", .string("127.0.0.1:0")),
                .init("serves", .array(serves.map { .string($0) })),
            ] + more)
    }
}
