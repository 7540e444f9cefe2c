"""What the service itself publishes: dead letters, and how endpoints are doing (topics under `fanfare.`)."""

import datetime
import os
import time
import unittest
import uuid

from harness import SECRET, FanfareTest, event, events, eventually, ids
from receiver import Receiver

ONE_TRY = {"delays": [], "jitter": 0}


def definition(url, topics, **webhook):
    return {"topics": topics, "webhook": {"url": url, "signing_secrets": [SECRET], "retry": ONE_TRY} | webhook}


class OwnEventsTest(FanfareTest):
    def setUp(self):
        super().setUp()
        self.receiver = self.open(Receiver())

    def own(self, pattern="fanfare.%3E"):
        return self.service.read_events(f"&topic={pattern}")

    def failing(self, count=1, **webhook):
        """A subscription whose endpoint answers 500 `count` times, and its topic."""
        name = "f" + uuid.uuid4().hex[:8]
        self.receiver.script[f"/{name}"] = [500] * count
        self.service.put_subscription(name, definition(self.receiver.url(f"/{name}"), [name], **webhook))
        return name


class DeadLetters(OwnEventsTest):
    def test_a_dead_letter_is_an_event_for_sockets_and_webhooks(self):
        name = self.failing()
        socket = self.open(self.service.sse(f"/v1/subscribe?topic=fanfare.deadletter.{name}"))
        self.service.put_subscription(f"w{name}", definition(self.receiver.url(f"/w{name}"), [f"fanfare.deadletter.{name}"]))
        last = self.service.publish(event(type=name))["last"]
        (delivery,) = self.receiver.wait(1, f"/w{name}")
        letter = delivery.event()
        self.assertEqual((letter["type"], letter["fanfaretopic"]), ("dev.fanfare.deadletter", f"fanfare.deadletter.{name}"))
        self.assertEqual((letter["source"], letter["subject"]), (f"/subscriptions/{name}", name))
        data = letter["data"]
        self.assertEqual((data["subscription"], data["position"], data["tenant"]), (name, last, "default"))
        self.assertEqual((data["kind"], data["attempts"], data["status"]), ("exhausted", 1, 500))
        self.assertIn("500", data["error"])
        self.assertEqual(socket.next_event()["id"], letter["id"])

    def test_only_patterns_that_spell_out_fanfare_get_them(self):
        self.service.put_subscription("everything", definition(self.receiver.url("/everything"), [">"]))
        name = self.failing()
        self.service.publish(event(id="x", type=name))
        eventually(lambda: self.own(f"fanfare.deadletter.{name}"), what="the dead letter's event")
        time.sleep(0.3)
        self.assertNotIn("dev.fanfare.deadletter", {d.event()["type"] for d in self.receiver.at("/everything")})

    def test_the_services_own_events_make_no_dead_letters(self):
        own = "o" + uuid.uuid4().hex[:8]
        self.receiver.script[f"/{own}"] = [500] * 10
        self.service.put_subscription(own, definition(self.receiver.url(f"/{own}"), ["fanfare.deadletter.>"]))
        name = self.failing()
        self.service.publish(event(type=name))
        self.receiver.wait(1, f"/{own}")
        eventually(lambda: self.service.subscription(own)["in_flight"] == 0, what="the attempt's end")
        time.sleep(1.5)
        self.assertEqual(self.service.subscription(own)["dead_letters"], 0)
        self.assertEqual(self.own(f"fanfare.deadletter.{own}"), [])
        self.assertEqual(len(self.receiver.at(f"/{own}")), 1)

    def test_nobody_else_publishes_there(self):
        response = self.service.request("POST", "/v1/topics/fanfare.deadletter.x", "{}", {"content-type": "application/json"})
        self.assertProblem(response, 403)


