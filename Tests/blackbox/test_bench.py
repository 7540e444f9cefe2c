"""`fanfare bench` with a service of its own and with one that is there: what it reconciles, writes and refuses."""

import http.server
import json
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from xml.etree import ElementTree

import browser
from harness import BINARY, FanfareTest, run_command

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROFILES = ROOT / "load-profiles"
EVERYONE = [{"transport": transport, "count": 4, "tls": tls}
            for transport in ("websocket", "sse", "stream", "webhook") for tls in (False, True)]


def departures(value, schema, place=""):
    """Where `value` is not as `schema` says, of what the schema of a result uses of JSON Schema."""
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{place}: {value!r} is none of {schema['enum']}"]
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, kinds[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names):
        return [f"{place}: {value!r} is no {names}"]
    found = []
    if isinstance(value, dict):
        found += [f"{place}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, inner in value.items():
            if name in schema["properties"]:
                found += departures(inner, schema["properties"][name], f"{place}/{name}")
            elif schema["additionalProperties"] is False:
                found.append(f"{place}: {name} is not known")
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += departures(inner, schema["items"], f"{place}/{index}")
    return found


class BenchTest(FanfareTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def profile(self, subscribers, **members):
        path = self.folder / "tried.json"
        path.write_text(json.dumps({"description": "For a test.", "duration": "1s", "warm_up": "200ms", "subscribers": subscribers}
                                   | members))
        return str(path)

    def written(self, path):
        """The result at `path`, which must be as its schema says."""
        result = json.loads(pathlib.Path(path).read_text())
        self.assertEqual(departures(result, json.loads(run_command("schema", "result").stdout)), [])
        return result


class Bench(BenchTest):
    def test_every_transport_receives_everything_once(self):
        path = self.profile(EVERYONE, publish={"rate": 200, "arrivals": "poisson", "connections": 2}, events={"topics": 3})
        output = self.folder / "results"
        result = run_command("bench", "--profile", path, "--output", str(output), timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        written = self.written(output / "tried.json")
        self.assertEqual(written["misses"], [])
        self.assertEqual([(g["transport"], g["tls"]) for g in written["subscribers"]],
                         [(a["transport"], a["tls"]) for a in EVERYONE])
        # Subscriber i wants topic i of 3: as many deliveries as events of that topic.
        per_topic = [len(range(topic, written["events"], 3)) for topic in range(3)]
        for index, group in enumerate(written["subscribers"]):
            members = range(index * 4, index * 4 + 4)
            self.assertEqual(group["deliveries"], sum(per_topic[member % 3] for member in members), group)
            self.assertEqual((group["lost"], group["reordered"]), (0, 0))
            self.assertGreater(group["latency_ns"]["count"], 0)
            self.assertLessEqual(group["latency_ns"]["p50"], group["latency_ns"]["max"])
        self.assertEqual(written["deliveries"], sum(g["deliveries"] for g in written["subscribers"]))
        self.assertGreater(written["service_cpu_seconds"], 0)
        ends = [0] + [interval["end_seconds"] for interval in written["intervals"]]
        lengths = [after - before for before, after in zip(ends, ends[1:])]
        self.assertEqual(lengths[0], 1)
        self.assertTrue(0.19 < ends[2] - 1 and ends[-1] < 1.2 + 10, (ends, "the last one ends with the run"))
        used = [(interval["service_cpu_per_second"] or 0) * length for interval, length in zip(written["intervals"], lengths)]
        self.assertTrue(0 < sum(used) <= written["service_cpu_seconds"] + 0.02, (used, "in ticks of 10 ms"))
        self.assertGreaterEqual(written["machine_cpu_seconds"] + 0.02, written["service_cpu_seconds"])
        self.assertRegex(written["versions"]["openssl"], r"^3\.")
        self.assertRegex(written["versions"]["swift"], r"^\d+\.\d+")
        page = (output / "tried.html").read_text()
        self.assertIn("CPU of the service", page)
        self.assertEqual([stage["stage"] for stage in written["stages"]], ["decoded", "committed", "matched", "framed", "handed"])
        self.assertEqual(written["stages"][1]["events"], written["events"])
        self.assertAlmostEqual(sum(i["published_per_second"] * length for i, length in zip(written["intervals"], lengths)),
                               written["events"], places=3)
        self.assertEqual(written["load"]["seed"], 1)
        self.assertTrue(written["command"].endswith(f"bench --profile {path} --output {output}"), written["command"])
        for transport in ("websocket", "sse with tls", "stream", "webhook with tls", "acknowledged", "limited by"):
            self.assertIn(transport, result.stdout)

    def test_the_commit_is_that_of_the_checkout_also_of_a_further_worktree(self):
        path = self.profile([{"transport": "websocket", "count": 1}], duration="100ms", warm_up="0s")
        repository, worktree, outside = (self.folder / name for name in ("repository", "worktree", "outside"))
        own = repository / ".git" / "worktrees" / "further"
        for folder in (own, repository / ".git" / "refs" / "heads", worktree, outside):
            folder.mkdir(parents=True)
        (repository / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        (repository / ".git" / "refs" / "heads" / "main").write_text("a" * 40 + "\n")
        (repository / ".git" / "packed-refs").write_text("# pack-refs with: peeled\n" + "b" * 40 + " refs/heads/other\n")
        (worktree / ".git").write_text(f"gitdir: {own}\n")
        (own / "HEAD").write_text("ref: refs/heads/other\n")
        (own / "commondir").write_text("../..\n")
        for folder, commit in ((repository, "a" * 40), (worktree, "b" * 40), (outside, None)):
            result = run_command("bench", "--profile", path, "--url", self.service.url, "--output", "out", cwd=folder, timeout=60)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertEqual(self.written(folder / "out" / "tried.json")["commit"], commit, folder)

    def test_a_service_that_is_there_is_measured_and_left_as_it_was(self):
        path = self.profile([{"transport": "websocket", "count": 3}, {"transport": "sse", "count": 3}])
        before = self.service.request("GET", "/v1/subscriptions").json()
        for _ in range(2):
            result = run_command("bench", "--profile", path, "--url", self.service.url, timeout=120)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(self.service.request("GET", "/v1/subscriptions").json(), before)

    def test_webhooks_alone_are_an_audience(self):
        path = self.profile([{"transport": "webhook", "count": 20}], publish={"rate": 20})
        for more in ((), ("--url", self.service.url)):
            output = self.folder / f"results{len(more)}"
            result = run_command("bench", "--profile", path, "--output", str(output), *more, timeout=50)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            written = self.written(output / "tried.json")
            self.assertEqual(written["deliveries"], 20 * written["events"])

    def test_what_one_listener_does_not_have_is_refused(self):
        path = self.profile([{"transport": "stream", "count": 1}])
        result = run_command("bench", "--profile", path, "--url", self.service.url)
        self.assertEqual(result.returncode, 64, result.stdout + result.stderr)
        self.assertIn("stream", result.stderr)

    def test_a_plan_without_an_event_to_measure_is_refused(self):
        for duration, warm_up in (("1ms", "0ms"), ("1ms", "1s")):
            path = self.profile([{"transport": "websocket", "count": 1}], duration=duration, warm_up=warm_up, seed=3,
                                publish={"rate": 1, "arrivals": "poisson"})
            result = run_command("bench", "--profile", path, timeout=120)
            self.assertEqual(result.returncode, 65, result.stdout + result.stderr)
            self.assertIn("no event after its warm-up", result.stderr)

    def test_events_are_as_large_as_the_profile_says_and_topics_are_named_alike(self):
        path = self.profile([{"transport": "websocket", "count": 3}], events={"size": "300B", "topics": 3})
        result = run_command("bench", "--profile", path, "--url", self.service.url, timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        all_runs = self.service.read_events("&topic=bench.>")
        run = all_runs[-1]["id"][:-8]
        seen = [e for e in all_runs if e["id"].startswith(run)]
        self.assertEqual([int(e["id"][-8:]) for e in seen], list(range(len(seen))))
        self.assertEqual([int(e["type"][-6:]) for e in seen], [number % 3 for number in range(len(seen))])
        sizes = {len(json.dumps({key: e[key] for key in ("specversion", "id", "source", "type", "data")},
                                separators=(",", ":"))) for e in seen}
        self.assertEqual(sizes, {300})

    def test_sockets_that_stall_churn_and_reconnect_lose_nothing(self):
        every = {"every": "300ms", "for": "100ms"}
        groups = [{"transport": transport, "count": 4, "behaviour": {"kind": kind} | every}
                  for transport in ("websocket", "sse", "stream") for kind in ("stalls", "churns", "reconnects")]
        storm = {"kind": "reconnects", "every": "500ms", "at_once": True}
        groups += [{"transport": "websocket", "count": 8, "tls": True, "behaviour": storm}, {"transport": "sse", "count": 4}]
        path = self.profile(groups, publish={"rate": 300, "arrivals": "poisson", "connections": 2}, events={"topics": 2},
                            duration="3s")
        output = self.folder / "results"
        result = run_command("bench", "--profile", path, "--output", str(output), timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        written = self.written(output / "tried.json")
        self.assertEqual(written["accepted"], written["events"])
        for group, done in zip(groups, written["subscribers"]):
            self.assertEqual((done["lost"], done["reordered"], done["duplicates"]), (0, 0, 0), done)
            kind = group.get("behaviour", {}).get("kind")
            if kind == "stalls":
                self.assertGreater(done["stalls"], 0)
            if kind in ("churns", "reconnects"):
                self.assertGreater(done["departures"], 0)
                self.assertEqual(done["returns"], done["departures"])
                self.assertEqual(done["coming_back_ns"]["count"], done["returns"])
            if kind != "churns":
                self.assertEqual(done["deliveries"], written["events"] * group["count"] // 2 if written["events"] % 2 == 0
                                 else done["deliveries"], done)

    def test_an_overload_is_counted_and_what_was_accepted_is_delivered(self):
        path = self.profile([{"transport": "websocket", "count": 2}], events={"size": "64KiB"},
                            publish={"rate": 20000, "connections": 4, "overload": True})
        output = self.folder / "results"
        result = run_command("bench", "--profile", path, "--output", str(output), timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        written = json.loads((output / "tried.json").read_text())
        self.assertEqual(written["accepted"] + written["refused"] + written["withheld"], written["events"])
        self.assertEqual(written["deliveries"], 2 * written["accepted"])
        self.assertIn("events were accepted", result.stdout)

    def test_a_repeated_run_is_one_side_of_a_comparison(self):
        path = self.profile([{"transport": "websocket", "count": 1}], duration="200ms", warm_up="0s")
        output = self.folder / "results"
        result = run_command("bench", "--profile", path, "--repeat", "3", "--output", str(output), timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(sorted(os.listdir(output)), [f"tried-{run}.{kind}" for run in (1, 2, 3) for kind in ("html", "json")])
        self.assertEqual({self.written(output / f"tried-{run}.json")["profile"] for run in (1, 2, 3)}, {"tried"})
        compared = run_command("bench", "compare", str(output), str(output))
        self.assertEqual(compared.returncode, 0, compared.stderr)
        self.assertIn("3 pairs of runs", compared.stdout)
        for arguments in (["--repeat", "2"], ["--repeat", "2", "--output", str(output), "--search"], ["--repeat", "0"]):
            self.assertEqual(run_command("bench", "--profile", path, *arguments).returncode, 64, arguments)

    def test_a_search_that_finds_no_rate_says_so(self):
        path = self.profile([{"transport": "websocket", "count": 1}], duration="300ms", warm_up="0s",
                            publish={"rate": 20, "connections": 2}, goals={"p99": "1h"})
        refused = run_command("bench", "--profile", path, "--search", "--url", "http://127.0.0.1:1", timeout=120)
        self.assertEqual(refused.returncode, 70, refused.stdout + refused.stderr)
        self.assertIn("no rate holds", refused.stderr)
        self.assertIn("try 5: 1 events a second: missed", refused.stdout)
        without = self.profile([{"transport": "websocket", "count": 1}])
        self.assertEqual(run_command("bench", "--profile", without, "--search").returncode, 64)

    def test_a_goal_that_is_missed_ends_with_70(self):
        path = self.profile([{"transport": "websocket", "count": 1}], publish={"rate": 1000, "arrivals": "burst", "burst": 1000},
                            events={"size": "4KiB"}, goals={"p99": "1ms"})
        result = run_command("bench", "--profile", path, timeout=120)
        self.assertEqual(result.returncode, 70, result.stdout + result.stderr)
        self.assertIn("the goal 1 ms", result.stderr)

    def test_a_bad_profile_is_told_with_its_place(self):
        path = self.profile([{"transport": "pigeon", "count": 1}])
        result = run_command("bench", "--profile", path)
        self.assertEqual(result.returncode, 78)
        self.assertIn("tried.json:1:", result.stderr)
        result = run_command("bench", "--profile", str(self.folder / "none.json"))
        self.assertEqual(result.returncode, 78)
        self.assertIn("does not exist", result.stderr)

    def test_the_profiles_are_listed_and_each_can_be_read(self):
        result = run_command("bench", "--list", "--profiles", str(PROFILES))
        self.assertEqual(result.returncode, 0, result.stderr)
        names = sorted(os.listdir(PROFILES))
        self.assertEqual([line.split()[0] for line in result.stdout.splitlines()[1:]], [f"{PROFILES}/{name}" for name in names])
        for name, line in zip(names, result.stdout.splitlines()[1:]):
            for share in json.loads((PROFILES / name).read_text())["goals"]:
                self.assertRegex(line, rf" {share} \d+ ms ")

    def test_what_is_no_profile_does_not_hide_those_that_are(self):
        self.profile([{"transport": "websocket", "count": 1}], goals={"p50": "5ms", "p99": "1s"})
        (self.folder / "wrong.json").write_text("[]")
        result = run_command("bench", "--list", "--profiles", str(self.folder))
        self.assertEqual(result.returncode, 78, result.stdout + result.stderr)
        self.assertIn("tried.json  p50 5 ms, p99 1000 ms  For a test.", result.stdout)
        self.assertIn("wrong.json:1:1", result.stderr)

    def test_what_a_profile_says_cannot_command_the_terminal(self):
        path = self.profile([{"transport": "websocket", "count": 1}], description="a\x1b[31mred", duration="100ms", warm_up="0s")
        result = run_command("bench", "--profile", path, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("\x1b", result.stdout)

    def test_the_profiles_fit_the_schema(self):
        schema = json.loads(run_command("schema", "profile").stdout)
        self.assertEqual(schema["required"], ["description", "subscribers"])
        for path in PROFILES.glob("*.json"):
            self.assertLessEqual(set(json.loads(path.read_text())), set(schema["properties"]), path)


class RefusesEverything(http.server.BaseHTTPRequestHandler):
    """A service that takes subscriptions and no events, and closes each connection with its refusal."""

    protocol_version = "HTTP/1.1"

    def answer(self, status):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(status)
        self.send_header("content-length", "0")
        if status == 503:
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()

    def do_GET(self): self.answer(200)
    def do_PUT(self): self.answer(201)
    def do_DELETE(self): self.answer(200)
    def do_POST(self): self.answer(503)
    def log_message(self, *_): pass


class Ends(BenchTest):
    """Runs that end before their time."""

    SUBSCRIBERS = [{"transport": "websocket", "count": 20}, {"transport": "webhook", "count": 2}]

    def begin(self, profile, *arguments):
        """A run whose events are being published; the process, what it says, and its service's process."""
        process = subprocess.Popen([BINARY, "bench", "--profile", profile, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("published"):
                break
        self.assertIn("published", said[-1] if said else "", said)
        return process, said, self.child(process.pid)

    @staticmethod
    def child(parent):
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    return int(entry.parent.name)
            except OSError:
                continue
        return None

    @staticmethod
    def folder_of(service):
        arguments = pathlib.Path(f"/proc/{service}/cmdline").read_bytes().split(b"\0")
        return pathlib.Path(arguments[arguments.index(b"--config") + 1].decode()).parent

    @staticmethod
    def is_gone(process):
        try:
            return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    def test_a_service_that_dies_ends_the_run_in_an_overload_too(self):
        for overload in (False, True):
            path = self.profile(self.SUBSCRIBERS, duration="1m", events={"size": "8KiB"},
                                publish={"rate": 5000 if overload else 100, "connections": 4, "overload": overload})
            process, said, service = self.begin(path)
            folder = self.folder_of(service)
            os.kill(service, signal.SIGKILL)
            rest, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 70, rest)
            self.assertIn("the service was ended by signal 9", rest)
            self.assertFalse(folder.exists(), "its folder is removed")

    def test_a_service_elsewhere_that_is_gone_is_no_refusal(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RefusesEverything)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        path = self.profile([{"transport": "webhook", "count": 1}], duration="4s", publish={"rate": 20, "overload": True})
        process, said, service = self.begin(path, "--url", f"http://127.0.0.1:{server.server_address[1]}")
        self.assertIsNone(service)
        server.shutdown()
        server.server_close()
        thread.join()
        rest, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 69, rest)
        self.assertIn("publishing failed: cannot connect to 127.0.0.1", rest)

    def test_an_interrupted_run_reports_what_was_sent_and_leaves_nothing_behind(self):
        everyone = self.SUBSCRIBERS + [{"transport": "sse", "count": 4, "behaviour": {"kind": "churns", "every": "300ms"}}]
        path = self.profile(everyone, duration="1m", publish={"rate": 100, "connections": 2}, events={"topics": 3})
        process, said, service = self.begin(path, "--output", str(self.folder / "out"))
        folder = self.folder_of(service)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 69, rest)
        self.assertIn("fanfare: interrupted", rest)
        self.assertRegex(rest, r"\d+ of 6020 events, \d+ deliveries")
        written = self.written(self.folder / "out" / "tried.json")
        self.assertEqual(written["accepted"] + written["unsent"], written["events"])
        self.assertEqual(written["misses"], [f"interrupted: the last {written['unsent']} events were not sent"])
        self.assertEqual([group["lost"] for group in written["subscribers"]], [0, 0, 0])
        self.assertLess(written["intervals"][-1]["end_seconds"], 60)
        self.assertTrue(self.is_gone(service))
        self.assertFalse(folder.exists(), "its folder is removed")

    def test_a_service_ends_with_the_run_however_that_ends(self):
        process, said, service = self.begin(self.profile(self.SUBSCRIBERS, duration="1m"))
        folder = self.folder_of(service)
        self.addCleanup(lambda: subprocess.run(["rm", "-r", folder]))
        process.kill()
        process.wait()
        end = time.monotonic() + 20
        while not self.is_gone(service) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertTrue(self.is_gone(service), "it hears that its input has ended")

    def test_where_it_cannot_write_is_told_before_the_run(self):
        path = self.profile(self.SUBSCRIBERS, duration="1m")
        (self.folder / "file").write_text("")
        result = run_command("bench", "--profile", path, "--output", str(self.folder / "file" / "further"), timeout=20)
        self.assertEqual((result.returncode, "not a directory" in result.stderr), (74, True), result.stdout + result.stderr)
        result = run_command("bench", "--profile", path, "--output", str(self.folder / "file"), timeout=20)
        self.assertEqual((result.returncode, "not a directory" in result.stderr), (74, True), result.stdout + result.stderr)

    def test_more_sockets_than_files_may_be_open_are_refused_before_the_run(self):
        path = self.profile([{"transport": "websocket", "count": 500}])
        limited = lambda soft, hard: subprocess.run(
            [BINARY, "bench", "--profile", path], capture_output=True, text=True, timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)))
        refused = limited(300, 300)
        self.assertEqual(refused.returncode, 64, refused.stdout + refused.stderr)
        self.assertIn("RLIMIT_NOFILE", refused.stderr)
        raised = limited(300, 2000)
        self.assertEqual(raised.returncode, 0, raised.stdout + raised.stderr)


class RefusedSubscriptions(BenchTest):
    @classmethod
    def configuration(cls, service):
        return {"tenants": [{"name": "*", "subscriptions": 25}]}

    def test_subscriptions_that_were_made_before_a_refusal_are_removed(self):
        path = self.profile([{"transport": "webhook", "count": 40}])
        result = run_command("bench", "--profile", path, "--url", self.service.url, timeout=120)
        self.assertEqual(result.returncode, 77, result.stdout + result.stderr)
        self.assertNotIn("could not be removed", result.stderr)
        self.assertEqual(self.service.request("GET", "/v1/subscriptions").json()["subscriptions"], [])


class CountedRefusals(BenchTest):
    """A service that takes eight connections of sixteen publishers: 429 here, 503 below."""

    limits = {"connections_per_address": 8}

    @classmethod
    def configuration(cls, service):
        return {"limits": cls.limits}

    def test_refused_events_are_counted_and_what_was_accepted_is_delivered(self):
        members = {"publish": {"rate": 400, "connections": 16, "overload": True}}
        path = self.profile([{"transport": "websocket", "count": 2}], **members)
        output = self.folder / "results"
        result = run_command("bench", "--profile", path, "--url", self.service.url, "--output", str(output), timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        written = self.written(output / "tried.json")
        self.assertGreater(written["accepted"], 0)
        self.assertGreater(written["refused"], 0)
        self.assertIn(written["limited_by"].split()[0:2], (["the", "service,"], ["the", "load"]), "that, or a load that was late")
        self.assertEqual(written["accepted"] + written["refused"] + written["withheld"], written["events"])
        self.assertEqual(written["deliveries"], 2 * written["accepted"])
        del members["publish"]["overload"]
        path = self.profile([{"transport": "websocket", "count": 2}], **members)
        ended = run_command("bench", "--profile", path, "--url", self.service.url, timeout=120)
        self.assertNotEqual(ended.returncode, 0, "without \"overload\" a refusal ends the run")


class CountedRefusalsOfAll(CountedRefusals):
    limits = {"connections": 8, "connections_per_address": 8}


class Reports(BenchTest):
    """Results as pages, and beside one another."""

    def results(self, *names, **members):
        path = self.profile([{"transport": "websocket", "count": 5}], **members)
        for name in names:
            result = run_command("bench", "--profile", path, "--url", self.service.url, "--output", str(self.folder / name), timeout=60)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return [str(self.folder / name) for name in names]

    def compare(self, *arguments):
        return run_command("bench", "compare", *arguments, timeout=60)

    def test_two_results_are_compared_without_an_interval(self):
        a, b = self.results("a", "b")
        result = self.compare(a + "/tried.json", b + "/tried.json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("one run each: no interval", result.stdout)
        self.assertRegex(result.stdout, r"websocket, p99 +[\d.]+ ms +[\d.]+ ms +[\d.]+ ")

    def test_folders_are_compared_in_pairs_with_intervals_and_as_a_page(self):
        for turn in range(2):
            for side in ("a", "b"):
                (self.folder / side).mkdir(exist_ok=True)
                self.results(f"{side}/{turn}")
        page = self.folder / "compared.html"
        result = self.compare(str(self.folder / "a"), str(self.folder / "b"), "--html", str(page))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("2 pairs of runs", result.stdout)
        self.assertRegex(result.stdout, r"[\d.]+ to [\d.∞]+ +(better|worse|cannot be told apart)")
        self.assertIn("<svg", page.read_text())

    def test_what_cannot_be_compared_is_refused(self):
        (a,) = self.results("a")
        (b,) = self.results("b", events={"size": "500B"})
        other = self.compare(a, b)
        self.assertEqual((other.returncode, "different profiles" in other.stderr), (65, True), other.stderr)
        self.assertEqual(self.compare(a, b, "--any-profile").returncode, 0)
        self.assertEqual(self.compare(a, str(self.folder / "nothing")).returncode, 64)
        (self.folder / "wrong.json").write_text("{}")
        wrong = self.compare(a, str(self.folder / "wrong.json"))
        self.assertEqual((wrong.returncode, "no result of fanfare bench" in wrong.stderr), (65, True), wrong.stderr)

    def test_plots_are_made_of_results_and_of_the_tables_as_they_are(self):
        (a,) = self.results("a")
        made = self.folder / "made.svg"
        plot = lambda kind, *inputs: subprocess.run([ROOT / "Benchmarks" / "plot.py", kind, made, *inputs], check=True, timeout=60)
        plot("latency", f"{a}/tried.json")
        self.assertEqual(len(ElementTree.fromstring(made.read_text()).findall(".//{*}polyline")), 1)
        plot("depths")
        self.assertEqual(made.read_text(), (ROOT / "docs" / "plots" / "depths.svg").read_text(), "make bench ONLY=plots")
        table = self.folder / "table"
        table.write_text("| | deliveries/s, 1 under way | to Fanfare | 16 under way | to Fanfare |\n|---|---|---|---|---|\n"
                         "| a; **lost 3** | 101 k | 1.00 | 1.90 M | 1.00 |\n| b | **not installed** | | | |\n")
        plot("peers", table)
        self.assertIn("1,900,000", made.read_text())

    @unittest.skipIf(browser.reason_not_to(), str(browser.reason_not_to()))
    def test_a_page_stands_on_its_own_in_a_browser(self):
        (a,) = self.results("a")
        page = (self.folder / "a" / "tried.html").read_text()
        self.assertNotRegex(page, r"(src|href)=")
        chromium = self.open(browser.Browser())
        loaded = chromium.page((self.folder / "a" / "tried.html").as_uri())
        count = lambda selector: loaded.run(f"return document.querySelectorAll('{selector}').length")
        self.assertEqual(count("svg[role=img]"), 4, "the latency curve; the course of deliveries, events and latency")
        self.assertGreater(count("polyline"), 0)
        self.assertIn(count(".stages tbody tr"), (5, 6), "five stages, and what is left until sockets have it where that can be told")
        self.assertEqual(loaded.run("return document.title"), "fanfare bench: tried")
        self.assertTrue(loaded.run("return document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out")
        self.assertEqual(loaded.complaints(), [])
        loaded.run("console.warn('seen')")
        self.assertIn("seen", str(loaded.complaints()), "a warning is seen")


class Tokens(BenchTest):
    @classmethod
    def configuration(cls, service):
        return {"tokens": [{"name": "bench", "secret": "secret-0123456789abcdef0123456789",
                            "allow": {"publish": [">"], "subscribe": [">"], "manage": ["default"]}}]}

    def test_a_token_is_not_in_the_result(self):
        path = self.profile([{"transport": "websocket", "count": 1}, {"transport": "websocket", "count": 1, "slow": "skip"}])
        for arguments in (["--token", "secret-0123456789abcdef0123456789"], ["--token=secret-0123456789abcdef0123456789"]):
            result = run_command("bench", "--profile", path, "--url", self.service.url, "--output", str(self.folder / "x"), *arguments,
                                 timeout=60)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            text = (self.folder / "x" / "tried.json").read_text()
            self.assertNotIn("secret-0123456789abcdef0123456789", text)
            self.assertIn("(hidden)", text)
        self.assertEqual([g["title"] for g in json.loads(text)["subscribers"]], ["websocket", "websocket, skip when slow"])
