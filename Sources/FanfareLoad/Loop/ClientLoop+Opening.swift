import FanfareBase
import FanfareRing
import FanfareTLS
import Glibc

/// How connections begin: made by us, or accepted by a listener.
extension ClientLoop {
    /// Connects to the first of `remote` that answers; `handler` hears what becomes of it, in a later turn at the earliest.
    ///
    /// - Parameters:
    ///   - tls: the context for encrypted connections, which must be of this thread.
    ///   - serverName: whom to expect at the other end of an encrypted connection.
    ///   - resumption: from an earlier connection to the same server.
    /// - Precondition: `remote` is not empty.
    @discardableResult
    package func connect(
        to remote: [SocketAddress], tls context: TLSContext? = nil, serverName: String = "",
        resumption: TLSResumption? = nil, handler: any ClientHandler
    ) -> ClientConnection {
        invariant(!remote.isEmpty, "a connection is made to some address")
        let connection = ClientConnection(
            loop: self, remote: remote, handler: handler,
            encryption: context.map {
                ClientConnection.Encryption(context: $0, serverName: serverName, resumption: resumption)
            })
        do {
            connection.key = try connections.insert(connection)
        } catch {
            connection.phase = .closed
            after(milliseconds: 0) { handler.ended(connection, .tooManyConnections) }
            return connection
        }
        startConnecting(connection)
        return connection
    }

    /// Accepts connections at `address`; a port of 0 becomes a free one. Gives the address bound.
    ///
    /// Nobody is answered before the loop runs.
    package func listen(
        at address: SocketAddress, tls: TLSContext? = nil, makeHandler: @escaping () -> any ClientHandler
    ) throws(ListenerError) -> SocketAddress {
        let descriptor = try Listener.openTCP(address: address, reusePort: false)
        listening.append(ListeningSocket(descriptor: descriptor, tls: tls, makeHandler: makeHandler))
        armAccept(listening.count - 1)
        return SocketAddress.local(of: descriptor) ?? address
    }

    private func armAccept(_ index: Int) {
        let token = Token(purpose: Purpose.accept.rawValue, generation: 0, slot: UInt32(index))
        operations.append(Operation(.accept, descriptor: listening[index].descriptor, token: token))
    }

    func accepted(_ completion: Completion) {
        let index = Int(completion.token.slot)
        if completion.result >= 0 { adopt(completion.result, listening[index]) }
        guard !completion.more else { return }
        // Without descriptors the kernel refuses at once: a little later some may have been closed.
        if completion.result < 0 { after(milliseconds: 100) { self.armAccept(index) } } else { armAccept(index) }
    }

    private func adopt(_ descriptor: Int32, _ socket: ListeningSocket) {
        let connection = ClientConnection(loop: self, remote: [], handler: socket.makeHandler(), encryption: nil)
        do {
            connection.key = try connections.insert(connection)
            connection.descriptor = descriptor
            connection.tls = try socket.tls.map { try TLSSession(accepting: $0) }
        } catch {
            if connection.key.generation != 0 { connections.remove(connection.key) }
            Glibc.close(descriptor)
            return
        }
        armReceive(connection)
        if connection.tls == nil { becomeOpen(connection) } else { startTimer(connection) }
    }

    // MARK: Connecting

    private func startConnecting(_ connection: ClientConnection) {
        let address = connection.remote[connection.attempt]
        guard let operation = address.connect(token: connection.token(.connect), in: addresses) else {
            after(milliseconds: 1) { [weak connection] in
                guard let connection, connection.phase == .opening else { return }
                self.startConnecting(connection)
            }
            return
        }
        operations.append(operation)
        connection.operationsInFlight += 1
        startTimer(connection)
    }

    private func startTimer(_ connection: ClientConnection) {
        connection.timer = after(milliseconds: LoadLimits.connectMillisecondsMax) { [weak self, weak connection] in
            guard let self, let connection, connection.phase == .opening else { return }
            connection.timer = nil
            self.openingTimedOut(connection)
        }
    }

    private func stopTimer(_ connection: ClientConnection) {
        if let timer = connection.timer { cancel(timer) }
        connection.timer = nil
    }

    private func openingTimedOut(_ connection: ClientConnection) {
        let address = connection.remote.isEmpty ? "" : connection.remote[connection.attempt].description
        guard connection.descriptor < 0 else { return abort(connection, .timedOut(address: address)) }
        // Its completion goes on with the next address.
        connection.end = .timedOut(address: address)
        operations.append(
            Operation(
                .cancel, token: Token(purpose: Purpose.ignored.rawValue, generation: 0, slot: 0),
                offset: connection.token(.connect).rawValue))
    }

    func connectCompleted(_ result: Int32, on connection: ClientConnection) {
        connection.operationsInFlight -= 1
        stopTimer(connection)
        guard connection.phase == .opening else {
            if result >= 0 { Glibc.close(result) }
            return closeWhenQuiet(connection)
        }
        guard result >= 0 else { return connectFailed(-result, on: connection) }
        connection.descriptor = result
        armReceive(connection)
        guard let encryption = connection.encryption else { return becomeOpen(connection) }
        do throws(TLSError) {
            let session = try TLSSession(
                connectingWith: encryption.context, serverName: encryption.serverName, resumption: encryption.resumption
            )
            connection.tls = session
            startTimer(connection)
            try session.startHandshake(output: &tlsOutput)
            takeTLSOutput(for: connection)
        } catch {
            abort(connection, .tls(error))
        }
    }

    private func connectFailed(_ number: Int32, on connection: ClientConnection) {
        if number != ECANCELED {
            connection.end = .unreachable(address: connection.remote[connection.attempt].description, number: number)
        }
        guard connection.attempt + 1 < connection.remote.count else { return abort(connection, connection.end) }
        connection.attempt += 1
        startConnecting(connection)
    }

    func becomeOpen(_ connection: ClientConnection) {
        stopTimer(connection)
        connection.phase = .open
        connection.end = .closed
        connection.handler.opened(connection)
    }
}
