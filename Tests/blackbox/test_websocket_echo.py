"""Conformance mode: `serve --websocket-echo ADDRESS`, after the cases public WebSocket suites try (RFC 6455, RFC 7692)."""

import os
import random
import struct
import unittest

import clients
from harness import FanfareTest, Service, free_port

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
DEFLATE = "permessage-deflate; client_max_window_bits"
KAPPA = "κόσμε"


class EchoTest(FanfareTest):
    @classmethod
    def make_service(cls):
        cls.echo_port = free_port()
        service = Service(arguments=["--websocket-echo", f"127.0.0.1:{cls.echo_port}"])
        service.start()
        return service

    def echo(self, **options):
        return self.open(clients.WebSocket(self.echo_port, "/any/path", timeout=20, **options))

    def assertEchoes(self, socket, opcode, message):
        kind, answer = socket.next_data()
        self.assertEqual((kind, len(answer)), (opcode, len(message)))
        self.assertTrue(answer == message)

    def assertFails(self, code, *frames, **options):
        """The frames (arguments of send_frame) are answered with nothing but a close of this code, and the end."""
        socket = self.echo(**options)
        for opcode, payload, more in frames:
            socket.send_frame(opcode, payload, **more)
        self.assertEqual(socket.wait_for_close(), code)
        self.assertEqual(socket.rest(), b"")


class Messages(EchoTest):
    def test_text_and_binary_of_every_length_form(self):
        for extensions in (None, DEFLATE):
            socket = self.echo(extensions=extensions)
            for length in (0, 1, 125, 126, 127, 128, 65_535, 65_536, 70_000):
                for opcode, message in ((TEXT, b"*" * length), (BINARY, os.urandom(length))):
                    socket.send_frame(opcode, message)
                    self.assertEchoes(socket, opcode, message)

    def test_sixteen_mebibytes(self):
        noise = random.Random(1).randbytes(16 << 20)
        for opcode, message in ((TEXT, b"*" * (16 << 20)), (BINARY, noise)):
            socket = self.echo()
            socket.send_frame(opcode, message)
            self.assertEchoes(socket, opcode, message)

    def test_sixteen_mebibytes_in_fragments(self):
        message = random.Random(2).randbytes(16 << 20)
        for size in (65_536, 1 << 20):
            socket = self.echo()
            for start in range(0, len(message), size):
                end = start + size
                socket.send_frame(BINARY if start == 0 else 0, message[start:end], fin=end >= len(message))
            self.assertEchoes(socket, BINARY, message)

    def test_sixteen_mebibytes_compressed(self):
        for message in (b"*" * (16 << 20), random.Random(3).randbytes(8 << 20)):
            socket = self.echo(extensions=DEFLATE)
            socket.send_compressed(BINARY, message, level=1)
            self.assertEchoes(socket, BINARY, message)

    def test_many_messages_that_nobody_reads_meanwhile(self):
        # More than may wait for the client: its input is left alone until it reads.
        socket = self.echo()
        message = b"x" * 1000
        socket.socket.settimeout(0.5)
        sent = 0
        try:
            while sent < 40_000:
                socket.send_frame(BINARY, message)
                sent += 1
            self.fail("the service took everything")
        except TimeoutError:
            pass
        socket.socket.settimeout(20)
        for _ in range(sent):
            self.assertEchoes(socket, BINARY, message)

    def test_a_message_beyond_the_limit_closes_with_1009(self):
        socket = self.echo()
        socket.send(bytes([0x82, 0xFF]) + struct.pack("!Q", (24 << 20) + 1) + b"mask")
        self.assertEqual(socket.wait_for_close(), 1009)
        socket = self.echo(extensions=DEFLATE)
        socket.send_compressed(BINARY, bytes(25 << 20), level=1)
        self.assertEqual(socket.wait_for_close(), 1009)

    def test_octets_one_by_one(self):
        socket = self.echo()
        received = []
        original = socket.send
        socket.send = lambda data: [original(data[n : n + 1]) for n in range(len(data))]
        socket.send_frame(TEXT, KAPPA)
        socket.send_frame(PING, b"p")
        self.assertEqual(socket.next_data(), (TEXT, KAPPA.encode()))
        self.assertEqual(socket.read_frame(), (1, 0, PONG, b"p"))


