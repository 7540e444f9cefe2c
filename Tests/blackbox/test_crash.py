"""A few rounds of the crash harness (`make crash` runs hundreds), and proof that its reckoning notices broken promises."""

import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import types
import unittest

import harness
from receiver import Delivery

CRASH = pathlib.Path(__file__).resolve().parent.parent / "crash"
sys.path.append(str(CRASH))

import endpoints  # noqa: E402 (needs the path above)
import record  # noqa: E402
import subscribers  # noqa: E402


class Rounds(harness.TimeBoundedTest):
    seconds_max = 180

    def test_kills_under_load_lose_nothing_and_repeat_nothing(self):
        seed = random.SystemRandom().randrange(1_000_000)
        run = subprocess.run([sys.executable, str(CRASH / "crash.py"), "--rounds", "6", "--seed", str(seed)],
                             capture_output=True, text=True, timeout=170, env=os.environ)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


def page(*numbers, after=0, gap=None, ids=None):
    """A page of the log as the service would answer it."""
    events = [{"specversion": "1.0", "id": (ids or {}).get(n, f"e{n}"), "type": "crash.synced.a", "fanfareposition": f"0-{n}"}
              for n in numbers]
    told = {"after": f"0-{gap[0]}", "next": f"0-{gap[1]}"} if gap else None
    return {"events": events, "gap": told, "next": f"0-{max((*numbers, (gap or (0, 1))[1] - 1, after))}"}


class Reckoning(unittest.TestCase):
    def setUp(self):
        self.record = record.Record()

    def assertFound(self, words):
        self.assertTrue(any(words in text for text in self.record.violations), f"{words!r} in {self.record.violations}")

    def subscriber(self, *seen):
        nobody = types.SimpleNamespace()
        subscriber = subscribers.Accountant("all", nobody, self.record, 0, "sse", [">"])
        subscriber.seen = [("gap", *s, None) if isinstance(s, tuple) else ("event", s, f"e{s}", "crash.synced.a") for s in seen]
        return subscriber

    def deliveries(self, *attempts, id="e1", webhook_id="msg_a"):
        """Deliveries of `id`: (time, attempt, answered or None)."""
        found = []
        for time, attempt, answered in attempts:
            delivery = Delivery("/x", [("webhook-id", webhook_id), ("fanfare-attempt", str(attempt)),
                                       ("webhook-timestamp", str(int(time)))], json.dumps({"id": id}).encode(), 1)
            delivery.time, delivery.answered = time, answered and (answered, time)
            delivery.signed_by = lambda _: True
            found.append(delivery)
        return found

    def check_hook(self, deliveries, ends=(), dead_letters=None):
        receiver = types.SimpleNamespace(changed=threading.Condition(), deliveries=deliveries)
        endpoints.Hook("x", ["crash.>"], "/x").check(receiver, self.record, dead_letters or {}, ends)

    def test_nothing_is_found_where_nothing_is_wrong(self):
        self.record._take(page(1, 2))
        self.record._take(page(9, gap=(2, 9)))
        self.record.acknowledge(["e1", "e9"])
        self.record.claim(9, "e9", "p")
        self.record.check_acknowledged(self.record.acknowledged)
        self.subscriber(1, 2, (2, 9), 9).check()
        self.check_hook([d for n in (1, 2, 9) for d in self.deliveries((10, 1, 500), (11, 2, 200), id=f"e{n}", webhook_id=f"msg_{n}")])
        self.assertEqual(self.record.violations, [])

    def test_a_lost_acknowledgement_is_found(self):
        self.record._take(page(1))
        self.record.check_acknowledged({"e1", "e2"})
        self.assertFound("acknowledged events are lost: ['e2']")

    def test_numbers_that_are_missing_or_given_twice_are_found(self):
        self.record._take(page(1, 3))
        self.assertFound("after 1 comes 3, and no gap was told")
        self.record.claim(3, "other", "p")
        self.record.check_acknowledged([])
        self.assertFound("was told that other is 3, but that is e3")

    def test_an_event_stored_twice_is_found(self):
        self.record._take(page(1, 2, ids={2: "e1"}))
        self.assertFound("the event e1 is in the log twice")

    def test_a_number_claimed_for_an_event_and_then_lost_is_found(self):
        self.record.claim(2, "e2", "p")
        self.record._take(page(5, gap=(0, 5)))
        self.record.check_acknowledged([])
        self.assertFound("e2 is 2, which is lost")

    def test_holes_repetitions_and_false_gaps_of_subscribers_are_found(self):
        for seen, words in (((1, 3), "missing silently before 3"), ((1, 2, 2, 3), "came after 2"), ((1, 3, 2), "missing silently"),
                            ((1, 2), "never came"), ((1, (1, 3), 3), "hides 2"), ((1, 2, 3, 3), "came after 3")):
            with self.subTest(seen):
                self.record = record.Record()
                self.record._take(page(1, 2, 3))
                self.subscriber(*seen).check()
                self.assertFound(words)

    def test_an_untold_lost_range_is_found(self):
        self.record._take(page(1))
        self.record._take(page(9, gap=(1, 9)))
        self.subscriber(1, 9).check()
        self.assertFound("1 is followed by 9 without a gap told")

    def test_dead_letters_that_are_not_told_or_told_twice_are_found(self):
        for told, words in (([], "not told"), ([1, 1], "told twice"), ([1, 2], "that are none")):
            with self.subTest(words):
                self.record = record.Record()
                self.record.told_dead_letters = [("x", number) for number in told]
                self.record.check_told({"x": {1: {}}})
                self.assertFound(words)

    def test_what_endpoints_miss_or_get_too_often_is_found(self):
        for deliveries, ends, words in (
            ([], (), "neither delivered nor given up on"),
            (self.deliveries((10, 1, 500)), (), "neither delivered nor given up on"),
            (self.deliveries((10, 2, 500), (11, 1, 200)), (10.5,), "go back"),
            (self.deliveries((10, 1, 500), (11, 1, 200)), (), "came twice"),
            (self.deliveries((10, 1, 200), (11, 1, 200)), (), "came again"),
            (self.deliveries((10, 1, 200), (21, 1, 200)), (20,), "came again"),
            (self.deliveries((10, 1, 500)) + self.deliveries((11, 2, 200), webhook_id="msg_b"), (), "several ids"),
            (self.deliveries((10, 1, 200)) + self.deliveries((11, 1, 200), id="foreign"), (), "is not for it"),
        ):
            with self.subTest(words):
                self.record = record.Record()
                self.record._take(page(1))
                self.check_hook(deliveries, ends)
                self.assertFound(words)

    def test_a_repetition_right_after_a_kill_is_none(self):
        self.record._take(page(1))
        self.check_hook(self.deliveries((10, 1, 200), (12, 1, 200)), (10.2,))
        self.assertEqual(self.record.violations, [])


if __name__ == "__main__":
    unittest.main()
