"""Events larger than what is read from the log at once are delivered wherever a reader begins."""

import json
import uuid

from clients import open_subscriber
from harness import FanfareTest


class LargeEvents(FanfareTest):
    count = 24

    def test_a_reader_that_begins_anywhere_gets_all_that_follow(self):
        topic = f"large.{uuid.uuid4().hex[:8]}"
        positions = []
        for number in range(self.count):
            size = (200, 90_000, 300_000, 700_000)[number % 4]
            answer = self.service.request(
                "POST", f"/v1/topics/{topic}", json.dumps({"number": number, "pad": "x" * size}),
                {"content-type": "application/json"})
            self.assertEqual(answer.status, 202)
            positions.append(answer.json()["last"])
        for begin in (None, 0, 1, 2, 5, 10, 17, self.count - 2):
            start = "earliest" if begin is None else positions[begin]
            expected = list(range(0 if begin is None else begin + 1, self.count))
            for transport in ("websocket", "sse", "stream"):
                with self.subTest(start=start, transport=transport):
                    with open_subscriber(self.service, transport, [topic], start) as subscriber:
                        got = [e["data"]["number"] for e in subscriber.take_events(len(expected))]
                        self.assertEqual(got, expected)
