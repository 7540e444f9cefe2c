"""Subscribers on every transport that stall, leave and come back from where they were."""

import json
import random
import socket
import threading
import time

from clients import Closed, url_query
from harness import sequence
from record import topic_of

# A subscriber that is waiting for an event looks up this often.
SILENCE_SECONDS_MAX = 120


class Subscriber(threading.Thread):
    """One subscriber over all its connections: `seen` is every event (number, id) and gap (after, next) in order."""

    def __init__(self, name, service, record, seed, transport, patterns):
        super().__init__(daemon=True, name=f"{name} ({transport} {' '.join(patterns)})")
        self.service, self.record, self.chance = service, record, random.Random(f"{seed}/{name}")
        self.transport, self.patterns = transport, patterns
        self.stopping = threading.Event()
        self.position = None
        self.seen = []
        self.connections = 0
        self.connection = None

    def run(self):
        while not self.stopping.is_set():
            try:
                with self._open() as connection:
                    self.connection = connection
                    self.connections += 1
                    self._receive(connection)
            except (OSError, EOFError):
                time.sleep(self.chance.uniform(0.002, 0.05))
            except Exception as error:  # whatever else breaks is a finding, not the end of a thread
                self.record.violation(f"{self.name}: {error!r}")
                return
            finally:
                self.connection = None

    def stop(self):
        self.stopping.set()
        connection = self.connection
        if connection is not None:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # Connecting

    def _open(self):
        options = {"timeout": SILENCE_SECONDS_MAX}
        if self.chance.random() < 0.3:
            options["receive_buffer"] = 4096
        start = self.position or "earliest"
        kind, _, variant = self.transport.partition("+")
        if kind == "sse":
            return self._open_sse(variant == "tls", start, options)
        if kind == "stream":
            client = self.service.stream(variant or "tcp", **options)
        else:
            if variant == "deflate":
                options["extensions"] = "permessage-deflate; client_max_window_bits"
            client = self.service.websocket(tls=variant == "tls", **options)
            if client.handshake.status != 101:
                client.close()
                raise Closed(f"refused with {client.handshake!r}")
        client.send_op("subscribe", id="a", topics=self.patterns, **{"from": start})
        return client

    def _open_sse(self, tls, start, options):
        # The URL stays what it was and Last-Event-ID wins, as with an EventSource.
        headers = {"last-event-id": start} if self.position else {}
        client = self.service.sse("/v1/subscribe?" + url_query(self.patterns, "earliest"), tls=tls, headers=headers, **options)
        if client.response.status != 200:
            client.close()
            raise Closed(f"refused with {client.response!r}")
        return client

    # Receiving

    def _receive(self, connection):
        while not self.stopping.is_set():
            if self.transport.startswith("sse"):
                self._take_block(connection.next_block())
            else:
                self._take(json.loads(connection.next_raw()))
            luck = self.chance.random()
            if luck < 0.003:
                return
            if luck < 0.005:
                time.sleep(self.chance.uniform(0.05, 0.4))

    def _take_block(self, block):
        if "data" in block:
            message = json.loads(b"\n".join(block["data"]))
            if block.get("event") != "fanfare.gap":
                self.record.expect(block["id"] == message["fanfareposition"], f"{self.name}: id {block['id']} for {message['id']}")
            self._take(message)
        if "id" in block:
            self.position = block["id"]

    def _take(self, message):
        if "specversion" in message:
            number = sequence(message["fanfareposition"])
            self.seen.append(("event", number, message["id"], topic_of(message)))
            self.position = message["fanfareposition"]
        elif message["op"] == "gap":
            self.seen.append(("gap", sequence(message["after"]), sequence(message["next"]), None))
            log, number = message["next"].split("-")
            self.position = f"{log}-{int(number) - 1:016d}"
        elif message["op"] in ("heartbeat", "subscribed"):
            self.position = message["position"]
        elif message["op"] == "closing":
            self.record.expect(message["retry_after_ms"] >= 0, f"{self.name}: {message}")
        else:
            self.record.violation(f"{self.name}: {message}")

    # Checking

    def has_reached(self, number):
        return bool(self.seen) and self.seen[-1][1] >= number

    def check(self):
        """In order, once, nothing that was not asked for, and nothing left out silently."""
        expected = self.record.expected(self.patterns, 0)
        place = {number: index for index, number in enumerate(expected)}
        at, next_index = 0, 0
        for kind, number, what, topic in list(self.seen):
            if kind == "event" and number > self.record.head:
                break  # the service has told something after the log was read
            if kind == "gap":
                next_index = self._pass_gap(at, what, expected, next_index)
                at = max(at, what - 1)
                continue
            if not self.record.expect(number > at, f"{self.name}: {what}, number {number}, came after {at}"):
                return
            at = number
            if number not in place:
                if number >= self.record.first_retained:
                    self.record.violation(f"{self.name}: got {what} ({topic}), number {number}, which is not what the log has")
                continue
            self.record.expect(self.record.events[number][0] == what, f"{self.name}: number {number} is {what}")
            if not self.record.expect(place[number] == next_index,
                                      f"{self.name}: {place[number] - next_index} events missing silently before {number}, "
                                      f"the first is {expected[next_index]}"):
                return
            next_index += 1
        self.record.expect(next_index == len(expected),
                           f"{self.name}: {len(expected) - next_index} of {len(expected)} events never came, "
                           f"the first is {expected[next_index:][:1]}, the last seen was {self.seen[-1:]}")

    def _pass_gap(self, at, following, expected, next_index):
        self.record.expect(following - 1 > at, f"{self.name}: a gap up to {following} after {at}")
        while next_index < len(expected) and expected[next_index] < following:
            number = expected[next_index]
            self.record.expect(number < self.record.first_retained,
                               f"{self.name}: the gap up to {following} hides {number}, which is there")
            next_index += 1
        return next_index


class Accountant(Subscriber):
    """A subscriber of everything: every number must come to it as an event's or within a gap."""

    def check(self):
        super().check()
        at = 0
        for kind, number, what, _ in self.seen:
            if kind == "event":
                self.record.expect(number == at + 1, f"{self.name}: {at} is followed by {number} without a gap told")
                at = number
            else:
                self.record.expect(number <= at, f"{self.name}: {at} is followed by a gap after {number}")
                at = max(at, what - 1)
