"""Hostile bytes: each with the exact answer it gets, and after each the service still answers everyone else."""

import json
import socket
import threading
import time
import unittest

from clients import Closed
from harness import FanfareTest, event

HOST = b"Host: localhost\r\n"
EVENT = json.dumps(event(id="hostile", type="hostile.one")).encode()
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(*lines, target=b"/healthz", version=b"HTTP/1.1", host=HOST):
    return b"GET " + target + b" " + version + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines, body=EVENT, target=b"/v1/events", version=b"HTTP/1.1"):
    head = b"POST " + target + b" " + version + b"\r\n" + HOST + b"Content-Type: application/cloudevents+json\r\n"
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunked(body, *lines):
    return post(b"Transfer-Encoding: chunked", *lines, body=body)


LENGTH = b"Content-Length: %d" % len(EVENT)
CHUNK = b"%x\r\n" % len(EVENT) + EVENT + b"\r\n"

# name: (bytes, status or statuses). Every one of these ends the connection: framing can no longer be trusted, and what
# follows (a smuggled request, where there is one) must never be answered.
CLOSING = {
    # Lengths
    "two equal lengths": (post(LENGTH, LENGTH) + SMUGGLED, 400),
    "two different lengths": (post(LENGTH, b"Content-Length: 5") + SMUGGLED, 400),
    "a list of lengths": (post(b"Content-Length: 5, 5") + SMUGGLED, 400),
    "a negative length": (post(b"Content-Length: -1") + SMUGGLED, 400),
    "a length with a sign": (post(b"Content-Length: +%d" % len(EVENT)) + SMUGGLED, 400),
    "a hexadecimal length": (post(b"Content-Length: 0x10") + SMUGGLED, 400),
    "a length with a fraction": (post(b"Content-Length: 5.0") + SMUGGLED, 400),
    "a length with a space inside": (post(b"Content-Length: 1 0") + SMUGGLED, 400),
    "an empty length": (post(b"Content-Length: ") + SMUGGLED, 400),
    "a length beyond 64 bits": (post(b"Content-Length: 99999999999999999999999") + SMUGGLED, (400, 413)),
    "a length of 2^64 + 5": (post(b"Content-Length: 18446744073709551621") + SMUGGLED, (400, 413)),
    "a length of 2^63": (post(b"Content-Length: 9223372036854775808") + SMUGGLED, (400, 413)),
    "an announced petabyte": (post(b"Content-Length: 1125899906842624", body=b""), 413),
    "a length with a tab and letters": (post(b"Content-Length: 5\tx") + SMUGGLED, 400),
    # Transfer codings
    "length and chunked": (post(LENGTH, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n") + SMUGGLED, 400),
    "chunked and length": (post(b"Transfer-Encoding: chunked", LENGTH, body=b"0\r\n\r\n") + SMUGGLED, 400),
    "chunked twice": (chunked(CHUNK + b"0\r\n\r\n", b"Transfer-Encoding: chunked") + SMUGGLED, 400),
    "chunked, chunked": (post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n") + SMUGGLED, 400),
    "gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n") + SMUGGLED, (400, 501)),
    "chunked, identity": (post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n") + SMUGGLED, 400),
    "identity": (post(b"Transfer-Encoding: identity", LENGTH) + SMUGGLED, 400),
    "an unknown coding": (post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n") + SMUGGLED, (400, 501)),
    "a coding with a vertical tab": (post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n") + SMUGGLED, 400),
    "a coding in quotes": (post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n") + SMUGGLED, 400),
    "an empty coding": (post(b"Transfer-Encoding: ", body=b"0\r\n\r\n") + SMUGGLED, 400),
    "chunked on HTTP/1.0": (post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", version=b"HTTP/1.0") + SMUGGLED, 400),
    "length and chunked on HTTP/1.0": (
        post(LENGTH, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", version=b"HTTP/1.0") + SMUGGLED, 400),
    "a space before the colon of the coding": (post(b"Transfer-Encoding : chunked", LENGTH) + SMUGGLED, 400),
    "a coding on a folded line": (post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n") + SMUGGLED, 400),
    # Chunks
    "a chunk size that is no number": (chunked(b"xyz\r\n" + EVENT) + SMUGGLED, 400),
    "an empty chunk size": (chunked(b"\r\n" + EVENT) + SMUGGLED, 400),
    "a negative chunk size": (chunked(b"-1\r\n" + EVENT) + SMUGGLED, 400),
    "a chunk size with 0x": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n") + SMUGGLED, 400),
    "a chunk size beyond 64 bits": (chunked(b"fffffffffffffffff\r\n") + SMUGGLED, (400, 413)),
    "a chunk size of 2^64 + 2": (chunked(b"10000000000000002\r\nxx\r\n0\r\n\r\n") + SMUGGLED, (400, 413)),
    "a chunk size with a leading space": (chunked(b" 5\r\nhello\r\n0\r\n\r\n") + SMUGGLED, 400),
    "a chunk without its line end": (chunked(b"5\r\nhelloX0\r\n\r\n") + SMUGGLED, 400),
    "a chunk line ended by a bare line feed": (chunked(b"5\nhello\r\n0\r\n\r\n") + SMUGGLED, 400),
    "a chunk ended by a bare line feed": (chunked(b"5\r\nhello\n0\r\n\r\n") + SMUGGLED, 400),
    "an endless chunk extension": (chunked(b"5;" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n"), 400),
    "a malformed trailer": (chunked(CHUNK + b"0\r\nno colon\r\n\r\n") + SMUGGLED, 400),
    "a trailer ended by a bare line feed": (chunked(CHUNK + b"0\r\nx: 1\n\r\n") + SMUGGLED, 400),
    # Heads
    "a folded header": (get(b"X-A: 1\r\n folded") + SMUGGLED, 400),
    "a header folded by a tab": (get(b"X-A: 1\r\n\tfolded") + SMUGGLED, 400),
    "bare line feeds": (b"GET /healthz HTTP/1.1\nHost: localhost\n\n" + SMUGGLED, 400),
    "one bare line feed in the head": (b"GET /healthz HTTP/1.1\r\nHost: localhost\nX-A: 1\r\n\r\n" + SMUGGLED, 400),
    "a bare carriage return in a value": (get(b"X-A: 1\rX-B: 2") + SMUGGLED, 400),
    "a zero byte in a value": (get(b"X-A: a\x00b") + SMUGGLED, 400),
    "a zero byte in a name": (get(b"X\x00A: b") + SMUGGLED, 400),
    "a control byte in a value": (get(b"X-A: a\x01b") + SMUGGLED, 400),
    "a space in a name": (get(b"X A: b") + SMUGGLED, 400),
    "a space before a colon": (get(b"X-A : b") + SMUGGLED, 400),
    "an empty name": (get(b": b") + SMUGGLED, 400),
    "no colon": (get(b"X-A") + SMUGGLED, 400),
    "a first header that begins with a space": (b"GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n" + SMUGGLED, 400),
    "a name outside of ASCII": (get(b"X-\xc3\xa4: b") + SMUGGLED, 400),
    # Hosts
    "no host": (get(host=b"") + SMUGGLED, 400),
    "two hosts": (get(b"Host: localhost") + SMUGGLED, 400),
    "two hosts that differ": (get(b"Host: evil.example") + SMUGGLED, 400),
    "an empty host": (get(host=b"Host: \r\n") + SMUGGLED, 400),
    "a host list": (get(host=b"Host: localhost, evil.example\r\n") + SMUGGLED, 400),
    "a host with a path": (get(host=b"Host: localhost/x\r\n") + SMUGGLED, 400),
    "a host with user information": (get(host=b"Host: a@localhost\r\n") + SMUGGLED, 400),
    "a host that disagrees with an absolute target": (get(target=b"http://evil.example/healthz") + SMUGGLED, (400, 403)),
    # Request lines
    "no version": (b"GET /healthz\r\n\r\n" + SMUGGLED, 400),
    "two spaces": (b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, 400),
    "a tab instead of a space": (b"GET\t/healthz HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, 400),
    "a trailing space": (b"GET /healthz HTTP/1.1 \r\n" + HOST + b"\r\n" + SMUGGLED, 400),
    "an unknown version": (get(version=b"HTTP/3.7") + SMUGGLED, (400, 505)),
    "a lower-case version": (get(version=b"http/1.1") + SMUGGLED, 400),
    "a version of two digits": (get(version=b"HTTP/1.10") + SMUGGLED, (400, 505)),
    "a method with a colon": (b"GE:T /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, 400),
    "a target with a control byte": (get(target=b"/health\x01z") + SMUGGLED, 400),
    "a target without a slash": (get(target=b"healthz") + SMUGGLED, 400),
    "a target with a fragment": (get(target=b"/healthz#x") + SMUGGLED, 400),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, (400, 405, 501)),
    "an endless method": (b"A" * 70_000 + b" / HTTP/1.1\r\n", (400, 414, 431)),
    "an endless target": (get(target=b"/" + b"a" * 100_000), (414, 431)),
    "an endless header": (get(b"X-A: " + b"a" * 200_000), 431),
    "ten thousand headers": (get(*[b"X-%d: 1" % n for n in range(10_000)]), 431),
    "an unsupported expectation": (post(LENGTH, b"Expect: 200-maybe"), 417),
    "a TLS hello on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, 400),
    "an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "garbage": (bytes(range(256)) + b"\r\n\r\n", 400),
}

# name: (bytes, status). The request is understood and refused; the connection goes on.
REFUSED = {
    "an unknown method": (b"BREW /healthz HTTP/1.1\r\n" + HOST + b"\r\n", (405, 501)),
    "bad percent coding in a topic": (post(LENGTH, target=b"/v1/events?topic=%zz"), 400),
    "a cut percent coding in a topic": (post(LENGTH, target=b"/v1/events?topic=a%2"), 400),
    "a coded zero byte in a topic": (post(LENGTH, target=b"/v1/events?topic=a%00b"), 400),
    "a path that climbs": (get(target=b"/v1/../../etc/passwd"), 404),
    "a coded path that climbs": (get(target=b"/v1/%2e%2e/%2e%2e/etc/passwd"), 404),
    "a doubled slash": (get(target=b"//healthz"), 404),
    "a path with a coded slash": (get(target=b"/v1%2fevents"), 404),
}


class HostileHTTP(FanfareTest):
    def assertHealthy(self):
        self.assertEqual(self.service.request("GET", "/healthz").status, 200)

    def assertStatus(self, status, expected):
        self.assertIn(status, expected if isinstance(expected, tuple) else (expected,))

    def test_ambiguous_or_malformed_requests_are_refused_and_end_the_connection(self):
        for name, (data, expected) in CLOSING.items():
            with self.subTest(name):
                with self.service.http() as http:
                    try:
                        http.send(data)
                    except OSError:
                        pass
                    response = http.read_response()
                    self.assertStatus(response.status, expected)
                    self.assertEqual(response.media_type, "application/problem+json")
                    self.assertEqual(http.rest(), b"", "something was answered after the refusal")
                self.assertHealthy()
        self.assertEqual(self.service.read_events("&topic=hostile.one"), [])

    def test_the_same_over_tls(self):
        for name in ("two different lengths", "length and chunked", "bare line feeds", "two hosts", "garbage"):
            data, expected = CLOSING[name]
            with self.subTest(name), self.service.http(tls=True) as http:
                http.send(data)
                self.assertStatus(http.read_response().status, expected)
                self.assertEqual(http.rest(), b"")

    def test_the_same_byte_by_byte(self):
        for name, (data, expected) in CLOSING.items():
            if len(data) > 600:
                continue
            with self.subTest(name), self.service.http() as http:
                try:
                    for byte in data:
                        http.send(bytes([byte]))
                except OSError:
                    pass
                try:
                    self.assertStatus(http.read_response().status, expected)
                except Closed:
                    # We were still sending when it closed, and the kernel threw the answer away with our bytes.
                    pass
        self.assertHealthy()

    def test_understood_but_refused_requests_keep_the_connection(self):
        for name, (data, expected) in REFUSED.items():
            with self.subTest(name), self.service.http() as http:
                http.send(data)
                self.assertStatus(http.read_response().status, expected)
                self.assertEqual(http.get("/healthz").status, 200)

    def test_tolerated_oddities_are_answered(self):
        for name, data in {
            "an empty line before a request (RFC 9112, 2.2)": b"\r\n" + get(),
            "an empty value": get(b"X-A:"),
            "spaces around a value": get(b"X-A: \t 1 \t "),
            "bytes above ASCII in a value": get(b"X-A: \xe4\xff"),
            "a query that nobody asked for": get(target=b"/healthz?x=%20&y"),
            "a target in absolute form": get(target=b"http://localhost/healthz"),
        }.items():
            with self.subTest(name), self.service.http() as http:
                http.send(data)
                self.assertEqual(http.read_response().status, 200)

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

    def test_stream_input_that_is_no_message_is_an_error_and_the_next_line_counts(self):
        for line in (b"\x00", b"\xff\xfe", b"{" * 1000, b'{"op":"subscribe","id":1,"topics":[]}', b'{"op":"\\ud800"}', b"[" * 50_000,
                     b'{"specversion":"1.0"}', b'{"op":"authenticate"}'):
            with self.subTest(line[:40]):
                stream = self.open(self.service.stream())
                stream.send(line + b"\n")
                stream.next_op("error")


if __name__ == "__main__":
    unittest.main()
