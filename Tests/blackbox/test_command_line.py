"""The commands against a real service: what they print, how they end, and that they outlive its restarts."""

import http.server
import json
import queue
import signal
import subprocess
import threading

import harness
from harness import Certificates, FanfareTest, event, eventually, events, run_command


class Commands(FanfareTest):
    """Started commands are ended with their test."""

    fresh_service_per_test = True

    def fanfare(self, command, *arguments, **options):
        return self.service.command(command, "--url", self.service.url, *arguments, **options)

    def started(self, *arguments):
        process = subprocess.Popen(
            [harness.BINARY, *arguments], cwd=self.service.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def sockets(self):
        """Subscribed sockets there are."""
        return self.service.request("GET", "/v1/connections").json()["total"]


class Subscribe(Commands):
    def test_every_transport_and_encryption_prints_the_same(self):
        self.service.publish(*events(3, "a.b"))
        ca = Certificates.shared().ca
        targets = {
            "websocket": ["--url", self.service.url, "--transport", "websocket"],
            "sse": ["--url", self.service.url, "--transport", "sse"],
            "websocket with TLS": ["--url", f"https://127.0.0.1:{self.service.tls_port}", "--ca", ca],
            "sse with TLS": ["--url", f"https://127.0.0.1:{self.service.tls_port}", "--ca", ca, "--transport", "sse"],
            "insecure": ["--url", f"https://127.0.0.1:{self.service.tls_port}", "--insecure"],
            "stream": ["--url", f"tcp://127.0.0.1:{self.service.stream_port}"],
            "stream with TLS": ["--url", f"tls://127.0.0.1:{self.service.tls_stream_port}", "--ca", ca],
            "stream on a Unix socket": ["--url", f"unix:{self.service.unix_path}", "--transport", "stream"],
        }
        for name, arguments in targets.items():
            with self.subTest(name):
                result = run_command("subscribe", *arguments, "--topic", "a.>", "--from", "earliest", "--count", "3")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual([json.loads(line)["id"] for line in result.stdout.splitlines()], ["e-0", "e-1", "e-2"])
                self.assertRegex(result.stderr, r"last position: [0-9a-f]{8}-0{15}3")

    def test_it_reconnects_after_a_crash_and_misses_nothing(self):
        for transport in ("websocket", "sse", "stream"):
            with self.subTest(transport):
                url = f"tcp://127.0.0.1:{self.service.stream_port}" if transport == "stream" else self.service.url
                process = self.started("subscribe", "--url", url, "--transport", transport, "--topic", f"{transport}.x", "--count", "4")
                eventually(lambda: self.sockets() == 1, what="the subscription")
                self.service.publish(*events(2, f"{transport}.x", "first"))
                first = process.stdout.readline() + process.stdout.readline()
                self.service.kill()
                self.service.start()
                self.service.publish(*events(2, f"{transport}.x", "second"))
                output, errors = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 0, errors)
                self.assertEqual(
                    [json.loads(line)["id"] for line in (first + output).splitlines()], ["first-0", "first-1", "second-0", "second-1"])

    def test_interrupted_it_tells_the_last_position(self):
        process = self.started("subscribe", "--url", self.service.url, "--topic", "a.b")
        eventually(lambda: self.sockets() == 1, what="the subscription")
        last = self.service.publish(event(type="a.b"))["last"]
        self.assertEqual(json.loads(process.stdout.readline())["fanfareposition"], last)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 0)
        self.assertIn(f"last position: {last}", errors)

    def test_a_refused_subscription_ends_with_65_and_the_reason(self):
        for transport in ("websocket", "sse"):
            with self.subTest(transport):
                result = self.fanfare("subscribe", "--topic", "a..b", "--transport", transport)
                self.assertEqual(result.returncode, 65, result.stderr)
        result = run_command("subscribe", "--url", f"tcp://127.0.0.1:{self.service.stream_port}", "--topic", "a..b")
        self.assertEqual(result.returncode, 65, result.stderr)

    def test_a_certificate_that_is_not_trusted_is_unavailable(self):
        result = run_command("subscribe", "--url", f"https://127.0.0.1:{self.service.tls_port}", "--topic", "a")
        self.assertEqual(result.returncode, 69)
        self.assertIn("certificate was refused", result.stderr)


