"""Hostile bytes: each with the exact answer it gets, and after each the service still answers everyone else."""

import json
import socket
import threading
import time
import unittest

from clients import BATCH, Closed, open_subscriber
from harness import FanfareTest, event
from hostile_inputs import (
    EVENT, FORGERIES, FRAMES, HOST, HTTP_CLOSING, HTTP_REFUSED, LENGTH, LINES, SMUGGLED, TOLERATED, get, post)

class HostileHTTP(FanfareTest):
    def assertHealthy(self):
        self.assertEqual(self.service.request("GET", "/healthz").status, 200)

    def assertAnswer(self, response, status, type):
        """The status and a problem of this type, and no header that nobody meant."""
        problem = response.json() if response.media_type == "application/problem+json" else {}
        self.assertEqual((response.version, response.status, problem.get("type", "").rpartition("/")[2]), ("HTTP/1.1", status, type))
        self.assertEqual(problem["status"], status)
        self.assertIsNone(response.header("x-evil"))

    def test_there_are_many(self):
        self.assertGreater(len(HTTP_CLOSING) + len(HTTP_REFUSED) + len(TOLERATED) + len(FRAMES) + len(LINES), 200)

    def test_ambiguous_or_malformed_requests_are_refused_and_end_the_connection(self):
        stored = self.service.read_events("&topic=hostile.one")
        for name, (data, status, type) in HTTP_CLOSING.items():
            with self.subTest(name):
                with self.service.http() as http:
                    try:
                        http.send(data + SMUGGLED)
                    except OSError:
                        pass
                    self.assertAnswer(http.read_response(), status, type)
                    self.assertEqual(http.rest(), b"", "something was answered after the refusal")
                self.assertHealthy()
        self.assertEqual(self.service.read_events("&topic=hostile.one"), stored)

    def test_the_same_over_tls(self):
        for name in ("two different lengths", "length and chunked", "bare line feeds", "two hosts", "garbage"):
            data, status, type = HTTP_CLOSING[name]
            with self.subTest(name), self.service.http(tls=True) as http:
                http.send(data + SMUGGLED)
                self.assertAnswer(http.read_response(), status, type)
                self.assertEqual(http.rest(), b"")

    def test_the_same_byte_by_byte(self):
        for name, (data, status, type) in HTTP_CLOSING.items():
            if len(data) > 600:
                continue
            with self.subTest(name), self.service.http() as http:
                try:
                    for byte in data + SMUGGLED:
                        http.send(bytes([byte]))
                except OSError:
                    pass
                try:
                    self.assertAnswer(http.read_response(), status, type)
                except Closed:
                    # We were still sending when it closed, and the kernel threw the answer away with our bytes.
                    pass
        self.assertHealthy()

    def test_understood_but_refused_requests_keep_the_connection(self):
        stored = self.service.read_events("&topic=hostile.one&topic=fanfare.%3E")
        for name, (data, status, type) in HTTP_REFUSED.items():
            with self.subTest(name), self.service.http() as http:
                http.send(data)
                self.assertAnswer(http.read_response(), status, type)
                self.assertEqual(http.get("/healthz").status, 200)
        self.assertEqual(self.service.read_events("&topic=hostile.one&topic=fanfare.%3E"), stored)

    def test_tolerated_oddities_are_answered_and_keep_the_connection(self):
        for name, (data, status) in TOLERATED.items():
            with self.subTest(name), self.service.http() as http:
                http.send(data)
                self.assertEqual(http.read_response().status, status)
                self.assertEqual(http.get("/v1/smuggled").status, 404)

    def test_connections_that_end_early_disturb_nobody(self):
        whole = post(LENGTH, target=b"/v1/events?topic=hostile.cut")
        for cut in range(0, len(whole), 7):
            with self.service.http() as http:
                http.send(whole[:cut])
        self.assertHealthy()
        self.assertEqual(self.service.read_events("&topic=hostile.cut"), [])

    def test_connections_reset_in_the_middle_disturb_nobody(self):
        for cut in (0, 10, 60, len(post(LENGTH))):
            for _ in range(20):
                http = self.service.http()
                http.send(post(LENGTH)[:cut])
                http.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                http.close()
        self.assertHealthy()

    def test_a_half_closed_connection_still_gets_its_answer(self):
        with self.service.http() as http:
            http.send(get())
            http.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(http.read_response().status, 200)

    def test_hundreds_of_silent_connections_disturb_nobody(self):
        idle = [self.open(self.service.http()) for _ in range(300)]
        for http in idle[::2]:
            http.send(b"GET /healthz HTT")
        start = time.monotonic()
        for _ in range(20):
            self.assertHealthy()
        self.assertLess(time.monotonic() - start, 5)
        for http in idle[::2]:
            http.send(b"P/1.1\r\n" + HOST + b"\r\n")
            self.assertEqual(http.read_response().status, 200)

    def test_a_client_that_never_reads_answers_is_bounded(self):
        with self.service.http() as http:
            http.socket.settimeout(2)
            try:
                for _ in range(2000):
                    http.send(get(target=b"/metrics") * 50)
            except (TimeoutError, OSError):
                pass
            self.assertHealthy()


