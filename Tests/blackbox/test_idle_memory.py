"""What a socket costs that has subscribed and is quiet: 100,000 of them are the purpose of the service."""

import resource
import socket

from harness import FanfareTest

FIRST = 1_000
FURTHER = 4_000
# Measured: 470 to 520 bytes each, tables that double among them.
BYTES_MAX = 640


class IdleMemory(FanfareTest):
    fresh_service_per_test = True

    @classmethod
    def configuration(cls, service):
        return {"shards": 1}

    def subscribe(self, count):
        """So many WebSockets that have subscribed by URL."""
        request = ("GET /v1/subscribe?topic=idle.x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()
        for _ in range(count):
            connection = self.open(socket.create_connection(("127.0.0.1", self.service.port), timeout=10))
            connection.sendall(request)
            self.assertIn(b" 101 ", connection.recv(4096))

    def test_an_idle_subscriber_costs_half_a_kibibyte(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit < FIRST + FURTHER + 500:
            self.skipTest(f"needs {FIRST + FURTHER} descriptors, may have {limit}")
        # What is made once, by the first that come, is not the others' cost.
        self.subscribe(FIRST)
        before = self.service.memory()
        self.subscribe(FURTHER)
        self.assertLess((self.service.memory() - before) / FURTHER, BYTES_MAX)