class Arguments(FanfareTest):
    """What cannot be meant is refused with 64 before anything is done."""

    def test_what_cannot_be_meant_exits_with_64(self):
        for arguments in (
            ["publish", "--rate", "0"], ["publish", "--rate", "x"], ["publish", "--url", "localhost:8080"],
            ["publish", "--url", "tcp://127.0.0.1:1"], ["subscribe"], ["subscribe", "--topic", "a", "--count", "0"],
            ["subscribe", "--topic", "a", "--transport", "pigeon"], ["subscribe", "--topic", "a", "--transport", "stream"],
            ["subscribe", "--topic", "a", "--url", "tcp://127.0.0.1:1", "--transport", "sse"],
            ["receive", "--status", "99"], ["receive", "--delay", "soon"], ["receive", "--secret", "hunter2"],
            ["receive", "--count", "0"], ["receive", "--listen", "here"], ["receive", "--topic", "a", "--secret", "whsec_AAAA"],
            ["schema", "menu"], ["bench"], ["bench", "--list", "--profile", "x.json"], ["log", "show", "d", "--from", "x"], ["nonsense"],
        ):
            with self.subTest(" ".join(arguments)):
                result = run_command(*arguments, input="")
                self.assertEqual(result.returncode, 64, result.stdout + result.stderr)
                self.assertTrue(result.stderr.strip())

    def test_every_command_has_help(self):
        for arguments in (
            [], ["serve"], ["check"], ["publish"], ["subscribe"], ["receive"], ["status"], ["subscriptions"],
            ["subscriptions", "list"], ["log"], ["log", "verify"], ["log", "show"], ["schema"], ["demo"], ["bench"],
        ):
            with self.subTest(" ".join(arguments)):
                result = run_command(*arguments, "--help")
                self.assertEqual(result.returncode, 0)
                self.assertIn("USAGE", result.stdout)

    def test_a_service_that_is_not_there_is_69(self):
        url = f"http://127.0.0.1:{harness.free_port()}"
        for arguments in (["publish", "--topic", "a"], ["subscribe", "--topic", "a"], ["status"], ["subscriptions"],
                          ["receive", "--listen", "127.0.0.1:0", "--topic", "a"]):
            with self.subTest(" ".join(arguments)):
                result = run_command(*arguments, "--url", url, input="x")
                self.assertEqual(result.returncode, 69, result.stderr)
                self.assertIn("refused", result.stderr)

    def test_a_file_that_is_not_there_is_74(self):
        self.assertEqual(run_command("publish", "no-such-file").returncode, 74)
        self.assertEqual(run_command("log", "verify", "no-such-folder").returncode, 74)
        self.assertEqual(run_command("log", "show", "no-such-folder").returncode, 74)


class Publish(Commands):
    def test_a_rate_is_kept_and_an_answer_is_json_for_machines(self):
        path = self.service.directory / "events.json"
        path.write_text(json.dumps(events(20, "a.b"), indent=2))
        result = self.fanfare("publish", "--rate", "100", "--json", str(path))
        self.assertEqual(result.returncode, 0, result.stderr)
        answer = json.loads(result.stdout)
        self.assertEqual((answer["accepted"], answer["duplicates"]), (20, 0))
        again = json.loads(self.fanfare("publish", "--json", str(path)).stdout)
        self.assertEqual((again["accepted"], again["duplicates"]), (0, 20))

    def test_a_line_that_is_refused_tells_what_was_accepted_before_it(self):
        lines = [json.dumps(e) for e in events(3, "a.b")] + ['{"specversion":"1.0","id":"x"}']
        result = self.fanfare("publish", "-", input="\n".join(lines))
        self.assertEqual(result.returncode, 65)
        self.assertIn("3 events", result.stdout)
        self.assertTrue(result.stderr.strip())

    def test_lines_of_json_are_a_body_each_and_may_have_a_type(self):
        result = self.fanfare("publish", "--topic", "a.b", "--type", "Something Else", "-", input='{"n":1}\n{"n":2}\n')
        self.assertEqual(result.returncode, 0, result.stderr)
        read = self.service.read_events("&topic=a.b")
        self.assertEqual([(e["type"], e["data"]["n"]) for e in read], [("Something Else", 1), ("Something Else", 2)])

    def test_what_is_no_event_needs_a_topic(self):
        result = self.fanfare("publish", "-", input="hello")
        self.assertEqual(result.returncode, 65)
        self.assertIn("--topic", result.stderr)


