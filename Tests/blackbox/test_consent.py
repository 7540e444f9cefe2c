"""Consent of endpoints (CloudEvents HTTP 1.1 Web Hooks, section 4): asked before anything is delivered, where a subscription wants."""

import json
import unittest

from harness import SECRET, event, events, eventually
from receiver import Receiver
from test_webhooks import WebhookTest

try:
    from http2_receiver import HTTP2Receiver
except ImportError:
    HTTP2Receiver = None

ORIGIN = "events.example.com"


def agreed(origin=ORIGIN, rate=None):
    return {"status": 204, "headers": {"webhook-allowed-origin": origin} | ({"webhook-allowed-rate": rate} if rate else {})}


class Consent(WebhookTest):
    def ask(self, topics, answers, path, receiver=None, rate=None, **webhook):
        """A subscription whose endpoint is asked and gives `answers`."""
        (receiver or self.receiver).script[path] = answers
        consent = {"origin": ORIGIN} | ({"rate": rate} if rate else {})
        return self.subscribe(topics, path, receiver, consent=consent, **webhook)[0]

    def consent(self, name):
        return self.service.subscription(name)["consent"]

    def test_nothing_is_delivered_before_the_endpoint_agrees(self):
        topic, path = self.topic(), "/hesitant"
        name = self.ask([topic], [403] * 500, path)
        sent = events(3, topic)
        self.service.publish(*sent)
        asked = self.receiver.wait(3, path)
        self.assertEqual({d.method for d in asked}, {"OPTIONS"})
        for question in asked:
            self.assertEqual((question.header("webhook-request-origin"), question.body), (ORIGIN, b""))
            self.assertIsNone(question.header("webhook-request-rate"))
            self.assertIsNone(question.header("webhook-signature"))
        self.assertEqual(self.consent(name), {"state": "refused", "reason": "the endpoint answered OPTIONS with 403"})
        self.assertIn("403", self.service.subscription(name)["last_error"])
        self.assertProblem(self.service.request("POST", f"/v1/subscriptions/{name}/test"), 409)
        with self.receiver.changed:
            self.receiver.script[path] = [agreed()]
        eventually(lambda: len(self.posted(path)) == 3, what="the deliveries")
        self.assertCountEqual([d.event() for d in self.posted(path)], sent)
        self.assertTrue(all(d.signed_by(SECRET) for d in self.posted(path)))
        self.assertEqual(self.consent(name), {"state": "granted"})
        count = len(self.asked(path))
        self.service.publish(event(type=topic))
        eventually(lambda: len(self.posted(path)) == 4, what="one more delivery")
        self.assertEqual(len(self.asked(path)), count, "asked once is enough")

    def posted(self, path, receiver=None):
        return [d for d in (receiver or self.receiver).at(path) if d.method == "POST"]

    def asked(self, path, receiver=None):
        return [d for d in (receiver or self.receiver).at(path) if d.method == "OPTIONS"]

    def test_what_counts_as_agreeing(self):
        topic = self.topic()
        answers = {
            "/cut": {"raw": f"HTTP/1.1 200 OK\r\nwebhook-allowed-origin: {ORIGIN}\r\ncontent-length: 9\r\n\r\ncut".encode()},
            "/any": agreed("*"), "/case": agreed(ORIGIN.upper()), "/ok": agreed() | {"status": 200}, "/rate": agreed(rate="*"),
        }
        for path, answer in answers.items():
            self.ask([topic], [answer], path)
        self.service.publish(event(type=topic))
        for path in answers:
            self.assertEqual([d.method for d in self.receiver.wait(2, path)], ["OPTIONS", "POST"], path)

    def test_what_does_not(self):
        topic = self.topic()
        answers = {
            "/silent": ({"status": 200}, "no WebHook-Allowed-Origin"), "/other": (agreed("other.example.com"), "neither"),
            "/moved": (agreed() | {"status": 302}, "302"), "/rate": (agreed(rate="0"), "WebHook-Allowed-Rate"),
            "/reset": ({"reset": True}, "before the answer"),
        }
        names = {path: self.ask([topic], [answer] * 500, path) for path, (answer, _) in answers.items()}
        self.service.publish(event(type=topic))
        for path, (_, words) in answers.items():
            with self.subTest(path):
                self.receiver.wait(2, path)
                self.assertEqual(self.consent(names[path])["state"], "refused")
                self.assertIn(words, self.consent(names[path])["reason"])
                self.assertEqual(self.posted(path), [])

    def test_the_rate_that_was_agreed_to_is_kept(self):
        topic, path = self.topic(), "/slow"
        self.ask([topic], [agreed(rate="60")], path, rate=600)
        self.service.publish(*events(4, topic))
        self.assertEqual(self.receiver.wait(1, path)[0].header("webhook-request-rate"), "600")
        eventually(lambda: len(self.posted(path)) == 4, what="four deliveries", seconds=15)
        times = [d.time for d in self.posted(path)]
        self.assertGreater(max(times) - min(times), 2, "60 a minute: three seconds from the first to the fourth")

    def test_a_test_counts_for_the_rate_that_was_agreed_to(self):
        topic, path = self.topic(), "/tested"
        name = self.ask([topic], [agreed(rate="15")], path)
        eventually(lambda: self.consent(name)["state"] == "granted", what="consent")
        answer = self.service.request("POST", f"/v1/subscriptions/{name}/test")
        self.assertEqual(answer.status, 200, answer.body)
        self.service.publish(event(type=topic))
        eventually(lambda: len(self.posted(path)) == 2, what="the event after the test", seconds=15)
        test, delivery = self.posted(path)
        self.assertEqual(test.event()["type"], "dev.fanfare.test")
        self.assertGreater(delivery.time - test.time, 2, "15 a minute: four seconds from one to the next")

    def test_without_the_setting_nobody_is_asked(self):
        topic = self.topic()
        name, path = self.subscribe([topic])
        self.service.publish(event(type=topic))
        self.assertEqual(self.receiver.wait(1, path)[0].method, "POST")
        self.assertNotIn("consent", self.service.subscription(name))

    def test_another_endpoint_is_asked_anew(self):
        topic = self.topic()
        name = self.ask([topic], [agreed()], "/first")
        self.service.publish(event(type=topic))
        self.receiver.wait(2, "/first")
        self.receiver.script["/second"] = [agreed()]
        definition = {"topics": [topic], "webhook": {
            "url": self.receiver.url("/second"), "signing_secrets": [SECRET], "consent": {"origin": ORIGIN}}}
        self.service.put_subscription(name, definition)
        self.service.publish(event(type=topic))
        self.assertEqual([d.method for d in self.receiver.wait(2, "/second")], ["OPTIONS", "POST"])

    def test_over_tls(self):
        receiver, topic = self.open(Receiver(tls=True)), self.topic()
        self.ask([topic], [403, agreed()], "/tls", receiver)
        self.service.publish(event(type=topic))
        self.assertEqual([d.method for d in receiver.wait(3, "/tls")], ["OPTIONS", "OPTIONS", "POST"])

    @unittest.skipIf(HTTP2Receiver is None, "the Python package h2 is not installed (make .build-venv/complete)")
    def test_over_http2(self):
        receiver, topic = self.open(HTTP2Receiver()), self.topic()
        name = self.ask([topic], [{"status": 200}, agreed(rate="6000")], "/two", receiver, headers={"x-team": "billing"})
        self.service.publish(*events(5, topic))
        eventually(lambda: len(self.posted("/two", receiver)) == 5, what="the deliveries")
        questions = self.asked("/two", receiver)
        self.assertEqual(len(questions), 2)
        self.assertEqual((questions[1].header("webhook-request-origin"), questions[1].header("x-team")), (ORIGIN, "billing"))
        self.assertEqual(self.consent(name), {"state": "granted"})

    def test_a_setting_that_makes_no_sense_is_refused(self):
        for wrong in ({}, {"origin": "https://events.example.com"}, {"origin": ORIGIN, "rate": 0}, {"origin": ORIGIN, "x": 1}, True):
            definition = {"topics": ["a"], "webhook": {"url": self.receiver.url("/x"), "consent": wrong}}
            answer = self.service.request("PUT", "/v1/subscriptions/wrong", json.dumps(definition),
                                          {"content-type": "application/json"})
            self.assertProblem(answer, 400)
            self.assertIn("/webhook/consent", answer.body.decode())
