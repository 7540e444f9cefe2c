"""Webhooks over HTTP/2: many deliveries on one connection, and peers that refuse, leave, flood or lie."""

import struct
import unittest

from harness import SECRET, event, events, eventually
from receiver import Receiver
from test_webhooks import WebhookTest

try:
    import http2_receiver
    from http2_receiver import REFUSED, HTTP2Receiver
except ImportError:
    http2_receiver = None


def frame(kind, flags, stream, payload=b""):
    """The bytes of one frame (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


@unittest.skipIf(http2_receiver is None, "the Python package h2 is not installed (make .build-venv/complete)")
class HTTP2(WebhookTest):
    def open_receiver(self, **options):
        return self.open(HTTP2Receiver(**options))

    def settled(self, name):
        """Waits until everything published so far has been answered."""
        eventually(lambda: self.service.subscription(name)["lag"] == 0)

    def attempts(self, name):
        return self.service.request("GET", f"/v1/subscriptions/{name}/attempts").json()["attempts"]

    def test_an_event_arrives_over_http2_signed_like_over_http1(self):
        receiver = self.open_receiver()
        topic = self.topic()
        _, path = self.subscribe([topic], receiver=receiver, headers={"x-team": "billing"})
        sent = event(type=topic, data={"a": [1, "ü"]})
        self.service.publish(sent)
        (delivery,) = receiver.wait(1, path)
        self.assertEqual(delivery.event(), sent)
        self.assertTrue(delivery.signed_by(SECRET))
        self.assertEqual(delivery.pseudo, {":method": "POST", ":scheme": "https", ":path": path,
                                           ":authority": f"localhost:{receiver.port}"})
        self.assertEqual(delivery.header("x-team"), "billing")
        self.assertEqual(int(delivery.header("content-length")), len(delivery.body))
        for name in ("host", "connection", "transfer-encoding"):
            self.assertIsNone(delivery.header(name))

    def test_an_endpoint_that_offers_only_http1_gets_http1(self):
        receiver = self.open(Receiver(tls=True))
        topic = self.topic()
        _, path = self.subscribe([topic], receiver=receiver)
        self.service.publish(event(type=topic))
        receiver.wait(1, path)

    def test_many_deliveries_share_one_connection_within_what_the_peer_allows(self):
        receiver = self.open_receiver(streams_max=10)
        topic = self.topic()
        _, path = self.subscribe([topic], receiver=receiver, concurrency=200)
        self.service.publish(event(type=topic))  # the first finds out that the endpoint speaks HTTP/2
        receiver.wait(1, path)
        sent = events(300, type=topic)
        receiver.script[path] = [{"delay": 0.01} for _ in sent]
        self.service.publish(*sent)
        arrived = receiver.wait(301, path)
        self.assertEqual({d.event()["id"] for d in arrived[1:]}, {e["id"] for e in sent})
        self.assertLessEqual(receiver.streams_open_max, 10)
        self.assertGreater(receiver.streams_open_max, 3)
        self.assertGreater(max(sum(d.connection == n for d in arrived) for n in range(1, receiver.connections + 1)), 10)
        self.assertLess(receiver.connections, 40)

    def test_bodies_larger_than_the_window_arrive_whole(self):
        receiver = self.open_receiver(window=1_000)
        topic = self.topic()
        _, path = self.subscribe([topic], receiver=receiver)
        sent = [event(type=topic, data="x" * 200_000, id=str(n)) for n in range(5)]
        self.service.publish(*sent)
        arrived = receiver.wait(5, path)
        self.assertCountEqual([d.event() for d in arrived], sent)
        self.assertTrue(all(d.signed_by(SECRET) for d in arrived))

    def test_a_refused_stream_is_sent_again_and_is_no_attempt(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver)
        receiver.script[path] = [{"reset": REFUSED}, {"reset": REFUSED}]
        self.service.publish(event(type=topic))
        arrived = receiver.wait(3, path)
        self.assertEqual([d.attempt for d in arrived], [1, 1, 1])
        eventually(lambda: self.service.subscription(name)["lag"] == 0)
        (attempt,) = self.attempts(name)
        self.assertEqual((attempt["attempt"], attempt["status"]), (1, 200))

    def test_streams_refused_for_ever_fail_the_attempt(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver, retry={"delays": ["100ms"], "jitter": 0})
        receiver.script[path] = [{"reset": REFUSED} for _ in range(100)]
        self.service.publish(event(type=topic))
        eventually(lambda: self.service.subscription(name)["dead_letters"] == 1)
        self.assertLessEqual(len(receiver.at(path)), 2 * 4)
        self.assertIn("refused", self.service.subscription(name)["last_error"])

    def test_what_a_goaway_leaves_unprocessed_goes_to_a_new_connection(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver)
        receiver.script[path] = [{"goaway": "this"}, {"goaway": 0}]
        for expected in (1, 3):
            self.service.publish(event(type=topic))
            arrived = receiver.wait(expected, path)
            self.settled(name)
        self.assertEqual([d.attempt for d in arrived], [1, 1, 1])
        self.assertEqual(len({d.connection for d in arrived}), 3)
        eventually(lambda: self.service.subscription(name)["lag"] == 0)
        self.assertEqual(self.service.subscription(name)["dead_letters"], 0)

    def test_a_connection_that_said_goodbye_is_used_no_more_and_ends_with_its_last_answer(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver, concurrency=8)
        self.service.publish(event(type=topic))
        receiver.wait(1, path)
        self.settled(name)
        receiver.script[path] = [{"goodbye": True}] + [{"delay": 0.5} for _ in range(7)]
        self.service.publish(*events(8, type=topic))
        receiver.wait(9, path)
        self.settled(name)
        eventually(lambda: receiver.goodbyes >= 1)
        self.service.publish(*events(8, type=topic, prefix="later"))
        arrived = receiver.wait(17, path)
        self.assertEqual({d.attempt for d in arrived}, {1})
        self.assertNotIn(1, {d.connection for d in arrived[9:]})

    def test_an_event_with_as_many_attributes_as_it_may_have_arrives_in_binary_mode(self):
        receiver = self.open_receiver()
        topic = self.topic()
        _, path = self.subscribe([topic], receiver=receiver, content_mode="binary")
        self.service.publish(event(type=topic, **{f"a{n}": "v" for n in range(240)}))
        (delivery,) = receiver.wait(1, path)
        self.assertEqual(delivery.attempt, 1)
        self.assertEqual([delivery.header(f"ce-a{n}") for n in range(240)], ["v"] * 240)

    def test_a_reset_stream_is_a_failure_and_its_neighbours_go_on(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver)
        receiver.script[path] = [{"reset": 2}]
        self.service.publish(event(type=topic))
        arrived = receiver.wait(2, path)
        self.assertEqual([d.attempt for d in arrived], [1, 2])
        self.assertEqual({d.connection for d in arrived}, {1})

    def test_a_hanging_stream_times_out_and_leaves_the_connection_to_the_others(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver, timeout="2s")
        receiver.script[path] = [200, {"hang": True}]
        self.service.publish(event(type=topic))
        receiver.wait(1, path)
        self.settled(name)  # how many streams there may be is known from here on
        for expected in (2, 3):
            self.service.publish(event(type=topic))
            receiver.wait(expected, path)
        arrived = receiver.wait(4, path)
        self.settled(name)
        self.assertEqual([d.attempt for d in arrived], [1, 1, 1, 2])
        self.assertEqual({d.connection for d in arrived}, {1})
        attempts = self.attempts(name)
        self.assertTrue(any("timeout" in (a["error"] or "") for a in attempts))

    def test_a_connection_on_which_nothing_comes_any_more_is_replaced(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver, timeout="300ms")
        receiver.script[path] = [200, {"hang": True}]
        for expected in (1, 3):
            self.service.publish(event(type=topic))
            arrived = receiver.wait(expected, path)
            self.settled(name)
        self.assertEqual([(d.attempt, d.connection) for d in arrived], [(1, 1), (1, 1), (2, 2)])

    def test_retry_after_and_the_beginning_of_the_answer_are_taken(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver)
        receiver.script[path] = [{"status": 503, "headers": {"retry-after": "1"}, "body": b"busy " * 1000}]
        self.service.publish(event(type=topic))
        first, second = receiver.wait(2, path)
        self.assertGreaterEqual(second.time - first.time, 0.95)
        attempts = self.attempts(name)
        failed = next(a for a in attempts if a["status"] == 503)
        self.assertTrue(failed["answer"].startswith("busy busy"))
        self.assertLessEqual(len(failed["answer"]), 1024)

    def test_an_endless_answer_is_cut_and_its_status_counts(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver)
        receiver.script[path] = [{"body": b"x" * 65_000}, {"body": b"y" * 500_000}, 200]
        for expected in (1, 2, 3):
            self.service.publish(event(type=topic))
            arrived = receiver.wait(expected, path)
        self.assertEqual([d.attempt for d in arrived], [1, 1, 1])
        eventually(lambda: self.service.subscription(name)["lag"] == 0)

    def test_410_disables_over_http2_too(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver)
        receiver.script[path] = [410]
        self.service.publish(event(type=topic))
        eventually(lambda: self.service.subscription(name)["state"] == "disabled")

    def test_a_connection_that_closes_is_replaced(self):
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver)
        receiver.script[path] = [200, {"close": True}]
        for expected in (1, 3):
            self.service.publish(event(type=topic))
            arrived = receiver.wait(expected, path)
            self.settled(name)
        self.assertEqual([d.attempt for d in arrived], [1, 1, 1])

    def hostile(self, *frames):
        """What the service says of an endpoint that sends these frames instead of an answer."""
        receiver = self.open_receiver()
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=receiver, retry={"delays": ["100ms"], "jitter": 0})
        receiver.script[path] = [{"raw": b"".join(frames)} for _ in range(2)]
        self.service.publish(event(type=topic))
        eventually(lambda: self.service.subscription(name)["dead_letters"] == 1)
        self.assertTrue(self.service.request("GET", "/healthz").status == 200)
        return receiver

    def test_a_flood_of_pings_ends_the_connection(self):
        self.hostile(frame(6, 0, 0, b"12345678") * 11_000)

    def test_a_flood_of_settings_ends_the_connection(self):
        self.hostile(frame(4, 0, 0) * 11_000)

    def test_a_flood_of_empty_data_ends_the_connection(self):
        self.hostile(frame(0, 0, 1) * 11_000)

    def test_a_field_section_without_end_ends_the_connection(self):
        block = b"\x00\x01a\x7f\x81\x7e" + b"v" * 16_000
        # :status 500, since a status that has come decides.
        self.hostile(frame(1, 0, 1, b"\x8e"), *[frame(9, 0, 1, block[:16_000]) for _ in range(40)])

    def test_frames_that_are_none_end_the_connection(self):
        for junk in (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" * 10, b"\xff" * 20_000, frame(1, 4, 1, b"\xff\xff\xff"),
                     frame(0, 1, 2), frame(8, 0, 0, b"\x7f\xff\xff\xff")):
            with self.subTest(junk[:12]):
                self.hostile(junk)


if __name__ == "__main__":
    unittest.main()
