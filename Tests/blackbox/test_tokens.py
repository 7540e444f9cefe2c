"""JSON Web Tokens from outside: tokens made by PyJWT, or by hand where PyJWT would refuse to make them."""

import base64
import hashlib
import hmac
import json
import time
import unittest

from clients import STRUCTURED
from harness import FanfareTest, event, eventually, needs

try:
    import jwt
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
except ImportError:
    jwt = None

SHARED = b"a secret of at least 32 bytes, 0123456789"
ISSUER, AUDIENCE = "https://id.example.com", "fanfare"
ALL = "publish:acme.> subscribe:acme.> manage:acme openid"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header, claims, key=SHARED, digest=hashlib.sha256):
    """A token with exactly this header and these claims (dict or raw text), signed with HMAC."""
    raw = lambda part: part.encode() if isinstance(part, str) else json.dumps(part).encode()
    signed = f"{base64url(raw(header))}.{base64url(raw(claims))}"
    return f"{signed}.{base64url(hmac.new(key, signed.encode(), digest).digest())}"


def claims(**more):
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": int(time.time()) + 60, "scope": ALL} | more
    return {name: value for name, value in given.items() if value is not None}


def token(**more):
    return compact({"alg": "HS256", "typ": "JWT", "kid": "shared"}, claims(**more))


