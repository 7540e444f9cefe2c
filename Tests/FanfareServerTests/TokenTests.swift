import FanfareBase
import FanfareServer
import Testing

/// The published examples of the RFCs: what no one here wrote.
private enum Example {
    static let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    /// RFC 7515, appendix A.1.
    static let hs256 = (
        key:
            #"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
        signed: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims,
        signature: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    /// RFC 7515, appendix A.3.
    static let es256 = (
        key:
            #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        signed: "eyJhbGciOiJFUzI1NiJ9." + claims,
        signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    /// RFC 8037, appendix A.4.
    static let edDSA = (
        key: #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        signed: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )

    static func keys(_ list: String...) throws -> [JSONWebKey] {
        try JSONWebKeySet(path: "jwks.json", Array("{\"keys\":[\(list.joined(separator: ","))]}".utf8)).keys
    }
}

@Suite struct TokenTests {
    @Test func theExamplesOfTheRFCsVerifyAndNoChangedByteDoes() throws {
        for example in [Example.hs256, Example.es256, Example.edDSA] {
            let key = try #require(try Example.keys(example.key).first)
            let signature = try #require(Base64.decodeURL(example.signature.utf8))
            let message = Array(example.signed.utf8)
            #expect(key.verifies(signature, of: message))
            for index in signature.indices {
                var changed = signature
                changed[index] ^= 1
                #expect(!key.verifies(changed, of: message), "\(key.algorithm) byte \(index)")
            }
            #expect(!key.verifies(signature, of: message + [0]))
            for count in [0, signature.count - 1, signature.count + 1] {
                #expect(!key.verifies(Array((signature + [0]).prefix(count)), of: message))
            }
            // All zeros, r and s out of range (CVE-2022-21449).
            #expect(!key.verifies([UInt8](repeating: 0, count: signature.count), of: message))
            #expect(!key.verifies([UInt8](repeating: 0xFF, count: signature.count), of: message))
        }
    }

    @Test func aSignatureOfOneKeyIsNotTakenForAnother() throws {
        let keys = try Example.keys(Example.es256.key, Example.edDSA.key)
        let signature = try #require(Base64.decodeURL(Example.es256.signature.utf8))
        #expect(keys[0].verifies(signature, of: Array(Example.es256.signed.utf8)))
        #expect(!keys[1].verifies(signature, of: Array(Example.es256.signed.utf8)))
    }

    @Test func keysOfOtherKindsArePassedOver() throws {
        let keys = try Example.keys(
            #"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"r"}"#, #"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#,
            #"{"kty":"OKP","crv":"X25519","x":"AA"}"#, #"{"kty":"oct","k":"AA","use":"enc"}"#, "{}", Example.edDSA.key)
        #expect(keys.map(\.algorithm) == [.edDSA])
        let other = Example.hs256.key.dropLast() + #","alg":"HS512"}"#
        #expect(try Example.keys(String(other), Example.es256.key).map(\.algorithm) == [.es256])
    }

    @Test(arguments: [
        ("[]", "no list of at most 256 \"keys\""), ("{\"keys\":1}", "no list of at most 256 \"keys\""),
        ("{\"keys\":[]}", "no key for HS256"), ("{\"keys\":[1]}", "/keys/0, which is no object"), ("{", "no JSON"),
        ("{\"keys\":[],\"keys\":[]}", "no list"),
        (#"{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}"#, "/keys/0 with \"k\" of 5 bytes"),
        (#"{"keys":[{"kty":"oct","k":"a+b="}]}"#, "/keys/0 with no \"k\" in base64url"),
        (#"{"keys":[{"kty":"oct"}]}"#, "/keys/0 with no \"k\" in base64url"),
        (#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}"#, "/keys/0 with \"x\" of 3 bytes"),
        (
            #"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}]}"#,
            "no point of P-256"
        ),
    ])
    func aBrokenKeySetIsRefusedWithItsPlace(_ text: String, _ found: String) {
        let errors = ConfigurationWorld([
            "jwks.json": text,
            "fanfare.json": #"{"jwt": {"keys": "jwks.json", "issuer": "i", "audience": "a"}}"#,
        ]).errors()
        #expect(errors.count == 1)
        #expect(errors.first?.hasPrefix("fanfare.json:1:18: /jwt/keys: found the file jwks.json, which has ") ?? false)
        #expect(errors.first?.contains(found) ?? false, "\(errors)")
        #expect(!(errors.first?.contains("c2hvcnQ") ?? true), "no part of a key is shown")
    }

    @Test func theKeyOfTokensNeedsAllItsParts() {
        let world = ConfigurationWorld([
            "jwks.json": "{\"keys\":[\(Example.edDSA.key)]}",
            "fanfare.json": #"{"jwt": {"keys": "jwks.json", "isuer": "i", "audience": ""}}"#,
        ])
        let errors = world.errors().joined(separator: "\n")
        #expect(errors.contains("did you mean \"issuer\""))
        #expect(errors.contains("no \"issuer\""))
        #expect(errors.contains("/jwt/audience"))
    }

    @Test func withAnIssuerOfTokensNobodyIsAnonymous() throws {
        var verifier = TokenVerifier()
        verifier.issuer = "i"
        let control = AccessControl(tokens: [], verifier: verifier)
        #expect(control.authenticate(.absent, on: .default) == .missing)
        #expect(control.authenticate(.token("a.b.c"), on: .default) == .unverified("a.b.c"))
        for text in ["a.b", "a.b.c.d", "a..c", ".b.c", "a.b."] {
            #expect(control.authenticate(.token(text), on: .default) == .invalid, "\(text)")
        }
        #expect(AccessControl(tokens: []).authenticate(.token("a.b.c"), on: .default) == .invalid)
    }
}
