"""Publishing over HTTP: the four forms of POST /v1/events, POST /v1/topics/TOPIC, and how each is refused."""

import json
import re
import unittest
import uuid

from clients import BATCH, NDJSON, STRUCTURED
from harness import FanfareTest, event, events, ids, sequence

POSITION = re.compile(r"[0-9a-f]{8}-[0-9]{16}\Z")


class PublishTest(FanfareTest):
    def assertAccepted(self, response, accepted, duplicates=0):
        self.assertEqual(response.status, 202, response.body)
        self.assertEqual(response.media_type, "application/json")
        answer = response.json()
        self.assertEqual(set(answer), {"accepted", "duplicates", "first", "last"})
        self.assertEqual((answer["accepted"], answer["duplicates"]), (accepted, duplicates))
        for name in ("first", "last"):
            if accepted > duplicates or (accepted and not duplicates):
                self.assertRegex(answer[name], POSITION)
        return answer

    def post(self, body, content_type=STRUCTURED, target="/v1/events", headers=None):
        body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return self.service.request("POST", target, body, {"content-type": content_type} | (headers or {}))

    def stored(self, topic):
        return self.service.read_events(f"&topic={topic}")

    def raw_stored(self, topic):
        return self.service.request("GET", f"/v1/events?topic={topic}").body


