import FanfareServer
import Glibc

extension ServiceFolder {
    /// Writes the configuration, with one subscription file for each endpoint.
    func configure(_ endpoints: [DemoEndpoint]) throws(CommandFailure) {
        let everything = ["publish", "subscribe", "manage", "probe"]
        let configuration = JSONOutput.object([
            .init(
                "listeners",
                .array([
                    Self.listener("plain", serves: everything),
                    Self.listener("tls", serves: ["subscribe"], [Self.tls]),
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
