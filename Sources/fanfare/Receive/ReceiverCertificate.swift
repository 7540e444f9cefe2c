import FanfareLoad
import FanfareTLS
import Glibc

/// The certificate of `fanfare receive --tls`, made on the spot and written down for those who are to trust it.
enum ReceiverCertificate {
    /// A server's context for the host in `listen`; the certificate lies in a file whose path is told.
    static func make(for listen: String) throws(CommandFailure) -> (context: TLSContext, path: String) {
        let colon = listen.lastIndex(of: ":") ?? listen.endIndex
        let host = listen[..<colon].filter { $0 != "[" && $0 != "]" }
        do throws(TLSError) {
            let certificate = try SelfSignedCertificate.make(hosts: [String(host), "localhost"])
            let path = try write(certificate.certificatePEM)
            Terminal.line("its certificate, for webhook.tls.ca: \(path)")
            let context = try TLSContext.server(
                identity: TLSIdentity(
                    certificateChainPEM: certificate.certificatePEM, privateKeyPEM: certificate.privateKeyPEM),
                tickets: TLSTicketKeys())
            return (context, path)
        } catch {
            throw .io(error.description)
        }
    }

    private static func write(_ pem: String) throws(TLSError) -> String {
        var path = Array("/tmp/fanfare-receive-XXXXXX.pem".utf8CString)
        // Safe: mkstemps changes the six X in place, before a suffix of four characters.
        let descriptor = unsafe mkstemps(&path, 4)
        let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard descriptor >= 0 else { throw .unreadableFile(path: name, reason: "it cannot be made") }
        Terminal.write(Array(pem.utf8), to: descriptor)
        close(descriptor)
        return name
    }
}