class Structured(PublishTest):
    def test_an_event_is_acknowledged_with_its_position(self):
        answer = self.assertAccepted(self.post(event()), 1)
        self.assertEqual(answer["first"], answer["last"])

    def test_an_event_is_readable_at_the_position_it_was_given(self):
        sent = event(type=self.topic(), data={"a": 1}, subject="x")
        answer = self.assertAccepted(self.post(sent), 1)
        response = self.service.request("GET", f"/v1/events/{answer['first']}")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.json(), sent | {"fanfareposition": answer["first"]})

    def test_positions_grow_by_one_from_event_to_event(self):
        first, second = (sequence(self.assertAccepted(self.post(event()), 1)["first"]) for _ in range(2))
        self.assertEqual(second, first + 1)

    def test_a_charset_parameter_is_allowed(self):
        self.assertAccepted(self.post(event(), STRUCTURED + "; charset=utf-8"), 1)

    def test_the_media_type_ignores_case(self):
        self.assertAccepted(self.post(event(), "Application/CloudEvents+JSON"), 1)

    def test_data_keeps_its_bytes(self):
        topic = self.topic()
        data = '{ "b" : 1.50e+2,\t"a":"\\u00e9\\/é 😀" , "a":[ ] }'
        self.post(f'{{"specversion":"1.0","id":"x","type":"{topic}","source":"/s","data":{data}}}')
        self.assertIn(data.encode(), self.raw_stored(topic))

    def test_line_breaks_between_tokens_of_data_become_spaces(self):
        topic = self.topic()
        self.post(f'{{"specversion":"1.0",\r\n"id":"x","type":"{topic}","source":"/s",\n"data":{{\r\n"a":\n1}}}}')
        self.assertIn(b'{  "a": 1}', self.raw_stored(topic))

    def test_data_may_be_any_json_value(self):
        for data in (None, True, 0, -1.5, "", "text", [], {}, [None, {"a": []}]):
            with self.subTest(data=data):
                topic = self.topic()
                self.assertAccepted(self.post(event(type=topic, data=data)), 1)
                self.assertEqual(self.stored(topic)[0]["data"], data)

    def test_attributes_keep_their_order_and_spelling(self):
        topic = self.topic()
        members = f'"zeta":"\\u007a","type":"{topic}","number":-7,"flag":true,"source":"/s","specversion":"1.0","id":"o"'
        self.assertAccepted(self.post("{" + members + "}"), 1)
        self.assertIn(members.encode(), self.raw_stored(topic))

    def test_a_null_attribute_is_absent(self):
        topic = self.topic()
        self.assertAccepted(self.post(event(type=topic, subject=None)), 1)
        self.assertIsNone(self.stored(topic)[0].get("subject"))

    def test_incoming_position_and_topic_attributes_are_replaced_and_sequence_is_left_alone(self):
        topic = self.topic()
        sent = event(type="some.type", fanfaretopic=topic, fanfareposition="ffffffff-0000000000000001", sequence="17")
        answer = self.assertAccepted(self.post(sent), 1)
        (stored,) = self.stored(topic)
        self.assertEqual(stored["fanfareposition"], answer["first"])
        self.assertEqual(stored["fanfaretopic"], topic)
        self.assertEqual(stored["sequence"], "17")
        self.assertEqual(self.raw_stored(topic).count(b"fanfareposition"), 1)
        self.assertEqual(self.raw_stored(topic).count(b'"fanfaretopic"'), 1)

    def test_the_query_topic_wins_over_the_attribute_and_the_attribute_over_the_type(self):
        asked, attribute, type = self.topic("q"), self.topic("a"), self.topic("y")
        self.post(event(id="1", type=type, fanfaretopic=attribute), target=f"/v1/events?topic={asked}")
        self.post(event(id="2", type=type, fanfaretopic=attribute))
        self.post(event(id="3", type=type))
        self.assertEqual([ids(self.stored(t)) for t in (asked, attribute, type)], [["1"], ["2"], ["3"]])

    def test_fanfaretopic_is_only_added_when_it_differs_from_type(self):
        topic = self.topic()
        self.post(event(type=topic))
        self.assertNotIn("fanfaretopic", self.stored(topic)[0])

    def test_a_type_that_is_no_topic_is_refused_unless_a_topic_is_given(self):
        for type in ("has space", "a..b", ".a", "a.", "ä", "a" * 65, ".".join("a" * 17)):
            with self.subTest(type=type):
                self.assertProblem(self.post(event(type=type)), 400)
                topic = self.topic()
                self.assertAccepted(self.post(event(type=type), target=f"/v1/events?topic={topic}"), 1)
                self.assertEqual(self.stored(topic)[0]["type"], type)

    def test_the_longest_topic_is_accepted(self):
        topic = ".".join([uuid.uuid4().hex * 2] * 16)
        self.assertAccepted(self.post(event(type=topic)), 1)

    def test_a_wildcard_is_no_topic(self):
        for topic in ("a.*", "a.%3E", "a b", "a/b"):
            with self.subTest(topic=topic):
                self.assertProblem(self.post(event(), target="/v1/events?topic=" + topic.replace(" ", "%20")), 400)

    def test_the_services_own_topics_are_forbidden_to_clients(self):
        self.assertProblem(self.post(event(type="fanfare.x")), 403)
        self.assertProblem(self.post(event(), target="/v1/events?topic=fanfare.deadletter.a"), 403)
        self.assertProblem(self.post("x", "text/plain", "/v1/topics/fanfare.x"), 403)

    def test_bad_events_are_refused_and_leave_nothing_behind(self):
        good = '"specversion":"1.0","id":"1","source":"/s"'
        bad = {
            "no JSON": "nonsense",
            "empty": "",
            "cut short": '{"specversion":"1.0"',
            "an array": "[]",
            "a string": '"x"',
            "trailing text": "{" + good + ',"type":"TOPIC"} x',
            "trailing comma": "{" + good + ',"type":"TOPIC",}',
            "invalid inside data": "{" + good + ',"type":"TOPIC","data":{"a":[01]}}',
            "invalid escape inside data": "{" + good + ',"type":"TOPIC","data":"\\x"}',
            "a lone surrogate in an attribute": "{" + good + ',"type":"TOPIC","subject":"\\ud800"}',
            "a control character in an attribute": "{" + good + ',"type":"TOPIC","subject":"a\\u0001b"}',
            "a noncharacter in an attribute": "{" + good + ',"type":"TOPIC","subject":"\\uffff"}',
            "a raw control character in data": "{" + good + ',"type":"TOPIC","data":"a\x01b"}',
            "duplicate names": "{" + good + ',"type":"TOPIC","id":"2"}',
            "duplicate names by escape": "{" + good + ',"type":"TOPIC","\\u0069d":"2"}',
            "an upper-case attribute": "{" + good + ',"type":"TOPIC","Subject":"x"}',
            "an underscore in a name": "{" + good + ',"type":"TOPIC","my_name":"x"}',
            "an empty name": "{" + good + ',"type":"TOPIC","":"x"}',
            "an object attribute": "{" + good + ',"type":"TOPIC","ext":{}}',
            "an array attribute": "{" + good + ',"type":"TOPIC","ext":[]}',
            "a float attribute": "{" + good + ',"type":"TOPIC","ext":1.5}',
            "an integer beyond 32 bits": "{" + good + ',"type":"TOPIC","ext":2147483648}',
            "a negative integer beyond 32 bits": "{" + good + ',"type":"TOPIC","ext":-2147483649}',
            "data twice over": "{" + good + ',"type":"TOPIC","data":1,"data_base64":"AA=="}',
            "bad base64": "{" + good + ',"type":"TOPIC","data_base64":"A*=="}',
            "another specversion": '{"specversion":"0.3","id":"1","source":"/s","type":"TOPIC"}',
            "no specversion": '{"id":"1","source":"/s","type":"TOPIC"}',
            "no id": '{"specversion":"1.0","source":"/s","type":"TOPIC"}',
            "a null id": '{"specversion":"1.0","id":null,"source":"/s","type":"TOPIC"}',
            "an empty id": '{"specversion":"1.0","id":"","source":"/s","type":"TOPIC"}',
            "a number as id": '{"specversion":"1.0","id":1,"source":"/s","type":"TOPIC"}',
            "no source": '{"specversion":"1.0","id":"1","type":"TOPIC"}',
            "an empty source": '{"specversion":"1.0","id":"1","source":"","type":"TOPIC"}',
            "no type": '{"specversion":"1.0","id":"1","source":"/s"}',
            "an empty type": '{"specversion":"1.0","id":"1","source":"/s","type":""}',
        }
        topic = self.topic()
        for name, body in bad.items():
            with self.subTest(name):
                self.assertProblem(self.post(body.replace("TOPIC", topic)), 400)
        self.assertProblem(self.post(b'{"specversion":"1.0","id":"\xff","source":"/s","type":"x"}'), 400)
        self.assertProblem(self.post(b"\xef\xbb\xbf" + json.dumps(event(type=topic)).encode()), 400)
        self.assertEqual(self.stored(topic), [])

    def test_deep_nesting_is_refused_or_kept_but_never_fatal(self):
        data = "[" * 100_000 + "]" * 100_000
        body = f'{{"specversion":"1.0","id":"deep","source":"/s","type":"a.b","data":{data}}}'
        self.assertIn(self.post(body).status, (202, 400))

    def test_errors_name_the_member_by_pointer(self):
        problem = self.assertProblem(self.post(event(type="a.b", ext=1.5)), 400)
        self.assertTrue(problem["errors"])
        for error in problem["errors"]:
            self.assertIsInstance(error["detail"], str)
        self.assertEqual(problem["errors"][0]["pointer"], "/ext")

    def test_limits_of_attribute_integers_are_kept(self):
        topic = self.topic()
        self.assertAccepted(self.post(event(type=topic, low=-2147483648, high=2147483647)), 1)
        (stored,) = self.stored(topic)
        self.assertEqual((stored["low"], stored["high"]), (-2147483648, 2147483647))