class HowEndpointsAre(OwnEventsTest):
    @classmethod
    def configuration(cls, service):
        return {"webhooks": service.default_config()["webhooks"] | {"disable_after": "1m"}}

    def news(self, name, kind):
        return [e for e in self.own(f"fanfare.subscription.{kind}") if e["subject"] == name]

    def test_a_410_disables_and_is_told(self):
        name = self.failing(0)
        self.receiver.script[f"/{name}"] = [410]
        self.service.put_subscription(f"w{name}", definition(self.receiver.url(f"/w{name}"), ["fanfare.subscription.*"]))
        self.service.publish(event(id="kept", type=name))
        (told,) = eventually(lambda: self.news(name, "disabled"), what="the news")
        self.assertEqual((told["type"], told["data"]["reason"]), ("dev.fanfare.subscription.disabled", "gone"))
        shown = self.service.subscription(name)
        self.assertEqual((shown["state"], shown["disabled_because"]), ("disabled", "gone"))
        eventually(lambda: [d for d in self.receiver.at(f"/w{name}") if d.event()["id"] == told["id"]], what="the webhook")
        self.assertEqual(self.service.request("POST", f"/v1/subscriptions/{name}/enable").json()["state"], "active")
        self.assertEqual(self.receiver.wait(2, f"/{name}")[1].event()["id"], "kept")

    def test_someone_disabling_it_is_told_too(self):
        name = self.failing(0)
        self.service.request("POST", f"/v1/subscriptions/{name}/disable")
        (told,) = eventually(lambda: self.news(name, "disabled"), what="the news")
        self.assertEqual(told["data"]["reason"], "requested")

    def test_failing_is_announced_with_when_it_is_disabled_and_recovery_is_told(self):
        name = self.failing(0, retry={"delays": ["500ms"] * 32, "jitter": 0})
        path = f"/{name}"
        self.receiver.script[path] = [500] * 1000
        self.service.publish(event(type=name))
        (told,) = eventually(lambda: self.news(name, "failing"), seconds=30, what="the news")
        shown = self.service.subscription(name)
        self.assertEqual(shown["state"], "failing")
        self.assertEqual((told["data"]["since"], told["data"]["disables_at"]), (shown["failing_since"], shown["disables_at"]))
        self.receiver.script[path] = []
        self.service.publish(event(type=name))
        eventually(lambda: self.news(name, "recovered"), seconds=30, what="the recovery")
        shown = self.service.subscription(name)
        self.assertEqual((shown["state"], "failing_since" in shown), ("active", False))


class Crashes(OwnEventsTest):
    fresh_service_per_test = True

    @classmethod
    def configuration(cls, service):
        return {"webhooks": service.default_config()["webhooks"] | {"disable_after": "1m"}}

    def test_nothing_but_failure_counts_from_the_first_whenever_the_service_dies(self):
        name = self.failing(1000, retry={"delays": ["500ms"] * 32, "jitter": 0})
        self.service.publish(event(type=name))
        self.receiver.wait(2, f"/{name}")
        time.sleep(1)
        self.service.kill()
        killed = datetime.datetime.now(datetime.timezone.utc)
        # A fifth of `disable_after` is over when it starts again.
        time.sleep(12)
        self.service.start()
        self.service.publish(event(type=name))
        (told,) = eventually(
            lambda: self.own("fanfare.subscription.failing"), seconds=40, what="the news")
        since = datetime.datetime.fromisoformat(told["data"]["since"].replace("Z", "+00:00")[:19] + "+00:00")
        self.assertLess(since, killed)

    def test_what_was_given_up_on_is_told_once_whenever_the_service_dies(self):
        name = self.failing(0, concurrency=4)
        # Successes in between keep the breaker closed.
        self.receiver.script[f"/{name}"] = [500, 500, 200] * 200
        for start in range(6):
            self.service.publish(*events(20, name, f"{start}"))
            time.sleep(0.02 + 0.25 * start)
            self.service.kill()
            self.service.start()
        last = self.service.publish(event(type=name))["last"]
        eventually(
            lambda: (s := self.service.subscription(name))["cursor"] >= last and not s["in_flight"], seconds=20,
            what="everything being decided")
        letters = self.service.request("GET", "/v1/dead-letters?limit=1000").json()["dead_letters"]
        self.assertGreater(len(letters), 50)
        told = eventually(
            lambda: (e := self.own(f"fanfare.deadletter.{name}")) and {x["data"]["position"] for x in e} >= {l["position"] for l in letters} and e,
            what="an event for every dead letter")
        self.assertEqual(len(ids(told)), len(set(ids(told))))
        self.assertEqual(sorted(e["data"]["position"] for e in told), sorted(l["position"] for l in letters))


if __name__ == "__main__":
    unittest.main()
