"""What was acknowledged survives kill -9: it can be read, it is delivered, and the log verifies."""

import random
import threading
import time
import unittest
import uuid

from clients import open_subscriber, publish_forever
from harness import SECRET, FanfareTest, event, events, eventually, ids, sequence
from receiver import Receiver


class Crashes(FanfareTest):
    fresh_service_per_test = True

    def publish_until_killed(self, topic, after, publishers=4, prefix=""):
        """Kills the service `after` seconds into concurrent publishing and returns the acknowledged ids per publisher."""
        stop, acknowledged = threading.Event(), [[] for _ in range(publishers)]
        threads = [
            threading.Thread(target=publish_forever, args=(self.service, topic, stop, acknowledged[n]),
                             kwargs={"prefix": f"{prefix}p{n}"})
            for n in range(publishers)
        ]
        for thread in threads:
            thread.start()
        time.sleep(after)
        self.service.kill()
        stop.set()
        for thread in threads:
            thread.join()
        return acknowledged

    def assertVerifies(self):
        verdict = self.service.command("log", "verify", "data")
        self.assertEqual(verdict.returncode, 0, verdict.stdout + verdict.stderr)

    def test_everything_acknowledged_is_readable_once_and_in_order_after_each_of_several_kills(self):
        topic = self.topic()
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        rounds = []
        for round in range(5):
            rounds.append(self.publish_until_killed(topic, chance.uniform(0.05, 0.5), prefix=f"r{round}"))
            self.assertVerifies()
            self.service.start()
            stored = self.service.read_events(f"&topic={topic}")
            with self.subTest(round=round, seed=seed):
                self.assertEqual(len(stored), len(set(ids(stored))), "an event is stored twice")
                positions = [sequence(e["fanfareposition"]) for e in stored]
                self.assertEqual(positions, sorted(set(positions)))
                place = {id: index for index, id in enumerate(ids(stored))}
                for acknowledged in (a for each in rounds for a in each):
                    missing = [id for id in acknowledged if id not in place]
                    self.assertEqual(missing, [], f"{len(missing)} acknowledged events are lost")
                    self.assertEqual([place[id] for id in acknowledged], sorted(place[id] for id in acknowledged))
        self.assertGreater(sum(len(a) for each in rounds for a in each), 0)

    def test_a_number_is_never_given_twice(self):
        topic = self.topic()
        given = {}
        for round in range(4):
            for _ in range(20):
                answer = self.service.publish(event(type=topic))
                self.assertNotIn(answer["first"], given)
                given[answer["first"]] = round
            self.service.kill()
            self.service.start()
        self.assertEqual(list(given), sorted(given))

    def test_the_log_keeps_its_identity(self):
        first = self.service.publish(event())["first"]
        self.service.kill()
        self.service.start()
        self.service.stop()
        self.service.start()
        self.assertEqual(self.service.publish(event())["first"][:8], first[:8])

    def test_subscribers_resume_after_a_kill_without_hole_or_duplicate(self):
        topic = self.topic()
        subscribers = {t: open_subscriber(self.service, t, [topic]) for t in ("websocket", "sse", "stream")}
        acknowledged = [id for each in self.publish_until_killed(topic, 0.4, publishers=1) for id in each]
        received = {}
        for transport, subscriber in subscribers.items():
            received[transport] = []
            try:
                while True:
                    received[transport].append(subscriber.next_event())
            except (OSError, EOFError):
                subscriber.close()
        self.service.start()
        stored = ids(self.service.read_events(f"&topic={topic}"))
        for transport, before in received.items():
            with self.subTest(transport):
                position = before[-1]["fanfareposition"] if before else "earliest"
                again = self.open(open_subscriber(self.service, transport, [topic], position))
                rest = [again.next_event() for _ in range(len(stored) - len(before))]
                self.assertEqual(ids(before) + ids(rest), stored)
                self.assertEqual([id for id in acknowledged if id not in stored], [])

    def test_everything_acknowledged_reaches_the_webhook(self):
        receiver = self.open(Receiver())
        topic, path = self.topic(), f"/{uuid.uuid4().hex}"
        self.service.put_subscription("hook", {"topics": [topic], "webhook": {
            "url": receiver.url(path), "signing_secrets": [SECRET], "retry": {"delays": ["200ms"] * 5, "jitter": 0}}})
        acknowledged = {id for each in self.publish_until_killed(topic, 0.4) for id in each}
        self.service.start()
        eventually(lambda: acknowledged <= {d.event()["id"] for d in receiver.at(path)}, 20, "every acknowledged event arriving")

    def test_a_stopped_service_exits_with_0_and_its_log_verifies(self):
        self.service.publish(*events(100))
        self.assertEqual(self.service.stop(), 0)
        self.assertVerifies()

    def test_damage_in_the_log_is_found(self):
        self.service.publish(*[event(id=f"needle-{n}", data="x" * 5000) for n in range(20)])
        self.service.stop()
        damaged = 0
        for path in sorted((self.service.directory / "data").rglob("*")):
            if path.is_file() and (place := path.read_bytes().find(b"needle-7")) >= 0:
                with path.open("r+b") as file:
                    file.seek(place)
                    file.write(b"N")
                damaged += 1
        self.assertEqual(damaged, 1)
        verdict = self.service.command("log", "verify", "data")
        self.assertEqual(verdict.returncode, 65, verdict.stdout + verdict.stderr)

    def test_log_show_prints_the_events(self):
        topic = self.topic()
        self.service.publish(*events(3, topic))
        self.service.stop()
        shown = self.service.command("log", "show", "data")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        for n in range(3):
            self.assertIn(f"e-{n}", shown.stdout)


class Drain(FanfareTest):
    fresh_service_per_test = True

    def test_sockets_are_told_before_they_are_closed(self):
        socket = self.open(self.service.websocket("/v1/subscribe?topic=a"))
        stream = self.open(self.service.stream())
        stream.subscribe("a")
        source = self.open(self.service.sse("/v1/subscribe?topic=a"))
        stopper = threading.Thread(target=self.service.stop)
        stopper.start()
        self.assertEqual(socket.wait_for_close(), 1001)
        closing = stream.next_op("closing")
        self.assertIsInstance(closing["reason"], str)
        self.assertGreater(closing["retry_after_ms"], 0)
        with self.assertRaises(EOFError):
            stream.next_raw()
        with self.assertRaises(EOFError):
            while True:
                source.next_block()
        self.assertGreater(source.retry, 0)
        stopper.join()
        self.assertEqual(self.service.process.returncode, 0)

    def test_an_acknowledgement_is_never_cut_off(self):
        stop, acknowledged, topic = threading.Event(), [], self.topic()
        thread = threading.Thread(target=publish_forever, args=(self.service, topic, stop, acknowledged))
        thread.start()
        time.sleep(0.3)
        self.assertEqual(self.service.stop(), 0)
        stop.set()
        thread.join()
        self.service.start()
        stored = set(ids(self.service.read_events(f"&topic={topic}")))
        self.assertEqual([id for id in acknowledged if id not in stored], [])


if __name__ == "__main__":
    unittest.main()
