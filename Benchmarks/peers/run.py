#!/usr/bin/env python3
"""Fanfare beside what one would pick instead, as Debian packages them: the same load, interleaved rounds, one table.

    make peers                          # installs what is missing, then this
    Benchmarks/peers/run.py [--rounds 3] [--subscribers 1000] [--only nats,fanfare] [--size 200] [--raw FILE]

Every server is started with a configuration of its own (below), one worker, pinned to core 0; the load client (load.c, built here)
to core 1. A round runs every server once, each fresh: one event under way, then 16 (an event is under way until all subscribers have
it), then 20 events a second at planned times. The table has medians of the rounds; what is not installed or failed has a row that
says so. FANFARE names the binary. Everything is plain TCP over loopback; nothing else may run meanwhile.
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
FANFARE = os.environ.get("FANFARE", str(HERE.parents[1] / ".build" / "release" / "fanfare"))
START_SECONDS = 15
STOP_SECONDS = 5
RUN_SECONDS = 30
DELIVERIES = 400_000  # of a run with one event under way; three times as many with 16
EVENTS_LEAST = 20
RATE = 20  # events a second at planned times, for two seconds
NGINX_MODULES = "/usr/lib/nginx/modules"


class Failed(Exception):
    """A server that could not be measured, and why."""


@dataclasses.dataclass
class Server:
    """A process under test: what starts it, and where its subscribers and its publisher go."""
    command: list
    wire: str
    port: int
    options: list = dataclasses.field(default_factory=list)
    has_workers: bool = False


def fanfare(wire, durability):
    def start(folder, port, topic):
        listeners = [{"name": "http", "address": f"127.0.0.1:{port}", "serves": ["publish", "subscribe", "probe"]},
                     {"name": "stream", "address": f"127.0.0.1:{port + 1}", "protocol": "stream", "serves": ["subscribe"]}]
        (folder / "fanfare.json").write_text(json.dumps({
            "data_directory": str(folder / "data"), "shards": 1, "listeners": listeners,
            "topics": [{"match": ">", "durability": durability}]}))
        command = [FANFARE, "serve", "--config", str(folder / "fanfare.json")]
        if wire == "stream":
            return Server(command, wire, port + 1, ["--publish-port", str(port), "--publish", "/v1/topics/t"])
        return Server(command, wire, port, ["--subscribe", f"/v1/subscribe?topic={topic}", "--publish", f"/v1/topics/{topic}"])
    return start


def nchan(wire):
    def start(folder, port, topic):
        temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""
load_module {NGINX_MODULES}/ngx_nchan_module.so;
{"user root;" if os.getuid() == 0 else ""}
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/errors error; worker_rlimit_nofile 19000;
events {{ worker_connections 18000; use epoll; multi_accept on; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 600s;
  nchan_shared_memory_size 512M; nchan_message_buffer_length 20000; nchan_message_timeout 60s;
  {temporary}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /publish {{ nchan_publisher http; nchan_channel_id $arg_id; }}
    location = /subscribe {{
      nchan_subscriber websocket eventsource; nchan_channel_id $arg_id;
      nchan_subscriber_first_message newest; nchan_websocket_ping_interval 0;
    }}
  }}
}}
""")
        return Server(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")], wire, port,
                      ["--subscribe", f"/subscribe?id={topic}", "--publish", f"/publish?id={topic}"], has_workers=True)
    return start


def nats(folder, port, topic):
    (folder / "nats.conf").write_text(f'host: 127.0.0.1\nport: {port}\nmax_connections: 19000\nping_interval: "10m"\n')
    return Server(["nats-server", "-c", str(folder / "nats.conf")], "nats", port)


def mosquitto(folder, port, topic):
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
        "max_queued_messages 0\nlog_type error\n" + ("user root\n" if os.getuid() == 0 else ""))
    return Server(["mosquitto", "-c", str(folder / "mosquitto.conf")], "mqtt", port)


def redis(folder, port, topic):
    (folder / "redis.conf").write_text(
        f'bind 127.0.0.1\nport {port}\ndir {folder}\nsave ""\nappendonly no\nmaxclients 19000\ntcp-backlog 4096\n'
        "client-output-buffer-limit pubsub 256mb 128mb 60\n")
    return Server(["redis-server", str(folder / "redis.conf")], "redis", port)


@dataclasses.dataclass
class Peer:
    """A row of the table."""
    key: str
    title: str
    start: object
    beside: str = ""      # the row of Fanfare that its ratios are to
    needs: tuple = ()     # what must be there
    package: str = ""
    durable: str = ""
    tls: str = "yes"
    resume: str = ""


