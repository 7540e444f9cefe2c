import FanfareTLS

/// A client of the stream protocol over TLS, which says its piece with the last flight of its handshake.
final class SecureVisitor: SimulatedClient {
    private let kernel: SimulatedKernel
    private let session: TLSSession
    private let piece: [UInt8]
    private let endsThen: Bool
    private var plaintext: [UInt8] = []
    private var hasSpoken = false
    private(set) var failure: TLSError?
    private(set) var isOver = false
    private(set) var link: Link?

    /// What it was told, as text.
    var text: String { String(decoding: plaintext, as: UTF8.self) }
    /// The service has answered the first flight.
    private(set) var isAnswered = false

    /// Comes to `listener` and begins its handshake; ends its side as soon as it has said `piece` if it is told to.
    init(
        _ context: TLSContext, _ kernel: SimulatedKernel, listener: Int32, says piece: String, endsThen: Bool = false
    ) throws(TLSError) {
        self.kernel = kernel
        self.piece = Array(piece.utf8)
        self.endsThen = endsThen
        session = try TLSSession(connectingWith: context, serverName: "localhost")
        let link = kernel.connect(self, listener: listener, shard: 0)
        self.link = link
        // A network that takes what it is given: a send is a step.
        link.capacity = 1 << 20
        link.readBytes = 1 << 20
        var hello: [UInt8] = []
        try session.startHandshake(output: &hello)
        kernel.send(hello, on: link)
    }

    func received(_ bytes: ArraySlice<UInt8>) {
        isAnswered = true
        var output: [UInt8] = []
        let ciphertext = Array(bytes)
        do throws(TLSError) {
            try session.receive(ciphertext.span, output: &output, plaintext: &plaintext)
        } catch {
            failure = error
        }
        let speaks = session.isEstablished && !hasSpoken
        if speaks {
            hasSpoken = true
            let piece = piece
            session.seal(piece.span, output: &output)
            if endsThen { session.close(output: &output) }
        }
        guard let link else { return }
        if !output.isEmpty { kernel.send(output, on: link) }
        if speaks, endsThen { kernel.end(link) }
    }

    func ended() { isOver = true }
}