class Batch(PublishTest):
    def test_a_batch_is_accepted_in_order(self):
        topic = self.topic()
        answer = self.assertAccepted(self.post(events(50, topic), BATCH), 50)
        self.assertEqual(sequence(answer["last"]) - sequence(answer["first"]), 49)
        self.assertEqual(ids(self.stored(topic)), [f"e-{n}" for n in range(50)])

    def test_an_empty_batch_is_valid_and_appends_nothing(self):
        response = self.post("[]", BATCH)
        self.assertEqual(response.status, 202)
        self.assertEqual(response.json(), {"accepted": 0, "duplicates": 0, "first": None, "last": None})

    def test_a_batch_with_one_bad_event_is_refused_as_a_whole(self):
        topic = self.topic()
        batch = events(3, topic)
        del batch[1]["source"]
        problem = self.assertProblem(self.post(batch, BATCH), 400)
        self.assertTrue(problem["errors"][0]["pointer"].startswith("/1"), problem)
        self.assertEqual(self.stored(topic), [])

    def test_a_batch_with_one_forbidden_topic_is_refused_as_a_whole(self):
        topic = self.topic()
        self.assertProblem(self.post([event(type=topic), event(type="fanfare.x")], BATCH), 403)
        self.assertEqual(self.stored(topic), [])

    def test_a_batch_that_is_not_an_array_is_refused(self):
        self.assertProblem(self.post(event(), BATCH), 400)
        self.assertProblem(self.post("[1]", BATCH), 400)
        self.assertProblem(self.post("[[]]", BATCH), 400)