class JWTTest(FanfareTest):
    """A service that takes tokens of one issuer, whose key set has a key of every kind."""

    @classmethod
    def setUpClass(cls):
        cls.private = {}
        super().setUpClass()

    @classmethod
    def key_set(cls):
        keys = [{"kty": "oct", "kid": "shared", "alg": "HS256", "k": base64url(SHARED)},
                {"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}]
        if jwt:
            p256, ed = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
            cls.private = {"ES256": p256, "EdDSA": ed}
            keys += [json.loads(jwt.algorithms.ECAlgorithm.to_jwk(p256.public_key())) | {"kid": "p256", "use": "sig"},
                     json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(ed.public_key())) | {"kid": "ed"}]
        return {"keys": keys}

    @classmethod
    def configuration(cls, service):
        (service.directory / "jwks.json").write_text(json.dumps(cls.key_set()))
        return {"jwt": {"keys": "jwks.json", "issuer": ISSUER, "audience": AUDIENCE}}

    def post(self, text, topic="acme.a", **options):
        fields = {"content-type": STRUCTURED, "authorization": f"Bearer {text}"}
        return self.service.request("POST", "/v1/events", json.dumps(event(type=topic)), fields, **options)

    def bearer(self, text):
        return {"authorization": f"Bearer {text}"}


class Verification(JWTTest):
    def test_a_good_token_publishes_and_its_subject_is_the_source(self):
        for _ in range(3):
            self.assertEqual(self.post(token()).status, 202)
        self.assertEqual(self.post(token(), tls=True).status, 202)
        for sub, source in (("ann", "/subjects/ann"), ("a b/ä", "/subjects/a%20b%2F%C3%A4"), (None, "/subjects")):
            text, topic = token(sub=sub), self.topic("acme")
            answer = self.service.request("POST", f"/v1/topics/{topic}", "1", self.bearer(text))
            self.assertEqual(answer.status, 202)
            page = self.service.request("GET", f"/v1/events?topic={topic}", headers=self.bearer(text)).json()
            self.assertEqual(page["events"][0]["source"], source)

    @unittest.skipUnless(jwt, "PyJWT is not installed")
    def test_tokens_of_another_implementation_are_taken_for_every_algorithm(self):
        for algorithm, key, kid in (("HS256", SHARED, "shared"), ("ES256", self.private["ES256"], "p256"),
                                    ("EdDSA", self.private["EdDSA"], "ed")):
            for headers in ({"kid": kid}, {}):
                with self.subTest(algorithm, headers=headers):
                    text = jwt.encode(claims(), key, algorithm, headers=headers)
                    self.assertEqual(self.post(text).status, 202)
                    self.assertProblem(self.post(text[:-8] + "AAAAAAAA"), 401)

    @unittest.skipUnless(jwt, "PyJWT is not installed")
    def test_a_key_is_good_for_its_own_algorithm_only(self):
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.private["ES256"].public_key())
        point = base64.urlsafe_b64decode(json.loads(public)["x"] + "=")
        for name, text in {
            "an EC key's bytes as HMAC secret": compact({"alg": "HS256", "kid": "p256"}, claims(), point),
            "an EC key as JSON as HMAC secret": compact({"alg": "HS256", "kid": "p256"}, claims(), public.encode()),
            "ES256 signed by the Ed25519 key": compact({"alg": "ES256", "kid": "ed"}, claims()),
            "the shared secret under the name of ES256": compact({"alg": "ES256", "kid": "shared"}, claims()),
            "another P-256 key": jwt.encode(claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "p256"}),
        }.items():
            with self.subTest(name):
                self.assertProblem(self.post(text), 401)

    def test_whatever_is_wrong_with_a_token_is_401_and_says_so(self):
        now, header = time.time(), {"alg": "HS256", "kid": "shared"}
        good = token()
        for name, text, says in (
            ("alg none", compact({"alg": "none"}, claims()), "algorithm"),
            ("alg none without signature", good.rsplit(".", 1)[0] + ".", "not known"),
            ("alg NONE", compact({"alg": "NONE"}, claims()), "algorithm"),
            ("alg hs256", compact({"alg": "hs256"}, claims()), "algorithm"),
            ("HS512", compact({"alg": "HS512", "kid": "shared"}, claims(), digest=hashlib.sha512), "algorithm"),
            ("RS256", compact({"alg": "RS256", "kid": "rsa"}, claims()), "algorithm"),
            ("no alg", compact({"kid": "shared"}, claims()), "algorithm"),
            ("alg twice", compact('{"alg":"none","alg":"HS256"}', claims()), "no JSON Web Token"),
            ("a critical header", compact(header | {"crit": ["b64"], "b64": False}, claims()), "algorithm"),
            ("an unknown kid", compact(header | {"kid": "other"}, claims()), "no key"),
            ("a kid that is a number", compact(header | {"kid": 1}, claims()), "no key"),
            ("the kid of a key of another kind", compact(header | {"kid": "rsa"}, claims()), "no key"),
            ("another secret", compact(header, claims(), b"x" * 32), "signature"),
            ("a key of its own", compact(header | {"jwk": {"kty": "oct", "k": base64url(b"x" * 32)}}, claims(), b"x" * 32),
             "signature"),
            ("claims of another token", ".".join([good.split(".")[0], token(sub="bob").split(".")[1], good.split(".")[2]]),
             "signature"),
            ("a cut signature", good[:-3], "signature"),
            ("a padded signature", good + "=", "no JSON Web Token"),
            ("an expired one", compact(header, claims(exp=now - 1)), "expired"),
            ("no exp", compact(header, claims(exp=None)), "exp"),
            ("exp as text", compact(header, claims(exp="9999999999")), "exp"),
            ("a negative exp", compact(header, claims(exp=-1)), "exp"),
            ("nbf to come", compact(header, claims(nbf=now + 3600)), "nbf"),
            ("nbf as text", compact(header, claims(nbf="0")), "exp"),
            ("another issuer", compact(header, claims(iss=ISSUER + "/")), "iss"),
            ("no issuer", compact(header, claims(iss=None)), "iss"),
            ("another audience", compact(header, claims(aud="other")), "aud"),
            ("other audiences", compact(header, claims(aud=["other", "fanfare2"])), "aud"),
            ("no audience", compact(header, claims(aud=None)), "aud"),
            ("claims twice", compact(header, '{"iss":"x","iss":"y"}'), "no JSON Web Token"),
            ("claims that are a list", compact(header, "[]"), "no JSON Web Token"),
            ("claims that are no JSON", compact(header, "{"), "no JSON Web Token"),
            ("a broken scope", compact(header, claims(scope="publish:a..b")), "scope"),
            ("a scope that is a number", compact(header, claims(scope=1)), "no JSON Web Token"),
            ("five parts", good + ".a.b", "not known"),
            ("too long", compact(header, claims(sub="x" * 4000)), "not known"),
        ):
            with self.subTest(name):
                response = self.post(text)
                self.assertProblem(response, 401)
                self.assertIn(says, response.json()["detail"])
                self.assertIn("invalid_token", response.header("www-authenticate"))
        self.assertProblem(self.service.request("GET", "/v1/events"), 401)
        self.assertEqual(self.post(good).status, 202, "and a good token is as good as before")

    def test_what_is_unusual_and_allowed(self):
        header = {"alg": "HS256", "kid": "shared"}
        for name, text in {
            "no kid, one key of the algorithm": compact({"alg": "HS256"}, claims()),
            "among several audiences": compact(header, claims(aud=["other", AUDIENCE])),
            "times with fractions": compact(header, claims(exp=time.time() + 9.5, nbf=time.time() - 0.5)),
            "an issuer's clock a little ahead": compact(header, claims(nbf=time.time() + 5)),
            "an end in 30 thousand million years": compact(header, claims(exp=1e18)),
            "a scope as a list": compact(header, claims(scope=ALL.split())),
        }.items():
            with self.subTest(name):
                self.assertEqual(self.post(text).status, 202)

    def test_the_scope_is_what_it_may(self):
        text = token(scope="publish:acme.orders.* subscribe:acme.public.> profile email:x")
        self.assertEqual(self.post(text, "acme.orders.a").status, 202)
        self.assertProblem(self.post(text, "acme.a"), 403)
        self.assertProblem(self.post(token(scope=None)), 403)
        for pattern, status in (("acme.public.a", 200), ("acme.%3E", 403), ("other.a", 403)):
            source = self.open(self.service.sse(f"/v1/subscribe?topic={pattern}", headers=self.bearer(text)))
            self.assertEqual(source.response.status, status)
        self.assertProblem(self.service.request("GET", "/v1/connections", headers=self.bearer(token())), 403)
        self.assertEqual(
            self.service.request("GET", "/v1/connections", headers=self.bearer(token(scope="manage:*"))).status, 200)

    def test_pipelined_requests_are_answered_in_order_while_tokens_are_verified(self):
        with self.service.http() as http:
            body = json.dumps(event(type="acme.a"))
            requests, wanted = b"", []
            for number in range(24):
                # A fresh token each, some of them wrong, and requests that need none in between.
                text = token(sub=f"s{number}") if number % 3 else token(iss="x", sub=f"s{number}")
                fields = {"content-type": STRUCTURED, "authorization": f"Bearer {text}"}
                requests += http.head("POST", "/v1/events", fields, len(body)) + body.encode()
                requests += http.head("GET", "/healthz")
                wanted += [202 if number % 3 else 401, 200]
            http.send(requests)
            self.assertEqual([http.read_response().status for _ in wanted], wanted)

    def test_a_token_is_never_written_to_the_log(self):
        text = token()
        socket = self.open(self.service.websocket(f"/v1/subscribe?topic=acme.a&access_token={text}"))
        self.assertEqual(socket.handshake.status, 101)
        self.service.request("GET", f"/v1/nothing?access_token={text}")
        self.assertNotIn(text.split(".")[2], "".join(self.service.stderr))

    def test_metrics_count_what_was_verified(self):
        def verified():
            page = self.service.request("GET", "/metrics").body.decode()
            lines = [line for line in page.splitlines() if line.startswith("fanfare_tokens_verified_total")]
            return sum(float(line.split()[-1]) for line in lines)

        before, text = verified(), token(sub="counted")
        with self.service.http() as http:
            for _ in range(5):
                self.assertEqual(http.get("/v1/events?topic=acme.a", self.bearer(text)).status, 200)
        self.assertEqual(verified() - before, 1, "the verdict is kept until the token expires")


