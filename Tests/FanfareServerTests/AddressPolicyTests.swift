import FanfareServer
import Testing

@Suite struct AddressPolicyTests {
    static let classes: [(String, AddressClass?)] = [
        // Public ones, also just beside the blocks.
        ("1.1.1.1", nil), ("8.8.8.8", nil), ("9.255.255.255", nil), ("11.0.0.0", nil), ("100.63.255.255", nil),
        ("100.128.0.0", nil), ("126.255.255.255", nil), ("128.0.0.0", nil), ("169.253.255.255", nil),
        ("169.255.0.0", nil),
        ("172.15.255.255", nil), ("172.32.0.0", nil), ("192.0.1.0", nil), ("192.167.255.255", nil),
        ("192.169.0.0", nil),
        ("198.17.255.255", nil), ("198.20.0.0", nil), ("223.255.255.255", nil), ("2606:4700::1111", nil),
        ("2a00:1450:4001::1", nil), ("2001:4860:4860::8888", nil), ("2001:200::1", nil), ("2003::1", nil),
        ("3ffe::1", nil),
        // Refused ones.
        ("0.0.0.0", .unspecified), ("0.1.2.3", .unspecified), ("10.0.0.0", .private), ("10.255.255.255", .private),
        ("100.64.0.0", .carrierGradeNAT), ("100.127.255.255", .carrierGradeNAT), ("127.0.0.1", .loopback),
        ("127.255.255.255", .loopback), ("169.254.0.1", .linkLocal), ("169.254.255.255", .linkLocal),
        ("172.16.0.0", .private), ("172.31.255.255", .private), ("192.0.0.1", .reserved), ("192.0.2.1", .documentation),
        ("192.88.99.1", .sixToFour), ("192.168.0.1", .private), ("198.18.0.1", .benchmarking),
        ("198.19.255.255", .benchmarking), ("198.51.100.7", .documentation), ("203.0.113.9", .documentation),
        ("224.0.0.1", .multicast), ("239.255.255.255", .multicast), ("240.0.0.1", .reserved),
        ("255.255.255.254", .reserved), ("255.255.255.255", .broadcast), ("::", .unspecified), ("::1", .loopback),
        ("::2", .mapped), ("::8.8.8.8", .mapped), ("::ffff:8.8.8.8", .mapped), ("::ffff:127.0.0.1", .mapped),
        ("::ffff:0:8.8.8.8", .mapped), ("64:ff9b::8.8.8.8", .nat64), ("64:ff9b:1::1", .nat64),
        ("64:ff9b:2::1", .reserved),
        ("100::1", .reserved), ("2001::1", .teredo), ("2001:2::1", .benchmarking), ("2001:db8::1", .documentation),
        ("2001:10::1", .reserved), ("2001:1ff::1", .reserved), ("2002:808:808::1", .sixToFour),
        ("3fff::1", .documentation),
        ("4000::1", .reserved), ("5f00::1", .reserved), ("fc00::1", .private), ("fdff:ffff::1", .private),
        ("fe00::1", .reserved), ("fe80::1", .linkLocal), ("febf::1", .linkLocal), ("fec0::1", .private),
        ("ff02::1", .multicast),
        // Metadata services, whatever block they lie in.
        ("169.254.169.254", .metadata), ("169.254.169.253", .metadata), ("169.254.169.1", .metadata),
        ("169.254.170.2", .metadata), ("169.254.170.23", .metadata), ("169.254.42.42", .metadata),
        ("169.254.0.23", .metadata), ("100.100.100.200", .metadata), ("168.63.129.16", .metadata),
        ("192.0.0.192", .metadata), ("fd00:ec2::254", .metadata), ("fd00:ec2::23", .metadata),
        ("fd20:ce::254", .metadata),
        ("fe80::a9fe:a9fe", .metadata), ("fd00:42::42", .metadata),
    ]

