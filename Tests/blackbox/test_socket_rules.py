"""Sockets under unlucky and unkind clients: real stalls, floods of control messages, half-closed sides, heartbeats."""

import json
import os
import struct
import threading
import unittest

import clients
from clients import Closed, open_subscriber, url_query
from harness import FanfareTest, event, eventually, events, ids, sequence

# More than the 16 MiB of events a shard keeps in memory and all the kernel buffers for one who does not read.
BEYOND_MEMORY = 300
TEXT = os.urandom(60_000).hex()


class StallTest(FanfareTest):
    def stalled(self, transport, topic, slow):
        """A subscriber that does not read while more is published than memory holds."""
        if transport.startswith("stream"):
            subscriber = self.service.stream(receive_buffer=4096)
            subscriber.subscribe(topic, slow=slow)
        else:
            kind, _, variant = transport.partition("+")
            options = {"extensions": "permessage-deflate"} if variant == "deflate" else {}
            opener = self.service.websocket if kind == "websocket" else self.service.sse
            target = "/v1/subscribe?" + url_query([topic], slow=slow)
            subscriber = opener(target, tls=variant == "tls", receive_buffer=4096, **options)
        return self.open(subscriber)

    def publish_beyond_memory(self, topic):
        for start in range(0, BEYOND_MEMORY, 50):
            self.service.publish(*[event(id=str(n), type=topic, data=TEXT) for n in range(start, start + 50)])

    def read_until_gap(self, subscriber):
        """The events before the gap, and the gap."""
        received = []
        while True:
            message = json.loads(subscriber.next_raw())
            if message.get("op") == "gap":
                return received, message
            if "specversion" in message:
                received.append(message)


class SlowPolicies(StallTest):
    TRANSPORTS = ("websocket", "websocket+tls", "websocket+deflate", "sse", "stream")

    def test_who_catches_up_gets_everything(self):
        topic = self.topic()
        readers = [self.stalled(transport, topic, "catch_up") for transport in self.TRANSPORTS]
        self.publish_beyond_memory(topic)
        for transport, reader in zip(self.TRANSPORTS, readers, strict=True):
            with self.subTest(transport):
                self.assertEqual(ids(reader.take_events(BEYOND_MEMORY)), [str(n) for n in range(BEYOND_MEMORY)])

    def test_who_skips_is_told_what_was_missed_and_goes_on_at_the_newest(self):
        topic = self.topic()
        readers = [self.stalled(transport, topic, "skip") for transport in self.TRANSPORTS]
        self.publish_beyond_memory(topic)
        for transport, reader in zip(self.TRANSPORTS, readers, strict=True):
            with self.subTest(transport):
                received, gap = self.read_until_gap(reader)
                self.assertEqual(ids(received), [str(n) for n in range(len(received))])
                self.assertLess(len(received), BEYOND_MEMORY - 100)
                self.assertEqual(gap["after"], received[-1]["fanfareposition"])
                answer = self.service.publish(event(id=f"after-{transport}", type=topic))
                self.assertEqual(sequence(gap["next"]), sequence(answer["first"]))
                self.assertEqual(reader.next_event()["id"], f"after-{transport}")
                if transport == "sse":
                    self.assertEqual(reader.last_id, answer["first"])

    def test_who_would_rather_be_closed_is_told_the_last_position(self):
        topic = self.topic()
        readers = [self.stalled(transport, topic, "close") for transport in self.TRANSPORTS]
        self.publish_beyond_memory(topic)
        for transport, reader in zip(self.TRANSPORTS, readers, strict=True):
            with self.subTest(transport):
                received = []
                with self.assertRaises(EOFError):
                    while True:
                        received.append(reader.next_event())
                self.assertEqual(ids(received), [str(n) for n in range(len(received))])
                self.assertLess(len(received), BEYOND_MEMORY - 100)
                if transport.startswith("websocket"):
                    last = received[-1]["fanfareposition"]
                    self.assertEqual((reader.close_code, reader.close_reason), (4008, last))
                if transport == "stream":
                    self.assertEqual(reader.ops[-1]["op"], "closing")
                if transport != "sse":
                    resumed = self.open(open_subscriber(self.service, transport, [topic], received[-1]["fanfareposition"]))
                    self.assertEqual(resumed.next_event()["id"], str(len(received)))

    def test_the_policy_belongs_to_the_first_subscribe(self):
        stream = self.open(self.service.stream())
        stream.subscribe(self.topic(), slow="skip")
        for members in ({"slow": "close"}, {"slow": 7}):
            stream.send_op("subscribe", id="b", topics=["x"], **members)
            self.assertEqual(stream.next_op("error")["title"], "slow-not-allowed")
        other = self.open(self.service.stream())
        for slow in ("never", 7, None):
            other.send_op("subscribe", id="b", topics=["x"], slow=slow)
            self.assertEqual(other.next_op("error")["title"], "invalid-slow")


