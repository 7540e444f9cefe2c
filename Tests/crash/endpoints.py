"""Webhook endpoints that answer, refuse, hang, reset and cut, and what each subscription's endpoint must have received."""

import zlib

from harness import SECRET
from receiver import Receiver

# After this many seconds the service has surely noted an answer it was given, however busy the machine is.
NOTED_SECONDS_MAX = 1.5
# After this many seconds we have surely read what was sent to us.
READ_SECONDS_MAX = 0.5

# How long an attempt may take.
TIMEOUT_SECONDS = 2

# Few enough attempts at once that this receiver reads every request as soon as it comes, or checks of time mean nothing.
CONCURRENCY = 8

# Per thousand first to last: what an endpoint does when it is not well. The rest is 200.
FAULTS = [
    (60, {"status": 500, "body": b"not today"}),
    (20, {"reset": True}),
    (40, {"status": 200, "delay": 0.1}),
    (15, {"status": 302, "headers": {"location": "http://127.0.0.1:1/"}}),
    (10, {"raw": b"HTTP/1.1 2"}),
    (10, {"raw": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncut"}),
    (8, {"hang": True}),
    (4, {"status": 503, "headers": {"retry-after": "1"}}),
    (4, {"status": 429, "headers": {"retry-after": "0"}}),
    (10, {"status": 200, "body": b"x" * 100_000}),
]


def is_doomed(id):
    """Whether the doomed endpoint refuses an event whenever it comes."""
    return zlib.crc32(id.encode()) % 25 == 0


class Endpoints(Receiver):
    """One server for all subscriptions; faults are drawn from the seed, the path, the event and the attempt."""

    def __init__(self, seed):
        self.seed = seed
        # No faults from here on; the doomed endpoint goes on refusing until it is healed.
        self.is_calm = self.is_healed = False
        super().__init__()

    def answer_to(self, delivery):
        id = delivery.event()["id"]
        if delivery.path.startswith("/doomed"):
            return 500 if is_doomed(id) and not self.is_healed else 200
        if self.is_calm:
            return 200
        drawn = zlib.crc32(f"{self.seed}/{delivery.path}/{id}/{len(self.deliveries)}".encode()) % 1000
        for share, answer in FAULTS:
            if drawn < share:
                return answer
            drawn -= share
        return 200


class Hook:
    """What one subscription is, and the paths its endpoint had."""

    def __init__(self, name, topics, path, order="none", doomed=False, after=0):
        self.name, self.topics, self.paths, self.order, self.doomed = name, topics, [path], order, doomed
        # Everything after this number is for it.
        self.after = after

    def definition(self, endpoints, **more):
        delays = ["100ms"] * (2 if self.doomed else 32)
        return {"topics": self.topics, "start": "earliest", "webhook": {
            "url": endpoints.url(self.paths[-1]), "signing_secrets": [SECRET], "order": self.order, "timeout": f"{TIMEOUT_SECONDS}s",
            "concurrency": 1 if self.order == "all" else CONCURRENCY,
            "retry": {"delays": delays, "jitter": 0.1}} | more}

    # Checking

    def deliveries(self, endpoints):
        with endpoints.changed:
            return [d for d in endpoints.deliveries if d.path in self.paths]

    def check(self, endpoints, record, dead_letters, ends):
        """`dead_letters` are those of this subscription by number; `ends` is when the service was killed or stopped."""
        by_event = {}
        for delivery in self.deliveries(endpoints):
            by_event.setdefault(delivery.event()["id"], []).append(delivery)
        expected = {record.events[number][0]: number for number in record.expected(self.topics, self.after)}
        self._check_arrival(record, expected, by_event, dead_letters)
        seen = {}
        for id, deliveries in by_event.items():
            record.expect(id in expected or self._is_gone(record, id), f"{self.name}: got {id}, which is not for it")
            self._check_one(record, id, deliveries, ends)
            other = seen.setdefault(deliveries[0].webhook_id, id)
            record.expect(other == id, f"{self.name}: {id} and {other} have the same webhook-id")
        if self.order == "all":
            self._check_order(record, by_event)

    @staticmethod
    def _is_gone(record, id):
        return record.first_retained > 1 and id not in record.numbers

    def _check_arrival(self, record, expected, by_event, dead_letters):
        missing = []
        for id, number in expected.items():
            succeeded = any(d.succeeded for d in by_event.get(id, ()))
            if succeeded or number in dead_letters or number < record.first_retained:
                continue
            missing.append((number, id))
        record.expect(not missing, f"{self.name}: {len(missing)} of {len(expected)} events were neither delivered nor given up on: "
                                   f"{missing[:5]}")
        for id, number in expected.items():
            if self.doomed and is_doomed(id) and number >= record.first_retained:
                letter = dead_letters.get(number)
                if record.expect(letter is not None, f"{self.name}: {id}, number {number}, failed for good and is no dead letter"):
                    record.expect(letter["kind"] == "exhausted" and letter["attempts"] == 3, f"{self.name}: {letter}")
        for number, letter in dead_letters.items():
            if number in record.events and letter["kind"] == "exhausted":
                id = record.events[number][0]
                record.expect(self.doomed and is_doomed(id), f"{self.name}: a dead letter for {id}: {letter}")

    def _check_one(self, record, id, deliveries, ends):
        record.expect(len({d.webhook_id for d in deliveries}) == 1,
                      f"{self.name}: {id} came under several ids: {[d.webhook_id for d in deliveries]}")
        record.expect(all(d.signed_by(SECRET) for d in deliveries), f"{self.name}: a signature of {id} is wrong")
        attempts = [d.attempt for d in deliveries]
        record.expect(attempts == sorted(attempts), f"{self.name}: the attempts of {id} go back: {attempts}")
        for before, after in zip(deliveries, deliveries[1:]):
            # What had been sent before a kill may be read by us a little after it.
            ended = [end for end in ends if before.time - READ_SECONDS_MAX < end <= after.time]
            # A connection that had been used before may have been closed by us just as the request came: sent again at once.
            was_stale = before.answered is None and before.is_reused
            if before.attempt == after.attempt and not was_stale:
                record.expect(ended, f"{self.name}: attempt {after.attempt} of {id} came twice, and nothing was killed in between")
            # Our answer came too late when more than the timeout had passed since the attempt began.
            began = int(before.header("webhook-timestamp"))
            if before.succeeded and before.answered[1] - began < TIMEOUT_SECONDS:
                noted = not ended or min(ended) - before.answered[1] > NOTED_SECONDS_MAX
                record.expect(not noted, f"{self.name}: {id} came again though 200 had been answered"
                                         f" {min(ended, default=after.time) - before.answered[1]:.2f} s before the end")

    def _check_order(self, record, by_event):
        firsts = sorted((min(d.time for d in deliveries), record.numbers[id])
                        for id, deliveries in by_event.items() if id in record.numbers)
        numbers = [number for _, number in firsts]
        record.expect(numbers == sorted(numbers), f"{self.name}: events came out of order")
