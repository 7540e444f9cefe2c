"""Reading back what was written long ago: only what may match is read, files that are used again confuse nobody, and a
disk that does not keep its promise ends the service (CONTRACT, sections 1, 4 and 5)."""

import json
import os
import struct

import clients
import harness
from harness import event, eventually, sequence

MEBIBYTE = 1 << 20


def fill(service, mebibytes, first=0, rare_every=None):
    """Publishes so much on `busy.topic`, in batches of half a MiB, and now and then one event on `rare.topic`."""
    rare = []
    for batch in range(first, first + 2 * mebibytes):
        events = [event(id=f"busy-{batch}-{n}", type="busy.topic", data="x" * 4000) for n in range(128)]
        service.publish(*events)
        if rare_every and batch % rare_every == 0:
            rare.append(f"rare-{batch}")
            service.publish(event(id=rare[-1], type="rare.topic", data=batch))
    return rare


class SparseCatchUp(harness.FanfareTest):
    fresh_service_per_test = True

    def setUp(self):
        super().setUp()
        self.rare = fill(self.service, 24, rare_every=6)

    def read(self, transport, topic):
        before = self.service.metric("catch_up_read_bytes_total")
        subscriber = clients.open_subscriber(self.service, transport, [topic], "earliest")
        self.addCleanup(subscriber.close)
        found = [e["id"] for e in subscriber.take_events(len(self.rare))]
        return found, self.service.metric("catch_up_read_bytes_total") - before

    def test_what_cannot_match_is_not_read(self):
        for transport in ("sse", "websocket", "stream"):
            found, read = self.read(transport, "rare.*")
            self.assertEqual(found, self.rare)
            # The segment being written, of at most 4 MiB, has no index and is read, a batch of half a MiB once and a
            # half; of the other 20 MiB only indexes and the blocks with rare events are.
            self.assertLess(read, 10 * MEBIBYTE, transport)

    def test_pages_and_webhooks_skip_it_too(self):
        before = self.service.metric("catch_up_read_bytes_total")
        page = self.service.request("GET", "/v1/events?topic=rare.topic&limit=1000").json()
        self.assertEqual([e["id"] for e in page["events"]], self.rare)
        self.assertLess(self.service.metric("catch_up_read_bytes_total") - before, 5 * MEBIBYTE)
        last = self.service.request("GET", "/v1/events?topic=rare.topic&from=last:3").json()
        self.assertEqual([e["id"] for e in last["events"]], self.rare[-3:])
        nothing = self.service.request("GET", "/v1/events?topic=no.such&limit=1000").json()
        self.assertEqual(nothing["events"], [])
        self.assertEqual(sequence(nothing["next"]), 24 * 256 + len(self.rare))

    def test_a_damaged_index_costs_time_and_no_event(self):
        self.assertEqual(self.service.stop(), 0)
        path = self.service.directory / "data" / "segment-0000000001.log"
        with open(path, "r+b") as file:
            file.seek(-4096, os.SEEK_END)
            offset, length = struct.unpack_from("<QI", file.read(4096), 104)
            self.assertGreater(length, 0)
            file.seek(offset + length // 2)
            byte = file.read(1)
            file.seek(offset + length // 2)
            file.write(bytes([byte[0] ^ 1]))
        self.service.start()
        found, read = self.read("sse", "rare.topic")
        self.assertEqual(found, self.rare)
        self.assertIn("segment-0000000001.log", self.service.log_tail())
        # Two segments of at most 4 MiB and some blocks, of 24 MiB.
        self.assertLess(read, 12 * MEBIBYTE)
        # A second reader does not try the index again.
        self.assertEqual(self.read("stream", "rare.topic")[0], self.rare)


class Retention(harness.FanfareTest):
    fresh_service_per_test = True

    @classmethod
    def configuration(cls, service):
        return {"shards": 1, "limits": {"event_size": "64KiB"}, "log": {"segment_size": "1MiB", "retention": {"size": "6MiB"}}}

    def test_files_are_used_again_and_who_lags_is_told_what_is_gone(self):
        lagging = clients.open_subscriber(self.service, "stream", ["busy.topic"], receive_buffer=4096)
        self.addCleanup(lagging.close)
        inodes, names = set(), set()
        for step in range(30):
            fill(self.service, 1, first=2 * step)
            data = self.service.directory / "data"
            for name in os.listdir(data):
                if name.startswith("segment-"):
                    try:
                        inodes.add(os.stat(data / name).st_ino)
                    except FileNotFoundError:
                        continue
                    names.add(name)
            if step % 10 == 5:
                shown = self.service.command("log", "show", "data")
                self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertGreater(len(names), 25)
        self.assertLess(len(inodes), 14, "retired files are used again")
        # Every number up to the last is an event or in a gap, in order. The event whose frame was half sent is gone, and a
        # frame cannot be taken back: the connection ends there, and the client resumes as every client does.
        last, told, events = 0, 0, 0
        log = None
        while last < 30 * 256:
            try:
                message = lagging.next_message()
            except EOFError:
                self.assertEqual(told, 0, "only the first connection ends")
                lagging = self.service.stream()
                self.addCleanup(lagging.close)
                lagging.send_op("subscribe", id="a", topics=["busy.topic"], **{"from": f"{log}-{last:016}"})
                continue
            if message.get("op") == "gap":
                self.assertEqual(sequence(message["after"]), last)
                self.assertGreater(sequence(message["next"]), last + 1)
                last, told = sequence(message["next"]) - 1, told + 1
            elif "specversion" in message:
                log = message["fanfareposition"].split("-")[0]
                self.assertEqual(sequence(message["fanfareposition"]), last + 1)
                self.assertEqual(message["id"], f"busy-{last // 128}-{last % 128}")
                last, events = last + 1, events + 1
        self.assertGreaterEqual(told, 1)
        self.assertGreater(events, 100)
        self.assertEqual(self.service.stop(), 0)
        verified = self.service.command("log", "verify", "data")
        self.assertEqual(verified.returncode, 0, verified.stdout)


class BrokenSync(harness.TimeBoundedTest):
    def test_a_failed_sync_ends_the_service_with_74_and_is_not_tried_again(self):
        """The next segment's file is a device whose fsync(2) fails: a real error from the real ring."""
        service = harness.Service(config=lambda _: {
            "limits": {"event_size": "64KiB"}, "log": {"segment_size": "1MiB"}})
        self.addCleanup(service.discard)
        service.start()
        os.symlink("/dev/null", service.directory / "data" / "prepared-0000000002")
        acknowledged = []

        def publish_until_it_ends():
            body = json.dumps({"pad": "x" * 20_000})
            while True:
                try:
                    answer = service.request(
                        "POST", "/v1/topics/broken.sync", body,
                        {"content-type": "application/json", "idempotency-key": str(len(acknowledged))})
                except (OSError, EOFError):
                    return
                if answer.status != 202:
                    self.assertEqual(answer.status, 503)
                    return
                acknowledged.append(answer.json()["last"])
                self.assertLess(len(acknowledged), 200)

        publish_until_it_ends()
        self.assertEqual(service.process.wait(10), 74)
        eventually(lambda: "prepare segment-0000000002.log" in service.log_tail(), what="the error being told")
        self.assertGreater(len(acknowledged), 0)
        service.start()
        kept = service.read_events()
        self.assertEqual([e["fanfareposition"] for e in kept][:len(acknowledged)], acknowledged)
        self.assertEqual(service.stop(), 0)