class Ends(StallTest):
    def test_a_close_in_the_middle_of_a_large_frame_comes_behind_it(self):
        topic = self.topic()
        large = "x" * 900_000
        for extensions in (None, "permessage-deflate"):
            socket = self.open(self.service.websocket(
                f"/v1/subscribe?topic={topic}", receive_buffer=4096, extensions=extensions))
            noise = os.urandom(450_000).hex() if extensions else large
            self.service.publish(event(id=f"large {extensions}", type=topic, data=noise))
            socket.need()  # the frame has begun
            socket.send_frame(8, struct.pack("!H", 1000))
            self.assertEqual(socket.next_event()["data"], noise)
            self.assertEqual(socket.wait_for_close(), 1000)
            self.assertEqual(socket.rest(), b"")

    def test_a_protocol_error_in_the_middle_of_a_large_frame_is_told_behind_it(self):
        topic = self.topic()
        socket = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}", receive_buffer=4096))
        self.service.publish(*[event(id=str(n), type=topic, data="x" * 900_000) for n in range(3)])
        socket.need()
        socket.send_frame(3, b"")
        with self.assertRaises(Closed):
            for n in range(3):
                self.assertEqual(socket.next_event()["id"], str(n))
        self.assertEqual(socket.close_code, 1002)

    def test_a_stream_client_that_ends_its_side_gets_the_answers_it_is_owed(self):
        topic = self.topic()
        count = 400
        stream = self.open(self.service.stream())
        lines = [json.dumps({"op": "publish", "event": event(id=str(n), type=topic)}) for n in range(count)]
        # The last line has no line end.
        stream.send("\n".join(lines))
        stream.socket.shutdown(1)
        answers = [json.loads(line) for line in stream.rest().splitlines()]
        self.assertEqual([answer["op"] for answer in answers], ["published"] * count)
        self.assertEqual(len({answer["first"] for answer in answers}), count)

    def test_http_requests_pipelined_before_the_client_ended_its_side_are_all_answered(self):
        topic = self.topic()
        self.service.publish(*events(3, topic))
        for count in (5, 500):
            http = self.open(self.service.http())
            http.send(f"GET /v1/events?topic={topic}&limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * count)
            http.socket.shutdown(1)
            self.assertEqual(http.rest().count(b"HTTP/1.1 200 OK"), count)

    def test_full_pages_pipelined_on_one_connection_all_arrive(self):
        topic = self.topic()
        for _ in range(10):
            self.service.publish(event(type=topic, data="y" * 900_000))
        http = self.open(self.service.http())
        http.send(f"GET /v1/events?topic={topic} HTTP/1.1\r\nHost: localhost\r\n\r\n" * 12)
        for _ in range(12):
            answer = http.read_response()
            self.assertEqual((answer.status, len(answer.json()["events"])), (200, 10))


class Floods(StallTest):
    def flood(self, socket, send, most):
        """How often `send` went through until the service stopped reading."""
        socket.socket.settimeout(1)
        try:
            for count in range(most):
                send(count)
        except TimeoutError:
            return count
        finally:
            socket.socket.settimeout(socket.timeout)
        self.fail(f"the service read {most} messages of a client that does not read")

    def test_only_the_latest_of_many_pings_is_answered(self):
        socket = self.open(self.service.websocket(f"/v1/subscribe?topic={self.topic()}"))
        frames = []
        socket_send, socket.send = socket.send, frames.append
        for number in range(2_000):
            socket.send_frame(9, str(number))
        socket.send = socket_send
        socket.send(b"".join(frames))
        pongs = []
        while not pongs or pongs[-1] != b"1999":
            _, _, opcode, payload = socket.read_frame()
            self.assertEqual(opcode, 10)
            pongs.append(payload)
        self.assertLess(len(pongs), 500)
        self.assertEqual([int(p) for p in pongs], sorted({int(p) for p in pongs}))
        self.assertTrue(socket.is_silent())

    def test_a_client_that_makes_us_talk_and_does_not_listen_is_no_longer_read(self):
        for transport in ("websocket", "stream"):
            with self.subTest(transport):
                socket = self.open(open_subscriber(self.service, transport, [self.topic()], receive_buffer=4096))
                message = {"op": "publish", "event": "x" * 300}
                # An error op for each; more than the kernel's buffers of both sides hold.
                sent = self.flood(socket, lambda _: socket.send_json(message), 200_000)
                report = self.service.request("GET", "/v1/connections?limit=1000").json()
                self.assertLess(max(row["pending_bytes"] for row in report["connections"]), 256 << 10)
                for _ in range(min(sent, 1_000)):
                    self.assertEqual(socket.next_op("error")["title"], "invalid-message")

    def test_an_error_quotes_only_the_beginning_of_what_was_wrong(self):
        stream = self.open(self.service.stream())
        stream.send_op("subscribe", id="a", topics=["x" * 500_000])
        self.assertLess(len(stream.next_op("error")["detail"]), 500)
        stream.send_op("y" * 500_000)
        self.assertLess(len(stream.next_op("error")["detail"]), 500)


class CloudEventsSubprotocol(FanfareTest):
    @classmethod
    def configuration(cls, service):
        token = {"name": "t", "secret": "s" * 16, "allow": {"publish": ["mine.>"], "subscribe": ["mine.>"]}}
        return {"tokens": [token]}

    def socket(self):
        target = "/v1/subscribe?topic=mine.%3E&access_token=" + "s" * 16
        socket = self.open(self.service.websocket(target, protocols=["cloudevents.json"]))
        self.assertEqual(socket.handshake.header("sec-websocket-protocol"), "cloudevents.json")
        return socket

    def test_events_travel_both_ways_and_nothing_else(self):
        socket = self.socket()
        for n in range(5):
            socket.send_json(event(id=str(n), type="mine.a"))
        self.assertEqual([json.loads(socket.next_raw())["id"] for _ in range(5)], [str(n) for n in range(5)])
        self.assertTrue(socket.is_silent())

    def test_what_cannot_be_taken_ends_the_connection_with_its_code(self):
        for code, message in ((1007, "{"), (1007, '{"op":"ping"}'), (1007, '{"specversion":"1.0"}'),
                              (1008, json.dumps(event(type="other.a")))):
            with self.subTest(message):
                socket = self.socket()
                socket.send_text(message)
                self.assertEqual(socket.wait_for_close(), code)
        socket = self.socket()
        socket.send_frame(2, json.dumps(event(type="mine.a")))
        self.assertEqual(socket.wait_for_close(), 1003)


class Heartbeats(FanfareTest):
    def test_every_fifteen_seconds_they_move_the_resume_point_of_a_quiet_subscriber(self):
        quiet, busy = self.topic(), self.topic()
        socket = self.open(self.service.websocket(f"/v1/subscribe?topic={quiet}", timeout=20))
        stream = self.open(self.service.stream(timeout=20))
        begin = stream.subscribe(quiet)["position"]
        source = self.open(self.service.sse(f"/v1/subscribe?topic={quiet}", timeout=20))
        bare = self.open(self.service.websocket(f"/v1/subscribe?topic={quiet}", protocols=["cloudevents.json"], timeout=20))
        last = self.service.publish(*events(50, busy))["last"]
        heartbeats = [json.loads(socket.next_raw()), json.loads(stream.next_raw())]
        block = source.next_block()
        self.assertEqual([h["op"] for h in heartbeats], ["heartbeat"] * 2)
        self.assertEqual([h["position"] for h in heartbeats], [last] * 2)
        self.assertEqual(block, {"id": last})
        self.assertGreater(sequence(last), sequence(begin))
        self.assertTrue(bare.is_silent())
        self.service.publish(event(id="after", type=quiet))
        for transport in ("websocket", "sse", "stream"):
            resumed = self.open(open_subscriber(self.service, transport, [quiet, busy], last))
            self.assertEqual(resumed.next_event()["id"], "after")


if __name__ == "__main__":
    unittest.main()
