import FanfareBase
import Testing

@Suite struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func theExamplesOfRFC4648GoBothWays(_ plain: String, _ text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == Array(text.utf8))
        #expect(Base64.decode(Array(text.utf8)) == Array(plain.utf8))
        #expect(Base64.encodedBytes(for: plain.utf8.count) == text.utf8.count)
    }

    @Test func everyByteSurvives() {
        for count in 0...260 {
            let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            #expect(Base64.decode(Base64.encode(plain)) == plain)
        }
    }

    @Test(arguments: [
        "Zg", "Zg=", "Zg===", "Zm9vY", "Zm9v=", "=", "====", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Z-_=", "Zm 9",
        "Zm9v\n",
        "Zm9v\r\n", "Zg=A", "Zm\u{0}9", "Zmé=",
    ])
    func whatIsNotStrictlyBase64IsRefused(_ text: String) { #expect(Base64.decode(Array(text.utf8)) == nil) }
}
