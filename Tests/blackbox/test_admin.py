"""Management: files and the API together, reload, lists, dead letters and what the service tells of itself."""

import json
import os
import re
import signal
import time
import unittest

import harness
from harness import SECRET, FanfareTest, event, events, eventually
from receiver import Receiver

JSON = {"content-type": "application/json"}


def definition(url="https://example.com/h", topics=("a.>",), **webhook):
    return {"topics": list(topics), "webhook": {"url": url, "signing_secrets": [SECRET]} | webhook}


class AdminTest(FanfareTest):
    fresh_service_per_test = True

    def get(self, target, **headers):
        return self.service.request("GET", target, headers=headers)

    def post(self, target, body=None):
        return self.service.request("POST", target, None if body is None else json.dumps(body), JSON)

    def put(self, name, body, **headers):
        return self.service.request("PUT", f"/v1/subscriptions/{name}", json.dumps(body), JSON | headers)

    def delete(self, name):
        return self.service.request("DELETE", f"/v1/subscriptions/{name}")

    def write(self, name, body):
        self.service.write_subscription(name, body)

    def remove_file(self, name):
        (self.service.directory / "subscriptions.d" / f"{name}.json").unlink()

    def state(self, name):
        return self.service.subscription(name)["state"]


class FilesAndTheAPI(AdminTest):
    @classmethod
    def subscription_files(cls):
        return {"filed": {"id": "filed", "tenant": "acme"} | definition()}

    def test_a_file_that_vanishes_pauses_and_one_that_comes_back_goes_on(self):
        receiver = self.open(Receiver())
        self.write("filed", {"id": "filed"} | definition(receiver.url("/f"), ["f"]))
        self.assertEqual(self.post("/v1/reload").status, 200)
        self.service.publish(event(id="1", type="f"))
        receiver.wait(1, "/f")
        self.remove_file("filed")
        self.assertEqual(self.post("/v1/reload").json()["subscriptions"]["paused"], ["filed"])
        self.assertEqual(self.state("filed"), "paused")
        self.service.publish(event(id="2", type="f"))
        time.sleep(0.4)
        self.assertEqual(len(receiver.at("/f")), 1)
        self.service.stop()
        self.service.start()
        shown = self.service.subscription("filed")
        self.assertEqual((shown["state"], shown["file"], shown["definition"]), ("paused", None, None))
        self.write("filed", {"id": "filed"} | definition(receiver.url("/f"), ["f"]))
        self.assertEqual(self.post("/v1/reload").json()["subscriptions"]["replaced"], ["filed"])
        self.assertEqual([d.event()["id"] for d in receiver.wait(2, "/f")], ["1", "2"])
        self.assertEqual(self.state("filed"), "active")

    def test_only_delete_forgets_what_a_file_left(self):
        self.assertProblem(self.delete("filed"), 409)
        self.remove_file("filed")
        self.post("/v1/reload")
        self.assertProblem(self.post("/v1/subscriptions/filed/enable"), 409)
        self.assertEqual(self.delete("filed").status, 204)
        self.assertProblem(self.get("/v1/subscriptions/filed"), 404)

    def test_a_file_takes_over_what_was_made_through_the_api(self):
        self.put("mine", definition())
        self.write("mine", {"id": "mine"} | definition(topics=["b.>"]))
        self.service.stop()
        self.service.start()
        shown = self.service.subscription("mine")
        self.assertEqual((shown["origin"], shown["definition"]["topics"]), ("file", ["b.>"]))
        self.assertIn("takes over", self.service.log_tail())
        self.assertProblem(self.put("mine", definition()), 409)

    def test_replacing_keeps_the_cursor_and_counts_revisions(self):
        self.service.publish(*events(3, "a.b"))
        first = self.put("mine", definition() | {"start": "earliest"}).json()
        second = self.put("mine", definition(topics=["c"]) | {"start": "latest"})
        self.assertEqual((second.status, second.json()["revision"], first["revision"]), (200, 2, 1))
        self.service.kill()
        self.service.start()
        shown = self.service.subscription("mine")
        self.assertEqual((shown["revision"], shown["definition"]["topics"]), (2, ["c"]))

    def test_a_made_secret_is_kept_by_a_replacement_without_one(self):
        receiver = self.open(Receiver())
        body = {"topics": ["s"], "webhook": {"url": receiver.url("/s")}}
        secret = self.put("made", body).json()["signing_secret"]
        self.assertNotIn("signing_secret", self.put("made", body | {"topics": ["s", "t"]}).json())
        self.service.kill()
        self.service.start()
        self.service.publish(event(type="t"))
        (delivery,) = receiver.wait(1, "/s")
        self.assertTrue(delivery.signed_by(secret))

    def test_start_counts_from_a_position(self):
        receiver = self.open(Receiver())
        self.service.publish(*events(3, "p"))
        second = self.service.publish(event(id="x", type="p"))["last"]
        self.service.publish(event(id="y", type="p"))
        self.put("from", definition(receiver.url("/p"), ["p"]) | {"start": second})
        self.assertEqual([d.event()["id"] for d in receiver.wait(1, "/p")], ["y"])
        beyond = second[:9] + f"{harness.sequence(second) + 1000:016d}"
        problem = self.assertProblem(self.put("beyond", definition() | {"start": beyond}), 400)
        self.assertEqual(problem["errors"][0]["pointer"], "/start")


