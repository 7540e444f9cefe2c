"""Configuration, command line, rights, the management API and the probes."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import harness
from clients import STRUCTURED
from harness import SECRET, FanfareTest, TimeBoundedTest, event, events, eventually, ids, run_command
from receiver import Receiver

TOKENS = {"backend": "backend-0123456789abcdef0123456789", "reader": "reader-0123456789abcdef0123456789",
          "manager": "manager-0123456789abcdef0123456789"}


class Check(TimeBoundedTest):
    """`fanfare check` and `fanfare schema`, which need no service."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fanfare-check-"))
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", str(self.folder)], check=True))

    def check(self, config, subscriptions=None):
        (self.folder / "fanfare.json").write_text(config if isinstance(config, str) else json.dumps(config))
        for name, content in (subscriptions or {}).items():
            (self.folder / "subscriptions.d").mkdir(exist_ok=True)
            (self.folder / "subscriptions.d" / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return run_command("check", "--config", str(self.folder / "fanfare.json"), cwd=self.folder)

    def assertFinds(self, config, code, *lines, subscriptions=None):
        result = self.check(config, subscriptions)
        output = result.stdout + result.stderr
        self.assertEqual(result.returncode, code, output)
        for line in lines:
            self.assertRegex(output, line)
        return output

    def test_an_empty_object_is_valid(self):
        self.assertEqual(self.check("{}").returncode, 0)

    def test_it_changes_nothing(self):
        self.check("{}")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["fanfare.json"])

    def test_a_subscription_file_is_checked_too(self):
        good = {"id": "a", "topics": ["x.>"], "webhook": {"url": "https://example.com/h", "signing_secrets": [SECRET]}}
        self.assertEqual(self.check("{}", {"a.json": good}).returncode, 0)

    def test_what_is_not_json_exits_with_65(self):
        for text in ("", "{", "{,}", '{"shards": 01}', '{"shards": 1} x', "{// comment\n}", "\ufeff{}"):
            with self.subTest(text):
                self.assertFinds(text, 65, r"fanfare\.json:\d+:\d+")

    def test_a_misspelt_key_is_named_with_its_place_and_the_nearest_known_one(self):
        self.assertFinds('{\n  "data_directory": "d",\n  "shrads": 2\n}', 78,
                         r"fanfare\.json:3:3: /shrads: .*shrads.*\bshards\b")

    def test_wrong_types_and_values_are_found_where_they_are(self):
        for text, pointer in (
            ('{"shards": "two"}', "/shards"), ('{"shards": -1}', "/shards"), ('{"drain": "soon"}', "/drain"),
            ('{"drain": 10}', "/drain"), ('{"limits": {"event_size": "1XB"}}', "/limits/event_size"),
            ('{"listeners": [{"name": "a", "address": "nowhere"}]}', "/listeners/0/address"),
            ('{"listeners": [{"name": "a", "address": "127.0.0.1:1", "serves": ["dance"]}]}', "/listeners/0/serves/0"),
            ('{"topics": [{"match": "a..b"}]}', "/topics/0/match"), ('{"topics": [{"match": ">", "durability": "maybe"}]}',
                                                                    "/topics/0/durability"),
            ('{"webhooks": {"networks": ["10.0.0.0/33"]}}', "/webhooks/networks/0"),
            ('{"tokens": [{"name": "a", "secret": {"env": "FANFARE_NOT_SET_ANYWHERE"}, "allow": {}}]}', "/tokens/0/secret"),
        ):
            with self.subTest(text):
                self.assertFinds(text, 78, r"fanfare\.json:1:\d+: " + re.escape(pointer))

    def test_duplicate_keys_are_refused(self):
        self.assertFinds('{"shards": 1,\n "shards": 2}', 78, r"fanfare\.json:2:\d+: /shards")

    def test_all_errors_of_all_files_come_at_once(self):
        output = self.assertFinds(
            '{"shards": "x",\n"drain": "y"}', 78, r"fanfare\.json:1:", r"fanfare\.json:2:",
            subscriptions={"a.json": '{"id": "a", "topics": []}', "b.json": '{"id": "B!", "topic": ["x"]}'})
        self.assertRegex(output, r"a\.json:\d+:\d+: ")
        self.assertRegex(output, r"b\.json:\d+:\d+: ")

    def test_a_public_listener_without_tokens_must_say_anonymous(self):
        listener = {"name": "a", "address": "0.0.0.0:8080"}
        self.assertFinds({"listeners": [listener]}, 78, "/listeners/0")
        self.assertEqual(self.check({"listeners": [listener | {"anonymous": True}]}).returncode, 0)

    def test_a_missing_named_file_is_an_error(self):
        self.assertIn(run_command("check", "--config", str(self.folder / "none.json")).returncode, (66, 74, 78))

    def test_serve_refuses_what_check_refuses(self):
        (self.folder / "fanfare.json").write_text('{"shrads": 1}')
        result = run_command("serve", "--config", str(self.folder / "fanfare.json"), cwd=self.folder)
        self.assertEqual(result.returncode, 78)
        self.assertIn("/shrads", result.stderr)

    def test_schemas_are_printed(self):
        for kind in ("config", "subscription"):
            result = run_command("schema", kind)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(json.loads(result.stdout)["type"], "object")
        self.assertIn("data_directory", run_command("schema", "config").stdout)

    def test_usage_errors_exit_with_64(self):
        for arguments in (("dance",), ("serve", "--nonsense"), ("schema", "nothing"), ("log",), ("check", "--config")):
            with self.subTest(arguments):
                self.assertIn(run_command(*arguments).returncode, (64,) if arguments != ("log",) else (0, 64))

    def test_every_command_has_help(self):
        for arguments in (["serve"], ["check"], ["publish"], ["subscribe"], ["receive"], ["status"], ["log", "verify"],
                          ["log", "show"], ["schema"], ["subscriptions"], ["subscriptions", "list"], ["bench"], []):
            with self.subTest(arguments):
                result = run_command(*arguments, "--help")
                self.assertEqual(result.returncode, 0)
                self.assertIn("USAGE", result.stdout.upper())

    def test_no_service_exits_with_69(self):
        url = f"http://127.0.0.1:{harness.free_port()}"
        self.assertEqual(run_command("status", "--url", url).returncode, 69)
        self.assertEqual(run_command("publish", "--url", url, "--topic", "a", "-", input="x").returncode, 69)


