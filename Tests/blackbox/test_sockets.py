"""Subscribing: what the three transports share, and what is each one's own."""

import json
import os
import threading
import time
import unittest

import clients
from clients import Closed, open_subscriber, publish_forever, url_query
from harness import FanfareTest, event, events, ids, sequence

TRANSPORTS = ("websocket", "sse", "stream", "websocket+tls", "sse+tls", "stream+tls", "stream+unix",
              "websocket+deflate")
PLAIN = ("websocket", "sse", "stream")


class SocketTest(FanfareTest):
    def subscriber(self, transport, topics, start=None, **options):
        return self.open(open_subscriber(self.service, transport, topics, start, **options))

    def each(self, transports=PLAIN):
        for transport in transports:
            with self.subTest(transport):
                yield transport


class Shared(SocketTest):
    """Behaviour every transport has."""

    def test_latest_delivers_what_comes_in_order(self):
        for transport in self.each(TRANSPORTS):
            topic = self.topic()
            self.service.publish(*events(3, topic, "before"))
            subscriber = self.subscriber(transport, [topic])
            self.service.publish(*events(5, topic, "after"))
            self.assertEqual(ids(subscriber.take_events(5)), [f"after-{n}" for n in range(5)])
            self.assertTrue(subscriber.is_silent())

    def test_earliest_delivers_what_was(self):
        for transport in self.each(TRANSPORTS):
            topic = self.topic()
            self.service.publish(*events(20, topic))
            subscriber = self.subscriber(transport, [topic], "earliest")
            self.service.publish(event(id="live", type=topic))
            self.assertEqual(ids(subscriber.take_events(21)), [f"e-{n}" for n in range(20)] + ["live"])

    def test_a_position_delivers_what_is_after_it(self):
        for transport in self.each():
            topic = self.topic()
            first = self.service.publish(*events(3, topic))["first"]
            subscriber = self.subscriber(transport, [topic], first)
            self.assertEqual(ids(subscriber.take_events(2)), ["e-1", "e-2"])

    def test_the_last_position_delivers_only_what_comes(self):
        for transport in self.each():
            topic = self.topic()
            last = self.service.publish(*events(3, topic))["last"]
            subscriber = self.subscriber(transport, [topic], last)
            self.service.publish(event(id="new", type=topic))
            self.assertEqual(subscriber.next_event()["id"], "new")

    def test_last_n_delivers_the_last_matching_ones(self):
        for transport in self.each():
            topic = self.topic()
            self.service.publish(*events(10, topic))
            subscriber = self.subscriber(transport, [topic], "last:3")
            self.service.publish(event(id="live", type=topic))
            received = [subscriber.next_event()["id"]]
            while received[-1] != "live":
                received.append(subscriber.next_event()["id"])
            self.assertEqual(received, ["e-7", "e-8", "e-9", "live"])

    def test_a_time_delivers_what_was_accepted_since(self):
        for transport in self.each():
            topic = self.topic()
            self.service.publish(*events(2, topic, "old"))
            time.sleep(1.1)
            middle = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            time.sleep(0.05)
            self.service.publish(*events(2, topic, "new"))
            subscriber = self.subscriber(transport, [topic], middle)
            self.assertEqual(ids(subscriber.take_events(2)), ["new-0", "new-1"])

    def test_patterns_match_as_they_should(self):
        for transport in self.each():
            stem = self.topic()
            sent = ["", ".a", ".b", ".a.x", ".a.y.z", ".ab"]
            cases = {
                ".a": [".a"],
                ".*": [".a", ".b", ".ab"],
                ".>": [".a", ".b", ".a.x", ".a.y.z", ".ab"],
                ".a.*": [".a.x"],
                ".*.x": [".a.x"],
                ".a.>": [".a.x", ".a.y.z"],
            }
            self.service.publish(*[event(id=f"id{suffix}", type=stem + suffix) for suffix in sent])
            for pattern, matching in cases.items():
                with self.subTest(pattern):
                    subscriber = self.subscriber(transport, [stem + pattern], "earliest")
                    received = ids(subscriber.take_events(len(matching)))
                    self.assertEqual(received, [f"id{suffix}" for suffix in matching])
                    subscriber.close()

    def test_a_raw_greater_than_sign_in_a_url_is_tolerated(self):
        topic = self.topic()
        self.service.publish(event(id="x", type=topic + ".a"))
        socket = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}.>&from=earliest"))
        self.assertEqual(socket.next_event()["id"], "x")

    def test_several_topics_arrive_in_one_order_without_duplicates(self):
        for transport in self.each():
            topic = self.topic()
            sent = [event(id=str(n), type=f"{topic}.{'ab'[n % 2]}") for n in range(40)]
            self.service.publish(*sent)
            patterns = [topic + ".a", topic + ".b", topic + ".>", topic + ".*"]
            subscriber = self.subscriber(transport, patterns, "earliest")
            self.assertEqual(ids(subscriber.take_events(40)), ids(sent))
            self.assertTrue(subscriber.is_silent())

    def test_delivered_events_carry_their_position_and_a_topic_that_is_not_their_type(self):
        for transport in self.each():
            topic = self.topic()
            subscriber = self.subscriber(transport, [topic])
            answers = [
                self.service.request("POST", f"/v1/events?topic={topic}", json.dumps(e), {"content-type": clients.STRUCTURED})
                for e in (event(id="1", type="other.type"), event(id="2", type=topic))
            ]
            first, second = subscriber.take_events(2)
            self.assertEqual([first["fanfareposition"], second["fanfareposition"]], [a.json()["first"] for a in answers])
            self.assertEqual(first["fanfaretopic"], topic)
            self.assertNotIn("fanfaretopic", second)

    def test_the_services_own_topics_match_only_patterns_that_name_them(self):
        for transport in self.each():
            subscriber = self.subscriber(transport, [">"])
            topic = self.topic()
            self.service.publish(event(id="seen", type=topic))
            self.assertEqual(subscriber.next_event()["id"], "seen")

    def test_data_arrives_byte_for_byte(self):
        data = '{"b" : 1.50e+2,"a":"\\u00e9\\/é 😀"}'
        for transport in self.each(TRANSPORTS):
            topic = self.topic()
            subscriber = self.subscriber(transport, [topic])
            body = f'{{"specversion":"1.0","id":"x","type":"{topic}","source":"/s","data":{data}}}'
            self.service.request("POST", "/v1/events", body, {"content-type": clients.STRUCTURED})
            self.assertIn(data.encode(), subscriber.next_raw_event())

    def test_large_events_arrive_whole(self):
        for transport in self.each(TRANSPORTS):
            topic = self.topic()
            subscriber = self.subscriber(transport, [topic])
            sizes = [10, 125, 126, 65_535, 65_536, 300_000, 900_000]
            for size in sizes:
                self.service.publish(event(type=topic, data="x" * size))
            self.assertEqual([len(e["data"]) for e in subscriber.take_events(len(sizes))], sizes)

    def test_history_joins_live_without_hole_or_duplicate(self):
        topic = self.topic()
        stop, acknowledged = threading.Event(), []
        publisher = threading.Thread(target=publish_forever, args=(self.service, topic, stop, acknowledged))
        publisher.start()
        try:
            time.sleep(0.3)
            subscribers = []
            for transport in TRANSPORTS:
                subscribers.append(self.subscriber(transport, [topic], "earliest"))
                time.sleep(0.1)
        finally:
            stop.set()
            publisher.join()
        for transport, subscriber in zip(TRANSPORTS, subscribers, strict=True):
            with self.subTest(transport):
                self.assertEqual(ids(subscriber.take_events(len(acknowledged))), acknowledged)
                self.assertTrue(subscriber.is_silent())

    def test_resuming_from_every_position_has_no_hole_or_duplicate(self):
        topic = self.topic()
        stop, acknowledged = threading.Event(), []
        publisher = threading.Thread(target=publish_forever, args=(self.service, topic, stop, acknowledged))
        publisher.start()
        received, position = [], "earliest"
        try:
            for round in range(12):
                subscriber = self.subscriber(PLAIN[round % 3], [topic], position)
                for delivered in subscriber.take_events(7):
                    received.append(delivered["id"])
                    position = delivered["fanfareposition"]
                subscriber.close()
        finally:
            stop.set()
            publisher.join()
        self.assertEqual(received, acknowledged[: len(received)])

    def test_a_reader_that_stalls_gets_everything_later_and_disturbs_nobody(self):
        topic = self.topic()
        stalled = [self.subscriber(t, [topic], receive_buffer=4096) for t in TRANSPORTS]
        healthy = self.subscriber("websocket", [topic])
        count, text = 600, "y" * 8000
        for start in range(0, count, 50):
            self.service.publish(*[event(id=str(n), type=topic, data=text) for n in range(start, start + 50)])
            self.assertEqual(ids(healthy.take_events(50)), [str(n) for n in range(start, start + 50)])
        for transport, subscriber in zip(TRANSPORTS, stalled, strict=True):
            with self.subTest(transport):
                self.assertEqual(ids(subscriber.take_events(count)), [str(n) for n in range(count)])
                self.assertEqual(subscriber.ops and [op for op in subscriber.ops if op.get("op") == "gap"], [])

    def test_a_position_of_another_log_is_a_gap_and_then_the_earliest(self):
        topic = self.topic()
        self.service.publish(event(id="x", type=topic))
        foreign = "00000001-0000000000000005"
        socket = self.open(self.service.websocket("/v1/subscribe?" + url_query([topic], foreign)))
        gap = socket.next_op("gap")
        self.assertEqual(gap["after"], foreign)
        self.assertRegex(gap["next"], r"\A[0-9a-f]{8}-[0-9]{16}\Z")
        self.assertEqual(socket.next_event()["id"], "x")
        stream = self.open(self.service.stream())
        stream.send_op("subscribe", id="a", topics=[topic], **{"from": foreign})
        messages = [stream.next_message() for _ in range(3)]
        self.assertEqual(sorted(m.get("op", "event") for m in messages), ["event", "gap", "subscribed"])
        self.assertEqual(messages[-1].get("id"), "x")
        source = self.open(self.service.sse("/v1/subscribe?" + url_query([topic], foreign)))
        name, data, position = source.next_dispatch()
        self.assertEqual(name, "fanfare.gap")
        self.assertEqual((json.loads(data)["after"], position is not None), (foreign, True))
        self.assertEqual(json.loads(source.next_dispatch()[1])["id"], "x")

    def test_malformed_subscriptions_are_refused_before_anything_is_opened(self):
        topic = self.topic()
        last = self.service.publish(event(type=topic))["last"]
        beyond = last[:9] + f"{sequence(last) + 1000:016d}"
        bad = {
            "no topic": "",
            "malformed position": url_query([topic], "nonsense"),
            "position too short": url_query([topic], last[:-1]),
            "beyond the end": url_query([topic], beyond),
            "last zero": url_query([topic], "last:-1"),
            "malformed time": url_query([topic], "2024-13-01T00:00:00Z"),
            "empty token": "topic=a..b",
            "mark inside a token": "topic=a.b*",
            "end mark in the middle": "topic=a.%3E.b",
            "bad percent coding": "topic=a%zz",
            "unknown slow policy": url_query([topic], slow="never"),
        }
        for name, query in bad.items():
            with self.subTest(name):
                socket = self.open(self.service.websocket("/v1/subscribe?" + query))
                # A WebSocket may come without a topic: it subscribes by op.
                if name == "no topic":
                    self.assertEqual(socket.handshake.status, 101)
                else:
                    self.assertProblem(socket.handshake, 400)
                self.assertProblem(self.open(self.service.sse("/v1/subscribe?" + query)).response, 400)