class Reload(AdminTest):
    def test_files_are_created_replaced_and_kept(self):
        self.write("a", {"id": "a"} | definition())
        self.write("b", {"id": "b"} | definition())
        answer = self.post("/v1/reload").json()["subscriptions"]
        self.assertEqual((answer["created"], answer["replaced"], answer["paused"], answer["unchanged"]), (["a", "b"], [], [], 0))
        self.write("b", {"id": "b"} | definition(topics=["c"]))
        answer = self.post("/v1/reload").json()["subscriptions"]
        self.assertEqual((answer["created"], answer["replaced"], answer["unchanged"]), ([], ["b"], 1))

    def test_an_error_changes_nothing_and_every_one_is_told(self):
        self.write("good", {"id": "good"} | definition())
        self.write("bad", '{"id": "bad", "topics": []}')
        self.write("worse", "{")
        problem = self.assertProblem(self.post("/v1/reload"), 422)
        told = " ".join(e["detail"] for e in problem["errors"])
        self.assertIn("bad.json:1:", told)
        self.assertIn("worse.json:1:", told)
        self.assertProblem(self.get("/v1/subscriptions/good"), 404)

    def test_what_needs_a_restart_is_named(self):
        self.service.write_config(self.service.config | {"shards": 1, "drain": "3s"})
        self.assertEqual(self.post("/v1/reload").json()["needs_restart"], ["shards", "drain"])

    def test_sighup_reloads_too(self):
        self.write("hup", {"id": "hup"} | definition())
        os.kill(self.service.process.pid, signal.SIGHUP)
        eventually(lambda: self.get("/v1/subscriptions/hup").status == 200, what="the subscription of the new file")
        self.write("hup", "nonsense")
        os.kill(self.service.process.pid, signal.SIGHUP)
        eventually(lambda: "hup.json:1:1" in self.service.log_tail(), what="the error being told")
        self.assertEqual(self.get("/v1/subscriptions/hup").status, 200)

    def test_reloads_at_once_are_all_answered(self):
        with self.service.http() as http:
            for _ in range(20):
                http.send(b"POST /v1/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
            self.assertEqual({http.read_response().status for _ in range(20)}, {200})


class Enabling(AdminTest):
    def test_a_disabled_one_waits_and_an_enabled_one_catches_up(self):
        receiver = self.open(Receiver())
        self.put("mine", definition(receiver.url("/e"), ["e"]))
        self.assertEqual(self.post("/v1/subscriptions/mine/disable").json()["state"], "disabled")
        self.service.publish(*events(3, "e"))
        time.sleep(0.4)
        self.assertEqual((receiver.at("/e"), self.state("mine")), ([], "disabled"))
        self.service.kill()
        self.service.start()
        self.assertEqual(self.state("mine"), "disabled")
        self.assertEqual(self.post("/v1/subscriptions/mine/enable").json()["state"], "active")
        receiver.wait(3, "/e")
        self.assertEqual(self.state("mine"), "active")

    def test_unknown_ones_are_404_everywhere(self):
        for method, target in (("POST", "enable"), ("POST", "disable"), ("POST", "redeliver"), ("POST", "test"), ("GET", "attempts")):
            with self.subTest(target):
                self.assertProblem(self.service.request(method, f"/v1/subscriptions/none/{target}"), 404)

    def test_wrong_methods_and_media_types_are_told(self):
        for method, target in (("GET", "/v1/reload"), ("GET", "/v1/subscriptions/x/enable"), ("POST", "/v1/subscriptions"),
                               ("POST", "/v1/dead-letters"), ("DELETE", "/v1/connections"), ("POST", "/v1/subscriptions/x")):
            with self.subTest(target):
                response = self.service.request(method, target)
                self.assertProblem(response, 405)
                self.assertTrue(response.header("allow"))
        self.assertProblem(self.service.request("PUT", "/v1/subscriptions/x", "a=b", {"content-type": "text/plain"}), 415)
        self.assertProblem(self.put("x", definition() | {"start": "x" * 300_000}), 413)
        self.assertProblem(self.get("/v1/subscriptions/x/nothing"), 404)


class Lists(AdminTest):
    def test_subscriptions_come_in_pages_by_id(self):
        for n in range(7):
            self.put(f"s-{n}", definition())
        seen, after = [], ""
        while after is not None:
            page = self.get(f"/v1/subscriptions?limit=3&after={after}").json()
            seen += [s["id"] for s in page["subscriptions"]]
            after = page["next"]
        self.assertEqual(seen, [f"s-{n}" for n in range(7)])
        for limit in ("0", "1001", "x"):
            self.assertProblem(self.get(f"/v1/subscriptions?limit={limit}"), 400)

    def test_a_quiet_subscription_does_not_lag_behind_events_it_does_not_want(self):
        receiver = self.open(Receiver())
        receiver.script["/q"] = [{"delay": 0.5}]
        self.put("quiet", definition(receiver.url("/q"), ["q"]))
        last = self.service.publish(*events(50, "other"))["last"]
        eventually(lambda: self.service.subscription("quiet")["lag"] == 0, 2, "no lag")
        self.assertEqual(self.service.subscription("quiet")["cursor"], last)
        wanted = self.service.publish(event(type="q"))["last"]
        receiver.wait(1, "/q")
        shown = self.service.subscription("quiet")
        self.assertEqual((shown["cursor"], shown["lag"], shown["in_flight"]), (last, 1, 1))
        eventually(lambda: self.service.subscription("quiet")["cursor"] == wanted, what="the cursor at the end")
        self.post("/v1/subscriptions/quiet/disable")
        self.service.publish(event(type="q"))
        # Its own disabling is an event too.
        eventually(lambda: self.service.subscription("quiet")["lag"] == 2, 2, "a lag while disabled")

    def test_attempts_tell_what_happened(self):
        receiver = self.open(Receiver())
        receiver.script["/t"] = [{"status": 500, "body": b"not today"}, 200]
        self.put("tried", definition(receiver.url("/t"), ["t"], retry={"delays": ["100ms"], "jitter": 0}))
        last = self.service.publish(event(type="t"))["last"]
        receiver.wait(2, "/t")
        attempts = eventually(
            lambda: (a := self.get("/v1/subscriptions/tried/attempts").json()["attempts"]) and len(a) == 2 and a, what="two attempts")
        second, first = attempts
        self.assertEqual((first["attempt"], first["status"], first["position"], first["answer"]), (1, 500, last, "not today"))
        self.assertTrue(first["error"] and first["next_attempt"])
        self.assertEqual((second["attempt"], second["status"], second["error"], second["next_attempt"]), (2, 200, None, None))

    def test_dead_letters_are_listed_and_delivered_again(self):
        receiver = self.open(Receiver())
        receiver.script["/d"] = [500] * 4
        self.put("dead", definition(receiver.url("/d"), ["d"], retry={"delays": ["100ms"], "jitter": 0}))
        first, second = (self.service.publish(event(id=str(n), type="d"))["last"] for n in range(2))
        letters = eventually(
            lambda: (found := self.get("/v1/dead-letters").json()["dead_letters"]) and len(found) == 2 and found, what="dead letters")
        self.assertEqual({letter["position"] for letter in letters}, {first, second})
        for letter in letters:
            self.assertEqual((letter["subscription"], letter["attempts"], letter["status"], letter["kind"]), ("dead", 2, 500, "exhausted"))
        self.assertEqual(self.get("/v1/dead-letters?subscription=dead&limit=1").json()["dead_letters"], letters[:1])
        self.assertProblem(self.get("/v1/dead-letters?subscription=none"), 404)
        self.assertEqual(self.service.subscription("dead")["dead_letters"], 2)
        answer = self.post("/v1/subscriptions/dead/redeliver", {"from": second, "to": second})
        self.assertEqual((answer.status, answer.json()["redelivering"]), (202, 1))
        self.assertEqual(receiver.wait(5, "/d")[4].event()["id"], "1")
        eventually(
            lambda: [l["position"] for l in self.get("/v1/dead-letters").json()["dead_letters"]] == [first],
            what="one dead letter being left")
        webhook_ids = {d.webhook_id for d in receiver.at("/d") if d.event()["id"] == "1"}
        self.assertEqual(len(webhook_ids), 1)
        self.service.kill()
        self.service.start()
        self.assertEqual(self.service.subscription("dead")["dead_letters"], 1)
        self.assertEqual(self.post("/v1/subscriptions/dead/redeliver").json()["redelivering"], 1)
        # What the journal had not yet of the first redelivery is delivered again: at least once.
        eventually(lambda: [d.event()["id"] for d in receiver.at("/d")[5:]].count("0") == 1, what="the other dead letter")

    def test_a_bad_range_is_told_with_pointers(self):
        self.put("mine", definition())
        for body, pointer in (({"from": "x"}, "/from"), ({"until": 1}, "/until"), ({"only": "some"}, "/only")):
            with self.subTest(body):
                problem = self.assertProblem(self.post("/v1/subscriptions/mine/redeliver", body), 400)
                self.assertEqual(problem["errors"][0]["pointer"], pointer)

    def test_connections_are_listed_most_behind_first(self):
        sockets = [self.open(self.service.websocket("/v1/subscribe?topic=c.>")), self.open(self.service.sse("/v1/subscribe?topic=c.d"))]
        rows = eventually(
            lambda: (r := self.get("/v1/connections").json())["total"] == 2 and r["connections"], what="two connections")
        self.assertEqual({row["transport"] for row in rows}, {"websocket", "sse"})
        self.assertEqual({tuple(row["topics"]) for row in rows}, {("c.>",), ("c.d",)})
        for row in rows:
            self.assertEqual((row["lag"], row["token"], row["listener"], row["catching_up"]), (0, None, "local", False))
        self.assertEqual(len(self.get("/v1/connections?limit=1").json()["connections"]), 1)
        for socket in sockets:
            socket.close()

    def test_who_is_behind_is_listed_first_and_measured(self):
        quiet = self.open(self.service.websocket("/v1/subscribe?topic=nobody"))
        stalled = self.open(self.service.websocket("/v1/subscribe?topic=much", receive_buffer=4096))
        self.service.publish(*[event(id=str(n), type="much", data="x" * 500_000) for n in range(20)])
        rows = eventually(
            lambda: (r := self.get("/v1/connections").json()["connections"]) and r[0]["lag"] > 5 and r, what="someone behind")
        self.assertEqual((rows[0]["topics"], [row["lag"] for row in rows if row["topics"] == ["nobody"]]), (["much"], [0]))
        page = self.get("/metrics").body.decode()
        value = lambda name: float(re.search(rf"(?m)^{re.escape('fanfare_' + name)} (.+)$", page)[1])
        self.assertGreater(value("socket_lag_max"), 5)
        self.assertEqual(value('sockets_by_lag{le="+Inf"}') - value('sockets_by_lag{le="0"}'), 1)
        stalled.take_events(20)
        quiet.send_frame(3, b"")
        self.assertEqual(quiet.wait_for_close(), 1002)
        eventually(lambda: 'fanfare_sockets_ended_total{reason="protocol"} 1\n' in self.get("/metrics").body.decode())
        eventually(lambda: "fanfare_socket_lag_max 0\n" in self.get("/metrics").body.decode())
        stalled.close()

    def test_status_tells_all_at_a_glance(self):
        self.put("mine", definition())
        self.service.publish(*events(3, "a.b"))
        socket = self.open(self.service.websocket("/v1/subscribe?topic=a"))
        status = eventually(lambda: (s := self.get("/v1/status").json())["connections"]["websocket"] == 1 and s, what="a socket")
        self.assertEqual((status["state"], status["shards"], status["subscriptions_total"]), ("serving", 2, 1))
        self.assertEqual(status["subscriptions"][0]["id"], "mine")
        self.assertTrue(status["log"]["head"].startswith(status["log"]["id"] + "-"))
        self.assertEqual(harness.sequence(status["log"]["head"]), 3)
        self.assertGreaterEqual(status["uptime_seconds"], 0)
        self.assertGreaterEqual(status["connections"]["http"], 1)
        socket.close()

    def test_metrics_time_the_stages_of_events_on_their_way_to_sockets(self):
        socket = self.open(self.service.websocket("/v1/subscribe?topic=timed"))
        count = lambda stage: float(
            re.search(rf'(?m)^fanfare_stage_seconds_count{{stage="{stage}"}} (.+)$', self.get("/metrics").body.decode())[1])
        before = {stage: count(stage) for stage in ("decoded", "committed", "matched", "framed", "handed")}
        self.service.publish(*events(3, "timed"), *events(2, "for.nobody"))
        socket.take_events(3)
        for stage, events_counted in (("decoded", 5), ("committed", 5), ("matched", 3), ("framed", 3), ("handed", 3)):
            eventually(lambda: count(stage) == before[stage] + events_counted, what=f"{events_counted} events {stage}")
        page = self.get("/metrics").body.decode()
        bounds = re.findall(r'fanfare_stage_seconds_bucket{stage="framed",le="(.+)"} (\d+)', page)
        self.assertEqual((bounds[0][0], bounds[-1][0], len(bounds)), ("1e-06", "+Inf", 25))
        self.assertEqual([int(n) for _, n in bounds], sorted(int(n) for _, n in bounds))
        socket.close()

    def test_metrics_count_subscriptions_and_sockets(self):
        self.put("mine", definition())
        self.put("off", definition())
        self.post("/v1/subscriptions/off/disable")
        socket = self.open(self.service.websocket("/v1/subscribe?topic=a"))
        lines = eventually(
            lambda: (l := self.get("/metrics").body.decode().splitlines()) and "fanfare_sockets 1" in l and l, what="the socket")
        for line in ('fanfare_subscriptions{state="active"} 1', 'fanfare_subscriptions{state="disabled"} 1'):
            self.assertIn(line, lines)
        # Disabling the other one is an event of its own, which this one passes over when it next looks.
        (lag,) = [line for line in lines if line.startswith('fanfare_subscription_lag{subscription="mine"} ')]
        self.assertIn(int(lag.split()[-1]), (0, 1))
        names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
        self.assertEqual(len(names), len(set(names)))
        samples = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
        samples = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in samples}
        self.assertEqual(samples - set(names), set())
        socket.close()


