#!/usr/bin/env python3
"""How long a start takes: from the process to the first 200 of /readyz, warm and with the log out of the page cache.

    Benchmarks/start.py DATA [--subscriptions 10000] [--api] [--rounds 3]

DATA is a data directory (`logbench fill` makes one); subscriptions are files beside a configuration in a temporary
folder, or with --api made once through the API, so that they come from the journal. FANFARE names the binary.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = os.environ.get("FANFARE", str(ROOT / ".build" / "release" / "fanfare"))


def definition(number, **members):
    return json.dumps({"topics": [f"fill.topic{number}.>"], "start": "latest", "webhook": {
        "url": f"https://hooks.example.com/{number}", "signing_secrets": ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]}} | members)


def drop_from_cache(data):
    """Writes back and drops the log's pages."""
    for path in pathlib.Path(data).iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


class Service:
    def __init__(self, config, port):
        self.port = port
        self.output = tempfile.TemporaryFile()
        self.began = time.monotonic()
        self.process = subprocess.Popen([BINARY, "serve", "--config", config], stdout=self.output, stderr=self.output)

    def wait(self):
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return time.monotonic() - self.began
            except OSError:
                pass
            if self.process.poll() is not None:
                self.output.seek(0)
                raise SystemExit(self.output.read().decode())
            time.sleep(0.005)

    def stop(self, by=signal.SIGTERM):
        began = time.monotonic()
        self.process.send_signal(by)
        self.process.wait(120)
        return time.monotonic() - began

    def resident(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) // 1024


def put_all(port, count):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(count):
        connection.request("PUT", f"/v1/subscriptions/made-{number}", definition(number), {"content-type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status in (200, 201), (answer.status, body)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--api", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fanfare-start-"))
    port = random.randrange(20_000, 30_000)
    config = folder / "fanfare.json"
    config.write_text(json.dumps({
        "data_directory": os.path.abspath(options.data), "log": {"retention": {"age": "30d", "size": "100GiB"}},
        "listeners": [{"name": "a", "address": f"127.0.0.1:{port}", "serves": ["publish", "subscribe", "manage", "probe"]}]}))
    (folder / "subscriptions.d").mkdir()
    if options.api:
        service = Service(str(config), port)
        service.wait()
        began = time.monotonic()
        put_all(port, options.subscriptions)
        print(f"{options.subscriptions} subscriptions made in {time.monotonic() - began:.1f} s")
        service.stop()
    else:
        for number in range(options.subscriptions):
            (folder / "subscriptions.d" / f"file-{number}.json").write_text(definition(number, id=f"file-{number}"))
    for kind, by in [("after a stop", signal.SIGTERM), ("after kill -9", signal.SIGKILL)]:
        for cache in ["warm", "cold"]:
            times = []
            for _ in range(options.rounds):
                service = Service(str(config), port)
                service.wait()
                service.stop(by)
                if cache == "cold":
                    drop_from_cache(options.data)
                service = Service(str(config), port)
                times.append(service.wait())
                resident = service.resident()
                stopped = service.stop(by)
            print(f"{kind}, {cache}: ready after " + " ".join(f"{t:.2f}" for t in times)
                  + f" s, {resident} MiB resident, ended in {stopped:.2f} s")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
