"""What a subscriber that does not read holds: neither frames of ours nor much of the kernel's memory."""

import pathlib
import unittest

from harness import FanfareTest, event, eventually

STALLED = 60
EVENTS = 320
TEXT = "y" * 100_000


class StalledMemory(FanfareTest):
    fresh_service_per_test = True

    @classmethod
    def configuration(cls, service):
        # One shard keeps 16 MiB of events and 8 MiB of frames, whoever reads.
        return {"shards": 1}

    def queued(self, port):
        """Bytes the kernel has taken from the service for each peer and not got rid of."""
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return [int(row[4].split(":")[0], 16) for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]

    def publish(self, topic):
        for start in range(0, EVENTS, 40):
            self.service.publish(*[event(id=str(n), type=topic, data=TEXT) for n in range(start, start + 40)])

    def test_sixty_stalled_readers_cost_as_much_as_one(self):
        topic = self.topic()
        first = self.open(self.service.websocket(f"/v1/subscribe?topic={topic}", receive_buffer=8192))
        self.publish(topic)
        with_one = self.service.memory()
        readers = [first]
        for number in range(STALLED - 1):
            opener = self.service.sse if number % 2 else self.service.websocket
            readers.append(self.open(opener(f"/v1/subscribe?topic={topic}&from=earliest", receive_buffer=8192)))
        other = self.topic()
        witness = self.open(self.service.websocket(f"/v1/subscribe?topic={other}"))
        self.service.publish(event(id="live", type=other))
        self.assertEqual(witness.next_event()["id"], "live")
        rows = eventually(
            lambda: (r := [c for c in self.service.request("GET", "/v1/connections?limit=1000").json()["connections"]
                           if c["lag"] > 0]) and len(r) == STALLED and r, what="all of them behind")
        # What is owed to them lies in the log: 60 times 32 MB would be 1.9 GB.
        self.assertLess(self.service.memory() - with_one, 24 << 20)
        self.assertEqual([row["pending_bytes"] for row in rows if row["pending_bytes"] > 128 << 10], [])
        queued = self.queued(self.service.port)
        self.assertGreater(len([bytes for bytes in queued if bytes > 0]), STALLED // 2)
        # TCP_NOTSENT_LOWAT (16 KiB) and what is on its way to a window of a few KiB; 3.9 MB each without it.
        self.assertLess(max(queued), 256 << 10)
        self.assertLess(sum(queued) / STALLED, 128 << 10)
        self.assertEqual(int(first.next_event()["id"]), 0)


if __name__ == "__main__":
    unittest.main()
