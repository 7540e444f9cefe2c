"""A subscriber that vanished without a word is let go in time, and one that is only slow, or only quiet, is not."""

import ctypes
import socket
import struct
import time
import unittest

from harness import FanfareTest, event

# Linux, asm-generic/socket.h.
SO_ATTACH_FILTER = 26
# One instruction of a packet filter: return 0, which drops the packet (socket(7)).
DROP = struct.pack("=HBBI", 6, 0, 0, 0)


def vanish(connection):
    """From now on whatever comes for this connection is dropped before its TCP sees it, as where a cable is cut."""
    program = ctypes.create_string_buffer(DROP, len(DROP))
    connection.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(program)))


class Liveness(FanfareTest):
    # The contract gives a connection 60 s.
    seconds_max = 150

    def ended(self, reason):
        page = self.service.request("GET", "/metrics").body.decode()
        lines = [line for line in page.splitlines() if line.startswith("fanfare_sockets_ended_total") and f'"{reason}"' in line]
        self.assertTrue(lines, "the metric is there")
        return sum(float(line.split()[-1]) for line in lines)

    def subscribers(self, topic, **options):
        stream = self.open(self.service.stream(**options))
        stream.subscribe(topic)
        return [self.open(self.service.websocket(f"/v1/subscribe?topic={topic}", **options)),
                self.open(self.service.sse(f"/v1/subscribe?topic={topic}", **options)), stream]

    def test_who_vanished_is_let_go_after_a_minute_and_who_is_slow_or_quiet_stays(self):
        quiet, slow = self.topic(), self.topic()
        vanishing, idle = self.subscribers(quiet), self.subscribers(quiet)
        vanishing.append(self.open(self.service.websocket(f"/v1/subscribe?topic={quiet}", tls=True)))
        readers = self.subscribers(slow, receive_buffer=8192)
        self.service.publish(*[event(type=slow, data="x" * 900_000) for _ in range(8)])
        for connection in vanishing:
            vanish(connection)
        begin = time.monotonic()
        taken = 0
        while self.ended("dead") < len(vanishing):
            self.assertLess(time.monotonic() - begin, 100, "some are still there")
            for reader in readers:
                taken += len(reader.socket.recv(4096))
            time.sleep(0.5)
        self.assertGreater(time.monotonic() - begin, 44, "a minute after the last byte, a heartbeat's time ago at most")
        self.assertLess(taken, 8 * 900_000, "the slow ones were slow")
        for reader in readers:
            self.assertGreater(len(reader.socket.recv(4096)), 0)
        self.service.publish(event(id="alive", type=quiet))
        for connection in idle:
            self.assertEqual(connection.next_event()["id"], "alive")
        self.assertEqual(self.ended("dead"), len(vanishing))


if __name__ == "__main__":
    unittest.main()