class Receive(Commands):
    def receiver(self, port, *arguments):
        process = self.started(
            "receive", "--listen", f"127.0.0.1:{port}", "--url", self.service.url, "--topic", "orders.>", *arguments)
        # From here on an interruption ends it well; while it registers, it is a failure (exit 69).
        self.assertIn("as subscription receive-", process.stdout.readline())
        return process

    def test_it_outlives_the_services_restart_and_sees_the_same_id(self):
        process = self.receiver(harness.free_port(), "--status", "500,200", "--count", "2")
        self.service.publish(event(id="one"))
        first = process.stdout.readline()
        eventually(
            lambda: self.service.request("GET", "/v1/subscriptions").json()["subscriptions"][0]["retrying"] == 1,
            what="the retry to be noted")
        # Not only noted but in the journal, from which the next start counts on.
        eventually(lambda: self.service.metric("journal_synced_total") == self.service.metric("journal_entries_total"),
                   what="the retry to be in the journal")
        self.service.kill()
        self.service.start()
        output, errors = process.communicate(timeout=40)
        self.assertEqual(process.returncode, 0, errors)
        attempts = [line for line in (first + output).splitlines() if line.startswith("attempt")]
        self.assertEqual(len(attempts), 2, first + output)
        self.assertEqual(len({line.split("msg_")[1].split()[0] for line in attempts}), 1)
        self.assertTrue(all("signature ok" in line for line in attempts))
        self.assertTrue(attempts[0].startswith("attempt 1") and attempts[0].endswith("answered 500"))
        self.assertTrue(attempts[1].startswith("attempt 2") and attempts[1].endswith("answered 200"))
        self.assertEqual(self.service.request("GET", "/v1/subscriptions").json()["subscriptions"], [])

    def test_interrupted_it_removes_itself(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                process = self.receiver(harness.free_port())
                process.send_signal(number)
                process.communicate(timeout=10)
                self.assertEqual(process.returncode, 0)
                self.assertEqual(self.service.request("GET", "/v1/subscriptions").json()["subscriptions"], [])

    def test_interrupted_before_the_answer_it_removes_what_may_have_been_made(self):
        asked = queue.Queue()
        answer = threading.Event()

        class Slow(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                asked.put(("PUT", self.path))
                answer.wait(20)

            def do_DELETE(self):
                asked.put(("DELETE", self.path))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
        self.addCleanup(server.server_close)
        self.addCleanup(answer.set)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        process = self.started("receive", "--listen", f"127.0.0.1:{harness.free_port()}", "--topic", "a",
                               "--url", f"http://127.0.0.1:{server.server_port}")
        _, path = asked.get(timeout=20)
        process.send_signal(signal.SIGINT)
        self.assertEqual(asked.get(timeout=20), ("DELETE", path))
        _, errors = process.communicate(timeout=20)
        self.assertEqual((process.returncode, "interrupted" in errors), (69, True), errors)

    def test_it_ends_well_when_the_service_has_gone(self):
        process = self.receiver(harness.free_port())
        self.service.kill()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 0)
        self.assertIn("could not be removed", errors)


class Management(Commands):
    def test_subscriptions_are_listed_shown_disabled_enabled_and_exported(self):
        self.service.put_subscription("one", {"topics": ["a.>"], "webhook": {"url": f"http://127.0.0.1:{harness.free_port()}/"}})
        listed = self.service.command("subscriptions", "list", "--url", self.service.url)
        self.assertIn("one", listed.stdout)
        machine = self.service.command("subscriptions", "list", "--json", "--url", self.service.url)
        self.assertEqual([json.loads(line)["id"] for line in machine.stdout.splitlines()], ["one"])
        shown = self.service.command("subscriptions", "show", "one", "--url", self.service.url)
        self.assertEqual(json.loads(shown.stdout)["definition"]["topics"], ["a.>"])
        for verb, state in (("disable", "disabled"), ("enable", "active")):
            result = self.service.command("subscriptions", verb, "one", "--url", self.service.url)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(self.service.subscription("one")["state"], state)
        exported = self.service.command("subscriptions", "export", "--output", "out", "--url", self.service.url)
        self.assertEqual(exported.returncode, 0, exported.stderr)
        definition = json.loads((self.service.directory / "out" / "one.json").read_text())
        self.assertEqual((definition["id"], definition["topics"]), ("one", ["a.>"]))
        self.assertEqual(self.service.command("subscriptions", "show", "nobody", "--url", self.service.url).returncode, 65)

    def test_status_is_a_table_for_people(self):
        self.service.put_subscription("one", {"topics": ["a.>"], "webhook": {"url": f"http://127.0.0.1:{harness.free_port()}/"}})
        result = self.fanfare("status")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"(?m)^SUBSCRIPTION +STATE +LAG")
        self.assertRegex(result.stdout, r"(?m)^one +active +0")


class Demo(FanfareTest):
    def test_the_demo_loses_nothing_and_ends_by_itself(self):
        result = run_command("demo", "--seconds", "1", "--rate", "100", "--subscribers", "8", timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"(?m)^WebSocket +8 +(\d+) +\1 +0 +0 +")
        self.assertRegex(result.stdout, r"(?m)^webhook +5 +(\d+) +\1 +0 +0 +")
        self.assertRegex(result.stdout, r"signatures: \d+ right, 0 wrong")
