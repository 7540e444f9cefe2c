"""Limits on clients and memory: what happens at each, told to whoever meets it, noticed by nobody else."""

import json
import os
import socket
import ssl
import stat
import time

from clients import BATCH
from harness import Certificates, FanfareTest, Service, TimeBoundedTest, event, eventually


class Connections(FanfareTest):
    """At most 12 clients, all shards together, and 8 of one address."""

    fresh_service_per_test = True

    @classmethod
    def configuration(cls, service):
        return {"limits": {"connections": 12, "connections_per_address": 8}}

    def fill(self, count):
        """Subscribers from 127.0.0.1, opened one by one: the service does not count one before it has begun."""
        eventually(lambda: self.subscribers() == 0, what="earlier connections being gone")
        return [self.open(self.service.websocket("/v1/subscribe?topic=a")) for _ in range(count)]

    def subscribers(self):
        answer = self.service.request("GET", "/v1/connections")
        return len(answer.json()["connections"]) if answer.status == 200 else -1

    def test_a_client_beyond_its_address_is_told_429_on_every_transport(self):
        sockets = self.fill(8)
        self.assertTrue(all(s.handshake.status == 101 for s in sockets))
        for tls in (False, True):
            with self.subTest(tls=tls):
                answer = self.service.request("GET", "/healthz", tls=tls)
                self.assertProblem(answer, 429)
                self.assertGreater(int(answer.header("retry-after")), 0)
                self.assertEqual(answer.header("connection"), "close")
        self.assertEqual(self.open(self.service.websocket()).handshake.status, 429)
        source = self.open(self.service.sse("/v1/subscribe?topic=a"))
        self.assertEqual(source.response.status, 200, "EventSource gives up on anything else")
        with self.assertRaises(EOFError):
            source.next_event()
        closing = self.open(self.service.stream()).next_op("closing")
        self.assertGreater(closing["retry_after_ms"], 0)
        # Those connected notice nothing, and one that goes makes room for one.
        sockets[0].send_op("ping")
        sockets[0].next_op("pong")
        sockets[1].close()
        eventually(lambda: self.service.request("GET", "/healthz").status == 200, what="room for another")
        self.assertIn("fanfare_connections_turned_away_total", self.metrics())

    def metrics(self):
        return eventually(lambda: (a := self.service.request("GET", "/metrics")).status == 200 and a.body.decode())

    def test_the_total_holds_for_all_shards_and_addresses_together(self):
        sockets = self.fill(8)
        # The connection that has just asked who is there may still be counted when these come.
        sockets += [eventually(lambda: self.admitted_from("127.0.0.2"), what="a place") for _ in range(4)]
        for address in ("127.0.0.2", "127.0.0.3"):
            self.assertEqual(self.health(self.connected_from(address)), b"HTTP/1.1 503 ")
        for s in sockets[8:]:
            self.assertEqual(self.health(s), b"HTTP/1.1 200 ")

    def connected_from(self, address):
        return self.open(socket.create_connection(("127.0.0.1", self.service.port), 5, (address, 0)))

    def admitted_from(self, address):
        client = self.connected_from(address)
        return client if self.health(client) == b"HTTP/1.1 200 " else None

    def health(self, client):
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        return client.recv(4096)[:13]