class Tokens(FanfareTest):
    @classmethod
    def configuration(cls, service):
        return {"tokens": [
            {"name": "backend", "secret": TOKENS["backend"],
             "allow": {"publish": ["acme.>"], "subscribe": ["acme.>"], "manage": ["acme"]}},
            {"name": "reader", "secret": TOKENS["reader"], "allow": {"subscribe": ["acme.public.*"]}},
            {"name": "manager", "secret": TOKENS["manager"],
             "allow": {"publish": [">"], "subscribe": [">"], "manage": ["acme", "default"]}},
        ]}

    def authorised(self, name, **headers):
        return {"authorization": f"Bearer {TOKENS[name]}"} | headers

    def post(self, token, topic="acme.a", **headers):
        fields = {"content-type": STRUCTURED} | headers
        if token:
            fields["authorization"] = f"Bearer {token}"
        return self.service.request("POST", "/v1/events", json.dumps(event(type=topic)), fields)

    def test_no_token_and_a_wrong_one_are_401_with_a_challenge(self):
        for token in (None, "wrong", TOKENS["backend"] + "x", TOKENS["backend"][:-1]):
            response = self.post(token)
            self.assertProblem(response, 401)
            self.assertTrue(response.header("www-authenticate").startswith("Bearer"))

    def test_other_schemes_are_401(self):
        for value in ("Basic YTpi", "Bearer", "Bearer  ", TOKENS["backend"]):
            with self.subTest(value):
                response = self.service.request("POST", "/v1/events", json.dumps(event(type="acme.a")),
                                                {"content-type": STRUCTURED, "authorization": value})
                self.assertProblem(response, 401)

    def test_a_right_token_may_and_the_scheme_ignores_case(self):
        self.assertEqual(self.post(TOKENS["backend"]).status, 202)
        response = self.service.request("POST", "/v1/events", json.dumps(event(type="acme.a")),
                                        {"content-type": STRUCTURED, "authorization": f"bearer {TOKENS['backend']}"})
        self.assertEqual(response.status, 202)

    def test_a_topic_that_is_not_granted_is_403(self):
        self.assertProblem(self.post(TOKENS["backend"], "other.a"), 403)
        self.assertProblem(self.post(TOKENS["backend"], "acme"), 403)
        self.assertProblem(self.post(TOKENS["reader"], "acme.public.a"), 403)

    def test_rights_are_checked_on_the_resolved_topic(self):
        fields = self.authorised("backend", **{"content-type": STRUCTURED})
        refused = self.service.request("POST", "/v1/events?topic=other.a", json.dumps(event(type="acme.a")), fields)
        self.assertProblem(refused, 403)
        allowed = self.service.request("POST", "/v1/events?topic=acme.a", json.dumps(event(type="other.a")), fields)
        self.assertEqual(allowed.status, 202)
        attribute = self.service.request("POST", "/v1/events", json.dumps(event(type="acme.a", fanfaretopic="other.a")), fields)
        self.assertProblem(attribute, 403)

    def test_patterns_must_lie_within_the_grant(self):
        for pattern, status in (("acme.public.*", 200), ("acme.public.a", 200), ("acme.*.a", 403), ("acme.%3E", 403),
                                ("acme.public.%3E", 403), ("%3E", 403), ("*.public.a", 403)):
            with self.subTest(pattern):
                source = self.open(self.service.sse(f"/v1/subscribe?topic={pattern}", headers=self.authorised("reader")))
                self.assertEqual(source.response.status, status)
                socket = self.open(self.service.websocket(f"/v1/subscribe?topic={pattern}", headers=self.authorised("reader")))
                self.assertEqual(socket.handshake.status, 101 if status == 200 else status)

    def test_a_socket_may_carry_its_token_in_the_query_or_the_subprotocol(self):
        target = "/v1/subscribe?topic=acme.a"
        self.assertEqual(self.open(self.service.websocket(target)).handshake.status, 401)
        by_query = self.open(self.service.websocket(f"{target}&access_token={TOKENS['backend']}"))
        self.assertEqual(by_query.handshake.status, 101)
        by_protocol = self.open(self.service.websocket(target, protocols=["fanfare.v1.json", f"bearer.{TOKENS['backend']}"]))
        self.assertEqual(by_protocol.handshake.status, 101)
        self.assertEqual(by_protocol.handshake.header("sec-websocket-protocol"), "fanfare.v1.json")
        self.assertNotIn(TOKENS["backend"], self.service.log_tail())

    def test_a_subscribe_op_outside_the_grant_is_an_error(self):
        socket = self.open(self.service.websocket("/v1/subscribe", headers=self.authorised("reader")))
        socket.send_op("subscribe", id="a", topics=["acme.secret"])
        socket.next_op("error")
        socket.send_op("publish", event=event(type="acme.public.a"))
        socket.next_op("error")
        socket.subscribe("acme.public.a", id="b")

    def test_a_stream_authenticates_with_its_first_line(self):
        stream = self.open(self.service.stream())
        stream.send_op("authenticate", token=TOKENS["backend"])
        stream.send_op("subscribe", id="a", topics=["acme.a"])
        while stream.next_message().get("op") != "subscribed":
            pass
        anonymous = self.open(self.service.stream())
        anonymous.send_op("subscribe", id="a", topics=["acme.a"])
        anonymous.next_op("error")
        wrong = self.open(self.service.stream())
        wrong.send_op("authenticate", token="wrong")
        wrong.next_op("error")

    def test_a_stream_may_send_long_lines_once_it_is_known(self):
        unknown = self.open(self.service.stream())
        unknown.send(b"x" * 40_000)
        self.assertEqual(unknown.next_op("error")["title"], "message-too-big")
        known = self.open(self.service.stream())
        known.send_op("authenticate", token=TOKENS["backend"])
        known.send_op("publish", event=event(type="acme.a", data="x" * 100_000))
        known.next_op("published")

    def test_managing_needs_the_tenant(self):
        definition = {"tenant": "acme", "topics": ["acme.a"], "webhook": {"url": "https://example.com/", "signing_secrets": [SECRET]}}
        fields = {"content-type": "application/json"}
        put = lambda who, body: self.service.request(
            "PUT", "/v1/subscriptions/mine", json.dumps(body), fields | (self.authorised(who) if who else {}))
        self.assertProblem(put(None, definition), 401)
        self.assertProblem(put("reader", definition), 403)
        self.assertProblem(put("backend", definition | {"tenant": "other"}), 403)
        self.assertIn(put("backend", definition).status, (200, 201))
        self.assertEqual(self.service.request("GET", "/v1/subscriptions/mine", headers=self.authorised("backend")).status, 200)

    def test_the_source_of_a_topic_publish_names_the_token(self):
        fields = self.authorised("backend", **{"content-type": "application/json"})
        self.assertEqual(self.service.request("POST", "/v1/topics/acme.named", "1", fields).status, 202)
        page = self.service.request("GET", "/v1/events?topic=acme.named", headers=self.authorised("backend")).json()
        self.assertEqual(page["events"][0]["source"], "/tokens/backend")

    def test_probes_need_no_token(self):
        for target in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(self.service.request("GET", target).status, 200)