class Binary(PublishTest):
    def binary(self, body, content_type, target="/v1/events", **attributes):
        named = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/s", "type": "a.b"} | attributes
        headers = {f"ce-{name}": value for name, value in named.items() if value is not None}
        if content_type:
            headers["content-type"] = content_type
        return self.service.request("POST", target, body, headers)

    def test_json_data_is_embedded(self):
        topic = self.topic()
        self.assertAccepted(self.binary('{"a": 1}', "application/json", type=topic, subject="s"), 1)
        (stored,) = self.stored(topic)
        self.assertEqual((stored["data"], stored["subject"], stored["datacontenttype"]), ({"a": 1}, "s", "application/json"))
        self.assertIn(b'{"a": 1}', self.raw_stored(topic))

    def test_a_json_suffix_counts_as_json(self):
        topic = self.topic()
        self.binary("[1]", "application/vnd.acme+json", type=topic)
        self.assertEqual(self.stored(topic)[0]["data"], [1])

    def test_other_data_becomes_base64(self):
        topic = self.topic()
        self.assertAccepted(self.binary(b"\x00\xff", "application/octet-stream", type=topic), 1)
        (stored,) = self.stored(topic)
        self.assertEqual(stored["data_base64"], "AP8=")
        self.assertNotIn("data", stored)

    def test_invalid_json_data_is_refused(self):
        self.assertProblem(self.binary('{"a": 01}', "application/json"), 400)

    def test_attribute_values_are_percent_decoded_once(self):
        topic = self.topic()
        self.assertAccepted(self.binary("1", "application/json", type=topic, subject="Euro%20%E2%82%AC%2520"), 1)
        self.assertEqual(self.stored(topic)[0]["subject"], "Euro €%20")

    def test_a_missing_required_attribute_is_refused(self):
        for name in ("id", "source", "type"):
            with self.subTest(name):
                self.assertProblem(self.binary("1", "application/json", **{name: None}), 400)
        self.assertProblem(self.binary("1", "application/json", specversion="0.3"), 400)

    def test_an_empty_body_is_an_event_without_data(self):
        topic = self.topic()
        self.assertAccepted(self.binary("", None, type=topic), 1)
        (stored,) = self.stored(topic)
        self.assertNotIn("data", stored)