class Control(EchoTest):
    def test_pings_are_answered_with_their_payload_each(self):
        socket = self.echo()
        for payload in (b"", b"Hello, world!", bytes([0, 255, 254, 253, 252, 251, 0, 255]), b"\xfe" * 125):
            socket.send_frame(PING, payload)
            self.assertEqual(socket.read_frame(), (1, 0, PONG, payload))
        for number in range(10):
            socket.send_frame(PING, f"payload-{number}")
        for number in range(10):
            self.assertEqual(socket.read_frame(), (1, 0, PONG, f"payload-{number}".encode()))

    def test_pongs_nobody_asked_for_are_ignored(self):
        socket = self.echo()
        socket.send_frame(PONG, b"")
        socket.send_frame(PONG, b"unsolicited")
        socket.send_frame(PING, b"ping")
        self.assertEqual(socket.read_frame(), (1, 0, PONG, b"ping"))

    def test_control_frames_break_the_rules(self):
        self.assertFails(1002, (PING, b"\xfe" * 126, {}))
        self.assertFails(1002, (PING, b"", {"fin": False}), (0, b"", {}))
        self.assertFails(1002, (CLOSE, b"x" * 126, {}))
        self.assertFails(1002, (PONG, b"", {"fin": False}))

    def test_reserved_bits_and_opcodes(self):
        for reserved in range(1, 8):
            self.assertFails(1002, (TEXT, b"Hello", {"reserved": reserved}))
        for reserved in (1, 2, 3, 5, 6, 7):
            self.assertFails(1002, (TEXT, b"Hello", {"reserved": reserved}), extensions=DEFLATE)
        self.assertFails(1002, (PING, b"Hello", {"reserved": 4}), extensions=DEFLATE)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            self.assertFails(1002, (opcode, b"Hello", {}))


