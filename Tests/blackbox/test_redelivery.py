"""Delivering again, and test sends."""

import json
import time
import unittest
import uuid

from harness import SECRET, FanfareTest, event, events, eventually, ids, sequence
from receiver import Receiver

JSON = {"content-type": "application/json"}


class RedeliveryTest(FanfareTest):
    def setUp(self):
        super().setUp()
        self.receiver = self.open(Receiver())

    def subscribe(self, topic, delays=(), **webhook):
        name = "s" + uuid.uuid4().hex[:8]
        self.service.put_subscription(name, {"topics": [topic], "webhook": {
            "url": self.receiver.url(f"/{name}"), "signing_secrets": [SECRET],
            "retry": {"delays": list(delays), "jitter": 0}} | webhook})
        return name

    def post(self, name, action, body=None):
        return self.service.request(
            "POST", f"/v1/subscriptions/{name}/{action}", json.dumps(body) if body is not None else None, JSON)

    def complete(self, name):
        eventually(lambda: self.service.subscription(name)["redeliveries"] == [], seconds=20, what="the redelivery's end")


class Again(RedeliveryTest):
    def test_one_event_reaches_only_its_target_with_the_same_id(self):
        topic = self.topic()
        one, other = self.subscribe(topic), self.subscribe(topic)
        self.service.publish(event(id="a", type=topic))
        wanted = self.service.publish(event(id="b", type=topic))["last"]
        self.service.publish(event(id="c", type=topic))
        self.receiver.wait(3, f"/{one}")
        self.receiver.wait(3, f"/{other}")
        answer = self.post(one, "redeliver", {"from": wanted, "to": wanted, "only": "all"})
        self.assertEqual((answer.status, answer.json()["redelivering"]), (202, None))
        again = self.receiver.wait(4, f"/{one}")[3]
        self.assertEqual(again.event()["id"], "b")
        self.assertEqual(len({d.webhook_id for d in self.receiver.at(f"/{one}") if d.event()["id"] == "b"}), 1)
        self.complete(one)
        time.sleep(0.2)
        self.assertEqual((len(self.receiver.at(f"/{one}")), len(self.receiver.at(f"/{other}"))), (4, 3))

    def test_a_range_includes_both_ends_and_only_what_matches(self):
        topic = self.topic()
        name = self.subscribe(topic)
        places = []
        for n in range(20):
            places.append(self.service.publish(event(id=str(n), type=topic))["last"])
            self.service.publish(event(type=f"{topic}.other"))
        self.receiver.wait(20, f"/{name}")
        self.post(name, "redeliver", {"from": places[5], "to": places[14], "only": "all"})
        self.receiver.wait(30, f"/{name}")
        self.complete(name)
        again = self.receiver.at(f"/{name}")[20:]
        self.assertEqual(sorted(int(d.event()["id"]) for d in again), list(range(5, 15)))

    def test_failed_ones_only_are_delivered_again_and_are_dead_no_more(self):
        topic = self.topic()
        name = self.subscribe(topic, concurrency=1, order="all")
        self.receiver.script[f"/{name}"] = [200, 500, 200, 500, 500, 200]
        self.service.publish(*events(6, topic))
        self.receiver.wait(6, f"/{name}")
        eventually(lambda: self.service.subscription(name)["dead_letters"] == 3, what="three dead letters")
        self.assertEqual(self.post(name, "redeliver").json()["redelivering"], 3)
        self.receiver.wait(9, f"/{name}")
        self.complete(name)
        self.assertEqual(sorted(ids(d.event() for d in self.receiver.at(f"/{name}")[6:])), ["e-1", "e-3", "e-4"])
        eventually(lambda: self.service.subscription(name)["dead_letters"] == 0, what="no dead letters")
        answer = self.post(name, "redeliver").json()
        self.assertEqual((answer["redelivering"], answer["redelivery"]), (0, None))

    def test_what_fails_again_is_a_dead_letter_again(self):
        topic = self.topic()
        name = self.subscribe(topic, delays=["100ms"])
        self.receiver.script[f"/{name}"] = [500] * 4
        self.service.publish(event(type=topic))
        eventually(lambda: self.service.subscription(name)["dead_letters"] == 1, what="a dead letter")
        self.post(name, "redeliver")
        self.receiver.wait(4, f"/{name}")
        self.complete(name)
        letters = eventually(
            lambda: self.service.request("GET", f"/v1/dead-letters?subscription={name}").json()["dead_letters"], what="it")
        self.assertEqual((len(letters), letters[0]["attempts"]), (1, 2))

    def test_a_killed_service_goes_on_with_it(self):
        topic = self.topic()
        name = self.subscribe(topic)
        self.service.publish(*events(400, topic))
        self.receiver.wait(400, f"/{name}")
        self.receiver.script[f"/{name}"] = [{"delay": 0.01}] * 800
        self.post(name, "redeliver", {"only": "all"})
        self.receiver.wait(500, f"/{name}")
        self.service.kill()
        self.service.start()
        self.complete(name)
        again = self.receiver.at(f"/{name}")[400:]
        self.assertEqual({d.event()["id"] for d in again}, {f"e-{n}" for n in range(400)})
        # What was decided before the kill and written is not sent again.
        self.assertLess(len(again), 480)

    def test_it_does_not_hold_up_live_delivery(self):
        topic = self.topic()
        name = self.subscribe(topic, concurrency=16)
        self.service.publish(*events(300, topic, "old"))
        self.receiver.wait(300, f"/{name}")
        self.receiver.script[f"/{name}"] = [{"delay": 0.02}] * 1000
        self.post(name, "redeliver", {"only": "all"})
        self.receiver.wait(310, f"/{name}")
        self.service.publish(*events(100, topic, "new"))
        eventually(
            lambda: sum(d.event()["id"].startswith("new") for d in self.receiver.at(f"/{name}")) == 100, what="live events")
        again = sum(d.event()["id"].startswith("old") for d in self.receiver.at(f"/{name}")) - 300
        self.assertLess(again, 200)
        self.complete(name)

    def test_what_cannot_be_delivered_again_is_told(self):
        topic = self.topic()
        name = self.subscribe(topic)
        last = self.service.publish(event(type=topic))["last"]
        log, number = last.split("-")
        beyond = f"{log}-{int(number) + 1000:016}"
        for body, pointer in (({"from": beyond}, "/from"), ({"to": f"00000001-{number}"}, "/to"),
                              ({"from": last, "to": f"{log}-{1:016}"}, "/to"), ({"only": "some"}, "/only")):
            with self.subTest(body):
                problem = self.assertProblem(self.post(name, "redeliver", body), 400)
                self.assertEqual(problem["errors"][0]["pointer"], pointer)

    def test_the_command_delivers_again(self):
        topic = self.topic()
        name = self.subscribe(topic)
        last = self.service.publish(event(type=topic))["last"]
        self.receiver.wait(1, f"/{name}")
        result = self.service.command("subscriptions", "redeliver", name, last, "--url", self.service.url)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("delivering again", result.stdout)
        self.receiver.wait(2, f"/{name}")
        result = self.service.command("subscriptions", "redeliver", name, "--json", "--url", self.service.url)
        self.assertEqual(json.loads(result.stdout)["redelivering"], 0)