IN_MEMORY = "no: in memory"
FROM_LOG = "yes, from the log"
PEERS = [
    Peer("fanfare-websocket", "Fanfare, WebSocket", fanfare("websocket", "synced"), durable="yes: synced first", resume=FROM_LOG),
    Peer("fanfare-sse", "Fanfare, SSE", fanfare("sse", "synced"), durable="yes: synced first", resume=FROM_LOG),
    Peer("fanfare-stream", "Fanfare, stream", fanfare("stream", "synced"), durable="yes: synced first", resume=FROM_LOG),
    Peer("fanfare-written", "Fanfare, stream, `written`", fanfare("stream", "written"), beside="fanfare-stream",
         durable="written, not synced", resume=FROM_LOG),
    Peer("nchan-websocket", "nginx with nchan, WebSocket", nchan("websocket"), "fanfare-websocket",
         ("nginx", NGINX_MODULES + "/ngx_nchan_module.so"), "nginx libnginx-mod-nchan", IN_MEMORY, resume="from its buffer, until a restart"),
    Peer("nchan-sse", "nginx with nchan, SSE", nchan("sse"), "fanfare-sse",
         ("nginx", NGINX_MODULES + "/ngx_nchan_module.so"), "nginx libnginx-mod-nchan", IN_MEMORY, resume="from its buffer, until a restart"),
    Peer("nats", "nats-server, core", nats, "fanfare-stream", ("nats-server",), "nats-server", IN_MEMORY, resume="no"),
    Peer("mosquitto", "mosquitto, MQTT QoS 0", mosquitto, "fanfare-stream", ("mosquitto",), "mosquitto", IN_MEMORY, resume="no, at QoS 0"),
    Peer("redis", "redis, pub/sub", redis, "fanfare-stream", ("redis-server",), "redis-server", IN_MEMORY, resume="no"),
]


def missing(peer):
    """What is not there of what a peer needs."""
    if peer.key.startswith("fanfare"):
        return None if os.access(FANFARE, os.X_OK) else f"no binary at {FANFARE}: make build"
    for need in peer.needs:
        if not (os.path.exists(need) if need.startswith("/") else shutil.which(need, path=os.environ["PATH"] + ":/usr/sbin")):
            return f"not installed: apt-get install {peer.package}"
    return None