class Lines(PublishTest):
    def test_lines_are_accepted_in_order(self):
        topic = self.topic()
        body = "\n".join(json.dumps(e) for e in events(20, topic))
        for ending, accepted, duplicates in (("", 20, 0), ("\n", 0, 20)):
            answer = self.post(body + ending, NDJSON)
            counts = answer.json()["accepted"], answer.json()["duplicates"]
            self.assertEqual((answer.status, *counts), (202, accepted, duplicates), answer)
        self.assertEqual(ids(self.stored(topic)), [f"e-{n}" for n in range(20)])

    def test_carriage_returns_before_line_feeds_are_tolerated(self):
        topic = self.topic()
        self.assertAccepted(self.post("".join(json.dumps(e) + "\r\n" for e in events(3, topic)), NDJSON), 3)

    def test_the_first_bad_line_ends_it_and_says_how_many_were_accepted(self):
        topic = self.topic()
        lines = [json.dumps(e) for e in events(5, topic)]
        lines[3] = "{bad"
        problem = self.assertProblem(self.post("\n".join(lines), NDJSON), 400, accepted=3)
        self.assertIsInstance(problem["accepted"], int)
        self.assertEqual(ids(self.stored(topic)), ["e-0", "e-1", "e-2"])

    def test_a_bad_first_line_accepts_nothing(self):
        self.assertProblem(self.post("x\n", NDJSON), 400, accepted=0)


