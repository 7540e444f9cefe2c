"""Webhooks: what an endpoint receives, how often, and what survives."""

import base64
import json
import shutil
import subprocess
import time
import unittest
import uuid

import clients
from harness import SECRET, Certificates, FanfareTest, event, events, eventually, ids
from receiver import Receiver

QUICK = {"delays": ["200ms", "200ms", "200ms", "200ms"], "jitter": 0}


class WebhookTest(FanfareTest):
    def setUp(self):
        super().setUp()
        self.receiver = self.open(Receiver())

    def subscribe(self, topics, path=None, receiver=None, start=None, **webhook):
        """A subscription to this test's receiver; returns its id and path."""
        receiver = receiver or self.receiver
        name = uuid.uuid4().hex[:12]
        path = path or f"/{name}"
        host = webhook.pop("host", None)
        if receiver.tls:
            webhook.setdefault("tls", {"ca": Certificates.shared().ca})
        definition = {"topics": topics, "webhook": {"url": receiver.url(path, host), "signing_secrets": [SECRET],
                                                    "retry": QUICK} | webhook}
        if start:
            definition["start"] = start
        self.service.put_subscription(name, definition)
        return name, path


class Deliveries(WebhookTest):
    def test_an_event_is_posted_as_structured_cloudevent(self):
        topic = self.topic()
        _, path = self.subscribe([topic])
        sent = event(type=topic, data={"a": 1}, subject="s")
        self.service.publish(sent)
        (delivery,) = self.receiver.wait(1, path)
        self.assertEqual(delivery.header("content-type").split(";")[0], clients.STRUCTURED)
        self.assertEqual(delivery.event(), sent)
        self.assertEqual(delivery.attempt, 1)
        self.assertRegex(delivery.header("user-agent"), r"\Afanfare/\S+\Z")
        self.assertRegex(delivery.webhook_id, r"\Amsg_[^.\s]+\Z")
        self.assertLess(abs(time.time() - int(delivery.header("webhook-timestamp"))), 5)
        self.assertTrue(delivery.signed_by(SECRET))

    def test_every_secret_signs(self):
        topic = self.topic()
        other = "whsec_" + base64.b64encode(b"x" * 32).decode()
        _, path = self.subscribe([topic], signing_secrets=[SECRET, other])
        self.service.publish(event(type=topic))
        (delivery,) = self.receiver.wait(1, path)
        self.assertTrue(delivery.signed_by(SECRET) and delivery.signed_by(other))
        self.assertEqual(len(delivery.header("webhook-signature").split(" ")), 2)

    def test_data_is_posted_byte_for_byte(self):
        topic = self.topic()
        _, path = self.subscribe([topic])
        data = '{"b" : 1.50e+2,"a":"\\u00e9\\/é 😀"}'
        body = f'{{"specversion":"1.0","id":"x","type":"{topic}","source":"/s","data":{data}}}'
        self.service.request("POST", "/v1/events", body, {"content-type": clients.STRUCTURED})
        (delivery,) = self.receiver.wait(1, path)
        self.assertEqual(delivery.body, body.encode())

    def test_binary_mode_posts_attributes_as_headers_and_data_as_body(self):
        topic = self.topic()
        _, path = self.subscribe([topic], content_mode="binary")
        self.service.publish(
            event(id="j", type=topic, data={"a": 1}, datacontenttype="application/json", subject="Euro € %"),
            event(id="b", type=topic, data_base64="AP8=", datacontenttype="application/octet-stream"))
        deliveries = {d.header("ce-id"): d for d in self.receiver.wait(2, path)}
        json_one, bytes_one = deliveries["j"], deliveries["b"]
        self.assertEqual((json_one.header("ce-specversion"), json_one.header("ce-type")), ("1.0", topic))
        self.assertEqual(json_one.header("content-type"), "application/json")
        self.assertEqual(json.loads(json_one.body), {"a": 1})
        self.assertEqual(json_one.header("ce-subject"), "Euro%20%E2%82%AC%20%25")
        self.assertEqual((bytes_one.body, bytes_one.header("content-type")), (b"\x00\xff", "application/octet-stream"))
        self.assertTrue(json_one.signed_by(SECRET) and bytes_one.signed_by(SECRET))

    def test_data_mode_posts_data_alone(self):
        topic = self.topic()
        _, path = self.subscribe([topic], content_mode="data")
        self.service.publish(event(type=topic, data={"a": 1}, datacontenttype="application/json"))
        (delivery,) = self.receiver.wait(1, path)
        self.assertEqual(json.loads(delivery.body), {"a": 1})
        self.assertEqual([name for name, _ in delivery.headers if name.startswith("ce-")], [])
        self.assertTrue(delivery.signed_by(SECRET))

    def test_only_matching_events_arrive_each_once(self):
        topic = self.topic()
        _, path = self.subscribe([f"{topic}.a", f"{topic}.*"])
        self.service.publish(*[event(id=str(n), type=f"{topic}.{'ab'[n % 2]}") for n in range(100)],
                             event(id="deep", type=f"{topic}.a.b"))
        self.receiver.wait(100, path)
        time.sleep(0.3)
        self.assertEqual(sorted(ids(d.event() for d in self.receiver.at(path)), key=int), [str(n) for n in range(100)])

    def test_starting_at_the_earliest_delivers_what_was(self):
        topic = self.topic()
        self.service.publish(*events(10, topic))
        _, path = self.subscribe([topic], start="earliest")
        self.assertEqual(sorted(ids(d.event() for d in self.receiver.wait(10, path))), [f"e-{n}" for n in range(10)])

    def test_starting_at_the_latest_delivers_only_what_comes(self):
        topic = self.topic()
        self.service.publish(*events(10, topic))
        _, path = self.subscribe([topic])
        self.service.publish(event(id="new", type=topic))
        self.assertEqual(self.receiver.wait(1, path)[0].event()["id"], "new")

    def test_order_all_keeps_the_order_one_at_a_time(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [200, 200, 500, 500]
        self.subscribe([topic], path, order="all")
        self.service.publish(*events(10, topic))
        received = ids(d.event() for d in self.receiver.wait(12, path))
        self.assertEqual(received, ["e-0", "e-1"] + ["e-2"] * 3 + [f"e-{n}" for n in range(3, 10)])

    def test_connections_are_reused(self):
        topic = self.topic()
        _, path = self.subscribe([topic], concurrency=4)
        for start in range(0, 200, 20):
            self.service.publish(*events(20, topic, f"e{start}"))
        self.receiver.wait(200, path)
        self.assertLessEqual(self.receiver.connections, 2 * 4)

    def test_concurrency_bounds_what_is_in_flight(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [{"delay": 0.5}] * 3
        self.subscribe([topic], path, concurrency=3)
        self.service.publish(*events(9, topic))
        self.receiver.wait(3, path)
        time.sleep(0.2)
        self.assertEqual(len(self.receiver.at(path)), 3)
        self.receiver.wait(9, path)

    def test_headers_of_the_definition_are_sent(self):
        topic = self.topic()
        _, path = self.subscribe([topic], headers={"authorization": "Bearer abc", "x-mine": "1"})
        self.service.publish(event(type=topic))
        (delivery,) = self.receiver.wait(1, path)
        self.assertEqual((delivery.header("authorization"), delivery.header("x-mine")), ("Bearer abc", "1"))

    def test_traceparent_of_the_publish_request_is_passed_on(self):
        topic = self.topic()
        _, path = self.subscribe([topic])
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        self.service.request("POST", "/v1/events", json.dumps(event(type=topic)),
                             {"content-type": clients.STRUCTURED, "traceparent": parent})
        (delivery,) = self.receiver.wait(1, path)
        self.assertEqual(delivery.header("traceparent").split("-")[1], parent.split("-")[1])

    def test_tls_endpoints_are_verified_with_the_definitions_ca(self):
        secure = self.open(Receiver(tls=True))
        topic = self.topic()
        _, path = self.subscribe([topic], receiver=secure)
        _, by_address = self.subscribe([topic], receiver=secure, host="127.0.0.1")
        self.service.publish(*events(20, topic))
        for each in (path, by_address):
            self.assertEqual(len({d.event()["id"] for d in secure.wait(20, each)}), 20)

    def test_a_certificate_nobody_vouches_for_is_refused(self):
        secure = self.open(Receiver(tls=True))
        topic = self.topic()
        name, path = self.subscribe([topic], receiver=secure, tls={})
        self.service.publish(event(type=topic))
        eventually(lambda: self.service.subscription(name)["last_error"], what="an error of the subscription")
        self.assertEqual(secure.at(path), [])

    def test_plain_http_and_odd_schemes_are_refused_by_definition(self):
        for url in ("ftp://127.0.0.1/x", "https://", "https://user:pass@example.com/", "nonsense", "https://example.com/#x"):
            with self.subTest(url):
                response = self.service.request("PUT", "/v1/subscriptions/odd", json.dumps(
                    {"topics": ["a"], "webhook": {"url": url, "signing_secrets": [SECRET]}}), {"content-type": "application/json"})
                self.assertProblem(response, 400)


class Retries(WebhookTest):
    def test_a_failed_attempt_is_repeated_with_the_same_id_and_a_counted_attempt(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [500, 404, 200]
        self.subscribe([topic], path)
        sent = event(type=topic, data={"n": 1})
        self.service.publish(sent)
        attempts = self.receiver.wait(3, path)
        self.assertEqual([a.attempt for a in attempts], [1, 2, 3])
        self.assertEqual(len({a.webhook_id for a in attempts}), 1)
        for attempt in attempts:
            self.assertEqual(attempt.event(), sent)
            self.assertTrue(attempt.signed_by(SECRET))
        for earlier, later in zip(attempts, attempts[1:]):
            self.assertGreaterEqual(later.time - earlier.time, 0.19)
        time.sleep(0.5)
        self.assertEqual(len(self.receiver.at(path)), 3)

    def test_every_2xx_succeeds(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [200, 201, 202, 204, 299]
        self.subscribe([topic], path)
        for n in range(5):
            self.service.publish(event(id=str(n), type=topic))
            self.receiver.wait(n + 1, path)
        time.sleep(0.5)
        self.assertEqual([d.attempt for d in self.receiver.at(path)], [1] * 5)

    def test_a_redirect_is_a_failure_and_not_followed(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        elsewhere = path + "-elsewhere"
        self.receiver.script[path] = [{"status": s, "headers": {"location": self.receiver.url(elsewhere)}} for s in (301, 307)]
        self.subscribe([topic], path)
        self.service.publish(event(type=topic))
        self.assertEqual([d.attempt for d in self.receiver.wait(3, path)], [1, 2, 3])
        self.assertEqual(self.receiver.at(elsewhere), [])

    def test_an_endpoint_that_does_not_answer_is_tried_again_after_the_timeout(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [{"hang": True}]
        self.subscribe([topic], path, timeout="1s")
        self.service.publish(event(type=topic))
        first, second = self.receiver.wait(2, path)
        self.assertTrue(0.9 < second.time - first.time < 5, second.time - first.time)
        self.assertEqual((first.webhook_id, second.attempt), (second.webhook_id, 2))

    def test_a_good_answer_does_not_count_for_the_next_request_of_its_connection(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [200, {"hang": True}]
        self.subscribe([topic], path, timeout="500ms", concurrency=1)
        self.service.publish(event(id="first", type=topic), event(id="second", type=topic))
        deliveries = self.receiver.wait(3, path)
        self.assertEqual([(d.event()["id"], d.attempt) for d in deliveries], [("first", 1), ("second", 1), ("second", 2)])
        self.assertEqual(deliveries[0].connection, deliveries[1].connection)

    def test_an_endpoint_that_is_not_there_yet_gets_it_when_it_is(self):
        topic = self.topic()
        later = Receiver()
        later.close()
        delays = {"delays": ["300ms"] * 20, "jitter": 0}
        _, path = self.subscribe([topic], receiver=later, retry=delays)
        self.service.publish(event(id="x", type=topic))
        time.sleep(0.8)
        later = self.open(Receiver(port=later.port))
        (delivery,) = later.wait(1, path)
        self.assertEqual(delivery.event()["id"], "x")
        self.assertGreater(delivery.attempt, 1)

    def test_a_failing_endpoint_holds_nobody_up(self):
        topic = self.topic()
        failing = f"/{uuid.uuid4().hex}"
        self.receiver.script[failing] = [500] * 1000
        self.subscribe([topic], failing)
        _, healthy = self.subscribe([topic])
        start = time.monotonic()
        self.service.publish(*events(100, topic))
        self.receiver.wait(100, healthy, seconds=5)
        self.assertLess(time.monotonic() - start, 5)

    def test_retry_after_is_a_lower_bound(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [{"status": 429, "headers": {"retry-after": "2"}}]
        self.subscribe([topic], path)
        self.service.publish(event(type=topic))
        first, second = self.receiver.wait(2, path)
        self.assertGreaterEqual(second.time - first.time, 1.9)

    def test_retry_after_counts_though_the_body_breaks_off(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [
            {"raw": b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 9\r\n\r\ncut"}]
        self.subscribe([topic], path)
        self.service.publish(event(type=topic))
        first, second = self.receiver.wait(2, path)
        self.assertGreaterEqual(second.time - first.time, 1.9)

    def test_a_large_answer_is_not_a_failure(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [{"status": 200, "body": b"x" * 500_000}]
        self.subscribe([topic], path)
        self.service.publish(event(type=topic))
        self.receiver.wait(1, path)
        time.sleep(0.7)
        self.assertEqual(len(self.receiver.at(path)), 1)


class Durability(WebhookTest):
    fresh_service_per_test = True

    def test_a_retry_due_when_the_service_is_killed_arrives_after_the_restart_with_the_same_id(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [500]
        name, _ = self.subscribe([topic], path, retry={"delays": ["2s", "2s"], "jitter": 0})
        self.service.publish(event(id="x", type=topic))
        (first,) = self.receiver.wait(1, path)
        time.sleep(1.3)
        self.service.kill()
        self.service.start()
        _, second = self.receiver.wait(2, path)
        self.assertEqual((second.webhook_id, second.event()["id"]), (first.webhook_id, "x"))
        self.assertEqual(second.attempt, 2)
        self.assertIsNotNone(self.service.subscription(name))

    def test_the_cursor_survives_a_kill(self):
        topic = self.topic()
        _, path = self.subscribe([topic])
        self.service.publish(*events(50, topic))
        self.receiver.wait(50, path)
        time.sleep(1.5)
        self.service.kill()
        self.service.start()
        self.service.publish(event(id="new", type=topic))
        eventually(lambda: [d for d in self.receiver.at(path) if d.event()["id"] == "new"], what="the new event")
        self.assertEqual(len(self.receiver.at(path)), 51)

    def test_killed_in_the_middle_every_event_arrives_with_one_id_each(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [{"status": (500, 200, 200)[n % 3], "delay": 0.02} for n in range(300)]
        self.subscribe([topic], path, concurrency=8)
        for round in range(3):
            self.service.publish(*events(60, topic, f"r{round}"))
            time.sleep(0.15)
            self.service.kill()
            self.service.start()
        wanted = {f"r{round}-{n}" for round in range(3) for n in range(60)}
        eventually(lambda: {d.event()["id"] for d in self.receiver.at(path)} == wanted, 20, "every event arriving")
        webhook_ids = {}
        for delivery in self.receiver.at(path):
            webhook_ids.setdefault(delivery.event()["id"], set()).add(delivery.webhook_id)
        self.assertEqual({len(of_one) for of_one in webhook_ids.values()}, {1})
        self.assertEqual(len(set.union(*webhook_ids.values())), len(wanted))

    def test_what_was_published_while_the_endpoint_and_then_the_service_were_down_arrives(self):
        topic = self.topic()
        away = Receiver()
        away.close()
        retry = {"delays": ["500ms"] * 30, "jitter": 0}
        _, path = self.subscribe([topic], receiver=away, retry=retry)
        self.service.publish(*events(20, topic))
        self.service.stop()
        back = self.open(Receiver(port=away.port))
        self.service.start()
        self.assertEqual({d.event()["id"] for d in back.wait(20, path)}, {f"e-{n}" for n in range(20)})

    def test_a_removed_subscription_stays_removed(self):
        topic = self.topic()
        name, path = self.subscribe([topic])
        self.assertIn(self.service.request("DELETE", f"/v1/subscriptions/{name}").status, (200, 204))
        self.service.publish(event(type=topic))
        time.sleep(1.2)
        self.service.kill()
        self.service.start()
        self.assertEqual(self.service.request("GET", f"/v1/subscriptions/{name}").status, 404)
        self.service.publish(event(type=topic))
        time.sleep(0.4)
        self.assertEqual(self.receiver.at(path), [])

    def test_a_stop_finishes_attempts_in_flight_and_does_not_repeat_them(self):
        topic = self.topic()
        path = f"/{uuid.uuid4().hex}"
        self.receiver.script[path] = [{"delay": 0.4}] * 5
        self.subscribe([topic], path)
        self.service.publish(*events(5, topic))
        self.receiver.wait(5, path)
        self.assertEqual(self.service.stop(), 0)
        self.service.start()
        time.sleep(0.6)
        self.assertEqual(len(self.receiver.at(path)), 5)


class PrivateAddresses(WebhookTest):
    """Without `webhooks.networks` nothing private is reached."""

    @classmethod
    def configuration(cls, service):
        return {"webhooks": {"networks": [], "plain_http": True}}

    def put(self, url):
        return self.service.request("PUT", "/v1/subscriptions/private", json.dumps(
            {"topics": [">"], "webhook": {"url": url, "signing_secrets": [SECRET], "retry": QUICK}}),
            {"content-type": "application/json"})

    def test_a_literal_private_address_is_refused_when_saved(self):
        for host in ("127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "[::1]", "0.0.0.0",
                     "[::ffff:127.0.0.1]", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"):
            with self.subTest(host):
                self.assertProblem(self.put(f"http://{host}:9/x"), 400)

    def test_an_address_in_another_dress_is_refused_whatever_networks_allow(self):
        """What some libraries take for 127.0.0.1 or 169.254.169.254, and ways to hide a host or add a header."""
        for url in ("http://2130706433/", "http://0x7f.1/", "http://0x7f000001/", "http://017700000001/", "http://0177.0.0.1/",
                    "http://127.1/", "http://127.0.1/", "http://127.0.0.1./", "http://0/", "http://0x/", "http://127.0.0.0x1/",
                    "http://127.0.0.01/", "http://%31%32%37.0.0.1/", "http://127%2e0.0.1/", "http://127\u30020\u30020\u30021/",
                    "http://127.0.0.1\uff0e/", "http://\u2460\u2461\u2466.0.0.1/", "http://[::ffff:7f00:1]:9/",
                    "http://[::127.0.0.1]/", "http://[64:ff9b:1::a9fe:a9fe]/", "http://[2001:0:7f00:1::]/",
                    "http://[fe80::1%25eth0]/", "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://168.63.129.16/",
                    "http://user@example.com/", "http://example.com@127.0.0.1/", "http://example.com\\@127.0.0.1/",
                    "http://example.com#@127.0.0.1/", "http://a b.example/", "http://example.com/\r\nx-a: b", "http://a..example/",
                    "http://.example/", "http:///x", "http://:80/", "http://example.com:0/", "http://example.com:65536/"):
            with self.subTest(url):
                self.assertProblem(self.put(url), 400)

    def test_a_name_that_resolves_to_a_private_address_is_refused_when_connecting(self):
        path = f"/{uuid.uuid4().hex}"
        response = self.put(f"http://localhost:{self.receiver.port}{path}")
        self.assertIn(response.status, (200, 201))
        topic = self.topic()
        self.service.publish(event(type=topic))
        eventually(lambda: self.service.subscription("private")["last_error"], what="an error of the subscription")
        self.assertEqual((self.receiver.at(path), self.receiver.connections), ([], 0))


class OwnListeners(WebhookTest):
    def test_our_own_listener_is_refused_whatever_networks_allow(self):
        response = self.service.request("PUT", "/v1/subscriptions/self", json.dumps(
            {"topics": [">"], "webhook": {"url": f"http://127.0.0.1:{self.service.port}/v1/topics/a.b",
                                          "signing_secrets": [SECRET], "retry": QUICK}}), {"content-type": "application/json"})
        if response.status == 400:
            return
        topic = self.topic()
        self.service.publish(event(type=topic))
        eventually(lambda: self.service.subscription("self")["last_error"], what="an error of the subscription")
        self.assertEqual(self.service.read_events("&topic=a.b"), [])

    def test_metadata_addresses_are_refused_whatever_networks_allow(self):
        response = self.service.request("PUT", "/v1/subscriptions/metadata", json.dumps(
            {"topics": [">"], "webhook": {"url": "http://169.254.169.254/latest", "networks": ["169.254.0.0/16"],
                                          "signing_secrets": [SECRET]}}), {"content-type": "application/json"})
        self.assertProblem(response, 400)


if __name__ == "__main__":
    unittest.main()