    @Test(arguments: classes) func everyAddressHasItsClass(_ text: String, _ expected: AddressClass?) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressClass(address) == expected)
        #expect(IPAddress(bytes: address.bytes) == address)
        #expect(AddressPolicy().allows(address.bytes, port: 443) == (expected == nil))
    }

    static let everywhere = ["0.0.0.0/0", "::/0"].compactMap { AddressNetwork($0) }

    @Test(arguments: classes) func aListedNetworkOpensAllButWhatIsNeverAllowed(_ text: String, _ kind: AddressClass?)
        throws
    {
        let address = try #require(IPAddress(text))
        let isNever = kind?.isAlwaysRefused ?? false
        // 2001::1 is a Teredo address of the server 0.0.0.0, 2002:: and NAT64 ones carry theirs.
        let isNeverInside = address.embeddedV4.contains { AddressClass($0)?.isAlwaysRefused ?? false }
        #expect(
            AddressPolicy(networks: Self.everywhere).allows(address.bytes, port: 443) == !(isNever || isNeverInside))
    }

    static let hiding = [
        "::ffff:169.254.169.254", "::169.254.169.254", "::ffff:0:169.254.169.254", "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1",
        "2001:0:808:808:0:0:5601:5601", "::ffff:100.100.100.200", "::ffff:0.0.0.0", "2002:e000:1::",
    ]

    @Test(arguments: hiding) func aMetadataAddressInAnotherDressStaysRefused(_ text: String) throws {
        let address = try #require(IPAddress(text))
        for policy in [AddressPolicy(), AddressPolicy(networks: Self.everywhere), AddressPolicy(allowsPrivate: true)] {
            let refusal = try #require(policy.refusal(of: address, port: 80))
            #expect(policy == AddressPolicy() || !refusal.canBeOpened)
        }
    }

    @Test func anEmbeddedAddressNeedsBothItselfAndWhatItCarries() throws {
        let address = try #require(IPAddress("64:ff9b::a00:1"))
        let (outer, inner) = (try #require(AddressNetwork("64:ff9b::/96")), try #require(AddressNetwork("10.0.0.0/8")))
        #expect(
            AddressPolicy(networks: [outer]).refusal(of: address, port: 1)
                == .embedded(.nat64, .v4(0x0A00_0001), .private))
        #expect(AddressPolicy(networks: [inner]).refusal(of: address, port: 1) == .notPublic(.nat64))
        #expect(AddressPolicy(networks: [inner, outer]).refusal(of: address, port: 1) == nil)
        let open = try #require(IPAddress("64:ff9b::8.8.8.8"))
        #expect(AddressPolicy(networks: [outer]).refusal(of: open, port: 1) == nil)
    }

    @Test func ourOwnListenersAreRefusedWhateverIsListed() throws {
        let host = try #require(IPAddress("192.0.2.7"))
        let policy = AddressPolicy(
            networks: Self.everywhere,
            ownListeners: [.init(address: .v4(0), port: 8080), .init(address: .v4(0x7F00_0001), port: 9090)],
            ownAddresses: [host], allowsPrivate: true)
        #expect(policy.refusal(of: .v4(0x7F00_0001), port: 8080) == .ownListener)
        #expect(policy.refusal(of: .v6(0, 1), port: 8080) == .ownListener)
        #expect(policy.refusal(of: host, port: 8080) == .ownListener)
        #expect(policy.refusal(of: host, port: 8081) == nil)
        #expect(policy.refusal(of: .v4(0x7F00_0001), port: 9090) == .ownListener)
        #expect(policy.refusal(of: try #require(IPAddress("::ffff:127.0.0.1")), port: 9090) == .ownListener)
        #expect(policy.refusal(of: .v4(0x7F00_0002), port: 9090) == nil)
    }

    @Test func otherNumbersOfBytesAreNoAddress() {
        for count in [0, 3, 5, 15, 17] { #expect(!AddressPolicy().allows(Array(repeating: 8, count: count), port: 1)) }
    }
}

@Suite struct AddressTextTests {
    @Test(arguments: [
        ("1.2.3.4", "1.2.3.4"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::ffff:1.2.3.4", "::ffff:102:304"),
        ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("0:0:1::", "0:0:1::"),
    ]) func addressesAreReadAndWritten(_ text: String, _ written: String) {
        #expect(IPAddress(text)?.description == written)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "+1.2.3.4", "0x1.2.3.4", "1..3.4", ":",
        ":::", "1:",
        ":1", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "12345::", "g::", "+1::", "::1%eth0", "1.2.3.4::",
        "::1.2.3",
        "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "[::1]",
    ]) func otherTextsAreNone(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "1.2.3.4", true),
        ("0.0.0.0/0", "::1", false), ("1.2.3.4", "1.2.3.4", true), ("1.2.3.4/32", "1.2.3.5", false),
        ("::/0", "ff::", true), ("fd00::/8", "fdff::1", true), ("fd00::/8", "fc00::1", false),
        ("2001:db8::/64", "2001:db8::ffff:0:0:1", true), ("2001:db8::/64", "2001:db8:0:1::", false),
        ("2001:db8::8000:0:0:0/65", "2001:db8::ffff:0:0:1", true), ("2001:db8::8000:0:0:0/65", "2001:db8::1", false),
        ("::1/128", "::1", true), ("::1/128", "::2", false),
    ]) func networksContainTheirAddresses(_ network: String, _ address: String, _ isInside: Bool) throws {
        #expect(try #require(AddressNetwork(network)).contains(try #require(IPAddress(address))) == isInside)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/08", "10.0.0.0/+8", "a/8", "::1/64",
    ])
    func otherTextsAreNoNetworks(_ text: String) {
        #expect(AddressNetwork(text) == nil)
    }

    @Test(
        arguments: [
            ("127.0.0.1", HostLiteral.address(.v4(0x7F00_0001))), ("2130706433", .irregular(.v4(0x7F00_0001))),
            ("0x7f.1", .irregular(.v4(0x7F00_0001))), ("0177.0.0.1", .irregular(.v4(0x7F00_0001))),
            ("127.1", .irregular(.v4(0x7F00_0001))), ("127.0.1", .irregular(.v4(0x7F00_0001))),
            ("0x7F000001", .irregular(.v4(0x7F00_0001))), ("127.0.0.1.", .irregular(.v4(0x7F00_0001))),
            ("0", .irregular(.v4(0))), ("0x", .irregular(.v4(0))), ("127.65536", .irregular(.v4(0x7F01_0000))),
            ("256.1", .irregular(nil)), ("4294967296", .irregular(nil)), ("1.2.3.4.5", .irregular(nil)),
            ("09.1", .irregular(nil)),
            ("a.1", .irregular(nil)), ("example.com", .name("example.com")), ("Example.COM.", .name("example.com")),
            ("xn--e1afmkfd.example", .name("xn--e1afmkfd.example")), ("1a.example", .name("1a.example")),
            ("a_b", .name("a_b")),
            ("", .invalid), (".", .invalid), ("a..b", .invalid), ("-a", .invalid), ("a-", .invalid), ("a b", .invalid),
            ("a%2e", .invalid), ("ä.example", .invalid), ("::1", .invalid),
        ] as [(String, HostLiteral)]) func everySpellingOfAnAddressIsRecognised(_ text: String, _ expected: HostLiteral)
    {
        #expect(HostLiteral(text, bracketed: false) == expected)
    }
}
