#!/usr/bin/env python3
"""Fan-out over WebSocket without and with permessage-deflate: deliveries a second, bytes on the wire, CPU of the service.

    Benchmarks/deflate.py [--subscribers 1000] [--sizes 200,2000,20000] [--under-way 1,16] [--seconds 4] [--rounds 3]

The service (one shard, topics `written`) is pinned to core 0, this load to core 1. So many events are under way at a time: the
next one is published when the subscribers have had so many together. One subscriber takes frames apart, inflates them and looks
at every event; the others are sent the same bytes and count them, since inflating for all would measure the client. A run in
which they did not all get the same is no result. Rounds are interleaved; prints medians. Nothing else may run meanwhile.
FANFARE names the binary.
"""

import argparse
import json
import os
import pathlib
import random
import select
import socket
import statistics
import struct
import subprocess
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = os.environ.get("FANFARE", str(ROOT / ".build" / "release" / "fanfare"))
CITIES = ("Lisbon", "Nairobi", "Osaka", "Lima", "Tromsø", "Hobart", "Quebec", "Leipzig")
# Before the first heartbeat, which comes to each connection at a time of its own.
RUN_SECONDS_MAX = 12


def data(size, chance):
    """Records as an API would have them, about `size` bytes of JSON."""
    records, text = [], ""
    while len(text) < size:
        records.append({"order": chance.randrange(10**8), "customer": f"c-{chance.randrange(10**5):05}",
                        "city": chance.choice(CITIES), "cents": chance.randrange(10**6), "paid": chance.random() < 0.9})
        text = json.dumps(records, separators=(",", ":"))
    return text


class Service:
    def __init__(self, folder):
        probe = socket.create_server(("127.0.0.1", 0))
        self.port = probe.getsockname()[1]
        probe.close()
        (folder / "fanfare.json").write_text(json.dumps({
            "shards": 1, "log": {"segment_size": "64MiB"}, "topics": [{"match": ">", "durability": "written"}],
            "listeners": [{"name": "a", "address": f"127.0.0.1:{self.port}"}]}))
        self.process = subprocess.Popen(["taskset", "-c", "0", BINARY, "serve", "--config", str(folder / "fanfare.json")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def connect(self):
        end = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Reader:
    """The subscriber that looks at what comes."""

    def __init__(self):
        self.rest = b""
        self.bytes = 0
        self.ends = []

    def take(self, received):
        self.rest += received
        while len(self.rest) >= 2:
            length, header = self.rest[1], 2
            if length == 126:
                if len(self.rest) < 4:
                    return
                (length,), header = struct.unpack("!H", self.rest[2:4]), 4
            elif length == 127:
                if len(self.rest) < 10:
                    return
                (length,), header = struct.unpack("!Q", self.rest[2:10]), 10
            if len(self.rest) < header + length:
                return
            payload = self.rest[header:header + length]
            if self.rest[0] & 0x40:
                payload = zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")
            assert self.rest[0] & 0x0F == 1, "only messages of text come"
            assert json.loads(payload)["id"] == str(len(self.ends)), "the events come in order"
            self.rest = self.rest[header + length:]
            self.bytes += header + length
            self.ends.append(self.bytes)


def subscribe(service, count, deflate):
    request = (f"GET /v1/subscribe?topic=measured HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
               + ("Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else "") + "\r\n").encode()
    sockets = []
    for _ in range(count):
        connection = service.connect()
        connection.sendall(request)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 101") and (b"permessage-deflate" in head) == deflate, head
        connection.setblocking(False)
        sockets.append(connection)
    return sockets


def run(size, under_way, deflate, options):
    with tempfile.TemporaryDirectory() as folder:
        service = Service(pathlib.Path(folder))
        try:
            return measure(service, size, under_way, deflate, options)
        finally:
            service.stop()


def measure(service, size, under_way, deflate, options):
    chance, count = random.Random(size), options.subscribers
    bodies = [data(size, chance) for _ in range(64)]
    begin = time.monotonic()
    sockets = subscribe(service, count, deflate)
    publisher = service.connect()
    publisher.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    publisher.setblocking(False)
    poll, by_descriptor = select.epoll(), {s.fileno(): s for s in sockets + [publisher]}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)
    reader, first, publishing = Reader(), sockets[0].fileno(), publisher.fileno()
    got = dict.fromkeys(by_descriptor, 0)
    buffer = bytearray(1 << 18)
    view, unsent = memoryview(buffer), b""
    published = total = reached = 0
    cpu, own_cpu, started = service.cpu_seconds(), time.process_time(), time.monotonic()
    end = started + options.seconds
    while True:
        now = time.monotonic()
        assert now - begin < RUN_SECONDS_MAX, "too slow: give less --seconds"
        while reached < len(reader.ends) and reader.ends[reached] * count <= total:
            reached += 1
        if now < end:
            while published - reached < under_way:
                event = (f'{{"specversion":"1.0","id":"{published}","source":"/bench","type":"measured","data":'
                         f"{bodies[published % 64]}}}").encode()
                unsent += (f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Type: application/cloudevents+json\r\n"
                           f"Content-Length: {len(event)}\r\n\r\n").encode() + event
                published += 1
        elif reached == published:
            break
        if unsent:
            try:
                unsent = unsent[publisher.send(unsent):]
            except BlockingIOError:
                pass
        for descriptor, _ in poll.poll(0.005 if unsent else 1):
            taken = by_descriptor[descriptor].recv_into(buffer)
            assert taken > 0, "the service ended a connection"
            if descriptor == publishing:
                continue
            got[descriptor] += taken
            total += taken
            if descriptor == first:
                reader.take(bytes(view[:taken]))
    seconds = time.monotonic() - started
    del got[publishing]
    assert set(got.values()) == {reader.bytes}, "all got the same"
    deliveries = published * count
    return {"deliveries_per_s": deliveries / seconds, "bytes": reader.bytes / published,
            "cpu_us": (service.cpu_seconds() - cpu) / deliveries * 1e6, "load": (time.process_time() - own_cpu) / seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--sizes", default="200,2000,20000", help="bytes of an event's data, about")
    parser.add_argument("--under-way", default="1,16")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    cells = [(size, depth) for size in map(int, options.sizes.split(",")) for depth in map(int, options.under_way.split(","))]
    results = {}
    for _ in range(options.rounds):
        for size, depth in cells:
            for deflate in (False, True):
                results.setdefault((size, depth, deflate), []).append(run(size, depth, deflate, options))
    print("| bytes of data | under way | | deliveries/s | bytes a delivery | MB/s | service, CPU µs a delivery | load's core |")
    print("|---|---|---|---|---|---|---|---|")
    for (size, depth, deflate), runs in results.items():
        median = {name: statistics.median(one[name] for one in runs) for name in runs[0]}
        rate, size_sent = median["deliveries_per_s"], median["bytes"]
        print(f"| {size:,} | {depth} | {'deflate' if deflate else 'plain'} | {rate / 1e3:,.0f} k | {size_sent:,.0f} "
              f"| {rate * size_sent / 1e6:,.0f} | {median['cpu_us']:.2f} | {median['load']:.0%} |")


if __name__ == "__main__":
    main()