class TestSends(RedeliveryTest):
    def test_a_test_goes_to_its_endpoint_only_and_tells_what_came_of_it(self):
        topic = self.topic()
        one, other = self.subscribe(topic), self.subscribe(topic)
        self.receiver.script[f"/{one}"] = [{"status": 200, "body": b"well"}, {"status": 500, "body": b"ill"}]
        answer = self.post(one, "test").json()
        self.assertEqual((answer["delivered"], answer["status"], answer["error"], answer["answer"]), (True, 200, None, "well"))
        self.assertGreater(answer["timings_ms"]["total"], 0)
        (delivery,) = self.receiver.at(f"/{one}")
        sent = delivery.event()
        self.assertEqual((sent["type"], sent["data"]["subscription"]), ("dev.fanfare.test", one))
        self.assertTrue(delivery.signed_by(SECRET))
        self.assertEqual(delivery.webhook_id, answer["webhook_id"])
        answer = self.post(one, "test").json()
        self.assertEqual((answer["delivered"], answer["status"]), (False, 500))
        self.assertNotEqual(answer["webhook_id"], delivery.webhook_id)
        self.assertEqual(self.receiver.at(f"/{other}"), [])
        shown = self.service.subscription(one)
        self.assertEqual((shown["dead_letters"], shown["retrying"], shown["in_flight"]), (0, 0, 0))
        self.assertEqual([e for e in self.service.read_events("&topic=fanfare.%3E") if e["type"] == "dev.fanfare.test"], [])

    def test_a_disabled_subscription_can_be_tested(self):
        name = self.subscribe(self.topic())
        self.post(name, "disable")
        self.assertTrue(self.post(name, "test").json()["delivered"])

    def test_a_test_beside_load_arrives_whole_and_so_does_the_load(self):
        topic = self.topic()
        name = self.subscribe(topic)
        sent, tests = [], []
        for round in range(20):
            batch = [event(type=topic, data={"round": round, "padding": "x" * 2000}) for _ in range(30)]
            self.service.publish(*batch)
            sent += batch
            tests.append(self.post(name, "test").json())
        self.assertEqual([t["delivered"] for t in tests], [True] * len(tests), tests)
        deliveries = self.receiver.wait(len(sent) + len(tests), f"/{name}")
        self.assertTrue(all(d.signed_by(SECRET) for d in deliveries))
        arrived = [d.event() for d in deliveries]
        self.assertCountEqual([e for e in arrived if e["type"] != "dev.fanfare.test"], sent)
        self.assertCountEqual([d.webhook_id for d in deliveries if d.event()["type"] == "dev.fanfare.test"],
                              [t["webhook_id"] for t in tests])

    def test_the_command_tells_the_outcome(self):
        name = self.subscribe(self.topic())
        self.receiver.script[f"/{name}"] = [204, 503]
        result = self.service.command("subscriptions", "test", name, "--url", self.service.url)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("204", result.stdout)
        result = self.service.command("subscriptions", "test", name, "--url", self.service.url)
        self.assertEqual(result.returncode, 69)
        self.assertIn("503", result.stderr)


