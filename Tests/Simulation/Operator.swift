import FanfareBase

/// A person or a script that looks after the subscriptions over the API: one request at a time, again until answered.
final class Operator: SimulatedClient {
    private unowned let machine: any SimulatedMachine
    private var link: Link?
    private var input: [UInt8] = []
    private var todo: [(request: String, then: (HTTPReply) -> Void)] = []
    private var isAsking = false

    init(_ machine: any SimulatedMachine) { self.machine = machine }

    /// Nothing is left to ask.
    var isDone: Bool { todo.isEmpty }

    /// Asks for `path` and hands over the answer.
    func ask(_ method: String, _ path: String, body: String = "", then: @escaping (HTTPReply) -> Void) {
        let length = method == "GET" ? "" : "content-length: \(body.utf8.count)\r\n"
        todo.append(("\(method) \(path) HTTP/1.1\r\nhost: localhost\r\n\(length)\r\n\(body)", then))
        go()
    }

    private func go() {
        guard !isAsking, let next = todo.first else { return }
        guard let kernel = machine.kernel else { return later() }
        if link == nil { link = machine.connect(self) }
        guard let link else { return later() }
        isAsking = true
        kernel.send(Array(next.request.utf8), on: link)
    }

    private func later() { machine.timeline.after(5_000_000) { [weak self] in self?.go() } }

    func received(_ bytes: ArraySlice<UInt8>) {
        input += bytes
        while let reply = HTTPReply.take(from: &input) {
            // A service that drains says so to idle connections.
            if reply.status == 408 { return ended() }
            guard isAsking else { return machine.ledger.violation("the API answered nobody: \(reply)") }
            isAsking = false
            let then = todo.removeFirst().then
            then(reply)
            go()
        }
    }

    func ended() {
        link = nil
        input = []
        isAsking = false
        later()
    }
}