class Tenants(AdminTest):
    TOKENS = {"acme": "acme-0123456789abcdef0123456789", "root": "root-0123456789abcdef0123456789"}

    @classmethod
    def configuration(cls, service):
        return {"tokens": [
            {"name": "acme", "secret": cls.TOKENS["acme"], "allow": {"subscribe": ["acme.>"], "manage": ["acme"]}},
            {"name": "root", "secret": cls.TOKENS["root"], "allow": {"subscribe": [">"], "manage": ["*"]}},
        ]}

    def as_(self, who, method, target, body=None):
        fields = JSON | {"authorization": f"Bearer {self.TOKENS[who]}"}
        return self.service.request(method, target, None if body is None else json.dumps(body), fields)

    def test_everyone_sees_and_changes_their_own(self):
        ours = definition(topics=["acme.a"]) | {"tenant": "acme"}
        theirs = definition(topics=["other.a"]) | {"tenant": "other"}
        self.assertEqual(self.as_("acme", "PUT", "/v1/subscriptions/ours", ours).status, 201)
        self.assertEqual(self.as_("root", "PUT", "/v1/subscriptions/theirs", theirs).status, 201)
        self.assertEqual([s["id"] for s in self.as_("acme", "GET", "/v1/subscriptions").json()["subscriptions"]], ["ours"])
        self.assertEqual([s["id"] for s in self.as_("acme", "GET", "/v1/status").json()["subscriptions"]], ["ours"])
        for method, target in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/enable"), ("POST", "/disable"),
                               ("POST", "/redeliver"), ("GET", "/attempts")):
            with self.subTest(method + target):
                response = self.as_("acme", method, "/v1/subscriptions/theirs" + target, ours if method == "PUT" else None)
                self.assertProblem(response, 403)
        self.assertProblem(self.as_("acme", "GET", "/v1/dead-letters?subscription=theirs"), 403)
        outside = ours | {"topics": ["other.a"]}
        self.assertProblem(self.as_("acme", "PUT", "/v1/subscriptions/outside", outside), 403)

    def test_a_reload_replaces_tokens(self):
        config = self.service.config | {"tokens": [self.service.config["tokens"][1]]}
        self.service.write_config(config)
        answer = self.as_("root", "POST", "/v1/reload")
        self.assertEqual((answer.status, answer.json()["needs_restart"]), (200, []))
        eventually(lambda: self.as_("acme", "GET", "/v1/subscriptions").status == 401, what="the removed token being refused")
        self.assertEqual(self.as_("root", "GET", "/v1/subscriptions").status, 200)

    def test_the_service_itself_is_for_those_who_manage_everything(self):
        for method, target in (("GET", "/v1/connections"), ("POST", "/v1/reload")):
            with self.subTest(target):
                self.assertProblem(self.as_("acme", method, target), 403)
                self.assertEqual(self.as_("root", method, target).status, 200)