class Running:
    """A server from its start, once its port answers, to its end."""

    def __init__(self, server, folder):
        self.server = server
        self.output = open(folder / "output", "wb")
        environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen(["taskset", "-c", "0", *server.command], stdout=self.output, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, env=environment, cwd=folder)
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() is not None:
                raise Failed(f"ended at its start with {self.process.returncode}: " + tail(folder / "output"))
            try:
                socket.create_connection(("127.0.0.1", server.port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise Failed(f"did not listen within {START_SECONDS} s: " + tail(folder / "output")) from None
                time.sleep(0.05)
        time.sleep(0.3)

    def processes(self):
        own = self.process.pid
        if not self.server.has_workers:
            return str(own)
        return ",".join(pathlib.Path(f"/proc/{own}/task/{own}/children").read_text().split())

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()


def tail(path):
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1][:200] if lines else "it said nothing"


def measure(load, running, options):
    command = ["taskset", "-c", "1", load, running.server.wire, "--port", str(running.server.port), *running.server.options,
               "--servers", running.processes(), "--seconds", str(RUN_SECONDS), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * RUN_SECONDS)
    if done.returncode not in (0, 2):
        raise Failed(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"the load ended with {done.returncode}")
    return json.loads(done.stdout)


def one_round(peer, load, work, arguments):
    """What a fresh server does in each of the runs."""
    events = max(EVENTS_LEAST, DELIVERIES // arguments.subscribers)
    common = ["--subscribers", arguments.subscribers, "--size", arguments.size]
    results = {}
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    running = None
    try:
        for name, options in (("1", ["--events", events, "--in-flight", 1]), ("16", ["--events", 3 * events, "--in-flight", 16]),
                              ("rate", ["--events", 2 * RATE, "--rate", RATE])):
            if running is None:
                server = peer.start(folder, random.randrange(20000, 30000, 2), "t")
                running = Running(server, folder)
            results[name] = measure(load, running, [*common, *options])
    finally:
        if running is not None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return results


def median(rounds, run, figure):
    return statistics.median(result[run][figure] for result in rounds)


def rate(value):
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.0f} k"


def wrongs(rounds):
    """What was lost, out of order or refused, over all runs."""
    totals = {figure: sum(run[figure] for result in rounds for run in result.values()) for figure in ("lost", "disordered", "refused")}
    return ", ".join(f"{count:,} {figure}" for figure, count in totals.items() if count)


def cuts(rounds):
    """How many runs were cut off by their time; their rates count what arrived until then."""
    count = sum(run["cut"] for result in rounds for run in result.values())
    return f"{count} of {sum(map(len, rounds))} runs cut off after {RUN_SECONDS} s" if count else ""


def table(peers, rounds, reasons):
    print("| | deliveries/s, 1 under way | to Fanfare | 16 under way | to Fanfare | deliveries per CPU s, 16 | to the last, p50 ms | p99 | bytes a connection |")
    print("|---|---|---|---|---|---|---|---|---|")
    for peer in peers:
        if not rounds[peer.key]:
            print(f"| {peer.title} | **{reasons.get(peer.key, 'not run')}** | | | | | | | |")
            continue
        mine, base = rounds[peer.key], rounds.get(peer.beside)
        cells = []
        for run in ("1", "16"):
            value = median(mine, run, "deliveries_per_second")
            ratio = f"{value / median(base, run, 'deliveries_per_second'):.2f}" if base else ""
            cells += [rate(value), ratio]
        cpu = statistics.median(r["16"]["deliveries"] / max(r["16"]["server_cpu_ms"], 1) * 1000 for r in mine)
        note = "".join(f"; **{text}**" for text in (wrongs(mine), cuts(mine), reasons.get(peer.key, "")) if text)
        print(f"| {peer.title}{note} | " + " | ".join(cells) + f" | {rate(cpu)} | {median(mine, 'rate', 'last_p50_ms'):.1f} | "
              f"{median(mine, 'rate', 'last_p99_ms'):.1f} | {median(mine, '1', 'bytes_per_connection'):,.0f} |")
    print("\n| | durable before it is delivered | TLS | resume after a break |\n|---|---|---|---|")
    for peer in peers:
        print(f"| {peer.title} | {peer.durable} | {peer.tls} | {peer.resume} |")


def build(work):
    compiler = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
    if not compiler:
        sys.exit("peers: no C compiler for the load client: apt-get install gcc libc6-dev")
    load = work / "load"
    subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-o", load, HERE / "load.c"], check=True)
    return str(load)


def main():
    parser = argparse.ArgumentParser(description="Fanfare beside nchan, NATS, mosquitto and redis.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--size", type=int, default=200, help="bytes of the payload")
    parser.add_argument("--only", help="rows whose name begins with one of these, comma-separated")
    parser.add_argument("--raw", help="append every run to this file, a JSON object a line")
    arguments = parser.parse_args()
    if not {0, 1} <= os.sched_getaffinity(0):
        sys.exit("peers: cores 0 and 1 are needed, one for the server and one for the load")
    peers = [peer for peer in PEERS if not arguments.only or peer.key.startswith(tuple(arguments.only.split(",")))]
    if not peers:
        sys.exit("peers: no row begins with that: " + ", ".join(peer.key for peer in PEERS))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server under test ends as well
    rounds, reasons = collections.defaultdict(list), {}
    with tempfile.TemporaryDirectory(prefix="fanfare-peers-") as name:
        work = pathlib.Path(name)
        work.chmod(0o755)
        load = build(work)
        for number in range(arguments.rounds):
            for peer in peers:
                reason = missing(peer)
                if reason:
                    reasons[peer.key] = reason
                    continue
                print(f"round {number + 1} of {arguments.rounds}: {peer.title}", file=sys.stderr)
                try:
                    result = one_round(peer, load, work, arguments)
                except (Failed, subprocess.TimeoutExpired) as error:
                    reasons[peer.key] = f"failed in round {number + 1}: {error}"
                    continue
                rounds[peer.key].append(result)
                if arguments.raw:
                    with open(arguments.raw, "a") as raw:
                        raw.write(json.dumps({"peer": peer.key, "round": number + 1, "runs": result}) + "\n")
    machine = os.uname()
    print(f"\n{time.strftime('%F')}, {os.cpu_count()} cores, {machine.sysname} {machine.release}; {arguments.subscribers:,} subscribers, "
          f"{arguments.size}-byte payloads, medians of {arguments.rounds}\n")
    table(peers, rounds, reasons)
    ours = [peer for peer in peers if peer.key.startswith("fanfare")]
    sys.exit(1 if any(peer.key in reasons or wrongs(rounds[peer.key]) for peer in ours) else 0)


if __name__ == "__main__":
    main()
