"""What once went wrong and must not come back; each test says what it was."""

import json
import re
import socket
import ssl
import time
import uuid
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from clients import open_subscriber
from harness import Certificates, FanfareTest, events, ids


class Regressions(FanfareTest):
    def topic(self):
        return f"once.{uuid.uuid4().hex[:10]}"

    def test_reads_pipelined_beyond_the_limit_are_all_answered(self):
        """The answer to a page resumed the connection inside the pages' own bookkeeping: an exclusivity trap."""
        topic = self.topic()
        self.service.publish(*events(5, topic))
        count = 300
        request = f"GET /v1/events?topic={topic}&limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=20) as client:
            client.sendall(request * count)
            received = b""
            while received.count(b"HTTP/1.1 200 OK") < count:
                piece = client.recv(65536)
                self.assertTrue(piece, f"the service hung up after {received.count(b'HTTP/1.1 200')} answers")
                received += piece
        self.assertEqual(self.service.request("GET", "/healthz").status, 200)

    def test_the_last_few_of_a_rare_topic_are_found_while_others_are_published(self):
        """The search began anew at every event behind the head and ended with nothing."""
        rare, busy = self.topic(), self.topic()
        for number in range(20):
            self.service.publish(*events(1, rare, prefix=f"rare-{number}-"))
            self.service.publish(*events(10, busy, prefix=f"busy-{number}-"))
        for transport in ("websocket", "sse", "stream"):
            with self.subTest(transport), open_subscriber(self.service, transport, [rare], "last:3") as subscriber:
                self.service.publish(*events(5, busy, prefix=uuid.uuid4().hex))
                self.assertEqual([i.split("-")[1] for i in ids(subscriber.take_events(3))], ["17", "18", "19"])

    def test_from_a_time_gives_nothing_older_though_memory_holds_it(self):
        """Events that memory still held were delivered whatever their time."""
        topic = self.topic()
        with open_subscriber(self.service, "stream", [topic]) as holder:
            self.service.publish(*events(10, topic, prefix="old-"))
            holder.take_events(10)
            time.sleep(0.05)
            start = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
            time.sleep(0.05)
            for transport in ("websocket", "sse", "stream"):
                with self.subTest(transport), open_subscriber(self.service, transport, [topic], start) as subscriber:
                    name = f"new-{transport}-"
                    self.service.publish(*events(1, topic, prefix=name))
                    seen = ids(subscriber.take_events(1 if transport == "websocket" else 2 if transport == "sse" else 3))
                    self.assertFalse([i for i in seen if i.startswith("old-")])

    def answers(self, request, until, timeout=10):
        """What comes to a raw request, up to and with `until`."""
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=timeout) as client:
            client.sendall(request)
            received = b""
            while until not in received:
                piece = client.recv(65536)
                self.assertTrue(piece, received)
                received += piece
            return received

    def test_a_socket_may_be_asked_for_behind_requests_that_are_not_answered(self):
        """It was refused: await all answers before subscribing."""
        topic = self.topic()
        self.service.publish(*events(1, topic))
        for first in ("/healthz", "/metrics", "/v1/events?limit=1"):
            before = f"GET {first} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            for fields in (b"", b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"):
                with self.subTest(first, fields=fields):
                    request = f"GET /v1/subscribe?topic={topic}&from=earliest HTTP/1.1\r\nHost: localhost\r\n".encode()
                    received = self.answers(before * 2 + request + fields + b"\r\n", topic.encode())
                    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", received)
                    self.assertEqual(statuses, [b"200", b"200", b"101" if fields else b"200"])

    def test_http_1_0_cannot_upgrade(self):
        """The header was taken at its word, and the answer was 405 without Allow."""
        topic = self.topic()
        self.service.publish(*events(1, topic))
        received = self.answers(
            f"GET /v1/subscribe?topic={topic}&from=earliest HTTP/1.0\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\n\r\n".encode(), topic.encode())
        self.assertIn(b"content-type: text/event-stream", received)

    def test_answers_tell_their_date(self):
        """They had none (RFC 9110, section 6.6.1)."""
        topic = self.topic()
        for target in ("/healthz", "/v1/nothing", f"/v1/subscribe?topic={topic}"):
            with self.subTest(target):
                received = self.answers(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), b"\r\n\r\n")
                date = [line[6:].decode() for line in received.split(b"\r\n") if line.startswith(b"date: ")]
                self.assertEqual(len(date), 1)
                self.assertLess(abs(parsedate_to_datetime(date[0]).timestamp() - time.time()), 5)

    def test_who_offers_only_other_protocols_is_refused_by_alpn(self):
        """The handshake succeeded without an agreement; the stream protocol agreed on HTTP."""
        context = ssl.create_default_context(cafile=Certificates.shared().ca)
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", self.service.tls_port)) as plain:
            with self.assertRaisesRegex(ssl.SSLError, "no application protocol"):
                context.wrap_socket(plain, server_hostname="localhost")

    def test_a_tls_connection_ends_as_soon_as_it_is_answered(self):
        """The last flush of a TLS connection was forgotten: it stayed open for five seconds."""
        begun = time.monotonic()
        context = ssl.create_default_context(cafile=Certificates.shared().ca)
        plain = socket.create_connection(("127.0.0.1", self.service.tls_port), timeout=10)
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            client.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while client.recv(65536):
                pass
        self.assertLess(time.monotonic() - begun, 3)

    def test_a_batch_larger_than_the_backlog_is_taken_whole(self):
        """Records were refused one by one behind those already taken."""
        topic = self.topic()
        batch = events(45_000, topic)
        answer = self.service.request(
            "POST", "/v1/events", json.dumps(batch), {"content-type": "application/cloudevents-batch+json"})
        self.assertEqual((answer.status, answer.json()["accepted"]), (202, 45_000))