class Secrets(AdminTest):
    """Signing secrets: made, shown once, rotated with overlap, kept for files that list none."""

    def deliver(self, receiver, path, topic="k"):
        count = len(receiver.at(path))
        self.service.publish(event(type=topic))
        return receiver.wait(count + 1, path)[count]

    def made(self, receiver, path, topic="k"):
        answer = self.put(path[1:], {"topics": [topic], "webhook": {"url": receiver.url(path)}})
        return answer.json()["signing_secret"]

    def test_a_made_secret_is_shown_once_and_rotated_with_overlap(self):
        receiver = self.open(Receiver())
        old = self.made(receiver, "/rotate")
        self.assertTrue(self.deliver(receiver, "/rotate").signed_by(old))
        answer = self.post("/v1/subscriptions/rotate/rotate-secret", {"overlap": "2s"})
        new = answer.json()["signing_secret"]
        self.assertNotEqual(old, new)
        self.assertNotIn("signing_secret", self.service.subscription("rotate"))
        for text in (json.dumps(self.service.subscription("rotate")), self.get("/v1/subscriptions").body.decode()):
            self.assertNotIn(new, text)
            self.assertNotIn(old, text)
        delivery = self.deliver(receiver, "/rotate")
        self.assertTrue(delivery.signed_by(old) and delivery.signed_by(new))
        time.sleep(2.1)
        delivery = self.deliver(receiver, "/rotate")
        self.assertEqual((delivery.signed_by(old), delivery.signed_by(new)), (False, True))
        self.service.kill()
        self.service.start()
        self.assertTrue(self.deliver(receiver, "/rotate").signed_by(new))

    def test_a_rotation_without_a_body_overlaps_by_the_configuration(self):
        receiver = self.open(Receiver())
        old = self.made(receiver, "/plain")
        shown = self.post("/v1/subscriptions/plain/rotate-secret").json()
        (retiring,) = shown["definition"]["webhook"]["retiring_secrets"]
        self.assertEqual(retiring["secret"], {"hidden": True})
        self.assertTrue(self.deliver(receiver, "/plain").signed_by(old))
        self.assertProblem(self.post("/v1/subscriptions/plain/rotate-secret", {"overlap": "1"}), 400)

    def test_a_file_without_secrets_takes_over_those_of_the_api_and_keeps_them(self):
        receiver = self.open(Receiver())
        secret = self.made(receiver, "/taken")
        result = self.service.command("subscriptions", "export", "taken", "--output", "subscriptions.d", "--url", self.service.url)
        self.assertEqual(result.returncode, 0, result.stderr)
        checked = self.service.command("check", "--config", self.service.config_path)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(self.post("/v1/reload").json()["subscriptions"]["replaced"], ["taken"])
        self.assertEqual(self.service.subscription("taken")["origin"], "file")
        self.assertTrue(self.deliver(receiver, "/taken").signed_by(secret))
        self.assertEqual(self.post("/v1/reload").json()["subscriptions"]["replaced"], [])
        new = self.post("/v1/subscriptions/taken/rotate-secret", {"overlap": "0ms"}).json()["signing_secret"]
        for again in range(2):
            delivery = self.deliver(receiver, "/taken")
            self.assertEqual((delivery.signed_by(secret), delivery.signed_by(new)), (False, True))
            self.service.stop()
            self.service.start()

    def test_a_secret_written_in_a_file_is_the_files(self):
        receiver = self.open(Receiver())
        self.write("owned", {"id": "owned"} | definition(receiver.url("/owned")))
        self.post("/v1/reload")
        self.assertProblem(self.post("/v1/subscriptions/owned/rotate-secret"), 409)


class Quotas(AdminTest):
    @classmethod
    def configuration(cls, service):
        return {"tenants": [{"name": "acme", "subscriptions": 2}, {"name": "*", "subscriptions": 1}]}

    def test_a_tenant_has_no_more_than_its_quota(self):
        for n in range(2):
            self.assertEqual(self.put(f"a{n}", definition() | {"tenant": "acme"}).status, 201)
        problem = self.assertProblem(self.put("a2", definition() | {"tenant": "acme"}), 403)
        self.assertIn("acme", problem["detail"])
        self.assertEqual(self.put("a1", definition() | {"tenant": "acme"}).status, 200)
        self.assertEqual(self.put("b0", definition() | {"tenant": "beta"}).status, 201)
        self.assertProblem(self.put("b1", definition() | {"tenant": "beta"}), 403)
        self.service.request("DELETE", "/v1/subscriptions/a0")
        self.assertEqual(self.put("a2", definition() | {"tenant": "acme"}).status, 201)
        self.service.write_config(self.service.config | {"tenants": []})
        self.assertEqual(self.post("/v1/reload").json()["needs_restart"], [])
        self.assertEqual(self.put("b1", definition() | {"tenant": "beta"}).status, 201)


if __name__ == "__main__":
    unittest.main()