class Operations(SocketTest):
    """Ops on WebSocket and stream, which speak the same vocabulary."""

    def connections(self):
        for name, make in {
            "websocket": self.service.websocket, "stream": self.service.stream,
            "websocket+tls": lambda: self.service.websocket(tls=True), "stream+unix": lambda: self.service.stream("unix"),
        }.items():
            with self.subTest(name):
                yield self.open(make())

    def test_subscribing_is_answered_with_the_id_and_a_position(self):
        for socket in self.connections():
            topic = self.topic()
            last = self.service.publish(event(type=topic))["last"]
            answer = socket.subscribe(topic, id="my id")
            self.assertEqual(answer["id"], "my id")
            self.assertGreaterEqual(answer["position"], last)
            self.service.publish(event(id="next", type=topic))
            self.assertEqual(socket.next_event()["id"], "next")

    def test_the_first_subscribe_may_set_where_to_start_and_later_ones_join_at_the_cursor(self):
        for socket in self.connections():
            topic = self.topic()
            self.service.publish(*events(3, topic + ".a"), *events(3, topic + ".b", "b"))
            socket.subscribe(topic + ".a", id="a", **{"from": "earliest"})
            self.assertEqual(ids(socket.take_events(3)), ["e-0", "e-1", "e-2"])
            socket.send_op("subscribe", id="b", topics=[topic + ".b"])
            answer = self.op_after_events(socket, "subscribed")
            self.assertEqual(answer["id"], "b")
            self.service.publish(event(id="live", type=topic + ".b"))
            received = [socket.next_event()["id"]]
            while received[-1] != "live":
                received.append(socket.next_event()["id"])
            self.assertIn(received, (["live"], ["b-0", "b-1", "b-2", "live"]))

    def op_after_events(self, socket, op):
        while True:
            message = socket.next_message()
            if "op" in message:
                self.assertEqual(message["op"], op, message)
                return message

    def test_where_to_start_on_a_later_subscribe_is_an_error(self):
        for socket in self.connections():
            socket.subscribe(self.topic(), id="a")
            socket.send_op("subscribe", id="b", topics=[self.topic()], **{"from": "earliest"})
            self.assertError(socket.next_op("error"))
            socket.send_op("ping")
            socket.next_op("pong")

    def assertError(self, message):
        self.assertIsInstance(message["title"], str)
        self.assertIsInstance(message["detail"], str)

    def test_an_event_that_matches_two_subscriptions_arrives_once(self):
        for socket in self.connections():
            topic = self.topic()
            socket.subscribe(topic + ".>", id="a")
            socket.subscribe(topic + ".x", id="b")
            self.service.publish(*[event(id=str(n), type=topic + ".x") for n in range(10)])
            self.assertEqual(ids(socket.take_events(10)), [str(n) for n in range(10)])
            self.assertTrue(socket.is_silent())

    def test_unsubscribing_ends_one_and_leaves_the_others(self):
        for socket in self.connections():
            topic = self.topic()
            socket.subscribe(topic + ".a", id="a")
            socket.subscribe(topic + ".b", id="b")
            socket.send_op("unsubscribe", id="a")
            socket.send_op("ping")
            while socket.next_message().get("op") != "pong":
                pass
            self.service.publish(event(id="gone", type=topic + ".a"), event(id="kept", type=topic + ".b"))
            self.assertEqual(socket.next_event()["id"], "kept")

    def test_more_than_64_subscriptions_are_an_error(self):
        for socket in self.connections():
            for n in range(64):
                socket.subscribe(f"{self.topic()}", id=str(n))
            socket.send_op("subscribe", id="64", topics=["one.more"])
            self.assertError(socket.next_op("error"))

    def test_publishing_over_a_socket_is_answered_and_delivered(self):
        for socket in self.connections():
            topic = self.topic()
            socket.subscribe(topic)
            socket.send_op("publish", topic=topic, event=event(id="mine", type="some.type", data=[1]))
            messages = [socket.next_message(), socket.next_message()]
            published = next(m for m in messages if m.get("op") == "published")
            delivered = next(m for m in messages if "specversion" in m)
            self.assertEqual(published["first"], published["last"])
            self.assertEqual(delivered["fanfareposition"], published["first"])
            self.assertEqual((delivered["id"], delivered["data"], delivered["fanfaretopic"]), ("mine", [1], topic))

    def test_publishing_without_a_topic_uses_the_type(self):
        for socket in self.connections():
            topic = self.topic()
            socket.send_op("publish", event=event(id="x", type=topic))
            socket.next_op("published")
            self.assertEqual(ids(self.service.read_events(f"&topic={topic}")), ["x"])

    def test_publishes_in_flight_are_answered_in_order(self):
        for socket in self.connections():
            topic = self.topic()
            for n in range(50):
                socket.send_op("publish", topic=topic, event=event(id=str(n)))
            answers = [socket.next_op("published")["first"] for _ in range(50)]
            self.assertEqual(answers, sorted(answers))
            self.assertEqual(ids(self.service.read_events(f"&topic={topic}")), [str(n) for n in range(50)])

    def test_ping_is_answered(self):
        for socket in self.connections():
            socket.send_op("ping")
            socket.next_op("pong")

    def test_bad_messages_are_errors_and_the_connection_goes_on(self):
        good = event()
        bad = [
            "nonsense", "{", "[]", '"x"', "1", "{}", '{"op":1}', '{"op":"dance"}', '{"op":"subscribe"}',
            '{"op":"subscribe","id":"a","topics":[]}', '{"op":"subscribe","id":"a","topics":["a..b"]}',
            '{"op":"subscribe","id":"a","topics":"a"}', '{"op":"subscribe","id":"a","topics":[1]}',
            '{"op":"subscribe","id":"a","topics":["a"],"from":"yesterday"}', '{"op":"unsubscribe","id":"never"}',
            '{"op":"publish"}', '{"op":"publish","event":{}}', '{"op":"publish","topic":"a.*","event":' + json.dumps(good) + "}",
            '{"op":"publish","topic":"fanfare.x","event":' + json.dumps(good) + "}", '{"op":"publish","event":7}',
            '{"op":"subscribe","op":"ping"}',
        ]
        for socket in self.connections():
            for text in bad:
                with self.subTest(text):
                    if isinstance(socket, clients.WebSocket):
                        socket.send_text(text)
                    else:
                        socket.send(text + "\n")
                    self.assertError(socket.next_op("error"))
            socket.send_op("ping")
            socket.next_op("pong")