class HostileTLS(FanfareTest):
    def test_bytes_that_are_no_tls_end_the_connection(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\x00" * 100, b"\x80\x2e\x01" + b"\x00" * 50, b"\x00" * 500):
            with self.subTest(data[:8]):
                with socket.create_connection(("127.0.0.1", self.service.tls_port), timeout=10) as raw:
                    raw.sendall(data)
                    raw.shutdown(socket.SHUT_WR)
                    try:
                        while raw.recv(4096):
                            pass
                    except ConnectionResetError:
                        pass
        with self.service.http(tls=True) as http:
            self.assertEqual(http.get("/v1/events").status, 200)

    def test_handshakes_left_hanging_disturb_nobody(self):
        hanging = [socket.create_connection(("127.0.0.1", self.service.tls_port)) for _ in range(100)]
        try:
            for raw in hanging[::2]:
                raw.sendall(b"\x16\x03\x01\x02")
            with self.service.http(tls=True) as http:
                self.assertEqual(http.get("/v1/events").status, 200)
        finally:
            for raw in hanging:
                raw.close()


class HostileSockets(FanfareTest):
    @classmethod
    def configuration(cls, service):
        return {"limits": {"event_size": "64KiB"}}

    def test_frames_that_break_the_protocol_close_with_its_code(self):
        for name, (data, code) in FRAMES.items():
            with self.subTest(name):
                socket = self.open(self.service.websocket())
                try:
                    socket.send(data)
                except OSError:
                    pass
                self.assertEqual(socket.wait_for_close(), code)
                self.assertEqual(socket.rest(), b"", "something came after the close")

    def test_the_same_frames_right_behind_the_handshake_and_byte_by_byte(self):
        for name, (data, code) in FRAMES.items():
            if len(data) > 300:
                continue
            with self.subTest(name):
                socket = self.open(self.service.websocket(trailing=data))
                self.assertEqual(socket.wait_for_close(), code)
                socket = self.open(self.service.websocket())
                try:
                    for byte in data:
                        socket.send(bytes([byte]))
                except OSError:
                    pass
                self.assertEqual(socket.wait_for_close(), code)

    def test_lines_that_are_no_messages_are_errors_and_the_next_line_counts(self):
        for name, (line, title) in LINES.items():
            with self.subTest(name):
                stream = self.open(self.service.stream())
                stream.send(line + b'\n{"op":"ping"}\n')
                self.assertEqual(stream.next_op("error")["title"], title)
                stream.next_op("pong")

    def test_nothing_in_an_event_can_forge_a_message(self):
        topic = self.topic()
        readers = {t: self.open(open_subscriber(self.service, t, [topic])) for t in ("websocket", "sse", "stream")}
        for number, (name, members) in enumerate(FORGERIES.items()):
            sent = event(id=f"{number}", type=topic) | members
            answer = self.service.request("POST", f"/v1/events?topic={topic}", json.dumps([sent]), {"content-type": BATCH})
            self.assertEqual(answer.status, 202, f"{name}: {answer}")
            position = answer.json()["first"]
            for transport, reader in readers.items():
                with self.subTest(name, transport=transport):
                    received = reader.next_event()
                    self.assertEqual((received["id"], received["fanfareposition"]), (f"{number}", position))
                    self.assertEqual(received.get("data"), members.get("data"))
        self.assertEqual(readers["sse"].last_id, position)
        self.assertEqual([r.ops for r in readers.values()], [[], [], []])

    def test_subscribers_that_vanish_while_receiving_disturb_nobody(self):
        topic = self.topic()
        healthy = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}"))
        vanishing = [self.service.websocket(f"/v1/subscribe?topic={topic}") for _ in range(30)]
        vanishing += [self.service.sse(f"/v1/subscribe?topic={topic}") for _ in range(30)]
        for n in range(60):
            self.service.publish(event(id=str(n), type=topic, data="x" * 10_000))
            gone = vanishing.pop()
            if n % 2:
                gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            gone.close()
        self.assertEqual([e["id"] for e in healthy.take_events(60)], [str(n) for n in range(60)])

    def test_subscribe_and_unsubscribe_in_a_storm_leave_nothing_behind(self):
        topic = self.topic()
        healthy = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}"))

        def storm():
            for n in range(30):
                with self.service.websocket() as storming:
                    for m in range(20):
                        storming.send_op("subscribe", id=str(m), topics=[f"{topic}.{m}", ">"])
                        storming.send_op("unsubscribe", id=str(m))

        threads = [threading.Thread(target=storm) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(50):
            self.service.publish(event(id=str(n), type=topic))
        for thread in threads:
            thread.join()
        self.assertEqual([e["id"] for e in healthy.take_events(50)], [str(n) for n in range(50)])

    def test_a_flood_of_pings_is_answered_or_closed_and_disturbs_nobody(self):
        flooding = self.open(self.service.websocket())
        flooding.socket.settimeout(2)
        try:
            for _ in range(20_000):
                flooding.send_frame(9, "x" * 100)
        except (TimeoutError, OSError):
            pass
        self.assertEqual(self.service.request("GET", "/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()