class Fragments(EchoTest):
    def test_a_message_in_fragments_with_pings_between(self):
        for extensions in (None, DEFLATE):
            socket = self.echo(extensions=extensions)
            socket.send_frame(TEXT, b"fragment1", fin=False)
            socket.send_frame(PING, b"one")
            self.assertEqual(socket.read_frame(), (1, 0, PONG, b"one"))
            socket.send_frame(0, b"", fin=False)
            socket.send_frame(0, b"fragment2", fin=False)
            socket.send_frame(PING, b"two")
            socket.send_frame(0, b"fragment3")
            self.assertEqual(socket.read_frame(), (1, 0, PONG, b"two"))
            self.assertEchoes(socket, TEXT, b"fragment1fragment2fragment3")

    def test_a_compressed_message_in_fragments_with_pings_between(self):
        message = os.urandom(1000) * 50
        payload = clients.deflated(message)
        for pieces in (2, 7, len(payload)):
            socket = self.echo(extensions=DEFLATE)
            size = -(-len(payload) // pieces)
            for start in range(0, len(payload), size):
                socket.send_frame(
                    BINARY if start == 0 else 0, payload[start : start + size], fin=start + size >= len(payload),
                    reserved=4 if start == 0 else 0)
                if start == 0:
                    socket.send_frame(PING, b"between")
            self.assertEqual(socket.read_frame(), (1, 0, PONG, b"between"))
            self.assertEchoes(socket, BINARY, message)

    def test_fragments_out_of_order(self):
        self.assertFails(1002, (0, b"nothing to continue", {}))
        self.assertFails(1002, (0, b"", {"fin": False}))
        self.assertFails(1002, (TEXT, b"first", {"fin": False}), (TEXT, b"second", {}))
        self.assertFails(1002, (TEXT, b"first", {"fin": False}), (0, b"c", {"reserved": 4}), extensions=DEFLATE)


class UTF8(EchoTest):
    def test_valid_text_cut_anywhere(self):
        texts = ["Hello-µ@ßöäüàá-UTF-8!!", KAPPA, "\U00010000\U0010ffff\ud7ff\ue000\ufffd\uffff\x7f\u0080\u07ff\u0800"]
        for text in texts:
            data = text.encode()
            socket = self.echo()
            for cut in range(len(data) + 1):
                socket.send_frame(TEXT, data[:cut], fin=False)
                socket.send_frame(0, data[cut:])
                self.assertEchoes(socket, TEXT, data)

    def test_invalid_text_closes_with_1007(self):
        invalid = [
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf",
            b"\xe0\x9f\xbf", b"\xe0\x80\xaf", b"\xf0\x8f\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xf4\x90\x80\x80",
            b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xbf\xbf", b"\xff", b"\xfe", b"\xf5\x80\x80\x80", b"\xce", b"\xe1\xbd", b"\xf0\x90\x80"]
        for text in invalid:
            with self.subTest(text):
                self.assertFails(1007, (TEXT, text, {}))
                self.assertFails(1007, (TEXT, text[:1], {"fin": False}), (0, text[1:], {}))
                self.assertFails(1007, (TEXT, clients.deflated(text), {"reserved": 4}), extensions=DEFLATE)

    def test_invalid_text_fails_before_its_frame_or_message_ends(self):
        valid, bad = KAPPA.encode(), b"\xf4\x90"
        socket = self.echo()
        socket.send_frame(TEXT, valid + bad, fin=False)
        self.assertEqual(socket.wait_for_close(), 1007)
        socket = self.echo()
        # Within one frame whose rest never comes; a mask of zeros leaves the bytes as they are.
        socket.send(bytes([0x81, 0x80 | 100, 0, 0, 0, 0]) + valid + bad)
        self.assertEqual(socket.wait_for_close(), 1007)

    def test_binary_need_not_be_text(self):
        socket = self.echo()
        socket.send_frame(BINARY, b"\xff\xfe\x80")
        self.assertEchoes(socket, BINARY, b"\xff\xfe\x80")


class Closing(EchoTest):
    def close_with(self, payload):
        socket = self.echo()
        socket.send_frame(CLOSE, payload)
        _, _, opcode, answer = socket.read_frame()
        self.assertEqual((opcode, socket.rest()), (CLOSE, b""))
        return answer

    def test_a_close_is_answered_with_its_code(self):
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
            self.assertEqual(self.close_with(struct.pack("!H", code) + b"reason"), struct.pack("!H", code))
        self.assertEqual(self.close_with(b""), b"")
        self.assertEqual(self.close_with(struct.pack("!H", 1000) + b"*" * 123), struct.pack("!H", 1000))

    def test_codes_and_reasons_that_may_not_be_sent(self):
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535):
            with self.subTest(code):
                self.assertEqual(self.close_with(struct.pack("!H", code)), struct.pack("!H", 1002) + self.reason)
        self.assertEqual(self.close_with(b"x")[:2], struct.pack("!H", 1002))
        self.assertEqual(self.close_with(struct.pack("!H", 1000) + b"\xed\xa0\x80")[:2], struct.pack("!H", 1007))

    reason = b"the close code may not be sent"

    def test_nothing_after_a_close_counts(self):
        socket = self.echo()
        socket.send_frame(TEXT, b"before")
        socket.send_frame(CLOSE, struct.pack("!H", 1000))
        socket.send_frame(TEXT, b"after")
        socket.send_frame(PING, b"after")
        self.assertEchoes(socket, TEXT, b"before")
        self.assertEqual(socket.read_frame(), (1, 0, CLOSE, struct.pack("!H", 1000)))
        self.assertEqual(socket.rest(), b"")

    def test_a_close_within_fragments_ends_the_message_too(self):
        socket = self.echo()
        socket.send_frame(TEXT, b"begun", fin=False)
        socket.send_frame(CLOSE, struct.pack("!H", 1000))
        self.assertEqual(socket.read_frame(), (1, 0, CLOSE, struct.pack("!H", 1000)))


class Compression(EchoTest):
    def test_messages_of_many_sizes_come_back_compressed(self):
        socket = self.echo(extensions=DEFLATE)
        self.assertTrue(socket.deflates)
        text = "The quick brown fox jumps over the lazy dog. κόσμε ".encode()
        for length in (16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072):
            message = (text * (length // len(text) + 1)).decode()[:length].encode()
            for level in (0, 1, 9):
                socket.send_compressed(TEXT, message, level)
                self.assertEchoes(socket, TEXT, message)
        self.assertGreater(socket.compressed_messages, 20)

    def test_a_final_block_may_end_a_message(self):
        socket = self.echo(extensions=DEFLATE)
        for payload in (bytes.fromhex("f348cdc9c9070000"), bytes.fromhex("f348cdc9c90700"), bytes.fromhex("000500faff48656c6c6f00")):
            socket.send_frame(TEXT, payload, reserved=4)
            self.assertEchoes(socket, TEXT, b"Hello")

    def test_what_is_not_deflate_closes_with_1007(self):
        self.assertFails(1007, (TEXT, b"\xff\xff\xff\xff", {"reserved": 4}), extensions=DEFLATE)
        self.assertFails(1007, (TEXT, clients.deflated(b"Hello" * 100)[:-3], {"reserved": 4}), extensions=DEFLATE)

    def test_a_common_library_agrees_and_is_understood(self):
        try:
            from websockets.sync.client import connect
        except ImportError:
            self.skipTest("the Python package websockets is not installed (make .build-venv/complete)")
        with connect(f"ws://127.0.0.1:{self.echo_port}/", max_size=None, proxy=None) as socket:
            self.assertIn("permessage-deflate", socket.response.headers["sec-websocket-extensions"])
            for message in ("x" * 100_000, os.urandom(100_000), KAPPA, "", ["in ", "frag", "ments" * 10_000]):
                socket.send(message)
                self.assertEqual(socket.recv(timeout=10), "".join(message) if isinstance(message, list) else message)


class Listening(EchoTest):
    def test_anything_but_a_websocket_is_told_so(self):
        with clients.HTTP(self.echo_port) as http:
            answer = http.get("/v1/events")
            self.assertEqual((answer.status, answer.header("upgrade")), (426, "websocket"))

    def test_an_address_that_cannot_be_used_is_an_error(self):
        from harness import run_command
        for address in ("nonsense", "unix:x.sock", "example.com:80"):
            self.assertEqual(run_command("serve", "--websocket-echo", address).returncode, 64, address)


if __name__ == "__main__":
    unittest.main()