class Sockets(JWTTest):
    """Tokens that end while a connection lives."""

    def opened(self, transport, text):
        """A subscriber of acme.a on the given transport, with this token."""
        target = "/v1/subscribe?topic=acme.a"
        if transport == "stream":
            stream = self.open(self.service.stream())
            # In one piece: what follows the token waits until it has been verified.
            stream.send(b'{"op":"authenticate","token":"%s"}\n{"op":"subscribe","id":"a","topics":["acme.a"]}\n' % text.encode())
            self.assertEqual(stream.next_op("subscribed")["id"], "a")
            return stream
        if transport == "sse":
            return self.open(self.service.sse(f"{target}&access_token={text}"))
        return self.open(self.service.websocket(target, protocols=["fanfare.v1.json", f"bearer.{text}"]))

    def test_every_transport_takes_a_token_and_ends_with_it(self):
        ends = {}
        for transport in ("websocket", "sse", "stream"):
            ends[transport] = time.time() + 2
            ends[transport] = (self.opened(transport, token(exp=ends[transport])), ends[transport])
        self.assertEqual(self.post(token()).status, 202)
        for transport, (subscriber, end) in ends.items():
            with self.subTest(transport):
                self.assertEqual(subscriber.next_event()["type"], "acme.a")
                if transport != "sse":
                    closing = subscriber.next_op("closing")
                    self.assertEqual(closing["reason"], "token expired")
                if transport == "websocket":
                    self.assertEqual(subscriber.wait_for_close(), 1008)
                    self.assertEqual(subscriber.close_reason, "token expired")
                else:
                    with self.assertRaises(EOFError):
                        subscriber.next_event()
                self.assertLess(end - 0.05, time.time())
                self.assertLess(time.time(), end + 2)

    def test_a_token_is_refreshed_in_band_before_it_expires(self):
        for transport in ("websocket", "stream"):
            with self.subTest(transport):
                subscriber = self.opened(transport, token(exp=time.time() + 2))
                end = int(time.time()) + 60
                subscriber.send_op("authenticate", token=token(exp=end))
                answer = subscriber.next_op("authenticated")
                self.assertEqual(answer["expires"], time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(end)) + answer["expires"][19:])
                time.sleep(2.5)
                self.assertEqual(self.post(token()).status, 202)
                self.assertEqual(subscriber.next_event()["type"], "acme.a")

    def test_a_refresh_that_is_refused_changes_nothing(self):
        for transport in ("websocket", "stream"):
            with self.subTest(transport):
                subscriber = self.opened(transport, token())
                for wrong, title in ((token(exp=time.time() - 1), "unauthorized"), ("nonsense", "unauthorized"),
                                     (token(iss="x"), "unauthorized"), ("a b", "unauthorized"),
                                     (token(scope="subscribe:other.>"), "forbidden")):
                    subscriber.send_op("authenticate", token=wrong)
                    self.assertEqual(subscriber.next_op("error")["title"], title)
                self.assertEqual(self.post(token()).status, 202)
                self.assertEqual(subscriber.next_event()["type"], "acme.a")

    def test_a_refresh_gives_the_new_rights_and_takes_the_old_ones(self):
        subscriber = self.opened("websocket", token())
        subscriber.send_op("authenticate", token=token(scope="subscribe:acme.> subscribe:more.>"))
        subscriber.next_op("authenticated")
        subscriber.subscribe("more.a", id="b")
        subscriber.send_op("publish", event=event(type="acme.a"))
        self.assertEqual(subscriber.next_op("error")["title"], "forbidden")

    def test_a_stream_that_begins_with_a_bad_token_is_told_and_closed(self):
        for wrong in (token(exp=time.time() - 1), token(aud="x"), "a.b.c"):
            stream = self.open(self.service.stream())
            stream.send_op("authenticate", token=wrong)
            stream.send_op("subscribe", id="a", topics=["acme.a"])
            self.assertEqual(stream.next_op("error")["title"], "unauthorized")
            with self.assertRaises(EOFError):
                stream.next_message()

    def test_a_stream_that_never_says_who_it_is_is_ended_whatever_it_sends(self):
        for kind in ("tcp", "tls"):
            stream = self.open(self.service.stream(kind))
            stream.socket.settimeout(1)
            begin, ops = time.time(), []
            with self.assertRaises((EOFError, ConnectionError)):
                while time.time() < begin + 40:
                    stream.send(b"\n")
                    try:
                        ops.append(stream.next_message())
                    except TimeoutError:
                        pass
            self.assertEqual([op["title"] for op in ops], ["unauthorized"])
            self.assertGreater(time.time(), begin + 9)

    def test_a_stream_that_has_said_who_it_is_stays(self):
        stream = self.opened("stream", token())
        time.sleep(10.5)
        self.assertEqual(self.post(token()).status, 202)
        self.assertEqual(stream.next_event()["type"], "acme.a")

    def test_control_characters_of_a_subject_do_not_reach_the_terminal(self):
        self.opened("websocket", token(sub="a\x1b]0;x\x07\u009b31m\u202eb"))
        result = self.service.command("status", "--url", self.service.url, "--token", token(scope="manage:*"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(r"a\u{1b}]0;x\u{7}\u{9b}31m\u{202e}b", result.stdout)
        self.assertNotRegex(result.stdout, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    def test_a_reload_takes_new_keys_and_forgets_old_ones(self):
        text = token(sub="reloaded")
        self.assertEqual(self.post(text).status, 202)
        path = self.service.directory / "jwks.json"
        before = path.read_text()
        try:
            path.write_text(json.dumps({"keys": [{"kty": "oct", "kid": "shared", "k": base64url(b"n" * 32)}]}))
            self.service.process.send_signal(1)
            eventually(lambda: self.post(text).status == 401, what="the old key being forgotten")
            new = compact({"alg": "HS256", "kid": "shared"}, claims(), b"n" * 32)
            self.assertEqual(self.post(new).status, 202)
        finally:
            path.write_text(before)
            self.service.process.send_signal(1)
            eventually(lambda: self.post(text).status == 202, what="the first key being back")


@unittest.skipUnless(jwt, "PyJWT is not installed")
@needs("websockets", "httpx", "httpx_sse")
class RealClients(JWTTest):
    """PyJWT's tokens in clients nobody here wrote: Python's websockets, httpx and httpx-sse."""

    ALGORITHMS = (("HS256", "shared"), ("ES256", "p256"), ("EdDSA", "ed"))

    def issued(self, algorithm, kid, seconds=60, **more):
        key = self.private.get(algorithm, SHARED)
        return jwt.encode(claims(exp=int(time.time()) + seconds, **more), key, algorithm, headers={"kid": kid})

    def http(self):
        import httpx
        return self.enterContext(httpx.Client(timeout=10, trust_env=False, base_url=self.service.url))

    def connect(self, text, topic, by_header):
        from websockets.sync.client import connect
        given = {"additional_headers": self.bearer(text), "subprotocols": ["fanfare.v1.json"]} if by_header else {
            "subprotocols": ["fanfare.v1.json", f"bearer.{text}"]}
        connection = connect(f"ws://127.0.0.1:{self.service.port}/v1/subscribe?topic={topic}", proxy=None, **given)
        self.addCleanup(connection.close_socket)
        return connection

    def listen(self, client, text, topic):
        import httpx_sse
        source = self.enterContext(httpx_sse.connect_sse(
            client, "GET", "/v1/subscribe", params={"topic": topic}, headers=self.bearer(text)))
        self.assertEqual(source.response.status_code, 200)
        return source.iter_sse()

    def take(self, connection, wanted):
        """The next message that is `wanted`."""
        while True:
            message = json.loads(connection.recv(timeout=10))
            if wanted(message):
                return message

    def test_every_algorithm_publishes_and_subscribes(self):
        for algorithm, kid in self.ALGORITHMS:
            with self.subTest(algorithm):
                topic, client = self.topic("acme"), self.http()
                text = self.issued(algorithm, kid)
                sockets = [self.connect(text, topic, by_header) for by_header in (True, False)]
                source = self.listen(client, text, topic)
                answer = self.http().post(f"/v1/topics/{topic}", json={"by": algorithm}, headers=self.bearer(text))
                self.assertEqual(answer.status_code, 202, answer.text)
                sockets[0].send(json.dumps({"op": "publish", "event": event(id="second", type=topic)}))
                for socket in sockets:
                    first = self.take(socket, lambda m: "specversion" in m)
                    self.assertEqual((first["data"], first["source"]), ({"by": algorithm}, "/subjects/ann"))
                    self.assertEqual(self.take(socket, lambda m: "specversion" in m)["id"], "second")
                self.assertEqual([json.loads(next(source).data)["type"] for _ in range(2)], [topic, topic])
                for refused in (text[:-6] + "AAAAAA", self.issued(algorithm, kid, seconds=-1)):
                    answer = self.http().post(f"/v1/topics/{topic}", json=1, headers=self.bearer(refused))
                    self.assertEqual(answer.status_code, 401)
                    self.assertIn("invalid_token", answer.headers["www-authenticate"])

    def test_exp_ends_the_connection(self):
        from websockets.exceptions import ConnectionClosed
        for algorithm, kid in self.ALGORITHMS:
            with self.subTest(algorithm):
                topic, client = self.topic("acme"), self.http()
                text = self.issued(algorithm, kid, seconds=3)
                end = jwt.decode(text, options={"verify_signature": False})["exp"]
                socket, source = self.connect(text, topic, by_header=True), self.listen(client, text, topic)
                with self.assertRaises(ConnectionClosed) as closed:
                    while True:
                        socket.recv(timeout=10)
                self.assertEqual((closed.exception.rcvd.code, closed.exception.rcvd.reason), (1008, "token expired"))
                self.assertEqual([message for message in source if message.data], [], "it ends, without an error")
                self.assertGreaterEqual(time.time(), end - 0.05)

    def test_a_token_of_another_algorithm_takes_over_before_the_first_expires(self):
        topic = self.topic("acme")
        socket = self.connect(self.issued("HS256", "shared", seconds=3), topic, by_header=True)
        for algorithm, kid in self.ALGORITHMS[1:]:
            socket.send(json.dumps({"op": "authenticate", "token": self.issued(algorithm, kid)}))
            answer = self.take(socket, lambda m: "op" in m and m["op"] != "heartbeat")
            self.assertEqual(answer["op"], "authenticated")
        time.sleep(3.5)
        self.assertEqual(self.http().post(f"/v1/topics/{topic}", json=1, headers=self.bearer(token())).status_code, 202)
        self.assertEqual(self.take(socket, lambda m: "specversion" in m)["type"], topic)


class CrossOrigin(JWTTest):
    """What a page of a listed origin needs, and what everyone else does not get."""

    ORIGIN = "https://app.example.com"

    @classmethod
    def configuration(cls, service):
        base = service.default_config()
        base["listeners"][0] |= {"origins": [cls.ORIGIN]}
        return super().configuration(service) | {"listeners": base["listeners"]}

    def preflight(self, target, method, headers, origin=ORIGIN):
        fields = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
        return self.service.request("OPTIONS", target, headers=fields)

    def test_preflights_need_no_token_and_allow_what_publishing_and_streams_send(self):
        for target, method, headers in (
            ("/v1/events", "POST", "authorization,ce-id,ce-source,ce-specversion,ce-type,content-type,idempotency-key"),
            ("/v1/topics/a.b", "POST", "authorization,content-type,idempotency-key,traceparent"),
            ("/v1/subscribe?topic=a", "GET", "authorization,last-event-id,cache-control"),
            ("/v1/subscriptions/a", "PUT", "authorization,content-type"),
        ):
            with self.subTest(target):
                answer = self.preflight(target, method, headers)
                self.assertEqual(answer.status, 204)
                self.assertEqual(answer.header("access-control-allow-origin"), self.ORIGIN)
                self.assertIn(method, answer.header("access-control-allow-methods"))
                allowed = answer.header("access-control-allow-headers").replace(" ", "").split(",")
                self.assertEqual(sorted(allowed), sorted(headers.split(",")))
                self.assertIn("origin", answer.header("vary").lower())
                self.assertIsNone(answer.header("access-control-allow-credentials"))

    def test_other_origins_get_nothing(self):
        for origin in ("https://evil.example", "null", "https://app.example.com.evil.org", "http://app.example.com",
                       "https://app.example.com:444", "https://app.example.com/", "https://a@app.example.com", "*"):
            with self.subTest(origin):
                answer = self.preflight("/v1/events", "POST", "content-type", origin)
                self.assertEqual(answer.status, 403)
                self.assertIsNone(answer.header("access-control-allow-origin"))
                answer = self.service.request("GET", "/v1/events", headers=self.bearer(token()) | {"origin": origin})
                self.assertEqual(answer.status, 403)
                self.assertIsNone(answer.header("access-control-allow-origin"))

    def test_every_answer_to_a_listed_origin_can_be_read_by_its_page(self):
        origin = {"origin": self.ORIGIN}
        published = json.dumps(event(type="acme.a"))
        for status, answer in (
            (202, self.service.request("POST", "/v1/events", published,
                                       origin | self.bearer(token()) | {"content-type": STRUCTURED})),
            (200, self.service.request("GET", "/v1/events?topic=acme.a", headers=origin | self.bearer(token()))),
            (401, self.service.request("GET", "/v1/events", headers=origin)),
            (401, self.service.request("GET", "/v1/events", headers=origin | self.bearer(token(iss="x")))),
            (404, self.service.request("GET", "/nothing", headers=origin)),
            (400, self.service.request("POST", "/v1/events", "{", origin | self.bearer(token()) | {"content-type": STRUCTURED})),
            (200, self.open(self.service.sse("/v1/subscribe?topic=acme.a", headers=origin | self.bearer(token()))).response),
        ):
            with self.subTest(status):
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.header("access-control-allow-origin"), self.ORIGIN)
                self.assertEqual(answer.header("vary").lower(), "origin")
                exposed = answer.header("access-control-expose-headers").lower()
                for name in ("location", "retry-after", "www-authenticate"):
                    self.assertIn(name, exposed)

    def test_an_answer_to_nobodys_page_tells_caches_that_origins_differ(self):
        answer = self.service.request("GET", "/v1/events", headers=self.bearer(token()))
        self.assertEqual(answer.header("vary"), "origin")
        self.assertIsNone(answer.header("access-control-allow-origin"))
