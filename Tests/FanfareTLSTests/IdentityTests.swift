import FanfareTLS
import Glibc
import Testing

@Suite struct IdentityTests {
    let folder: String

    init() throws {
        var template = Array("/tmp/fanfare-tls-XXXXXX".utf8CString)
        // Safe: mkdtemp changes the characters of its NUL-terminated template.
        let made = unsafe mkdtemp(&template)
        folder = try unsafe String(cString: #require(unsafe made))
    }

    private func write(_ text: String, _ name: String) throws -> String {
        let path = "\(folder)/\(name)"
        let file = try unsafe #require(unsafe fopen(path, "w"))
        unsafe fputs(text, file)
        unsafe fclose(file)
        return path
    }

    private func error(_ chain: String, _ key: String) -> TLSError? {
        do throws(TLSError) {
            _ = try TLSIdentity(certificateChainPath: chain, privateKeyPath: key)
            return nil
        } catch {
            return error
        }
    }

    @Test func filesThatBelongTogetherAreAnIdentity() throws {
        let made = try SelfSignedCertificate.make(hosts: ["localhost"])
        let (chain, key) = (try write(made.certificatePEM, "a.pem"), try write(made.privateKeyPEM, "a.key"))
        #expect(error(chain, key) == nil)
        let both = try write(made.privateKeyPEM + made.certificatePEM, "both.pem")
        #expect(error(both, both) == nil)
    }

    @Test func aMissingFileIsNamed() throws {
        let made = try SelfSignedCertificate.make(hosts: ["localhost"])
        let chain = try write(made.certificatePEM, "b.pem")
        let failure = error(chain, "\(folder)/missing.key")
        #expect(failure == .unreadableFile(path: "\(folder)/missing.key", reason: "No such file or directory"))
        #expect(failure?.description == "\(folder)/missing.key: cannot be read: No such file or directory")
        #expect(error(folder, chain) == .unreadableFile(path: folder, reason: "Is a directory"))
    }

    @Test func aKeyOfAnotherCertificateIsRefused() throws {
        let (made, other) = (
            try SelfSignedCertificate.make(hosts: ["localhost"]), try SelfSignedCertificate.make(hosts: ["localhost"])
        )
        let (chain, key) = (try write(made.certificatePEM, "c.pem"), try write(other.privateKeyPEM, "c.key"))
        #expect(error(chain, key) == .keyDoesNotMatchCertificate(key: key, certificate: chain))
    }

    @Test func textsCutAnywhereAreRefused() throws {
        let made = try SelfSignedCertificate.make(hosts: ["localhost"])
        let (chain, key) = (made.certificatePEM, made.privateKeyPEM)
        for count in stride(from: 0, to: chain.utf8.count - 1, by: 3) {
            #expect(throws: TLSError.badCertificate(source: "the certificate")) {
                try TLSIdentity(certificateChainPEM: String(chain.prefix(count)), privateKeyPEM: key)
            }
        }
        for count in stride(from: 0, to: key.utf8.count - 1, by: 3) {
            #expect(throws: TLSError.badPrivateKey(source: "the private key")) {
                try TLSIdentity(certificateChainPEM: chain, privateKeyPEM: String(key.prefix(count)))
            }
        }
    }

    @Test func anEncryptedKeyIsRefusedWithoutAskingForItsPassphrase() throws {
        let made = try SelfSignedCertificate.make(hosts: ["localhost"])
        #expect(throws: TLSError.badPrivateKey(source: "the private key")) {
            try TLSIdentity(certificateChainPEM: made.certificatePEM, privateKeyPEM: encryptedKey)
        }
    }

    @Test func trustNeedsCertificates() throws {
        let path = try write("nothing here", "d.pem")
        #expect(throws: TLSError.badCertificate(source: path)) { try TLSTrust.file(path) }
        #expect(throws: TLSError.unreadableFile(path: "/nowhere", reason: "No such file or directory")) {
            try TLSTrust.file("/nowhere")
        }
        let made = try SelfSignedCertificate.make(hosts: ["localhost"])
        let good = try write(made.certificatePEM, "e.pem")
        _ = try TLSTrust.file(good)
    }

    private let encryptedKey = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgajMbWUB3jpgICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEIk3+Vzd513lXUQYtfSHTlkEgZB4
        7Gjcn48yGMWTHZCwDVVvlFCSD8yL4Tz9qjpDqXOdGZTr6/s5KdPxVSNsmQrDqSrl
        gK73CLhp4pF/1r87V+WZjNyCSPEXMDcrUhpokSfVj7xtYUf5Jnp2mD3IMk2VuBff
        cGxQIJYIJh33joIs8dxCghpYYZv3wdQL65zlJx7WLqyWP4lnuIGcLf7yFDdG5G8=
        -----END ENCRYPTED PRIVATE KEY-----
        """
}
