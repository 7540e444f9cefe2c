"""Runs the real binary for tests: a fresh directory, free ports, start, stop, kill -9, restart.

A test class derives from `FanfareTest`, says what its configuration is, and gets a running `self.service`. Nothing here
knows what the service should answer; that is the tests' business.
"""

import importlib.util
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

import clients

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FANFARE", str(ROOT / ".build" / "release" / "fanfare"))
SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

# One test may take this long before it is interrupted and counted as failed.
TEST_SECONDS_MAX = 60
# A service that is not ready after this long is a failure.
START_SECONDS_MAX = 20

_next_port = random.Random(os.getpid()).randrange(20_000, 31_000)


def free_port():
    """A loopback port nobody listens on, below the kernel's ephemeral range; every worker process walks its own stretch."""
    global _next_port
    while True:
        _next_port = 20_000 if _next_port >= 31_999 else _next_port + 1
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", _next_port))
                return _next_port
            except OSError:
                continue


class Certificates:
    """A CA and a server certificate for localhost and 127.0.0.1, made once per process with the `openssl` command."""

    _shared = None

    @classmethod
    def shared(cls):
        if cls._shared is None:
            cls._shared = cls(pathlib.Path(tempfile.mkdtemp(prefix="fanfare-tls-")))
        return cls._shared

    def __init__(self, directory):
        self.directory = directory
        self.ca, self.certificate, self.key = (str(directory / n) for n in ("ca.pem", "cert.pem", "key.pem"))
        extensions = directory / "extensions"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self._openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
        self._openssl("req", *new_key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost")
        self._openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "2", "-out", "cert.pem", "-extfile", "extensions")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True, timeout=30)