class WebSocketTransport(SocketTest):
    @classmethod
    def configuration(cls, service):
        return {"limits": {"event_size": "64KiB"}}

    def test_a_close_is_answered_with_its_code_and_the_connection_ends(self):
        for code, answer in ((b"\x03\xe8", 1000), (b"\x03\xe9bye", 1001), (b"", 1005), (b"\x0f\xa0", 4000)):
            with self.subTest(answer):
                socket = self.open(self.service.websocket())
                socket.send_frame(8, code)
                self.assertIn(socket.wait_for_close(), (answer, 1000))
                self.assertEqual(socket.rest(), b"")

    def test_a_ping_is_answered_with_its_payload_also_between_fragments(self):
        socket = self.open(self.service.websocket())
        socket.send_frame(1, '{"op":', fin=False)
        socket.send_frame(9, "hello")
        self.assertEqual(socket.read_frame(), (1, 0, 10, b"hello"))
        socket.send_frame(0, '"pi', fin=False)
        socket.send_frame(0, 'ng"}')
        socket.next_op("pong")

    def test_an_unasked_pong_is_ignored(self):
        socket = self.open(self.service.websocket())
        socket.send_frame(10, "unasked")
        socket.send_op("ping")
        socket.next_op("pong")

    def test_a_frame_may_arrive_byte_by_byte_and_many_at_once(self):
        socket = self.open(self.service.websocket())
        text = b'{"op":"ping"}'
        frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
        for byte in frame:
            socket.send(bytes([byte]))
        socket.next_op("pong")
        socket.send(frame * 20)
        for _ in range(20):
            socket.next_op("pong")

    def test_frames_may_follow_the_handshake_in_one_packet(self):
        with self.service.http() as http:
            fields = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
                      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
            text = b'{"op":"ping"}'
            http.send(http.head("GET", "/v1/subscribe", fields) + bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
            response = http.read_head()
            self.assertEqual(response.status, 101)
            self.assertEqual(response.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            self.assertEqual(json.loads(http.exactly(http.exactly(2)[1])), {"op": "pong"})

    def test_subprotocols(self):
        for offered, status, chosen in (
            (None, 101, None), (["fanfare.v1.json"], 101, "fanfare.v1.json"), (["cloudevents.json"], 101, "cloudevents.json"),
            (["unknown", "fanfare.v1.json"], 101, "fanfare.v1.json"), (["unknown"], 400, None), (["a", "b"], 400, None),
        ):
            with self.subTest(offered):
                socket = self.open(self.service.websocket("/v1/subscribe?topic=a", protocols=offered))
                self.assertEqual(socket.handshake.status, status)
                self.assertEqual(socket.handshake.header("sec-websocket-protocol"), chosen)

    def test_cloudevents_json_carries_events_only(self):
        topic = self.topic()
        socket = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}", protocols=["cloudevents.json"]))
        socket.send_json(event(id="in", type=topic))
        delivered = json.loads(socket.next_raw())
        self.assertEqual((delivered["id"], delivered["specversion"]), ("in", "1.0"))

    def test_a_gap_is_an_event_in_cloudevents_json(self):
        topic = self.topic()
        self.service.publish(event(id="x", type=topic))
        target = "/v1/subscribe?" + url_query([topic], "00000001-0000000000000005")
        socket = self.open(self.service.websocket(target, protocols=["cloudevents.json"]))
        self.assertEqual(json.loads(socket.next_raw())["type"], "dev.fanfare.gap")
        self.assertEqual(json.loads(socket.next_raw())["id"], "x")

    def test_nobody_can_publish_what_subscribers_know_the_service_by(self):
        topic = self.topic()
        subscriber = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}", protocols=["cloudevents.json"]))
        forged = event(type="dev.fanfare.gap", fanfaretopic=topic, data={"op": "gap"})
        for target in ("/v1/events", f"/v1/events?topic={topic}"):
            answer = self.service.request("POST", target, json.dumps(forged), {"content-type": clients.STRUCTURED})
            self.assertProblem(answer, 403)
            self.assertTrue(answer.json()["type"].endswith("reserved-type"), answer.json())
        for wrong in (forged, event(type="a", fanfaretopic="fanfare.a")):
            publisher = self.open(self.service.websocket("/v1/subscribe?topic=a", protocols=["cloudevents.json"]))
            publisher.send_json(wrong)
            self.assertEqual(publisher.wait_for_close(), 1008)
        ops = self.open(self.service.websocket())
        ops.send_op("publish", event=forged)
        self.assertEqual(ops.next_op("error")["title"], "reserved-type")
        self.service.publish(event(id="true", type=topic))
        self.assertEqual(json.loads(subscriber.next_raw())["id"], "true")

    def test_a_refusal_of_another_version_names_ours(self):
        with self.open(self.service.websocket(headers={"sec-websocket-version": "8"})) as socket:
            self.assertEqual((socket.handshake.status, socket.handshake.header("sec-websocket-version")), (426, "13"))

    def test_an_extension_that_is_not_known_is_declined(self):
        socket = self.open(self.service.websocket("/v1/subscribe?topic=a", extensions="x-unknown"))
        self.assertEqual((socket.handshake.status, socket.handshake.header("sec-websocket-extensions")), (101, None))

    def test_an_offer_that_limits_the_servers_window_is_declined(self):
        for bits in (8, 9, 14):
            offer = f"permessage-deflate; server_max_window_bits={bits}"
            socket = self.open(self.service.websocket("/v1/subscribe?topic=a", extensions=offer))
            self.assertEqual((socket.handshake.status, socket.handshake.header("sec-websocket-extensions")), (101, None))

    def test_compression_is_agreed_without_context_takeover(self):
        offers = "permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits"
        socket = self.open(self.service.websocket("/v1/subscribe?topic=a", extensions=offers))
        agreed = socket.handshake.header("sec-websocket-extensions")
        self.assertEqual(agreed, "permessage-deflate; server_no_context_takeover; client_no_context_takeover")

    def test_events_are_compressed_where_that_makes_them_smaller(self):
        topic = self.topic()
        socket = self.open(open_subscriber(self.service, "websocket+deflate", [topic]))
        plain = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}"))
        for size in (0, 300, 20_000, 60_000):
            sent = event(id=str(size), type=topic, data={"text": "abcdefgh" * (size // 8)})
            self.service.publish(sent)
            before = socket.compressed_messages
            raw = socket.next_raw_event()
            self.assertEqual(raw, plain.next_raw_event())
            if size >= 300:
                self.assertEqual(socket.compressed_messages, before + 1)

    def test_what_a_client_compresses_is_understood(self):
        topic = self.topic()
        socket = self.open(open_subscriber(self.service, "websocket+deflate", [topic]))
        socket.send_compressed(1, json.dumps({"op": "publish", "event": event(id="x", type=topic, data="y" * 50_000)}))
        self.assertEqual(socket.next_event()["id"], "x")

    def test_bad_compression_ends_the_connection_with_its_code(self):
        bomb = clients.deflated(b"[" * (8 << 20))
        cases = [(1007, b"\xff\xff\xff", 1, 4), (1009, bomb, 1, 4), (1002, b"", 9, 4), (1002, b"x", 1, 2)]
        for code, payload, opcode, reserved in cases:
            with self.subTest(code):
                socket = self.open(open_subscriber(self.service, "websocket+deflate", ["a"]))
                socket.send_frame(opcode, payload, reserved=reserved)
                self.assertEqual(socket.wait_for_close(), code)

    def test_history_joins_live_compressed_for_a_reader_that_stalls(self):
        topic = self.topic()
        socket = self.open(open_subscriber(self.service, "websocket+deflate", [topic], "earliest", receive_buffer=4096))
        sent = []
        for batch in range(20):
            # Half of it compresses, so that what a stalled reader is owed exceeds every buffer.
            more = [event(id=f"{batch}-{n}", type=topic, data=os.urandom(30_000).hex()) for n in range(10)]
            self.service.publish(*more)
            sent += ids(more)
        self.assertEqual(ids(socket.take_events(200)), sent)
        self.assertGreater(socket.compressed_messages, 190)


class ServerSentEventsTransport(SocketTest):
    def test_the_answer_is_an_event_stream_nobody_stores_or_buffers(self):
        source = self.open(self.service.sse("/v1/subscribe?topic=a"))
        self.assertEqual((source.response.status, source.response.media_type), (200, "text/event-stream"))
        self.assertEqual(source.response.header("cache-control"), "no-store")
        self.assertEqual(source.response.header("x-accel-buffering"), "no")

    def test_the_retry_time_is_sent_on_connect(self):
        topic = self.topic()
        source = self.open(self.service.sse(f"/v1/subscribe?topic={topic}"))
        self.service.publish(event(type=topic))
        source.next_event()
        self.assertGreater(source.retry, 0)

    def test_the_id_is_the_position_and_the_event_is_a_message(self):
        topic = self.topic()
        source = self.open(self.service.sse(f"/v1/subscribe?topic={topic}"))
        answer = self.service.publish(event(id="x", type=topic))
        name, data, position = source.next_dispatch()
        self.assertEqual((name, position, json.loads(data)["id"]), ("message", answer["first"], "x"))

    def test_events_are_named_by_their_type_where_that_is_asked_for(self):
        topic = self.topic()
        source = self.open(self.service.sse(f"/v1/subscribe?topic={topic}&event=type"))
        positions = [self.service.publish(event(id=kind, type=kind, fanfaretopic=topic))["first"] for kind in ("a.b", "ä\"ö")]
        for kind, position in zip(("a.b", "ä\"ö"), positions):
            name, data, last_id = source.next_dispatch()
            self.assertEqual((name, last_id, json.loads(data)["id"]), (kind, position, kind))
        history = self.open(self.service.sse(f"/v1/subscribe?topic={topic}&event=type&from=earliest"))
        self.assertEqual([history.next_dispatch()[0] for _ in range(2)], ["a.b", "ä\"ö"])

    def test_any_other_naming_is_refused(self):
        for query in ("event=", "event=message", "event=TYPE"):
            with self.subTest(query):
                answer = self.service.request("GET", f"/v1/subscribe?topic={self.topic()}&{query}")
                self.assertIn("invalid-event", self.assertProblem(answer, 400)["type"])
        socket = self.open(self.service.websocket(f"/v1/subscribe?topic=a&event=type"))
        self.assertEqual(socket.handshake.status, 400)

    def test_last_event_id_wins_over_from(self):
        topic = self.topic()
        first = self.service.publish(*events(3, topic))["first"]
        for start in ("latest", "earliest"):
            source = self.open(self.service.sse("/v1/subscribe?" + url_query([topic], start), headers={"last-event-id": first}))
            self.assertEqual(ids(source.take_events(2)), ["e-1", "e-2"])

    def test_every_accept_that_allows_it_is_answered(self):
        for accept, status in ((None, 200), ("*/*", 200), ("text/event-stream", 200), ("text/event-stream, */*;q=0.1", 200)):
            with self.subTest(accept):
                headers = {"accept": accept} if accept else None
                self.assertEqual(self.open(self.service.sse("/v1/subscribe?topic=a", headers=headers)).response.status, status)

    def test_an_accept_that_excludes_it_is_406(self):
        source = self.open(self.service.sse("/v1/subscribe?topic=a", headers={"accept": "application/json"}))
        self.assertIn(source.response.status, (400, 406))


class StreamTransport(SocketTest):
    def test_blank_lines_and_carriage_returns_are_tolerated(self):
        stream = self.open(self.service.stream())
        stream.send(b'\n\r\n{"op":"ping"}\r\n')
        stream.next_op("pong")

    def test_a_line_may_arrive_byte_by_byte_and_many_at_once(self):
        stream = self.open(self.service.stream())
        for byte in b'{"op":"ping"}\n':
            stream.send(bytes([byte]))
        stream.next_op("pong")
        stream.send(b'{"op":"ping"}\n' * 50)
        for _ in range(50):
            stream.next_op("pong")

    def test_a_line_that_never_ends_is_cut_off(self):
        stream = self.open(self.service.stream())
        try:
            for _ in range(200):
                stream.send(b"x" * 65_536)
        except OSError:
            return
        try:
            while stream.next_message():
                pass
        except (Closed, ValueError):
            pass

    def test_http_on_a_stream_port_is_an_error_not_an_answer(self):
        stream = self.open(self.service.stream())
        stream.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stream.next_op("error")


if __name__ == "__main__":
    unittest.main()