class Topics(PublishTest):
    def test_any_body_is_published_with_its_content_type(self):
        topic = self.topic()
        self.assertAccepted(self.post("hello", "text/plain", f"/v1/topics/{topic}"), 1)
        (stored,) = self.stored(topic)
        self.assertEqual((stored["type"], stored["source"]), (topic, "/anonymous"))
        self.assertEqual(stored["datacontenttype"], "text/plain")
        self.assertEqual(stored["data_base64"], "aGVsbG8=")
        self.assertRegex(stored["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")
        self.assertEqual(uuid.UUID(stored["id"]).version, 7)

    def test_a_json_body_is_embedded(self):
        topic = self.topic()
        self.post('{"order": 7}', "application/json", f"/v1/topics/{topic}")
        self.assertEqual(self.stored(topic)[0]["data"], {"order": 7})

    def test_the_idempotency_key_is_the_id_quoted_or_bare(self):
        topic = self.topic()
        for key in ("k-1", '"k-1"'):
            self.post("1", "application/json", f"/v1/topics/{topic}", {"idempotency-key": key})
        self.assertEqual(ids(self.stored(topic)), ["k-1"])

    def test_the_same_idempotency_key_counts_as_a_duplicate(self):
        target = f"/v1/topics/{self.topic()}"
        self.assertAccepted(self.post("1", "application/json", target, {"idempotency-key": "a"}), 1)
        again = self.post("2", "application/json", target, {"idempotency-key": "a"})
        self.assertEqual((again.status, again.json()["duplicates"]), (202, 1))

    def test_a_malformed_topic_is_refused(self):
        for topic in ("a..b", "a.*", "%3E", "a%20b", "a" * 65):
            with self.subTest(topic):
                self.assertProblem(self.post("1", "application/json", f"/v1/topics/{topic}"), 400)

    def test_the_services_own_form_posts_are_not_confused_with_events(self):
        topic = self.topic()
        self.assertAccepted(self.post(json.dumps({"id": 5}), "application/json", f"/v1/topics/{topic}"), 1)
        self.assertEqual(self.stored(topic)[0]["data"], {"id": 5})


class Deduplication(PublishTest):
    def test_the_first_of_equal_topic_source_and_id_wins(self):
        topic = self.topic()
        first = self.post(event(id="x", type=topic, data=1)).json()
        again = self.post(event(id="x", type=topic, data=2))
        self.assertEqual(again.status, 202)
        answer = again.json()
        self.assertEqual((answer["duplicates"], answer["first"], answer["last"]), (1, None, None))
        (stored,) = self.stored(topic)
        self.assertEqual((stored["data"], stored["fanfareposition"]), (1, first["first"]))

    def test_another_source_or_topic_is_another_event(self):
        topic, other = self.topic(), self.topic()
        for sent in (event(id="x", type=topic), event(id="x", type=topic, source="/other"), event(id="x", type=other)):
            self.assertEqual(self.post(sent).json()["duplicates"], 0)
        self.assertEqual((len(self.stored(topic)), len(self.stored(other))), (2, 1))

    def test_duplicates_within_one_batch_are_counted(self):
        topic = self.topic()
        batch = [event(id="a", type=topic), event(id="b", type=topic), event(id="a", type=topic)]
        answer = self.post(batch, BATCH).json()
        self.assertEqual(answer["duplicates"], 1)
        self.assertEqual(sequence(answer["last"]) - sequence(answer["first"]), 1)
        self.assertEqual(ids(self.stored(topic)), ["a", "b"])

    def test_duplicates_are_recognised_after_a_restart_and_after_a_kill(self):
        topic = self.topic()
        self.post(events(10, topic), BATCH)
        for end in (self.service.stop, self.service.kill):
            end()
            self.service.start()
            answer = self.post(events(11, topic), BATCH).json()
            self.assertIn(answer["duplicates"], (10, 11))
        self.assertEqual(ids(self.stored(topic)), [f"e-{n}" for n in range(11)])


class Refusals(PublishTest):
    @classmethod
    def configuration(cls, service):
        return {"limits": {"event_size": "64KiB"}}

    def test_other_media_types_are_415(self):
        for media_type in ("application/json", "text/plain", "application/x-www-form-urlencoded", "application/cloudevents+xml"):
            with self.subTest(media_type):
                self.assertProblem(self.post(event(), media_type), 415)

    def test_a_missing_media_type_is_415(self):
        self.assertProblem(self.service.request("POST", "/v1/events", json.dumps(event())), 415)

    def test_an_event_over_the_limit_is_413_and_one_below_is_accepted(self):
        self.assertProblem(self.post(event(data="x" * 70_000)), 413)
        self.assertEqual(self.post(event(data="x" * 60_000)).status, 202)

    def test_a_large_event_in_chunks_is_413(self):
        with self.service.http() as http:
            http.send(http.head("POST", "/v1/events", {"content-type": STRUCTURED, "transfer-encoding": "chunked"}))
            try:
                for _ in range(5000):
                    http.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            except OSError:
                pass
            self.assertProblem(http.read_response(), 413)

    def test_a_head_that_is_too_large_is_431(self):
        self.assertProblem(self.service.request("GET", "/healthz", headers={"x-big": "a" * 100_000}), 431)

    def test_too_many_headers_are_431(self):
        self.assertProblem(self.service.request("GET", "/healthz", headers={f"x-{n}": "1" for n in range(2000)}), 431)

    def test_a_wrong_method_is_405_with_the_allowed_ones(self):
        for method, target, allowed in (
            ("GET", "/v1/topics/a", "POST"), ("PUT", "/v1/events", "POST"), ("DELETE", "/v1/events", "GET"),
            ("POST", "/v1/subscribe", "GET"), ("POST", "/healthz", "GET"), ("PATCH", "/v1/subscriptions/x", "PUT"),
        ):
            with self.subTest(method=method, target=target):
                response = self.service.request(method, target)
                self.assertProblem(response, 405)
                self.assertIn(allowed, [m.strip() for m in (response.header("allow") or "").split(",")])

    def test_an_unknown_path_is_404(self):
        for target in ("/", "/v1", "/v1/nothing", "/v1/events/", "/V1/events", "/v1/topics/", "/v1/events/x/y"):
            with self.subTest(target):
                self.assertIn(self.service.request("GET", target).status, (400, 404) if "events/" in target else (404, 405))

    def test_a_problems_type_is_a_uri_and_the_same_each_time(self):
        types = {self.assertProblem(self.post(event(), "text/plain"), 415)["type"] for _ in range(2)}
        self.assertEqual(len(types), 1)
        self.assertRegex(types.pop(), r"\A[a-z][a-z0-9+.-]*:\S+\Z")


class Connections(PublishTest):
    def test_a_connection_is_kept_for_many_requests(self):
        with self.service.http() as http:
            for _ in range(100):
                self.assertEqual(http.post("/v1/events", json.dumps(event())).status, 202)

    def test_a_refused_event_leaves_the_connection_usable(self):
        with self.service.http() as http:
            self.assertEqual(http.post("/v1/events", "nonsense").status, 400)
            self.assertEqual(http.get("/v1/nothing").status, 404)
            self.assertEqual(http.post("/v1/events", json.dumps(event())).status, 202)

    def test_connection_close_is_honoured(self):
        with self.service.http() as http:
            self.assertEqual(http.get("/healthz", {"connection": "close"}).status, 200)
            self.assertEqual(http.rest(), b"")

    def test_pipelined_requests_are_answered_in_order(self):
        topic = self.topic()
        with self.service.http() as http:
            requests = b""
            for n in range(50):
                body = json.dumps(event(id=str(n), type=topic)).encode()
                requests += http.head("POST", "/v1/events", {"content-type": STRUCTURED}, len(body)) + body
                requests += http.head("GET", "/healthz") if n % 7 == 0 else b""
            http.send(requests)
            positions = []
            for n in range(50):
                response = http.read_response()
                self.assertEqual(response.status, 202)
                positions.append(response.json()["first"])
                if n % 7 == 0:
                    self.assertEqual(http.read_response().status, 200)
        self.assertEqual(positions, sorted(positions))
        self.assertEqual(ids(self.stored(topic)), [str(n) for n in range(50)])

    def test_pipelined_refusals_keep_their_places(self):
        with self.service.http() as http:
            good = json.dumps(event()).encode()
            for body in (good, b"nonsense", good):
                http.send(http.head("POST", "/v1/events", {"content-type": STRUCTURED}, len(body)) + body)
            statuses = [http.read_response().status for _ in range(3)]
        self.assertEqual((statuses[0], statuses[1], statuses[2]), (202, 400, 202))

    def test_a_request_may_arrive_byte_by_byte(self):
        with self.service.http() as http:
            body = json.dumps(event()).encode()
            for byte in http.head("POST", "/v1/events", {"content-type": STRUCTURED}, len(body)) + body:
                http.send(bytes([byte]))
            self.assertEqual(http.read_response().status, 202)

    def test_chunked_bodies_are_put_together(self):
        topic = self.topic()
        body = json.dumps(event(type=topic, data="x" * 3000)).encode()
        with self.service.http() as http:
            http.send(http.head("POST", "/v1/events", {"content-type": STRUCTURED, "transfer-encoding": "chunked"}))
            for start in range(0, len(body), 100):
                part = body[start:start + 100]
                http.send(f"{len(part):X};note=1\r\n".encode() + part + b"\r\n")
            http.send(b"0\r\nx-trailer: 1\r\n\r\n")
            self.assertEqual(http.read_response().status, 202)
            self.assertEqual(http.get("/healthz").status, 200)
        self.assertEqual(len(self.stored(topic)), 1)

    def test_expect_continue_is_answered_before_the_body(self):
        body = json.dumps(event()).encode()
        with self.service.http() as http:
            http.send(http.head("POST", "/v1/events", {"content-type": STRUCTURED, "expect": "100-continue"}, len(body)))
            self.assertEqual(http.read_response().status, 100)
            http.send(body)
            self.assertEqual(http.read_response().status, 202)

    def test_http_1_0_is_answered_and_closed(self):
        with self.service.http() as http:
            http.send(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            self.assertEqual(http.read_response().status, 200)
            self.assertEqual(http.rest(), b"")

    def test_publishing_works_over_tls(self):
        with self.service.http(tls=True) as http:
            for _ in range(3):
                self.assertEqual(http.post("/v1/events", json.dumps(event())).status, 202)

    def test_an_absolute_target_is_understood(self):
        with self.service.http() as http:
            self.assertEqual(http.get(f"http://localhost:{self.service.port}/healthz",
                                      {"host": f"localhost:{self.service.port}"}).status, 200)


if __name__ == "__main__":
    unittest.main()