class Handshakes(FanfareTest):
    """TLS tickets, and clients that never finish a handshake."""

    fresh_service_per_test = True

    def connect(self, session=None):
        """One request over TLS; the session to resume, and whether it was resumed."""
        context = self.context
        raw = socket.create_connection(("127.0.0.1", self.service.tls_port), 5)
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
            tls.sendall(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
            tls.recv(4096)
            return tls.session, tls.session_reused

    def setUp(self):
        super().setUp()
        self.context = ssl.create_default_context(cafile=Certificates.shared().ca)
        self.path = self.service.directory / "data" / "tls-tickets"

    def test_tickets_are_shared_by_shards_and_survive_a_restart(self):
        session, reused = self.connect()
        self.assertFalse(reused)
        self.assertEqual([self.connect(session)[1] for _ in range(8)], [True] * 8, "at whichever of the two shards")
        self.service.stop()
        self.service.start()
        self.assertEqual([self.connect(session)[1] for _ in range(4)], [True] * 4)
        self.service.kill()
        self.service.start()
        self.assertTrue(self.connect(session)[1])

    def test_the_keys_are_for_the_service_alone(self):
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        session, _ = self.connect()
        for spoil in (lambda: self.path.chmod(0o644), lambda: self.path.write_bytes(b"damaged"), self.path.unlink):
            self.service.stop()
            before = self.path.read_bytes()
            spoil()
            self.service.start()
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
            self.assertNotEqual(self.path.read_bytes(), before)
            self.assertFalse(self.connect(session)[1], "whoever has read the old keys has nothing")

    def test_keys_are_rotated_and_old_tickets_stay_good_for_a_while(self):
        session, _ = self.connect()
        keys = self.path.read_bytes()
        for day in range(3):
            self.service.stop()
            half_a_day_ago = time.time() - 12 * 3600 - 60
            os.utime(self.path, (half_a_day_ago, half_a_day_ago))
            self.service.start()
            self.assertNotEqual(self.path.read_bytes(), keys)
            self.assertEqual(self.connect(session)[1], day < 2, f"after {day + 1} rotations")
            keys = self.path.read_bytes()

    def test_silent_and_trickling_clients_are_let_go_and_a_crowd_is_served_in_between(self):
        silent = [self.open(socket.create_connection(("127.0.0.1", self.service.tls_port), 30)) for _ in range(20)]
        for number, client in enumerate(silent):
            client.sendall(b"\x16\x03\x01\x02\x00\x01"[:number % 7])
        start = time.monotonic()
        for _ in range(50):
            self.connect()
        self.assertLess(time.monotonic() - start, 5)
        for client in silent:
            client.settimeout(15)
            try:
                while client.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        self.assertLess(time.monotonic() - start, 14, "ten seconds is what a handshake may take")


class Memory(FanfareTest):
    """`limits.memory` bounds what clients can make the service hold."""

    MIB = 1 << 20
    fresh_service_per_test = True

    @classmethod
    def configuration(cls, service):
        return {"limits": {"memory": "128MiB"}}

    def test_requests_under_way_share_a_bounded_memory(self):
        body, clients = bytes(15 * self.MIB), []
        for _ in range(40):
            client = self.open(socket.create_connection(("127.0.0.1", self.service.port), 10))
            client.sendall(b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\n"
                           b"content-length: %d\r\n\r\n" % (16 * self.MIB))
            clients.append(client)
        refused = 0
        for client in clients:
            try:
                client.sendall(body)
                client.settimeout(0.05)
                refused += client.recv(4096).startswith(b"HTTP/1.1 503 ")
            except TimeoutError:
                pass
            except OSError:
                refused += 1  # reset while we were still sending
        self.assertGreater(refused, 30)
        self.assertLess(self.service.memory("VmHWM"), 200 * self.MIB, "128 MiB and the program itself; 600 MiB were sent")
        self.service.publish(event())
        for client in clients:
            client.close()
        big = [event(type="big.a", data="x" * 500_000) for _ in range(8)]
        eventually(lambda: self.service.request("POST", "/v1/events", json.dumps(big), {"content-type": BATCH}).status == 202,
                   what="large requests being taken again")

    def test_unfinished_messages_of_sockets_share_the_same_memory(self):
        frame = b"\x81\xff" + (1_000_000).to_bytes(8, "big") + bytes(4) + bytes(990_000)
        for _ in range(300):
            client = self.open(self.service.websocket("/v1/subscribe?topic=a"))
            try:
                client.send(frame)
            except OSError:
                pass  # closed while we were still sending
        ended = 'fanfare_sockets_ended_total{reason="unavailable"} '
        count = lambda: int(self.service.request("GET", "/metrics").body.decode().split(ended)[1].split("\n")[0])
        eventually(lambda: count() > 200, what="sockets closed with 1013")
        self.assertLess(self.service.memory("VmHWM"), 200 * self.MIB, "128 MiB and the program itself; 283 MiB were sent")
        self.service.publish(event())

    def test_readers_that_stall_pin_a_bounded_memory(self):
        for _ in range(8):
            self.service.publish(*[event(type="big.a", data="x" * 500_000) for _ in range(4)])
        stalled = []
        for _ in range(60):
            client = self.open(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(5)
            client.connect(("127.0.0.1", self.service.port))
            client.sendall(b"GET /v1/events?topic=big.a HTTP/1.1\r\nhost: localhost\r\n\r\n" * 4)
            stalled.append(client)
        subscribers = [self.open(self.service.websocket("/v1/subscribe?topic=big.a&from=earliest", receive_buffer=4096))
                       for _ in range(40)]
        time.sleep(1)
        self.service.publish(event())
        self.assertLess(self.service.memory("VmHWM"), 300 * self.MIB, "128 MiB, large batches being read, the program; 1.9 GiB were asked for")
        self.assertEqual(len(subscribers[0].take_events(32)), 32, "and one that reads again gets everything")


class SocketsOfAbortedConnections(TimeBoundedTest):
    """A request for a socket behind more answers than its connection may hold subscribed nobody, for good."""

    def test_none_stays(self):
        service = Service(lambda _: {"shards": 1, "limits": {"memory": "64MiB"}})
        self.addCleanup(service.discard)
        needed = service.command("check", "--config", service.config_path).stderr.split("at least \"")[1].split("\"")[0]
        service.config["limits"]["memory"] = needed
        service.write_config(json.dumps(service.config))
        service.start()

        def connect():
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(("127.0.0.1", service.port))
            self.addCleanup(client.close)
            return client

        def get(target):
            return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

        clients = [connect() for _ in range(60)]
        for client in clients:
            client.sendall(get("/metrics") * 60)
        time.sleep(0.5)
        for _ in range(20):
            clients.append(connect())
            clients[-1].sendall(get("/metrics") * 4 + get("/healthz") * 40 + get("/v1/subscribe?topic=ghost"))
        time.sleep(0.5)
        for client in clients:
            client.close()
        deadline = time.monotonic() + 10
        while service.metric("sockets") > 0:
            self.assertLess(time.monotonic(), deadline, "a socket without a connection stays")
            time.sleep(0.05)


class MemoryAtStart(TimeBoundedTest):
    def test_a_configuration_whose_pools_do_not_fit_is_refused_with_what_is_needed(self):
        service = Service(lambda _: {"shards": 16, "limits": {"memory": "64MiB"}})
        self.addCleanup(service.discard)
        with self.assertRaises(AssertionError) as refusal:
            service.start()
        text = str(refusal.exception)
        self.assertIn("ended with 78", text)
        self.assertRegex(text, r'/limits/memory: found "64MiB", allowed with 16 shards is at least "\d+MiB" \(receive buffers')
        checked = service.command("check", "--config", service.config_path)
        self.assertEqual(checked.returncode, 78)
        self.assertIn("/limits/memory", checked.stderr)
        needed = text.split("at least \"")[1].split("\"")[0]
        service.config["limits"]["memory"] = needed
        service.config["log"] = {"segment_size": "1MiB"}
        service.config["limits"]["event_size"] = "256KiB"
        service.write_config(json.dumps(service.config))
        service.start()
        service.publish(event())
