"""Publishers that go on until they are stopped, and repeat what they have no answer to."""

import json
import random
import threading
import time

import clients
from harness import Certificates, sequence
from record import filler

TOPICS = ["crash.synced.a", "crash.synced.b", "crash.synced.deep.c", "crash.written.a", "crash.written.b"]

# A service that is up answers within this many seconds, however busy the machine is.
ANSWER_SECONDS_MAX = 20


class Request:
    """One publish request and the ids it carries; `tries` counts how often it was sent."""

    def __init__(self, target, body, headers, ids, good=None, known=0):
        self.target, self.body, self.headers, self.ids = target, body, headers, ids
        # How many lines come before the bad one, where there is one.
        self.good = good
        # How many of the ids were acknowledged before.
        self.known = known
        self.tries = 0


class Publisher(threading.Thread):
    """Publishes over one keep-alive connection after another, in every form, with pipelining at times."""

    def __init__(self, name, service, record, seed):
        super().__init__(daemon=True, name=name)
        self.service, self.record, self.chance = service, record, random.Random(f"{seed}/{name}")
        self.stopping = threading.Event()
        self.count = 0
        self.pending = []
        self.last_first = 0
        self.acknowledged = []

    def run(self):
        while not self.stopping.is_set():
            try:
                with clients.HTTP(*self._address(), timeout=ANSWER_SECONDS_MAX) as http:
                    self._publish(http)
            except TimeoutError:
                self.record.violation(f"{self.name} got no answer within {ANSWER_SECONDS_MAX} s")
                return
            except (OSError, EOFError):
                time.sleep(self.chance.uniform(0.005, 0.03))
            except Exception as error:  # whatever else breaks is a finding, not the end of a thread
                self.record.violation(f"{self.name}: {error!r}")
                return

    def _address(self):
        if self.chance.random() < 0.2:
            return self.service.tls_port, Certificates.shared().ca
        return self.service.port, None

    def _publish(self, http):
        for _ in range(self.chance.randrange(20, 200)):
            if self.stopping.is_set():
                return
            while len(self.pending) < (4 if self.chance.random() < 0.1 else 1):
                self.pending.append(self._request())
            for request in self.pending:
                request.tries += 1
                http.send(http.head("POST", request.target, request.headers, len(request.body)) + request.body)
            for _ in range(len(self.pending)):
                self._settle(http.read_response("POST"))
            time.sleep(self.chance.choice((0, 0.001, 0.005, 0.02)))

    # Requests

    def _request(self):
        topic = self.chance.choice(TOPICS)
        form = self.chance.choice(("structured", "binary", "plain", "batch", "lines", "broken lines", "again"))
        if form == "again" and self.acknowledged:
            events = self.chance.sample(self.acknowledged, min(len(self.acknowledged), 3))
            return self._batch(events, known=len(events))
        events = [self._event(topic) for _ in range(1 if form in ("structured", "binary", "plain") else self.chance.randrange(1, 9))]
        return {"structured": self._structured, "binary": self._binary, "plain": self._plain, "lines": self._lines,
                "broken lines": self._broken_lines}.get(form, self._batch)(events)

    def _event(self, topic):
        self.count += 1
        id = f"{self.name}-{self.count}"
        return {"specversion": "1.0", "id": id, "source": "/crash", "type": topic, "data": {"filler": filler(id)}}

    def _make(self, content_type, body, events, target="/v1/events", headers=None, **options):
        return Request(target, body.encode(), {"content-type": content_type} | (headers or {}), [e["id"] for e in events], **options)

    def _structured(self, events):
        return self._make(clients.STRUCTURED, json.dumps(events[0]), events)

    def _binary(self, events):
        headers = {f"ce-{name}": events[0][name] for name in ("specversion", "id", "source", "type")}
        return self._make("application/json", json.dumps(events[0]["data"]), events, headers=headers)

    def _plain(self, events):
        return self._make("application/json", json.dumps(events[0]["data"]), events, f"/v1/topics/{events[0]['type']}",
                          {"idempotency-key": events[0]["id"]})

    def _batch(self, events, known=0):
        # The same ids in another order are still the same events.
        return self._make(clients.BATCH, json.dumps(events), events, known=known)

    def _lines(self, events):
        return self._make(clients.NDJSON, "".join(json.dumps(e) + "\n" for e in events), events)

    def _broken_lines(self, events):
        good = self.chance.randrange(len(events) + 1)
        lines = [json.dumps(e) for e in events]
        lines.insert(good, '{"specversion":"1.0"}')
        return self._make(clients.NDJSON, "\n".join(lines), events[:good], good=good)

    # Answers

    def _settle(self, response):
        request = self.pending[0]
        if response.status == 503:
            time.sleep(0.01)  # not taken: it stays pending
            self.pending.append(self.pending.pop(0))
            return
        self.pending.pop(0)
        if response.status == 202 and request.good is None:
            return self._accepted(request, response.json())
        if response.status == 400 and request.good is not None:
            told = response.json().get("accepted")
            # Those that were taken by a try without an answer are duplicates now.
            self.record.expect(told == request.good or request.tries > 1 and 0 <= told < request.good, f"{self.name}: {told} of {request.good} lines before the bad one were accepted")
            return self._remember(request)
        self.record.violation(f"{self.name}: {request.target} answered {response!r}")

    def _accepted(self, request, answer):
        accepted, duplicates = answer["accepted"], answer["duplicates"]
        count = len(request.ids)
        self.record.expect(accepted + duplicates == count, f"{self.name}: {answer} for {count} events")
        if request.tries == 1 or request.known:
            self.record.expect(duplicates == request.known,
                               f"{self.name}: {answer} though {request.known} of {request.ids} were acknowledged before")
        if duplicates == 0:
            first, last = sequence(answer["first"]), sequence(answer["last"])
            self.record.expect(self.last_first < first <= last, f"{self.name}: {answer} after {self.last_first}")
            self.last_first = last
            self.record.claim(first, request.ids[0], self.name)
            self.record.claim(last, request.ids[-1], self.name)
        self._remember(request)

    def _remember(self, request):
        self.record.acknowledge(request.ids)
        if not request.known and request.headers["content-type"] == clients.BATCH:
            self.acknowledged += json.loads(request.body)
            del self.acknowledged[:-50]