class Service:
    """One service on one directory; `start` and `stop` or `kill` as often as a test likes, always on the same ports."""

    def __init__(self, config=None, subscriptions=None, arguments=(), environment=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fanfare-"))
        self.port, self.stream_port, self.tls_port, self.tls_stream_port = (free_port() for _ in range(4))
        self.unix_path = str(self.directory / "stream.sock")
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.process = None
        self.stderr = []
        self.config = self.default_config() | (config(self) if config else {})
        self.write_config(self.config)
        for name, definition in (subscriptions or {}).items():
            self.write_subscription(name, definition)

    def default_config(self):
        """Two shards, so that everything crosses threads, and one listener of each kind a test may ask for."""
        tls = {"certificate": Certificates.shared().certificate, "private_key": Certificates.shared().key}
        sockets = ["publish", "subscribe"]
        return {
            "data_directory": "data",
            "shards": 2,
            "listeners": [
                {"name": "local", "address": f"127.0.0.1:{self.port}", "serves": sockets + ["manage", "probe"]},
                {"name": "tls", "address": f"127.0.0.1:{self.tls_port}", "serves": sockets, "tls": tls},
                {"name": "stream", "address": f"127.0.0.1:{self.stream_port}", "protocol": "stream", "serves": sockets},
                {"name": "tls-stream", "address": f"127.0.0.1:{self.tls_stream_port}", "protocol": "stream",
                 "serves": sockets, "tls": tls},
                {"name": "unix", "address": f"unix:{self.unix_path}", "protocol": "stream", "serves": sockets},
            ],
            "webhooks": {"networks": ["127.0.0.0/8", "::1/128"], "plain_http": True,
                         "secrets": {"files": [Certificates.shared().ca]}},
            "log": {"segment_size": "4MiB"},
            "drain": "1s",
        }

    @property
    def config_path(self):
        return str(self.directory / "fanfare.json")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def write_config(self, config):
        (self.directory / "fanfare.json").write_text(config if isinstance(config, str) else json.dumps(config, indent=2))

    def write_subscription(self, name, definition):
        folder = self.directory / "subscriptions.d"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(definition if isinstance(definition, str) else json.dumps(definition, indent=2))

    def launch(self):
        """Starts the process and does not wait for it."""
        command = [BINARY, "serve", "--config", self.config_path, *self.arguments]
        self.process = subprocess.Popen(
            command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=os.environ | self.environment)
        threading.Thread(target=self._collect, args=(self.process,), daemon=True).start()

    def start(self):
        self.launch()
        self._wait_until_ready()
        return self

    def _collect(self, process):
        with process.stderr as pipe:
            for line in pipe:
                self.stderr.append(line.decode("utf-8", "replace"))
                del self.stderr[:-2000]

    def _wait_until_ready(self):
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end:
            if self.process.poll() is not None:
                time.sleep(0.1)
                raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                with self.http(timeout=2) as http:
                    if http.get("/readyz").status == 200:
                        return
            except (OSError, EOFError):
                pass
            time.sleep(0.02)
        raise AssertionError(f"serve was not ready in {START_SECONDS_MAX} s:\n{self.log_tail()}")

    def log_tail(self):
        return "".join(self.stderr[-40:])

    def stop(self, timeout=15):
        """SIGTERM, and the exit code; kill by its own pid when it does not end."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise AssertionError(f"serve did not end {timeout} s after SIGTERM:\n{self.log_tail()}") from None

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait(5)

    def discard(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def http(self, tls=False, timeout=10):
        return clients.HTTP(self.tls_port if tls else self.port, ca=Certificates.shared().ca if tls else None, timeout=timeout)

    def websocket(self, target="/v1/subscribe", tls=False, **options):
        return clients.WebSocket(
            self.tls_port if tls else self.port, target, ca=Certificates.shared().ca if tls else None, **options)

    def sse(self, target, tls=False, **options):
        return clients.ServerSentEvents(
            self.tls_port if tls else self.port, target, ca=Certificates.shared().ca if tls else None, **options)

    def stream(self, kind="tcp", **options):
        ca = Certificates.shared().ca if kind == "tls" else None
        address = {"tcp": self.stream_port, "tls": self.tls_stream_port, "unix": self.unix_path}[kind]
        return clients.Stream(address, ca=ca, **options)

    def command(self, *arguments, input=None, timeout=20, environment=None):
        """Runs `fanfare ARGUMENTS` to its end."""
        return run_command(*arguments, input=input, timeout=timeout, cwd=self.directory, environment=environment)

    # Short forms of what most tests do

    def request(self, method, target, body=None, headers=None, **options):
        with self.http(**options) as http:
            return http.request(method, target, body, headers)

    def publish(self, *events):
        """Publishes events as one batch and returns the answer's JSON; anything but 202 is a failure."""
        response = self.request("POST", "/v1/events", json.dumps(events), {"content-type": clients.BATCH})
        if response.status != 202:
            raise AssertionError(f"publishing answered {response.status} {response.body!r}\n{self.log_tail()}")
        return response.json()

    def memory(self, figure="RssAnon"):
        """Bytes of the process's memory: `figure` of /proc/PID/status (RssAnon: its own now, VmHWM: the most that was resident)."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(figure + ":"):
                return int(line.split()[1]) << 10
        raise AssertionError(f"no {figure}")

    def metric(self, name):
        """The sum of a metric over the shards."""
        lines = self.request("GET", "/metrics").body.decode().splitlines()
        values = [float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == f"fanfare_{name}"]
        assert values, f"/metrics has no {name}"
        return sum(values)

    def read_events(self, query=""):
        """Every event of GET /v1/events, page after page."""
        events, start = [], None
        while True:
            target = f"/v1/events?limit=1000{query}" + (f"&from={start}" if start else "")
            page = self.request("GET", target).json()
            events += page["events"]
            if len(page["events"]) < 1000:
                return events
            start = page["next"]

    def put_subscription(self, name, definition):
        response = self.request(
            "PUT", f"/v1/subscriptions/{name}", json.dumps(definition), {"content-type": "application/json"})
        if response.status not in (200, 201):
            raise AssertionError(f"creating {name} answered {response.status} {response.body!r}")
        return response.json()

    def subscription(self, name):
        return self.request("GET", f"/v1/subscriptions/{name}").json()


def run_command(*arguments, input=None, timeout=20, cwd=None, environment=None):
    return subprocess.run(
        [BINARY, *arguments], input=input, capture_output=True, timeout=timeout, cwd=cwd,
        env=os.environ | (environment or {}), text=not isinstance(input, bytes))


def event(id=None, type="orders.created", source="/tests", **members):
    """A CloudEvent with a fresh id unless one is given."""
    return {"specversion": "1.0", "id": id or uuid.uuid4().hex, "type": type, "source": source} | members


def events(count, type="orders.created", prefix="e"):
    """`count` events with ids PREFIX-0, PREFIX-1… and their number as data."""
    return [event(id=f"{prefix}-{n}", type=type, data={"n": n}) for n in range(count)]


def ids(events):
    return [e["id"] for e in events]


def sequence(position):
    return int(position.split("-")[1])


def needs(*modules):
    """Skips a test, and says why, where these Python packages are not installed."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return unittest.skipIf(missing, f"Python packages are not installed: {', '.join(missing)} (make .build-venv/complete)")


def eventually(condition, seconds=10, what="the condition", every=0.02):
    """The first true value of `condition()`; a failure when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not hold within {seconds} s")
        time.sleep(every)


class TimeBoundedTest(unittest.TestCase):
    """Every test ends in time: an alarm interrupts one that does not."""

    seconds_max = TEST_SECONDS_MAX

    def run(self, result=None):
        def too_long(_signal, _frame):
            raise AssertionError(f"took longer than {self.seconds_max} s")

        previous = signal.signal(signal.SIGALRM, too_long)
        signal.alarm(self.seconds_max)
        try:
            return super().run(result)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, previous)


class FanfareTest(TimeBoundedTest):
    """A test class with one service for all of its tests, or one for each with `fresh_service_per_test`."""

    arguments = ()
    environment = None
    fresh_service_per_test = False

    @classmethod
    def configuration(cls, service):
        """What differs from `Service.default_config`; a function because ports are the service's."""
        return {}

    @classmethod
    def subscription_files(cls):
        """Name and content of files in subscriptions.d."""
        return {}

    @classmethod
    def make_service(cls):
        service = Service(cls.configuration, cls.subscription_files(), cls.arguments, cls.environment)
        try:
            return service.start()
        except BaseException:
            service.discard()
            raise

    @classmethod
    def setUpClass(cls):
        if not cls.fresh_service_per_test:
            cls.service = cls.make_service()
            cls.addClassCleanup(cls.service.discard)

    def setUp(self):
        if self.fresh_service_per_test:
            self.service = self.make_service()
            self.addCleanup(self.service.discard)
        elif self.service.process.poll() is not None:
            self.service.start()  # the test before brought it down and has failed for it; this one gets its chance

    def tearDown(self):
        if self.service.process.poll() is not None and not self.fresh_service_per_test:
            self.fail(f"the service ended with {self.service.process.returncode}:\n{self.service.log_tail()}")

    def topic(self, stem="t"):
        """A topic of this test alone, so that tests of one service do not see each other's events."""
        return f"{stem}.{uuid.uuid4().hex[:12]}"

    def open(self, client):
        """Closes `client` when the test ends."""
        self.addCleanup(client.close)
        return client

    def assertProblem(self, response, status, **expected):
        """A refusal as RFC 9457 problem details with a stable type, a title, the status and a detail."""
        self.assertEqual(response.status, status, response.body[:500])
        self.assertEqual(response.media_type, "application/problem+json", response.body[:500])
        problem = response.json()
        self.assertEqual(problem["status"], status)
        for member in ("type", "title", "detail"):
            self.assertIsInstance(problem.get(member), str, f"{member} in {problem}")
            self.assertTrue(problem[member], f"{member} in {problem}")
        for name, value in expected.items():
            self.assertEqual(problem.get(name), value, problem)
        return problem
