"""What a client's input may cost: memory it holds without a right to, turns it takes from others."""

import contextlib
import json
import socket
import struct
import unittest

import clients
import test_tokens
from harness import FanfareTest, event, events

FLOOD = 96 << 20


def masked_frame(payload, first=0x81):
    """A client's frame; a mask of zeros leaves the payload as it is."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack("!BH", 0x80 | 126, len(payload))
    return bytes([first]) + length + bytes(4) + payload


def upgrade(target="/v1/subscribe", *lines):
    """The head of a request for a WebSocket."""
    fields = ["Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *lines]
    return f"GET {target} HTTP/1.1\r\n".encode() + "\r\n".join(fields).encode() + b"\r\n\r\n"


def flood(client, piece, bytes_max=FLOOD, patience=3):
    """Sends `piece` again and again until the service takes no more for a while, or `bytes_max` are sent; how many were."""
    client.settimeout(patience)
    sent = 0
    try:
        while sent < bytes_max:
            sent += client.send(piece)
    except (TimeoutError, ConnectionError):
        pass
    return sent


BAD_OPS = 850
BAD_OP = masked_frame(json.dumps({"op": "no such op, and a text that makes the answer long enough" * 2}).encode())
PING_OP = masked_frame(b'{"op":"ping"}')


class HandOver(FanfareTest):
    """A request that makes the connection a socket, with input behind it that the socket cannot take at once."""

    fresh_service_per_test = True

    def check(self, head, port=None):
        """The socket reads on once its answers are out, and no further than it is read from."""
        with socket.create_connection(("127.0.0.1", port or self.service.port), timeout=20) as client:
            client.sendall(head + BAD_OP * BAD_OPS)
            client.sendall(PING_OP)
            received, seen = b"", 0
            while seen <= BAD_OPS and b'"op":"pong"' not in received[-4096:]:
                piece = client.recv(65536)
                self.assertTrue(piece, "the service hung up")
                received += piece
            self.assertEqual(received.count(b'"op":"error"'), BAD_OPS)
            before = self.service.memory()
            flood(client, PING_OP * 4096)
            self.assertLess(self.service.memory() - before, FLOOD // 4)

    def test_a_socket_opened_behind_an_answer_reads_no_further_than_it_is_read_from(self):
        """The pause of the new handler was undone: it kept all that came for ever, and answered none of it."""
        self.service.publish(*events(1000, prefix="page"))
        page = b"GET /v1/events?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.check(page + upgrade())


class HandOverWithToken(HandOver, test_tokens.JWTTest):
    """The same when the token of the request has to be verified first."""

    def test_a_socket_opened_behind_an_answer_reads_no_further_than_it_is_read_from(self):
        self.check(upgrade("/v1/subscribe", f"Authorization: Bearer {test_tokens.token()}"))


class Inflating(FanfareTest):
    """Messages of 600 bytes that become a thousand times as many: a turn inflates 2 MiB of them, and the rest in the next."""

    fresh_service_per_test = True
    messages = 200

    @classmethod
    def configuration(cls, service):
        return {"shards": 1}

    def test_a_flood_of_them_is_taken_over_many_turns_and_wholly(self):
        text = json.dumps({"op": "ping", "padding": " " * (512 << 10)})
        frame = masked_frame(clients.deflated(text.encode()), first=0xC1)
        self.assertLess(len(frame), 2000)
        before = self.service.metric("turns_total")
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=20) as client:
            client.sendall(upgrade("/v1/subscribe", "Sec-WebSocket-Extensions: permessage-deflate") + frame * self.messages)
            received = b""
            while received.count(b'"op":"pong"') < self.messages:
                piece = client.recv(65536)
                self.assertTrue(piece, "the service hung up")
                received += piece
        self.assertGreater(self.service.metric("turns_total") - before, self.messages // 4 - 2)

    def test_two_floods_and_one_that_publishes_are_all_served(self):
        text = json.dumps({"op": "ping", "padding": " " * (512 << 10)})
        flood_frames = masked_frame(clients.deflated(text.encode()), first=0xC1) * self.messages
        publish = json.dumps({"op": "publish", "event": event(id="x", type="a", data="y" * 50_000)}).encode()
        head = upgrade("/v1/subscribe", "Sec-WebSocket-Extensions: permessage-deflate")
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", self.service.port), timeout=20))
                       for _ in range(3)]
            for client in sockets[:2]:
                client.sendall(head + flood_frames)
            sockets[2].sendall(head + masked_frame(clients.deflated(publish), first=0xC1) * 3)
            for client, answer, count in ((sockets[2], b'"op":"published"', 3), (sockets[0], b'"op":"pong"', self.messages),
                                          (sockets[1], b'"op":"pong"', self.messages)):
                received = b""
                while received.count(answer) < count:
                    piece = client.recv(65536)
                    self.assertTrue(piece, "the service hung up")
                    received += piece


if __name__ == "__main__":
    unittest.main()