class StreamPublisher(threading.Thread):
    """Publishes over the stream protocol, one event at a time."""

    def __init__(self, name, service, record, seed):
        super().__init__(daemon=True, name=name)
        self.service, self.record, self.chance = service, record, random.Random(f"{seed}/{name}")
        self.stopping = threading.Event()
        self.count = 0

    def run(self):
        id = None
        while not self.stopping.is_set():
            try:
                with self.service.stream(self.chance.choice(("tcp", "unix", "tls")), timeout=ANSWER_SECONDS_MAX) as stream:
                    while not self.stopping.is_set():
                        if id is None:
                            self.count += 1
                            id = f"{self.name}-{self.count}"
                        if self._publish(stream, id):
                            id = None
                        time.sleep(self.chance.choice((0.001, 0.01, 0.03)))
            except TimeoutError:
                self.record.violation(f"{self.name} got no answer within {ANSWER_SECONDS_MAX} s")
                return
            except (OSError, EOFError):
                time.sleep(self.chance.uniform(0.005, 0.03))
            except Exception as error:  # see above
                self.record.violation(f"{self.name}: {error!r}")
                return

    def _publish(self, stream, id):
        topic = TOPICS[self.count % len(TOPICS)]
        event = {"specversion": "1.0", "id": id, "source": "/crash", "type": topic, "data": {"filler": filler(id)}}
        stream.send_op("publish", event=event)
        answer = stream.next_message()
        if answer["op"] == "closing":
            raise EOFError
        if answer["op"] == "error":
            self.record.expect(answer["title"] in ("overloaded", "draining", "unavailable"), f"{self.name}: {answer}")
            return False
        self.record.expect(answer["op"] == "published", f"{self.name}: {answer}")
        if answer.get("first"):
            self.record.claim(sequence(answer["first"]), id, self.name)
        self.record.acknowledge([id])
        return True
