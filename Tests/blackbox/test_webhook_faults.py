"""TLS endpoints with a fault per path while the service is killed: sent and received reconcile exactly.

Signatures are verified with the public packages `standardwebhooks` and `svix`, and ed25519 with the `openssl` command.
"""

import base64
import datetime
import email.utils
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from clients import publish_forever
from harness import SECRET, Certificates, FanfareTest, event, eventually, ids, sequence
from receiver import Receiver

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "crash"))

from endpoints import Hook  # noqa: E402 (needs the path above)
from record import Record  # noqa: E402

# A fault for the first attempt of every so-manieth event of a path, by the event's number; all else is 200.
FAULTS = {
    "/well": (1, {"status": 200}),
    "/created": (1, {"status": 201, "body": b"{}"}),
    "/error": (2, {"status": 500, "body": b"not today"}),
    "/redirect": (3, {"status": 307, "headers": {"location": "https://localhost:1/"}}),
    "/unavailable": (40, {"status": 503, "headers": {"retry-after": "1"}}),
    "/too-many": (40, {"status": 429, "headers": {"retry-after": "DATE"}}),
    "/hangs": (20, {"hang": True}),
    "/resets": (4, {"reset": True}),
    "/cut-status": (5, {"raw": b"HTTP/1.1 2"}),
    "/cut-head": (5, {"raw": b"HTTP/1.1 500 Internal Ser"}),
    "/cut-body": (5, {"raw": b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\ncut"}),
    "/no-http": (5, {"raw": b"220 mail.example.com ESMTP\r\n"}),
    "/slow": (7, {"status": 200, "delay": 0.2}),
    "/large": (5, {"status": 200, "body": b"x" * 300_000}),
    "/closes": (2, {"status": 200, "headers": {"connection": "close"}}),
    # Seldom enough that its breaker stays closed.
    "/never": (10, {"status": 500}),
    "/gone": (1, {"status": 410}),
}


def number_of(id):
    return int(id.rpartition("-")[2])


class FaultyReceiver(Receiver):
    """Answers by `FAULTS` until it is healed; "/never" and "/gone" do so at every attempt."""

    def __init__(self):
        self.healed = set()
        super().__init__(tls=True)

    def answer_to(self, delivery):
        every, fault = FAULTS[delivery.path]
        number = number_of(delivery.event()["id"])
        is_first = delivery.attempt == 1 or delivery.path in ("/never", "/gone")
        if delivery.path in self.healed or not is_first or number % every:
            return 200
        if fault.get("headers", {}).get("retry-after") == "DATE":
            return fault | {"headers": {"retry-after": email.utils.formatdate(time.time() + 1, usegmt=True)}}
        return fault


class Faults(FanfareTest):
    fresh_service_per_test = True
    seconds_max = 150

    def define(self, receiver, path, topic, **webhook):
        name = path.strip("/")
        webhook = {"url": receiver.url(path), "signing_secrets": [SECRET], "tls": {"ca": Certificates.shared().ca},
                   "timeout": "2s", "concurrency": 8, "retry": {"delays": ["100ms"] * 20, "jitter": 0.1}} | webhook
        self.service.put_subscription(name, {"topics": [topic], "start": "earliest", "webhook": webhook})
        return Hook(name, [topic], path)

    def test_a_fault_per_path_and_kills_in_between_reconcile_exactly(self):
        topic = self.topic()
        receiver = self.open(FaultyReceiver())
        hooks = [self.define(receiver, path, topic, **({"retry": {"delays": ["100ms"], "jitter": 0}} if path == "/never" else {}))
                 for path in FAULTS]
        acknowledged, ends = [], []
        for number in range(3):
            stop = threading.Event()
            publisher = threading.Thread(target=publish_forever, args=(self.service, topic, stop, acknowledged),
                                         kwargs={"width": 1, "prefix": f"r{number}"})
            publisher.start()
            eventually(lambda wanted=30 * (number + 1): len(acknowledged) >= wanted, 20, "30 acknowledgements")
            self.service.kill()
            ends.append(time.time())
            stop.set()
            publisher.join()
            self.service.start()
        record = Record()
        with self.service.http() as http:
            record.read_on(http)
        record.check_acknowledged(acknowledged)
        stored = {number: id for number, (id, of) in record.events.items() if of == topic}
        self.await_settled(hooks)
        self.check_gone(receiver, hooks, stored)
        doomed = {number: id for number, id in stored.items() if number_of(id) % FAULTS["/never"][0] == 0}
        letters = self.dead_letters()
        self.assertEqual({name: sorted(found) for name, found in letters.items()}, {"never": sorted(doomed)})
        self.assertEqual({letter["attempts"] for letter in letters["never"].values()}, {2})
        for hook in hooks:
            if hook.name not in ("never", "gone"):
                hook.check(receiver, record, {}, ends)
        self.assertEqual(record.violations, [])
        self.redeliver_all(receiver, doomed)
        self.verify_signatures(receiver)

    def await_settled(self, hooks):
        def is_settled(hook):
            shown = self.service.subscription(hook.name)
            return shown["state"] == "disabled" or not (shown["lag"] or shown["in_flight"] or shown["retrying"])

        for hook in hooks:
            eventually(lambda hook=hook: is_settled(hook), 60, f"{hook.name} coming to the end")

    def check_gone(self, receiver, hooks, stored):
        """410 disabled it after what was in flight; enabled and healed it gets everything."""
        shown = self.service.subscription("gone")
        self.assertEqual(shown["state"], "disabled")
        seen = len(receiver.at("/gone"))
        time.sleep(0.3)
        self.assertEqual(len(receiver.at("/gone")), seen, "a disabled subscription was attempted")
        receiver.healed.add("/gone")
        self.service.request("POST", "/v1/subscriptions/gone/enable")
        self.await_settled([hook for hook in hooks if hook.name == "gone"])
        delivered = {d.event()["id"] for d in receiver.at("/gone") if d.succeeded}
        self.assertEqual(delivered, set(stored.values()))

    def dead_letters(self):
        found = self.service.request("GET", "/v1/dead-letters?limit=1000").json()["dead_letters"]
        letters = {}
        for letter in found:
            letters.setdefault(letter["subscription"], {})[sequence(letter["position"])] = letter
        return letters

    def redeliver_all(self, receiver, doomed):
        """What was given up on comes once more, under its old id, and to nobody else."""
        before = {path: len(receiver.at(path)) for path in FAULTS}
        names = {d.event()["id"]: d.webhook_id for d in receiver.at("/never")}
        receiver.healed.add("/never")
        answer = self.service.request("POST", "/v1/subscriptions/never/redeliver")
        self.assertEqual(answer.status, 202, answer)
        again = receiver.wait(before["/never"] + len(doomed), "/never", 30)[before["/never"]:]
        self.assertEqual(sorted(ids(d.event() for d in again)), sorted(doomed.values()))
        self.assertEqual({d.event()["id"]: d.webhook_id for d in again}, {id: names[id] for id in doomed.values()})
        time.sleep(0.3)
        self.assertEqual({path: len(receiver.at(path)) for path in FAULTS} | {"/never": 0}, before | {"/never": 0})
        eventually(lambda: not self.dead_letters(), what="no dead letters being left")

    def verify_signatures(self, receiver):
        """Every attempt of every path, by whoever made the packages."""
        found = [name for name in ("standardwebhooks", "svix") if importlib.util.find_spec(name)]
        for name in found:
            module = importlib.import_module(name if name == "standardwebhooks" else "svix.webhooks")
            verifier = module.Webhook(SECRET)
            for delivery in receiver.deliveries:
                headers = dict(delivery.headers)
                if name == "svix":
                    headers = {f"svix-{part}": headers[f"webhook-{part}"] for part in ("id", "timestamp", "signature")}
                verifier.verify(delivery.body, headers)
        if len(found) < 2:
            self.skipTest("everything but signatures holds: the Python packages standardwebhooks and svix are not both installed "
                          "(make .build-venv/complete)")


class PublicVerifiers(FanfareTest):
    def test_the_public_vector_of_the_specification(self):
        """The HMAC vector of the reference libraries' own tests: what we sign with, they verify."""
        for name in ("standardwebhooks", "svix.webhooks"):
            with self.subTest(name):
                if not importlib.util.find_spec(name.split(".")[0]):
                    self.skipTest(f"the Python package {name} is not installed (make .build-venv/complete)")
                verifier = importlib.import_module(name).Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
                moment = datetime.datetime.fromtimestamp(1614265330, datetime.timezone.utc)
                signature = verifier.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", moment, '{"test": 2432232314}')
                self.assertEqual(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")

    def test_rotated_secrets_and_an_ed25519_key_all_verify(self):
        folder = pathlib.Path(tempfile.mkdtemp())
        key, public = folder / "key.pem", folder / "public.pem"
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", key)
        self.openssl("pkey", "-in", key, "-pubout", "-out", public)
        seed = self.openssl("pkey", "-in", key, "-outform", "DER").stdout[-32:]
        secrets = [SECRET, "whsec_" + base64.b64encode(b"o" * 24).decode()]
        receiver = self.open(Receiver(tls=True))
        topic = self.topic()
        self.service.put_subscription("rotating", {"topics": [topic], "webhook": {
            "url": receiver.url("/rotating"), "tls": {"ca": Certificates.shared().ca},
            "signing_secrets": [*secrets, "whsk_" + base64.b64encode(seed).decode()]}})
        self.service.publish(event(type=topic, data="ü€😀"))
        (delivery,) = receiver.wait(1, "/rotating")
        for secret in secrets:
            self.assertTrue(delivery.signed_by(secret))
            if importlib.util.find_spec("standardwebhooks"):
                importlib.import_module("standardwebhooks").Webhook(secret).verify(delivery.body, dict(delivery.headers))
        (asymmetric,) = [s for s in delivery.header("webhook-signature").split(" ") if s.startswith("v1a,")]
        (folder / "signature").write_bytes(base64.b64decode(asymmetric.removeprefix("v1a,")))
        (folder / "signed").write_bytes(f"{delivery.webhook_id}.{delivery.header('webhook-timestamp')}.".encode() + delivery.body)
        self.openssl("pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", folder / "signed", "-sigfile",
                     folder / "signature")

    def openssl(self, *arguments):
        return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=20)


if __name__ == "__main__":
    unittest.main()
