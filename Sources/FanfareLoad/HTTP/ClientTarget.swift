import FanfareBase
import FanfareRing
import FanfareTLS
import FanfareWire

/// A service to talk to, looked up and with what TLS and access need: what every client connection is made from.
///
/// Belongs to its loop's thread, as the TLS context does.
package final class ClientTarget {
    /// Where it is.
    package let url: ServiceURL
    /// The addresses to try, in order.
    package let addresses: [SocketAddress]
    /// The bearer token; nil for none.
    package let token: String?
    let tls: TLSContext?

    /// A target whose names have been looked up.
    ///
    /// - Parameter trust: who may have issued its certificate; looked at for `https` and `tls` only.
    package init(
        _ url: ServiceURL, addresses: [SocketAddress], token: String? = nil, trust: TLSTrust = .none
    ) throws(TLSError) {
        self.url = url
        self.addresses = addresses
        self.token = token
        tls = url.isEncrypted ? try TLSContext.client(trust: trust) : nil
    }

    /// Makes a connection of `loop` to it.
    @discardableResult
    package func connect(_ loop: ClientLoop, handler: any ClientHandler) -> ClientConnection {
        loop.connect(to: addresses, tls: tls, serverName: url.host, handler: handler)
    }

    /// A request for `target` (path and query, percent-encoded) as bytes, ready to be sent any number of times.
    ///
    /// - Parameter headers: names in small letters, values without control characters.
    package func request(
        _ method: StaticString, _ target: String, headers: [(StaticString, String)] = [], body: [UInt8]? = nil
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        Array((url.path + target).utf8).withByteView { HTTPWriter.appendRequestLine(method, target: $0, to: &bytes) }
        appendHead(headers, to: &bytes)
        if let body {
            body.withByteView { HTTPWriter.appendBody($0, to: &bytes) }
        } else {
            HTTPWriter.endHead(&bytes)
        }
        return bytes
    }

    private func appendHead(_ headers: [(StaticString, String)], to bytes: inout [UInt8]) {
        HTTPWriter.appendHeader("host", url.authority, to: &bytes)
        appendAuthorization(to: &bytes)
        for (name, value) in headers { HTTPWriter.appendHeader(name, value, to: &bytes) }
    }

    /// Appends the Authorization header, if there is a token.
    func appendAuthorization(to bytes: inout [UInt8]) {
        if let token { HTTPWriter.appendHeader("authorization", "Bearer \(token)", to: &bytes) }
    }
}

/// Putting together of queries.
package enum QueryText {
    /// `text` with everything but unreserved characters percent-encoded.
    package static func encode(_ text: String) -> String {
        var bytes: [UInt8] = []
        PercentCoding.append(text.utf8, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