class Browsers(FanfareTest):
    @classmethod
    def configuration(cls, service):
        base = harness.Service.default_config(service)
        base["listeners"][0] |= {"hosts": ["events.example.com"], "origins": ["https://app.example.com"]}
        return {"listeners": base["listeners"]}

    def status(self, method="GET", target="/v1/events", **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(event()) if method == "POST" else None
        return self.service.request(method, target, body, {"content-type": STRUCTURED} | fields).status

    def test_the_host_must_be_configured_or_an_address_or_localhost(self):
        port = self.service.port
        for host in ("events.example.com", f"events.example.com:{port}", "EVENTS.example.com", "localhost", f"localhost:{port}",
                     f"127.0.0.1:{port}", "[::1]", "10.1.2.3"):
            with self.subTest(host):
                self.assertEqual(self.status(host=host), 200)
        for host in ("evil.example.com", "events.example.com.evil.org", "localhost.evil.org", "127.0.0.1.evil.org"):
            with self.subTest(host):
                self.assertEqual(self.status(host=host), 403)

    def test_the_origin_must_be_absent_or_same_or_listed_before_any_change(self):
        port = self.service.port
        for origin, status in (("https://app.example.com", 202), (f"http://localhost:{port}", 202), ("https://evil.example", 403),
                               ("null", 403), ("http://app.example.com", 403), ("https://app.example.com.evil.org", 403)):
            with self.subTest(origin):
                self.assertEqual(self.status("POST", origin=origin, host=f"localhost:{port}"), status)

    def test_the_origin_is_checked_before_an_upgrade(self):
        for origin, status in (("https://app.example.com", 101), ("https://evil.example", 403)):
            socket = self.open(self.service.websocket("/v1/subscribe?topic=a", headers={"origin": origin}))
            self.assertEqual(socket.handshake.status, status)

    def test_a_preflight_of_a_listed_origin_is_answered(self):
        fields = {"origin": "https://app.example.com", "access-control-request-method": "POST",
                  "access-control-request-headers": "content-type"}
        response = self.service.request("OPTIONS", "/v1/events", headers=fields)
        self.assertIn(response.status, (200, 204))
        self.assertEqual(response.header("access-control-allow-origin"), "https://app.example.com")
        refused = self.service.request("OPTIONS", "/v1/events", headers=fields | {"origin": "https://evil.example"})
        self.assertIsNone(refused.header("access-control-allow-origin"))

    def test_an_answer_names_the_listed_origin(self):
        response = self.service.request("GET", "/v1/events", headers={"origin": "https://app.example.com"})
        self.assertEqual(response.header("access-control-allow-origin"), "https://app.example.com")


class Reading(FanfareTest):
    def get(self, query=""):
        return self.service.request("GET", "/v1/events" + query)

    def test_pages_walk_through_everything(self):
        topic = self.topic()
        self.service.publish(*events(25, topic))
        seen, start = [], None
        for size in (10, 10, 5):
            page = self.get(f"?topic={topic}&limit=10" + (f"&from={start}" if start else "")).json()
            self.assertEqual(set(page), {"events", "next", "gap"})
            self.assertIsNone(page["gap"])
            self.assertEqual(len(page["events"]), size)
            seen += ids(page["events"])
            start = page["next"]
        self.assertEqual(seen, [f"e-{n}" for n in range(25)])
        self.assertEqual(self.get(f"?topic={topic}&from={start}").json()["events"], [])

    def test_the_default_limit_is_100_and_the_bounds_are_kept(self):
        topic = self.topic()
        self.service.publish(*events(120, topic))
        self.assertEqual(len(self.get(f"?topic={topic}").json()["events"]), 100)
        self.assertEqual(len(self.get(f"?topic={topic}&limit=1").json()["events"]), 1)
        self.assertEqual(len(self.get(f"?topic={topic}&limit=1000").json()["events"]), 120)
        for limit in ("0", "1001", "-1", "x", "1.5", ""):
            with self.subTest(limit):
                self.assertProblem(self.get(f"?limit={limit}"), 400)

    def test_from_means_what_it_means_on_sockets(self):
        topic = self.topic()
        answer = self.service.publish(*events(10, topic))
        self.assertEqual(ids(self.get(f"?topic={topic}&from={answer['first']}").json()["events"]), [f"e-{n}" for n in range(1, 10)])
        self.assertEqual(self.get(f"?topic={topic}&from=latest").json()["events"], [])
        self.assertEqual(len(self.get(f"?topic={topic}&from=earliest").json()["events"]), 10)
        self.assertEqual(ids(self.get(f"?topic={topic}&from=last:2").json()["events"]), ["e-8", "e-9"])

    def test_a_position_of_another_log_is_a_gap(self):
        topic = self.topic()
        self.service.publish(event(id="x", type=topic))
        page = self.get(f"?topic={topic}&from=00000001-0000000000000007").json()
        self.assertEqual(page["gap"]["after"], "00000001-0000000000000007")
        self.assertEqual(ids(page["events"]), ["x"])

    def test_bad_positions_are_400_and_unknown_ones_404(self):
        last = self.service.publish(event())["last"]
        beyond = last[:9] + f"{harness.sequence(last) + 1000:016d}"
        for position in ("nonsense", last[:-1], last.replace("-", "+"), beyond):
            with self.subTest(position):
                self.assertProblem(self.get(f"?from={position}"), 400)
        self.assertIn(self.service.request("GET", f"/v1/events/{beyond}").status, (400, 404))
        self.assertProblem(self.service.request("GET", "/v1/events/nonsense"), 400)
        self.assertProblem(self.service.request("GET", "/v1/events/00000001-0000000000000001"), 404)


class Subscriptions(FanfareTest):
    @classmethod
    def subscription_files(cls):
        return {"filed": {"id": "filed", "tenant": "acme", "topics": ["filed.>"],
                          "webhook": {"url": "https://example.com/h", "signing_secrets": [SECRET]}}}

    definition = {"topics": ["a.>"], "webhook": {"url": "https://example.com/h", "signing_secrets": [SECRET]}}

    def put(self, name, definition):
        body = definition if isinstance(definition, str) else json.dumps(definition)
        return self.service.request("PUT", f"/v1/subscriptions/{name}", body, {"content-type": "application/json"})

    def test_a_subscription_can_be_made_shown_listed_replaced_and_removed(self):
        self.assertIn(self.put("mine", self.definition).status, (200, 201))
        shown = self.service.subscription("mine")
        for name in ("state", "cursor", "lag", "in_flight", "retrying", "dead_letters", "last_error"):
            self.assertIn(name, shown)
        self.assertIn('"mine"', self.service.request("GET", "/v1/subscriptions").body.decode())
        self.assertEqual(self.put("mine", self.definition | {"topics": ["b.>"]}).status, 200)
        self.assertIn("b.>", json.dumps(self.service.subscription("mine")))
        self.assertIn(self.service.request("DELETE", "/v1/subscriptions/mine").status, (200, 204))
        self.assertProblem(self.service.request("GET", "/v1/subscriptions/mine"), 404)
        self.assertProblem(self.service.request("DELETE", "/v1/subscriptions/mine"), 404)

    def test_secrets_are_never_given_back(self):
        self.put("secretive", self.definition)
        for target in ("/v1/subscriptions", "/v1/subscriptions/secretive"):
            self.assertNotIn(SECRET.encode(), self.service.request("GET", target).body)

    def test_a_secret_made_for_you_is_in_the_answer_once(self):
        definition = {"topics": ["a"], "webhook": {"url": "https://example.com/h"}}
        answer = self.put("made", definition)
        secrets = re.findall(rb"whsec_[A-Za-z0-9+/=]+", answer.body)
        self.assertEqual(len(secrets), 1, answer.body)
        self.assertNotIn(secrets[0], self.service.request("GET", "/v1/subscriptions/made").body)

    def test_subscriptions_survive_a_kill(self):
        self.put("kept", self.definition)
        self.service.kill()
        self.service.start()
        self.assertEqual(self.service.request("GET", "/v1/subscriptions/kept").status, 200)

    def test_a_subscription_of_a_file_is_shown_and_cannot_be_changed(self):
        self.assertEqual(self.service.request("GET", "/v1/subscriptions/filed").status, 200)
        self.assertProblem(self.put("filed", self.definition), 409)

    def test_bad_definitions_are_refused_with_pointers(self):
        for name, definition, pointer in (
            ("a", {"topics": ["a"]}, None),
            ("b", {"topics": [], "webhook": self.definition["webhook"]}, "/topics"),
            ("c", {"topics": ["a..b"], "webhook": self.definition["webhook"]}, "/topics/0"),
            ("d", self.definition | {"tpics": []}, "/tpics"),
            ("e", self.definition | {"webhook": {"url": "https://example.com", "signing_secrets": ["short"]}},
             "/webhook/signing_secrets/0"),
            ("f", self.definition | {"webhook": {"url": "https://example.com", "headers": {"host": "x"}}}, "/webhook/headers/host"),
            ("g", self.definition | {"webhook": {"url": "https://example.com", "headers": {"webhook-id": "x"}}}, None),
            ("h", self.definition | {"filters": [{"exact": {"subject": "x"}}]}, "/filters"),
            ("i", self.definition | {"webhook": {"url": "https://example.com", "signing_secrets": [{"env": "HOME"}]}}, None),
        ):
            with self.subTest(name):
                problem = self.assertProblem(self.put(name, definition), 400)
                self.assertTrue(problem["errors"])
                if pointer:
                    self.assertIn(pointer, [error["pointer"] for error in problem["errors"]])
        self.assertProblem(self.put("x", "nonsense"), 400)

    def test_ids_are_checked(self):
        for name in ("UPPER", "a_b", "a.b", "a" * 65, "%20"):
            with self.subTest(name):
                self.assertProblem(self.put(name, self.definition), 400)

    def test_a_subscription_moves_its_cursor(self):
        receiver = self.open(Receiver())
        topic = self.topic()
        self.put("moving", {"topics": [topic], "webhook": {"url": receiver.url("/m"), "signing_secrets": [SECRET]}})
        last = self.service.publish(*events(10, topic))["last"]
        receiver.wait(10, "/m")
        eventually(lambda: self.service.subscription("moving")["cursor"] >= last, what="the cursor at the end")
        self.assertEqual((self.service.subscription("moving")["lag"], self.service.subscription("moving")["in_flight"]), (0, 0))


class Probes(FanfareTest):
    def test_probes_answer(self):
        for target in ("/healthz", "/readyz"):
            self.assertEqual(self.service.request("GET", target).status, 200)

    def test_head_is_answered_without_a_body(self):
        with self.service.http() as http:
            self.assertEqual(http.request("HEAD", "/healthz").status, 200)
            self.assertEqual(http.get("/healthz").status, 200)

    def test_metrics_are_prometheus_text(self):
        self.service.publish(event())
        response = self.service.request("GET", "/metrics")
        self.assertEqual((response.status, response.media_type), (200, "text/plain"))
        lines = response.body.decode().splitlines()
        samples = [line for line in lines if line and not line.startswith("#")]
        self.assertTrue(samples)
        for line in samples:
            self.assertRegex(line, r"\A[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? [0-9.eE+-]+(Inf|NaN)?( \d+)?\Z")
        self.assertTrue(any(line.startswith("# TYPE fanfare_") for line in lines))

    def test_a_listener_serves_only_what_it_says(self):
        with self.service.http(tls=True) as http:
            self.assertIn(http.get("/metrics").status, (403, 404))
            self.assertIn(http.get("/v1/subscriptions").status, (403, 404))
            self.assertEqual(http.get("/v1/events").status, 200)


class Development(FanfareTest):
    """`serve --development`."""

    arguments = ("--development",)

    def test_development_serves(self):
        self.assertEqual(self.service.request("GET", "/readyz").status, 200)


class CommandLine(FanfareTest):
    def fanfare(self, command, *arguments, **options):
        return self.service.command(command, "--url", self.service.url, *arguments, **options)

    def started(self, command, *arguments):
        process = subprocess.Popen([harness.BINARY, command, *arguments], cwd=self.service.directory, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def test_publish_takes_a_plain_body_from_standard_input(self):
        topic = self.topic()
        result = self.fanfare("publish", "--topic", topic, "-", input="hello")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(self.service.read_events(f"&topic={topic}")), 1)

    def test_publish_takes_lines_of_cloudevents_from_a_file(self):
        topic = self.topic()
        path = self.service.directory / "events.ndjson"
        path.write_text("".join(json.dumps(e) + "\n" for e in events(30, topic)))
        result = self.fanfare("publish", str(path))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(ids(self.service.read_events(f"&topic={topic}")), [f"e-{n}" for n in range(30)])

    def test_publishing_what_is_bad_exits_with_65(self):
        self.assertEqual(self.fanfare("publish", "-", input='{"specversion":"1.0","id":""}\n').returncode, 65)

    def test_subscribe_prints_events_and_ends_after_the_count(self):
        topic = self.topic()
        self.service.publish(*events(5, topic))
        for transport in ("websocket", "sse"):
            with self.subTest(transport):
                result = self.fanfare("subscribe", "--topic", topic, "--transport", transport, "--from", "earliest", "--count", "5")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual([json.loads(line)["id"] for line in result.stdout.splitlines()], [f"e-{n}" for n in range(5)])

    def test_receive_verifies_prints_and_answers_as_told(self):
        topic, port = self.topic(), harness.free_port()
        process = self.started("receive", "--listen", f"127.0.0.1:{port}", "--topic", topic, "--url", self.service.url,
                               "--status", "500,200", "--count", "2")
        eventually(lambda: f"127.0.0.1:{port}" in json.dumps(self.service.request("GET", "/v1/subscriptions").json()),
                   what="receive registering itself")
        self.service.publish(event(id="seen-by-receive", type=topic))
        # The default first retry is 5 s, and 1 s only with --development: it is given the time.
        output, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, errors)
        self.assertIn("signature ok", output + errors)
        self.assertIn("seen-by-receive", output + errors)
        self.assertNotIn(str(port), json.dumps(self.service.request("GET", "/v1/subscriptions").json()))

    def test_status_tells_a_person_and_a_machine(self):
        self.service.publish(event())
        socket = self.open(self.service.websocket("/v1/subscribe?topic=one.*&topic=two.%3E"))
        result = self.fanfare("status")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"(?m)^TRANSPORT +LAG +CATCHING UP")
        self.assertRegex(result.stdout, r"(?m)^websocket +0 +no +0 B .*one\.\* two\.>$")
        socket.close()
        machine = self.fanfare("status", "--json")
        self.assertEqual(machine.returncode, 0, machine.stderr)
        self.assertIn("sockets", json.loads(machine.stdout))


class Logs(FanfareTest):
    fresh_service_per_test = True

    def test_what_the_service_makes_is_its_owners_alone(self):
        self.service.publish(event())
        for path in (self.service.directory / "data").rglob("*"):
            if path.is_file():
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_two_services_cannot_share_a_directory(self):
        self.service.publish(event())
        config = self.service.config | {"listeners": [
            {"name": "other", "address": f"127.0.0.1:{harness.free_port()}", "serves": ["publish", "probe"]}]}
        (self.service.directory / "other.json").write_text(json.dumps(config))
        second = self.service.command("serve", "--config", "other.json")
        self.assertNotEqual(second.returncode, 0)
        self.assertEqual(self.service.request("GET", "/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()
