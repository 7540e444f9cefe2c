"""Stopping and restarting: everyone is sent away in an orderly way, and nothing that was accepted is lost."""

import json
import signal
import socket
import threading
import time
import unittest

from clients import open_subscriber, publish_forever
from harness import SECRET, FanfareTest, event, ids
from receiver import Receiver


class Client(threading.Thread):
    """A subscriber that comes back from where it was, as often as the service goes away."""

    def __init__(self, service, transport, topic, position, is_over):
        super().__init__(daemon=True)
        self.service, self.transport, self.topic, self.position, self.is_over = service, transport, topic, position, is_over
        self.received, self.retries, self.ends, self.codes = [], [], [], []
        self.problem = None
        self.start()

    def run(self):
        while not self.is_over.is_set():
            try:
                subscriber = open_subscriber(self.service, self.transport, [self.topic], self.position)
            except (OSError, EOFError, AssertionError):
                time.sleep(0.05)
                continue
            with subscriber:
                self.read(subscriber)

    def read(self, subscriber):
        subscriber.socket.settimeout(0.2)
        try:
            while not self.is_over.is_set():
                try:
                    message = json.loads(subscriber.next_raw())
                except TimeoutError:
                    continue
                if "specversion" in message:
                    self.received.append(message["id"])
                    self.position = message["fanfareposition"]
                elif message.get("op") == "closing":
                    self.retries.append(message["retry_after_ms"])
                elif message.get("op") == "gap":
                    self.problem = f"a gap {message}"
        except (EOFError, OSError):
            if self.transport.startswith("sse"):
                self.retries.append(subscriber.retry)
            if self.transport.startswith("websocket"):
                self.codes.append(subscriber.close_code)
            self.ends.append(time.monotonic())


class RollingRestart(FanfareTest):
    fresh_service_per_test = True

    @classmethod
    def configuration(cls, service):
        return {"drain": "1500ms"}

    def test_nothing_accepted_is_lost_over_restarts_under_load(self):
        topic = self.topic()
        begin = self.service.publish(event(id="first", type=topic))["last"]
        stop, is_over, acknowledged = threading.Event(), threading.Event(), []
        transports = ["websocket", "sse", "stream", "websocket+tls", "websocket+deflate"] * 4
        readers = [Client(self.service, transport, topic, begin, is_over) for transport in transports]
        for restart in range(2):
            publishers = [
                threading.Thread(target=publish_forever, args=(self.service, topic, stop, acknowledged, 5, f"{restart}-{n}"))
                for n in range(2)]
            for publisher in publishers:
                publisher.start()
            time.sleep(0.7)
            sent_away = time.monotonic()
            self.assertEqual(self.service.stop(), 0)
            took = time.monotonic() - sent_away
            self.assertLess(took, 4)
            for publisher in publishers:
                publisher.join(10)
            self.service.start()
            ends = [reader.ends[restart] - sent_away for reader in readers]
            self.assertGreater(max(ends) - min(ends), 0.4, "the closes are spread")
        self.service.publish(event(id="last", type=topic))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not all(r.received and r.received[-1] == "last" for r in readers):
            time.sleep(0.05)
        is_over.set()
        # All but the first, after whose position everyone began.
        logged = ids(self.service.read_events(f"&topic={topic}"))[1:]
        self.assertEqual(len(logged), len(set(logged)))
        self.assertEqual([], sorted(set(acknowledged) - set(logged)))
        self.assertGreater(len(acknowledged), 50)
        for reader in readers:
            self.assertEqual((reader.problem, reader.received), (None, logged), reader.transport)
            self.assertTrue(all(code == 1001 for code in reader.codes), reader.codes)
            # Each is told a time of its own, on every transport.
            self.assertEqual(len(reader.retries), 2, reader.transport)
            for retry in reader.retries:
                self.assertTrue(1_000 <= retry <= 2_500, retry)
        self.assertGreater(len({retry for reader in readers for retry in reader.retries}), len(readers))

    def test_an_attempt_in_flight_is_finished_and_its_cursor_kept(self):
        receiver = self.open(Receiver())
        receiver.script["/slow"] = [{"delay": 0.6}]
        topic = self.topic()
        self.service.put_subscription("slow", {"topics": [topic], "webhook": {
            "url": receiver.url("/slow"), "signing_secrets": [SECRET]}})
        self.service.publish(event(id="once", type=topic))
        receiver.wait(1, "/slow")
        self.assertEqual(self.service.stop(), 0)
        self.service.start()
        self.service.publish(event(id="next", type=topic))
        self.assertEqual([d.event()["id"] for d in receiver.wait(2, "/slow")], ["once", "next"])

    def test_who_connects_while_it_drains_is_refused_at_once(self):
        with self.service.websocket("/v1/subscribe?topic=a"), self.service.stream() as stream:
            stream.send_json({"op": "ping"})
            stream.next_raw()
            ends = [("127.0.0.1", self.service.port), ("127.0.0.1", self.service.stream_port)]
            self.service.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 5
            for address in ends:
                while True:
                    self.assertLess(time.monotonic(), deadline, f"{address} still listens")
                    try:
                        socket.create_connection(address, timeout=5).close()
                    except ConnectionRefusedError:
                        break
                    time.sleep(0.01)
            # The drain is under way and not over: there was somebody to send away.
            self.assertIsNone(self.service.process.poll())
            self.assertEqual(json.loads(stream.next_raw())["op"], "closing")
        self.assertEqual(self.service.stop(), 0)

    def test_a_reader_that_does_not_read_does_not_hold_the_end_up(self):
        topic = self.topic()
        stalled = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}", receive_buffer=4096))
        self.service.publish(*[event(id=str(n), type=topic, data="x" * 500_000) for n in range(20)])
        begin = time.monotonic()
        self.assertEqual(self.service.stop(), 0)
        self.assertLess(time.monotonic() - begin, 4)
        self.assertIsNone(stalled.close_code)


if __name__ == "__main__":
    unittest.main()
