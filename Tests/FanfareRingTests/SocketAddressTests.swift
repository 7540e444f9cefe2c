import FanfareRing
import Glibc
import Testing

@Suite struct SocketAddressTests {
    @Test func addressesAreParsedAndPrintedAlike() throws {
        for text in [
            "127.0.0.1:8080", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:8080", "[2001:db8::7]:1", "unix:run/f.sock",
        ] {
            #expect(try SocketAddress(parsing: text).description == text)
        }
        let v4 = try SocketAddress(parsing: "10.1.2.3:99")
        #expect(v4.family == .v4 && v4.port == 99 && Array(v4.octets) == [10, 1, 2, 3])
        let v6 = try SocketAddress(parsing: "[::ffff:1.2.3.4]:7")
        #expect(
            v6.family == .v6 && v6.port == 7 && v6.octets.count == 16 && Array(v6.octets.suffix(4)) == [1, 2, 3, 4])
        let unix = try SocketAddress(parsing: "unix:/x")
        #expect(unix.family == .unix && unix.path == "/x" && unix.octets.isEmpty && unix.port == 0)
        #expect(SocketAddress(octets: [10, 1, 2, 3], port: 99) == v4)
        #expect(SocketAddress(octets: Array(v6.octets), port: 7) == v6)
    }

    @Test func whatIsNoAddressIsRefusedWithItsReason() {
        for text in [
            "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:+1", "[::1]", "::1:8o",
        ] {
            #expect(throws: SocketAddress.ParseError.port(text)) { try SocketAddress(parsing: text) }
        }
        for text in [
            ":80", "localhost:80", "1.2.3:80", "1.2.3.4.5:80", "::1:80", "[1.2.3.4]:80", "[]:80", "[::1:80",
            "1.2.3.4\0:80",
        ] {
            #expect(throws: SocketAddress.ParseError.host(text)) { try SocketAddress(parsing: text) }
        }
        let longest = String(repeating: "x", count: SocketAddress.pathBytesMax)
        for path in ["", longest + "x", "a\0b"] {
            #expect(throws: SocketAddress.ParseError.path(path)) { try SocketAddress(parsing: "unix:" + path) }
        }
        #expect(throws: Never.self) { try SocketAddress(path: longest) }
    }

    @Test func everyPrefixOfAnAddressIsAnAddressOrRefused() {
        for text in ["127.0.0.1:8080", "[2001:db8::7]:8080"] {
            for length in 0..<text.count {
                do {
                    let address = try SocketAddress(parsing: String(text.prefix(length)))
                    #expect(text.hasPrefix(address.description))
                } catch {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }

    @Test func whatIsNoSocketHasNoAddress() {
        #expect(SocketAddress.local(of: -1) == nil)
        #expect(SocketAddress.peer(of: -1) == nil)
    }
}

@Suite struct ListenerTests {
    @Test func severalListenersShareAPortOnlyWhenTheyAskFor() throws {
        let any = try SocketAddress(parsing: "127.0.0.1:0")
        let first = try Listener.openTCP(address: any, reusePort: true)
        let address = try #require(SocketAddress.local(of: first))
        let second = try Listener.openTCP(address: address, reusePort: true)
        #expect(throws: ListenerError.inUse(address: address.description)) {
            try Listener.openTCP(address: address, reusePort: false)
        }
        close(first)
        close(second)
    }

    @Test func anAddressOfAnotherMachineIsUnavailable() throws {
        let address = try SocketAddress(parsing: "192.0.2.1:0")
        #expect(throws: ListenerError.unavailable(address: "192.0.2.1:0")) {
            try Listener.openTCP(address: address, reusePort: false)
        }
    }

    @Test func aSocketLeftOverIsReplacedAndOneThatAnswersIsNot() throws {
        let directory = Harness.directory()
        let path = directory + "/s"
        let first = try Listener.openUnix(path: path, mode: 0o660)
        var status = stat()
        #expect(unsafe lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o660)
        #expect(throws: ListenerError.inUse(address: "unix:" + path)) { try Listener.openUnix(path: path) }
        close(first)
        let second = try Listener.openUnix(path: path)
        close(second)
        _ = unsafe unlink(path)
        _ = unsafe rmdir(directory)
    }

    @Test func aFileInTheWayIsNeverRemoved() throws {
        let directory = Harness.directory()
        let path = directory + "/file"
        close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: ListenerError.inUse(address: "unix:" + path)) { try Listener.openUnix(path: path) }
        #expect(unsafe access(path, F_OK) == 0)
        _ = unsafe unlink(path)
        _ = unsafe rmdir(directory)
        #expect(throws: ListenerError.unavailable(address: "unix:" + path)) { try Listener.openUnix(path: path) }
    }
}