class Attempts(RedeliveryTest):
    def test_attempts_are_split_and_filtered(self):
        topic = self.topic()
        name = self.subscribe(topic, delays=["100ms"])
        self.receiver.script[f"/{name}"] = [500]
        first = self.service.publish(event(type=topic))["last"]
        self.receiver.wait(2, f"/{name}")
        self.service.publish(event(type=topic))
        self.receiver.wait(3, f"/{name}")

        def attempts(query=""):
            return self.service.request("GET", f"/v1/subscriptions/{name}/attempts{query}").json()["attempts"]

        eventually(lambda: len(attempts()) == 3, what="three attempts")
        timings = attempts()[-1]["timings_ms"]
        self.assertGreater(timings["connect"], 0)
        self.assertGreater(timings["first_byte"], 0)
        self.assertGreaterEqual(timings["total"], timings["first_byte"])
        self.assertEqual((timings["resolve"], timings["tls"]), (None, None))
        self.assertEqual([a["attempt"] for a in attempts(f"?position={first}")], [2, 1])
        self.assertEqual([a["status"] for a in attempts("?status=500")], [500])
        self.assertEqual([a["status"] for a in attempts("?status=delivered")], [200, 200])
        self.assertEqual([a["status"] for a in attempts(f"?status=failed&position={first}")], [500])
        self.assertEqual(attempts("?status=none"), [])
        self.assertEqual(len(attempts("?limit=1")), 1)
        for query in ("?status=x", "?position=x", "?limit=0"):
            self.assertProblem(self.service.request("GET", f"/v1/subscriptions/{name}/attempts{query}"), 400)

    def test_what_a_subscription_asks_for_is_included(self):
        topic = self.topic()
        trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b,c=d",
                 "baggage": "user=1"}
        plain = self.subscribe(topic)
        asked = self.subscribe(topic, include=["fanfareposition", "tracestate", "baggage"])
        binary = self.subscribe(topic, content_mode="binary", include=["fanfareposition"])
        sent = event(type=topic)
        answer = self.service.request(
            "POST", "/v1/events", json.dumps(sent), {"content-type": "application/cloudevents+json"} | trace).json()
        (delivery,) = self.receiver.wait(1, f"/{plain}")
        self.assertEqual(delivery.event(), sent)
        self.assertEqual([delivery.header(name) for name in trace], [trace["traceparent"], None, None])
        (delivery,) = self.receiver.wait(1, f"/{asked}")
        self.assertEqual(delivery.event(), sent | {"fanfareposition": answer["last"]})
        self.assertEqual([delivery.header(name) for name in trace], list(trace.values()))
        self.assertTrue(delivery.signed_by(SECRET))
        (delivery,) = self.receiver.wait(1, f"/{binary}")
        self.assertEqual((delivery.header("ce-fanfareposition"), delivery.header("baggage")), (answer["last"], None))


if __name__ == "__main__":
    unittest.main()
