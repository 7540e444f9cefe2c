"""273 real GitHub webhook payloads through every transport: each once, in order on sockets, `data` byte for byte."""

import json
import os
import pathlib
import unittest

import harness
from clients import NDJSON, open_subscriber
from harness import SECRET, FanfareTest
from receiver import Receiver

DATA = pathlib.Path(os.environ.get(
    "FANFARE_DATA", harness.ROOT.parent / "shared" / "data" / "github-webhooks.cloudevents.ndjson"))
TRANSPORTS = ("websocket", "websocket+tls", "sse", "sse+tls", "stream", "stream+tls", "stream+unix")


def data_member(line):
    """The bytes of the value of `data`: it is the last member of every line of the file."""
    start = line.index(b'"data":') + len(b'"data":')
    assert line.endswith(b"}")
    return line[start:-1].strip()


@unittest.skipUnless(DATA.exists(), f"the real events are not here: {DATA}")
class RealData(FanfareTest):
    fresh_service_per_test = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lines = [line.strip() for line in DATA.read_bytes().splitlines() if line.strip()]
        cls.ids = [json.loads(line)["id"] for line in cls.lines]
        cls.data = {id: data_member(line) for id, line in zip(cls.ids, cls.lines, strict=True)}
        for id, data in cls.data.items():
            assert json.loads(data) is not None and id

    def test_every_subscriber_receives_each_event_once_in_order_with_its_bytes(self):
        self.assertEqual(len(set(self.ids)), 273)
        subscribers = {f"{t} live": self.open(open_subscriber(self.service, t, [">"])) for t in TRANSPORTS}
        plain, secure = self.open(Receiver()), self.open(Receiver(tls=True))
        hooks = {"structured": plain, "binary": plain, "secure": secure}
        for name, receiver in hooks.items():
            webhook = {"url": receiver.url(f"/{name}"), "signing_secrets": [SECRET],
                       "content_mode": "binary" if name == "binary" else "structured"}
            if receiver.tls:
                webhook["tls"] = {"ca": harness.Certificates.shared().ca}
            self.service.put_subscription(name, {"topics": ["com.github.>"], "webhook": webhook})
        response = self.service.request("POST", "/v1/events", b"\n".join(self.lines), {"content-type": NDJSON})
        self.assertEqual(response.status, 202, response.body)
        self.assertEqual(response.json()["accepted"], 273)
        subscribers |= {f"{t} history": self.open(open_subscriber(self.service, t, [">"], "earliest")) for t in TRANSPORTS}
        for name, subscriber in subscribers.items():
            with self.subTest(name):
                for id in self.ids:
                    raw = subscriber.next_raw_event()
                    self.assertEqual(json.loads(raw)["id"], id)
                    self.assertIn(b'"data":' + self.data[id], raw)
                self.assertTrue(subscriber.is_silent())
        for name, receiver in hooks.items():
            with self.subTest(name):
                deliveries = receiver.wait(273, f"/{name}", seconds=30)
                for delivery in deliveries:
                    self.assertTrue(delivery.signed_by(SECRET))
                    if name == "binary":
                        self.assertEqual(delivery.body, self.data[delivery.header("ce-id")])
                    else:
                        self.assertIn(b'"data":' + self.data[delivery.event()["id"]], delivery.body)
                delivered = [d.header("ce-id") if name == "binary" else d.event()["id"] for d in receiver.at(f"/{name}")]
                self.assertEqual(sorted(delivered), sorted(self.ids))

    def test_one_by_one_in_binary_mode_the_data_is_the_same(self):
        with self.service.http() as http:
            for id, line in zip(self.ids, self.lines, strict=True):
                sent = json.loads(line)
                headers = {f"ce-{name}": sent[name] for name in ("specversion", "id", "type", "source", "subject")}
                answer = http.post("/v1/events", self.data[id], "application/json", headers)
                self.assertEqual(answer.status, 202, answer.body)
        body = b""
        for position in self.pages():
            body += position
        for id in self.ids:
            self.assertIn(self.data[id], body)

    def pages(self):
        start = None
        while True:
            response = self.service.request("GET", "/v1/events?limit=100" + (f"&from={start}" if start else ""))
            yield response.body
            page = response.json()
            if len(page["events"]) < 100:
                return
            start = page["next"]


if __name__ == "__main__":
    unittest.main()
