"""One data directory from its first start to its end: rounds of load that end in a kill or a stop, then the reckoning."""

import random
import signal
import subprocess
import threading
import time

import harness
from definitions import Definitions
from endpoints import Endpoints, Hook
from publishers import Publisher, StreamPublisher
from record import Record
from subscribers import Accountant, Subscriber

# Seconds everyone has, without faults, to come to the end of the log.
REST_SECONDS_MAX = 60
# Seconds until everything that was given up on has been told.
NEWS_SECONDS_MAX = 10


class Failed(Exception):
    """A promise was broken, or the service did not come up."""


class History:
    def __init__(self, seed, say=lambda text: None):
        self.seed, self.say, self.chance = seed, say, random.Random(seed)
        self.record = Record()
        self.endpoints = Endpoints(seed)
        self.retains_little = self.chance.random() < 0.3
        self.shards = self.chance.choice((1, 2, 2, 3))
        filed = Hook("filed", ["crash.*.*"], "/filed")
        self.hooks = [
            Hook("steady", ["crash.>"], "/steady"), Hook("ordered", ["crash.synced.b"], "/ordered", order="all"),
            Hook("doomed", ["crash.synced.a"], "/doomed", doomed=True), Hook("news", ["fanfare.>"], "/news"), filed,
        ]
        self.service = harness.Service(self._configuration, {"filed": filed.definition(self.endpoints) | {"id": "filed"}})
        self.service.stderr = []
        self.definitions = Definitions(self.service, self.endpoints, self.record, seed)
        service, record = self.service, self.record
        self.publishers = [Publisher(f"p{n}", service, record, seed) for n in range(3)] + [
            StreamPublisher("s0", service, record, seed)]
        transports = ["websocket", "sse", "stream", "websocket+deflate", "websocket+tls", "sse+tls", "stream+unix"]
        patterns = [["crash.>"], ["crash.synced.*"], ["crash.written.a", "crash.*.b"], ["crash.synced.deep.c"]]
        self.subscribers = [Subscriber(f"r{n}", service, record, seed, transport, self.chance.choice(patterns))
                            for n, transport in enumerate(self.chance.sample(transports, 4))]
        self.subscribers.append(Accountant("all", service, record, seed, self.chance.choice(transports[:3]), [">", "fanfare.>"]))
        self.ends = []
        self.dead_letters = {}
        self.counts = {"kills": 0, "stops": 0, "start-up kills": 0}

    def _configuration(self, _service):
        retention = {"age": "1h", "size": "3MiB" if self.retains_little else "1GiB"}
        return {
            "shards": self.shards, "drain": "500ms",
            "topics": [{"match": "crash.written.>", "durability": "written"}],
            "log": {"segment_size": "1MiB", "retention": retention, "deduplication_window": "1h"},
            "limits": {"event_size": "64KiB"},
        }

    def __repr__(self):
        retention = "3 MiB" if self.retains_little else "everything"
        return f"seed {self.seed}: {self.shards} shards, {retention} retained, {len(self.publishers)} publishers, " \
               f"{len(self.subscribers)} subscribers, {len(self.hooks)} webhooks and {len(self.definitions.states)} that come and go"

    # Running

    def run(self, rounds):
        try:
            self.service.start()
            for hook in self.hooks[:-1]:
                self.service.put_subscription(hook.name, hook.definition(self.endpoints))
            threads = [*self.publishers, *self.subscribers, self.definitions]
            for thread in threads:
                thread.start()
            for number in range(1, rounds + 1):
                self._round(number)
            self._reckon()
        finally:
            for thread in [*self.publishers, self.definitions]:
                thread.stopping.set()
            for subscriber in self.subscribers:
                subscriber.stop()
            self.endpoints.close()

    def _fail_if_broken(self, where):
        with self.record.lock:
            found = list(self.record.violations)
        if found:
            raise Failed(f"{where}: " + "\n    ".join(found[:20]))

    def _round(self, number):
        time.sleep(self.chance.uniform(0.03, 1.2))
        how = self._end()
        # Whoever was answered before the process was gone has been promised something.
        time.sleep(0.02)
        with self.record.lock:
            acknowledged = set(self.record.acknowledged)
        self._verify(f"round {number}, after {how}")
        while self.chance.random() < 0.35:
            self._kill_during_start()
        try:
            self.service.start()
        except AssertionError as error:
            raise Failed(f"round {number}, after {how}: {error}") from None
        self._check(acknowledged)
        self._fail_if_broken(f"round {number}, after {how}")
        self.say(f"round {number}: {how}, {len(acknowledged)} acknowledged, log up to {self.record.head}")

    def _end(self):
        how = self.chance.choices(("kill -9", "SIGTERM", "kill -9 while draining"), (76, 14, 10))[0]
        process = self.service.process
        self._fail_if_dead()
        if how == "kill -9":
            self.service.kill()
        else:
            process.send_signal(signal.SIGTERM)
            if how == "SIGTERM":
                self._await_exit(process)
            else:
                time.sleep(self.chance.uniform(0, 0.4))
                self.service.kill()
        self.ends.append(time.time())
        self.counts["stops" if how == "SIGTERM" else "kills"] += 1
        return how

    def _await_exit(self, process):
        try:
            status = process.wait(20)
        except subprocess.TimeoutExpired:
            raise Failed(f"the service did not end within 20 s of SIGTERM:\n{self.service.log_tail()}") from None
        if status != 0:
            raise Failed(f"after SIGTERM the service ended with {status}:\n{self.service.log_tail()}")

    def _fail_if_dead(self):
        if (status := self.service.process.poll()) is not None:
            raise Failed(f"the service ended by itself with {status}:\n{self.service.log_tail()}")

    def _kill_during_start(self):
        self.service.launch()
        time.sleep(self.chance.uniform(0, 0.12))
        self._fail_if_dead()
        self.service.kill()
        self.ends.append(time.time())
        self.counts["start-up kills"] += 1

    def _verify(self, where):
        verdict = self.service.command("log", "verify", "data", timeout=60)
        if verdict.returncode != 0:
            raise Failed(f"{where}: fanfare log verify exits with {verdict.returncode}: {verdict.stdout}{verdict.stderr}")

    def _check(self, acknowledged):
        with self.service.http(timeout=30) as http:
            if self.retains_little:
                first = http.get("/v1/status").json()["log"]["first_retained"]
                self.record.first_retained = max(self.record.first_retained, harness.sequence(first))
            head = harness.sequence(http.get("/v1/status").json()["log"]["head"])
            self.record.read_on(http, until=head)
        self.record.check_acknowledged(acknowledged)
        with self.definitions.lock:
            self.definitions.check()
        self._check_dead_letters()

    def _check_dead_letters(self):
        """What was given up on stays so."""
        letters = self._read_dead_letters()
        for name, before in self.dead_letters.items():
            if name.startswith("churn"):
                continue
            gone = [number for number in before if number not in letters.get(name, {})]
            self.record.expect(not gone or len(letters[name]) >= 1000, f"{name}: dead letters are gone: {gone[:5]}")
        self.dead_letters = letters

    def _read_dead_letters(self):
        letters = {}
        for hook in self.hooks:
            found = self.service.request("GET", f"/v1/dead-letters?subscription={hook.name}&limit=1000").json()["dead_letters"]
            numbers = [harness.sequence(letter["position"]) for letter in found]
            self.record.expect(len(numbers) == len(set(numbers)), f"{hook.name}: a dead letter is listed twice")
            letters[hook.name] = dict(zip(numbers, found))
        return letters

    # The end

    def _reckon(self):
        """Without faults everyone comes to the end of the log; then everything is compared."""
        for thread in [*self.publishers, self.definitions]:
            thread.stopping.set()
        for thread in [*self.publishers, self.definitions]:
            thread.join(30)
        self.endpoints.is_calm = True
        with self.service.http(timeout=30) as http:
            self.record.read_on(http)
            self.record.read_again(http)
        self.record.check_acknowledged(self.record.acknowledged)
        self.definitions.check()
        self._fail_if_broken("after the last round")
        hooks = self.hooks + self.definitions.enable_all()
        self._await_webhooks(hooks)
        self._await_news()
        self._await_webhooks(hooks)
        self._await_subscribers()
        with self.service.http(timeout=30) as http:
            self.record.read_on(http)
            self.record.read_again(http)
        self._check_dead_letters()
        self.record.check_told(self.dead_letters)
        for subscriber in self.subscribers:
            subscriber.check()
        for hook in hooks:
            hook.check(self.endpoints, self.record, self.dead_letters.get(hook.name, {}), self.ends)
        self._fail_if_broken("in the end")
        self._check_redelivery()
        self.ends.append(time.time())
        self.service.process.send_signal(signal.SIGTERM)
        self._await_exit(self.service.process)
        self._verify("in the end")
        self._fail_if_broken("in the end")

    def _await_webhooks(self, hooks):
        end = time.monotonic() + REST_SECONDS_MAX
        names = [hook.name for hook in hooks]
        while True:
            states = {name: self.service.subscription(name) for name in names}
            behind = {name: {key: state.get(key) for key in ("state", "cursor", "lag", "in_flight", "retrying", "last_error")}
                      for name, state in states.items() if state.get("lag") or state.get("in_flight") or state.get("retrying")}
            if not behind:
                return
            if time.monotonic() > end:
                raise Failed(f"after {REST_SECONDS_MAX} s without faults webhooks are not through: {behind}")
            time.sleep(0.1)

    def _await_news(self):
        """What was given up on is told when it is durable, within about a second; its check says what is missing."""
        end = time.monotonic() + NEWS_SECONDS_MAX
        letters = {(name, number) for name, found in self._read_dead_letters().items() for number in found}
        while time.monotonic() < end and self.record.first_retained == 1 and not letters <= set(self.record.told_dead_letters):
            with self.service.http(timeout=30) as http:
                self.record.read_on(http)
            time.sleep(0.05)
        with self.service.http(timeout=30) as http:
            self.record.read_on(http)

    def _await_subscribers(self):
        end = time.monotonic() + REST_SECONDS_MAX
        for subscriber in self.subscribers:
            expected = self.record.expected(subscriber.patterns, 0)
            while expected and not subscriber.has_reached(expected[-1]):
                if time.monotonic() > end or not subscriber.is_alive():
                    break  # its check says what is missing
                time.sleep(0.02)

    def _check_redelivery(self):
        """Dead letters that are redelivered come under their old ids, once, and are dead letters no more."""
        (doomed,) = (hook for hook in self.hooks if hook.doomed)
        letters = {number for number in self.dead_letters["doomed"] if number >= self.record.first_retained}
        if not letters or len(self.dead_letters["doomed"]) >= 1000:
            return
        before = len(doomed.deliveries(self.endpoints))
        ids = {d.event()["id"]: d.webhook_id for d in doomed.deliveries(self.endpoints)}
        self.endpoints.is_healed = True
        answer = self.service.request("POST", "/v1/subscriptions/doomed/redeliver").json()
        self.record.expect(answer["redelivering"] >= len(letters), f"doomed: {answer} for {len(letters)} dead letters")
        # It is worked off in the background.
        end = time.monotonic() + REST_SECONDS_MAX
        while set(self._read_dead_letters()["doomed"]) & letters and time.monotonic() < end:
            time.sleep(0.05)
        self._await_webhooks([doomed])
        again = doomed.deliveries(self.endpoints)[before:]
        numbers = sorted(self.record.numbers[d.event()["id"]] for d in again)
        self.record.expect(numbers == sorted(letters), f"doomed: redelivered were {numbers}, dead letters {sorted(letters)}")
        for delivery in again:
            self.record.expect(delivery.webhook_id == ids[delivery.event()["id"]], "a redelivery has another webhook-id")
        left = set(self._read_dead_letters()["doomed"]) & letters
        self.record.expect(not left, f"doomed: still dead letters after their redelivery: {sorted(left)[:5]}")

    def totals(self):
        return self.counts | {
            "acknowledged events": len(self.record.acknowledged), "webhook deliveries": len(self.endpoints.deliveries),
            "socket messages": sum(len(s.seen) for s in self.subscribers),
            "connections of sockets": sum(s.connections for s in self.subscribers),
            "changes of subscriptions": self.definitions.changes,
            "dead letters": sum(len(letters) for letters in self.dead_letters.values()),
        }
