import FanfareBase
import FanfareLoad
import FanfareServer

/// How sockets stall, churn and reconnect, from the first event to the last.
extension BenchAudience {
    /// Publishing begins: so do they.
    func start() {
        for (member, socket) in sockets {
            guard let behaviour = groups[socket.group].audience.behaviour else { continue }
            let members = groups[socket.group].members
            let share = Double(member - members.lowerBound + 1) / Double(members.count)
            schedule(member, behaviour.isAtOnce ? 1 : share)
        }
    }

    /// Publishing is over: everyone reads, and who is away comes back.
    func settle() {
        isSettled = true
        for (member, socket) in sockets {
            if socket.phase == .stalled { endStall(member) }
            if socket.phase == .away { comeBack(member) }
        }
    }

    private func schedule(_ member: Int, _ share: Double = 1) {
        guard let socket = sockets[member], let behaviour = groups[socket.group].audience.behaviour else { return }
        let pause = Double(behaviour.everyMilliseconds) * share
        loop.after(milliseconds: max(1, Int(pause))) { [weak self] in self?.act(member, behaviour) }
    }

    private func act(_ member: Int, _ behaviour: LoadProfile.Behaviour) {
        guard !isSettled, !isLeaving, let socket = sockets[member] else { return }
        guard socket.phase == .live else { return schedule(member) }
        if behaviour.kind == .stalls {
            groups[socket.group].conduct.stalls += 1
            socket.phase = .stalled
            subscribers[member]?.pause()
            loop.after(milliseconds: behaviour.forMilliseconds) { [weak self] in
                self?.endStall(member)
                self?.schedule(member)
            }
        } else {
            groups[socket.group].conduct.departures += 1
            socket.attendance.left(after: lastSequence(of: member))
            socket.phase = .leaving
            subscribers[member]?.close()
            schedule(member)
        }
    }

    private func endStall(_ member: Int) {
        guard let socket = sockets[member], socket.phase == .stalled else { return }
        socket.phase = .live
        subscribers[member]?.resume()
    }

    /// Whether the member of `socket` wants to hear what will not come rather than to get it.
    func bearsGaps(_ socket: BenchSocket) -> Bool {
        let audience = groups[socket.group].audience
        return audience.slowPolicy == .skip || audience.behaviour?.kind == .stalls
    }

    /// Its subscription is in effect.
    func arrived(_ socket: BenchSocket, _ member: Int) {
        socket.phase = .live
        socket.failedTries = 0
        socket.attendance.came(next: outcomes.sentCount)
        guard let since = socket.comingSince else { return }
        socket.comingSince = nil
        groups[socket.group].conduct.returns += 1
        groups[socket.group].conduct.comingBack.record(Clock.monotonic.nanoseconds(since: since))
    }

    /// Its connection is over: because it left, or by the service.
    func ended(_ socket: BenchSocket, _ member: Int) {
        var pause = 0
        if socket.phase == .leaving {
            pause = isSettled ? 0 : groups[socket.group].audience.behaviour?.forMilliseconds ?? 0
        } else {
            groups[socket.group].conduct.cuts += 1
            socket.attendance.left(after: lastSequence(of: member))
            pause = self.pause(after: socket)
            socket.failedTries += 1
        }
        socket.phase = .away
        loop.after(milliseconds: pause) { [weak self] in self?.comeBack(member) }
    }

    private func comeBack(_ member: Int) {
        guard !isLeaving, let socket = sockets[member], socket.phase == .away else { return }
        socket.phase = .connecting
        if socket.comingSince == nil { socket.comingSince = Clock.monotonic }
        connectAgain(member)
    }
}
