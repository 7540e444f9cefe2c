"""The service with clients nobody here wrote: Python's websockets, aiohttp and httpx-sse, Node's, and a browser's.

Each test skips, and says why, where its client is not installed (`make .build-venv/complete`, `make browsers`).
"""

import asyncio
import json
import shutil
import ssl
import subprocess
import threading
import unittest
import urllib.parse

import browser
from harness import Certificates, FanfareTest, event, eventually, ids, needs
from receiver import Receiver


class RealClientTest(FanfareTest):
    fresh_service_per_test = True

    def subscribe_url(self, scheme, topic, start=None, **more):
        tls = scheme in ("wss", "https")
        host = f"localhost:{self.service.tls_port}" if tls else f"127.0.0.1:{self.service.port}"
        query = {"topic": topic} | ({"from": start} if start else {}) | more
        return f"{scheme}://{host}/v1/subscribe?{urllib.parse.urlencode(query)}"

    def trusting(self):
        return ssl.create_default_context(cafile=Certificates.shared().ca)

    def restart(self):
        """kill -9 and up again, with three events published before anyone is back."""
        self.service.kill()
        self.service.start()

    def publish(self, topic, first, count, **members):
        return self.service.publish(*[event(id=f"e-{n}", type=topic, data={"n": n, "text": "ü€😀" * 50}, **members)
                                      for n in range(first, first + count)])


@needs("websockets")
class WebSocketsPackage(RealClientTest):
    """https://pypi.org/project/websockets"""

    def take(self, connection, count):
        """The next events; ops are left out."""
        taken = []
        while len(taken) < count:
            message = json.loads(connection.recv(timeout=10))
            if "specversion" in message:
                taken.append(message)
        return taken

    def connect(self, url, **options):
        from websockets.sync.client import connect
        if url.startswith("wss"):
            options["ssl"] = self.trusting()
        connection = connect(url, proxy=None, max_size=None, **options)
        self.addCleanup(connection.close_socket)
        return connection

    def test_events_arrive_over_plain_and_tls_with_and_without_compression(self):
        topic = self.topic()
        self.publish(topic, 0, 20)
        for scheme in ("ws", "wss"):
            for compression in (None, "deflate"):
                with self.subTest(scheme=scheme, compression=compression):
                    connection = self.connect(self.subscribe_url(scheme, topic, "earliest"), compression=compression,
                                              subprotocols=["fanfare.v1.json"])
                    taken = self.take(connection, 20)
                    self.assertEqual(ids(taken), [f"e-{n}" for n in range(20)])
                    self.assertEqual(taken[0]["data"]["text"], "ü€😀" * 50)
                    self.assertEqual(connection.subprotocol, "fanfare.v1.json")
                    agreed = [extension.name for extension in connection.protocol.extensions]
                    self.assertEqual(agreed, ["permessage-deflate"] if compression else [])

    def test_publishing_subscribing_and_pings(self):
        topic = self.topic()
        connection = self.connect(f"ws://127.0.0.1:{self.service.port}/v1/subscribe")
        connection.send(json.dumps({"op": "subscribe", "id": "a", "topics": [topic]}))
        self.assertEqual(json.loads(connection.recv(timeout=10))["op"], "subscribed")
        self.assertTrue(connection.ping().wait(10), "a ping is answered")
        sent = event(type=topic, data="x" * 200_000)
        # The package sends an iterable of strings as fragments.
        text = json.dumps({"op": "publish", "event": sent})
        connection.send([text[n:n + 50_000] for n in range(0, len(text), 50_000)])
        messages = [json.loads(connection.recv(timeout=10)) for _ in range(2)]
        self.assertEqual({m.get("op") for m in messages}, {"published", None})
        (received,) = [m for m in messages if "specversion" in m]
        self.assertEqual(received["data"], sent["data"])

    def test_compressed_messages_both_ways_beside_subscribers_without(self):
        topic = self.topic()
        compressed, plain = (self.connect(self.subscribe_url("ws", topic), compression=c) for c in ("deflate", None))
        sent = [event(id=str(n), type=topic, data="fanfare " * 8_000 if n % 2 else n) for n in range(20)]
        for one in sent:
            compressed.send(json.dumps({"op": "publish", "event": one}))
        for connection in (compressed, plain):
            self.assertEqual([e["data"] for e in self.take(connection, 20)], [e["data"] for e in sent])

    def test_closing_is_a_handshake(self):
        connection = self.connect(self.subscribe_url("ws", self.topic()))
        connection.close(1000, "done")
        self.assertEqual((connection.protocol.close_rcvd.code, connection.protocol.close_sent.code), (1000, 1000))

    def test_resuming_from_the_last_position_after_a_kill(self):
        topic = self.topic()
        self.publish(topic, 0, 5)
        before = self.take(self.connect(self.subscribe_url("ws", topic, "earliest")), 5)
        self.restart()
        self.publish(topic, 5, 5)
        after = self.take(self.connect(self.subscribe_url("ws", topic, before[-1]["fanfareposition"])), 5)
        self.assertEqual(ids(before + after), [f"e-{n}" for n in range(10)])

    def test_draining_closes_with_1001(self):
        from websockets.exceptions import ConnectionClosed
        connection = self.connect(self.subscribe_url("ws", self.topic()))
        stopper = threading.Thread(target=self.service.stop)
        stopper.start()
        with self.assertRaises(ConnectionClosed) as closed:
            while True:
                connection.recv(timeout=10)
        stopper.join()
        self.assertEqual(closed.exception.rcvd.code, 1001)

    def test_the_reconnecting_client_of_the_package_comes_back(self):
        topic = self.topic()

        async def run():
            from websockets.asyncio.client import connect
            seen, position = [], "earliest"
            while len(seen) < 10:
                try:
                    async with connect(self.subscribe_url("ws", topic, position), proxy=None) as connection:
                        async for text in connection:
                            message = json.loads(text)
                            if "specversion" in message:
                                seen.append(message["id"])
                                position = message["fanfareposition"]
                            if len(seen) == 5:
                                await asyncio.to_thread(self.restart)
                                await asyncio.to_thread(self.publish, topic, 5, 5)
                            if len(seen) == 10:
                                return seen
                except Exception as error:
                    if isinstance(error, AssertionError):
                        raise
                    await asyncio.sleep(0.05)
            return seen

        self.publish(topic, 0, 5)
        self.assertEqual(asyncio.run(run()), [f"e-{n}" for n in range(10)])


@needs("aiohttp")
class AiohttpPackage(RealClientTest):
    """https://pypi.org/project/aiohttp"""

    def run_with_session(self, body):
        async def run():
            import aiohttp
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
                return await body(session)

        return asyncio.run(run())

    def test_events_arrive_over_plain_and_tls_with_and_without_compression(self):
        topic = self.topic()
        self.publish(topic, 0, 20)

        def receive(scheme, compress):
            async def body(session):
                options = {"ssl": self.trusting()} if scheme == "wss" else {}
                url = self.subscribe_url(scheme, topic, "earliest")
                async with session.ws_connect(url, compress=compress, protocols=["cloudevents.json"], **options) as socket:
                    self.assertEqual((socket.protocol, socket.compress), ("cloudevents.json", compress))
                    return [json.loads(await socket.receive_str())["id"] for _ in range(20)]

            return self.run_with_session(body)

        for scheme in ("ws", "wss"):
            for compress in (0, 15):
                with self.subTest(scheme=scheme, compress=compress):
                    self.assertEqual(receive(scheme, compress), [f"e-{n}" for n in range(20)])

    def test_publishing_in_every_form_over_one_keep_alive_session(self):
        topic = self.topic()
        plain = [event(id=str(n), type=topic) for n in range(3)]

        async def body(session):
            url = f"{self.service.url}/v1/events"
            answers = []
            for data, content_type in ((json.dumps(plain[0]), "application/cloudevents+json"),
                                       (json.dumps(plain), "application/cloudevents-batch+json"),
                                       ("\n".join(map(json.dumps, plain)), "application/x-ndjson")):
                async with session.post(url, data=data, headers={"content-type": content_type}) as answer:
                    answers.append((answer.status, await answer.json()))

            async def chunks():  # no length: chunked
                for text in json.dumps(event(id="chunked", type=topic)):
                    yield text.encode()

            async with session.post(url, data=chunks(), headers={"content-type": "application/cloudevents+json"}) as answer:
                answers.append((answer.status, await answer.json()))
            async with session.post(f"{self.service.url}/v1/topics/{topic}", json={"a": 1}) as answer:
                answers.append((answer.status, await answer.json()))
            return answers

        answers = self.run_with_session(body)
        self.assertEqual([status for status, _ in answers], [202] * 5)
        self.assertEqual([(a["accepted"], a["duplicates"]) for _, a in answers], [(1, 0), (2, 1), (0, 3), (1, 0), (1, 0)])

    def test_closing_and_an_error_answer(self):
        async def body(session):
            import aiohttp
            async with session.ws_connect(self.subscribe_url("ws", "a")) as socket:
                await socket.send_bytes(b"binary")
                message = await socket.receive()
                while message.type == aiohttp.WSMsgType.TEXT:
                    message = await socket.receive()
                self.assertEqual((message.type, socket.close_code), (aiohttp.WSMsgType.CLOSE, 1003))
            with self.assertRaises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(self.subscribe_url("ws", "a..b"))
            return refused.exception.status

        self.assertEqual(self.run_with_session(body), 400)


@needs("httpx", "httpx_sse")
class HttpxSSEPackage(RealClientTest):
    """https://pypi.org/project/httpx-sse"""

    def take(self, url, count, headers=None, verify=True):
        import httpx
        import httpx_sse
        with httpx.Client(timeout=10, trust_env=False, verify=verify) as client:
            with httpx_sse.connect_sse(client, "GET", url, headers=headers or {}) as source:
                received = source.iter_sse()
                return [next(received) for _ in range(count)]

    def test_events_arrive_over_plain_and_tls_and_resume_after_a_kill(self):
        for scheme in ("http", "https"):
            with self.subTest(scheme):
                topic = self.topic()
                verify = self.trusting() if scheme == "https" else True
                self.publish(topic, 0, 5)
                url = self.subscribe_url(scheme, topic, "earliest")
                before = self.take(url, 5, verify=verify)
                self.assertEqual({e.event for e in before}, {"message"})
                self.assertEqual([e.id for e in before], [json.loads(e.data)["fanfareposition"] for e in before])
                self.restart()
                self.publish(topic, 5, 5)
                after = self.take(url, 5, {"last-event-id": before[-1].id}, verify)
                self.assertEqual([json.loads(e.data)["id"] for e in before + after], [f"e-{n}" for n in range(10)])

    def test_the_position_of_another_log_is_a_gap_event(self):
        topic = self.topic()
        self.publish(topic, 0, 1)
        gap, first = self.take(self.subscribe_url("http", topic), 2, {"last-event-id": "00000001-0000000000000007"})
        self.assertEqual((gap.event, json.loads(gap.data)["op"]), ("fanfare.gap", "gap"))
        self.assertEqual(json.loads(first.data)["id"], "e-0")


class Node(RealClientTest):
    """Node's own WebSocket and EventSource, both undici's; behind flags in Node 20, the first built in since 22."""

    FLAGS = ("--experimental-websocket", "--experimental-eventsource")

    @classmethod
    def setUpClass(cls):
        cls.command = cls.node("WebSocket", "EventSource")
        if cls.command is None:
            raise unittest.SkipTest("there is no node with WebSocket and EventSource (Node 20.18 or newer)")
        super().setUpClass()

    @classmethod
    def node(cls, *names):
        """The command line of a node that has all of these, or None."""
        if shutil.which("node") is None:
            return None
        for flags in (cls.FLAGS, cls.FLAGS[1:], ()):
            command = ["node", "--no-warnings", *flags]
            check = "process.exit([" + ",".join(f"typeof {n}" for n in names) + "].every(t => t == 'function') ? 0 : 1)"
            if subprocess.run([*command, "-e", check], capture_output=True, timeout=20).returncode == 0:
                return command
        return None

    def start(self, script):
        process = subprocess.Popen([*self.command, "-e", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def lines(self, process, count):
        """The next lines it prints, as JSON."""
        lines = []
        for _ in range(count):
            line = process.stdout.readline()
            self.assertTrue(line, process.stderr.read() if process.poll() is not None else "nothing more was printed")
            lines.append(json.loads(line))
        return lines

    def test_websocket(self):
        topic = self.topic()
        self.publish(topic, 0, 3)
        process = self.start(f"""
            const socket = new WebSocket({json.dumps(self.subscribe_url("ws", topic, "earliest"))}, ["fanfare.v1.json"])
            socket.onopen = () => socket.send(JSON.stringify({{op: "ping"}}))
            socket.onmessage = message => console.log(message.data)
            socket.onclose = end => console.log(JSON.stringify([end.code, end.wasClean, socket.protocol]))""")
        messages = self.lines(process, 4)
        self.assertEqual([m["id"] for m in messages if "specversion" in m], ["e-0", "e-1", "e-2"])
        self.assertIn("pong", [m.get("op") for m in messages])
        self.service.stop()
        while isinstance(end := self.lines(process, 1)[0], dict):
            pass
        self.assertEqual(end, [1001, True, "fanfare.v1.json"])

    def test_eventsource_reconnects_with_last_event_id_after_a_restart(self):
        topic = self.topic()
        self.publish(topic, 0, 3)
        # undici's timer for reconnecting does not keep the process alive.
        process = self.start(f"""
            setInterval(() => {{}}, 1000)
            const source = new EventSource({json.dumps(self.subscribe_url("http", topic, "earliest"))})
            source.onmessage = event => console.log(JSON.stringify([JSON.parse(event.data).id, event.lastEventId]))""")
        before = self.lines(process, 3)
        self.assertEqual([id for id, _ in before], ["e-0", "e-1", "e-2"])
        self.service.stop()
        self.service.start()
        self.publish(topic, 3, 3)
        after = self.lines(process, 3)
        self.assertEqual([id for id, _ in after], ["e-3", "e-4", "e-5"])
        self.assertTrue(all(position.count("-") == 1 for _, position in before + after))


class BrowserTest(RealClientTest):
    """Everything here runs in a page; a page of the service itself is same-origin with it."""

    trusts = False
    fresh_service_per_test = False

    @classmethod
    def setUpClass(cls):
        if reason := browser.reason_not_to():
            raise unittest.SkipTest(reason)
        cls.browser = browser.Browser(Certificates.shared().ca if cls.trusts else None)
        cls.addClassCleanup(cls.browser.close)
        super().setUpClass()

    def page(self, url=None):
        return self.open(self.browser.page(url or f"{self.service.url}/healthz"))

    COLLECT = """
        globalThis.seen = []
        globalThis.ends = []
        globalThis.socketTo = (url, protocols) => new Promise((resolve) => {
            const socket = globalThis.socket = new WebSocket(url, protocols)
            socket.onmessage = message => seen.push(JSON.parse(message.data))
            socket.onclose = end => { ends.push([end.code, end.reason, end.wasClean]); resolve("closed") }
            socket.onopen = () => resolve("open")
        })
        globalThis.sourceTo = (url) => new Promise((resolve) => {
            const source = globalThis.source = new EventSource(url)
            source.onmessage = message => seen.push([JSON.parse(message.data).id, message.lastEventId])
            source.addEventListener("fanfare.gap", message => seen.push(["gap", JSON.parse(message.data)]))
            source.onopen = () => { ends.push("open"); resolve("open") }
            source.onerror = () => { ends.push(source.readyState); if (source.readyState == 2) resolve("closed") }
        })
    """

    def collecting(self, url=None):
        page = self.page(url)
        page.run(self.COLLECT)
        return page

    def seen(self, page, count, seconds=15):
        """The first `count` things the page has seen; more than that is a failure."""
        eventually(lambda: page.run("return seen.length") >= count, seconds, f"{count} messages in the page")
        found = page.run("return seen")
        self.assertEqual(len(found), count, found)
        return found


class BrowserPlain(BrowserTest):
    @classmethod
    def configuration(cls, service):
        listeners = service.default_config()["listeners"]
        listeners[0]["origins"] = [f"http://localhost:{service.port}"]
        return {"listeners": listeners}

    def open_source(self, page, topic, start="earliest"):
        self.assertEqual(page.run(f"return sourceTo({json.dumps(self.subscribe_url('http', topic, start))})"), "open")

    def test_websocket_receives_and_publishes(self):
        topic = self.topic()
        self.publish(topic, 0, 3)
        page = self.collecting()
        url = json.dumps(self.subscribe_url("ws", topic, "earliest"))
        self.assertEqual(page.run(f"return socketTo({url}, ['fanfare.v1.json'])"), "open")
        self.seen(page, 3)
        page.run(f"socket.send(JSON.stringify({{op: 'publish', event: {json.dumps(event(id='mine', type=topic, data='ü'))}}}))")
        found = self.seen(page, 5)
        self.assertEqual([m["id"] for m in found if "specversion" in m], ["e-0", "e-1", "e-2", "mine"])
        self.assertEqual(found[0]["data"]["text"], "ü€😀" * 50)
        self.assertEqual(page.run("return socket.protocol"), "fanfare.v1.json")
        self.assertIn("permessage-deflate", page.run("return socket.extensions"))
        page.run("socket.close(1000, 'done')")
        eventually(lambda: page.run("return ends") == [[1000, "done", True]] or page.run("return ends") == [[1000, "", True]],
                   what="a clean close in the page")

    def test_eventsource_reconnects_with_last_event_id_after_stop_and_kill(self):
        for end in (self.service.stop, self.service.kill):
            with self.subTest(end.__name__):
                topic = self.topic()
                self.publish(topic, 0, 3)
                page = self.collecting()
                self.open_source(page, topic)
                self.seen(page, 3)
                end()
                self.service.start()
                self.publish(topic, 3, 3)
                found = self.seen(page, 6)
                self.assertEqual([id for id, _ in found], [f"e-{n}" for n in range(6)])
                self.assertTrue(page.run("return ends.includes(0)"), "it has reconnected, not gone on")
                page.run("source.close()")

    def test_eventsource_survives_a_service_that_is_away_for_a_while(self):
        topic = self.topic()
        page = self.collecting()
        self.open_source(page, topic)
        self.service.stop()
        eventually(lambda: page.run("return ends.length") >= 3, 15, "a failed reconnection")
        self.service.start()
        self.publish(topic, 0, 2)
        self.assertEqual([id for id, _ in self.seen(page, 2)], ["e-0", "e-1"])

    def test_eventsource_listens_to_types(self):
        topic = self.topic()
        page = self.collecting()
        url = self.subscribe_url("http", topic, "earliest", event="type")
        self.assertEqual(page.run(f"return sourceTo({json.dumps(url)})"), "open")
        page.run(f"""source.addEventListener({json.dumps(topic)}, message => seen.push([message.type, message.lastEventId]))""")
        position = self.publish(topic, 0, 1)["first"]
        self.assertEqual(self.seen(page, 1), [[topic, position]])

    def test_eventsource_is_told_of_a_gap(self):
        topic = self.topic()
        self.publish(topic, 0, 1)
        page = self.collecting()
        self.open_source(page, topic, "00000001-0000000000000007")
        gap, first = self.seen(page, 2)
        self.assertEqual((gap[0], gap[1]["op"], first[0]), ("gap", "gap", "e-0"))

    def test_what_cannot_be_subscribed_ends_an_eventsource_for_good(self):
        page = self.collecting()
        self.assertEqual(page.run(f"return sourceTo({json.dumps(self.subscribe_url('http', 'a..b'))})"), "closed")

    def test_pages_of_listed_origins_may_and_others_may_not(self):
        topic = self.topic()
        self.publish(topic, 0, 1)
        post = f"""return fetch("{self.service.url}/v1/events", {{method: "POST", body: JSON.stringify(%s),
            headers: {{"content-type": "application/cloudevents+json"}}}}).then(answer => answer.status, error => "refused")"""
        elsewhere = self.open(Receiver())
        for number, (url, is_listed) in enumerate((
            (f"http://localhost:{self.service.port}/healthz", True), (elsewhere.url("/"), False), ("data:text/html,<p>", False))):
            with self.subTest(url):
                page = self.collecting(url)
                self.assertEqual(page.run(f"return socketTo({json.dumps(self.subscribe_url('ws', topic))})"),
                                 "open" if is_listed else "closed")
                self.assertEqual(page.run(f"return sourceTo({json.dumps(self.subscribe_url('http', topic))})"),
                                 "open" if is_listed else "closed")
                name = f"from-{number}"
                self.assertEqual(page.run(post % json.dumps(event(id=name, type=topic))), 202 if is_listed else "refused")
                stored = ids(self.service.read_events(f"&topic={topic}"))
                self.assertEqual(name in stored, is_listed)


class BrowserTokens(BrowserTest):
    TOKEN = "browser-token-0123456789"

    @classmethod
    def configuration(cls, service):
        return {"tokens": [{"name": "page", "secret": cls.TOKEN, "allow": {"publish": ["t.>"], "subscribe": ["t.>"], "manage": []}}]}

    def test_a_page_shows_its_token_as_a_subprotocol_or_in_the_query(self):
        topic = self.topic()
        page = self.collecting()
        url = json.dumps(self.subscribe_url("ws", topic))
        self.assertEqual(page.run(f"return socketTo({url}, ['fanfare.v1.json', 'bearer.{self.TOKEN}'])"), "open")
        self.assertEqual(page.run("return socket.protocol"), "fanfare.v1.json")
        self.assertEqual(page.run(f"return socketTo({url}, ['fanfare.v1.json', 'bearer.{self.TOKEN}x'])"), "closed")
        for token, answer in ((self.TOKEN, "open"), (self.TOKEN + "x", "closed")):
            url = json.dumps(self.subscribe_url("http", topic, access_token=token))
            self.assertEqual(page.run(f"return sourceTo({url})"), answer)


class BrowserTLS(BrowserTest):
    trusts = True

    def test_wss_and_eventsource_over_tls_with_a_certificate_of_a_known_authority(self):
        topic = self.topic()
        self.publish(topic, 0, 2)
        page = self.collecting(f"https://localhost:{self.service.tls_port}/v1/events?topic={topic}")
        self.assertEqual(page.run(f"return socketTo({json.dumps(self.subscribe_url('wss', topic, 'earliest'))})"), "open")
        self.assertEqual([m["id"] for m in self.seen(page, 2)], ["e-0", "e-1"])
        page.run("seen.length = 0")
        self.assertEqual(page.run(f"return sourceTo({json.dumps(self.subscribe_url('https', topic, 'earliest'))})"), "open")
        self.assertEqual([id for id, _ in self.seen(page, 2)], ["e-0", "e-1"])
        page.run("socket.close(); source.close()")


class BrowserTLSUnknown(BrowserTest):
    def test_a_certificate_of_an_unknown_authority_is_refused(self):
        page = self.collecting()
        self.assertEqual(page.run(f"return socketTo({json.dumps(self.subscribe_url('wss', 'a'))})"), "closed")
        self.assertEqual(page.run("return ends[0][0]"), 1006)


if __name__ == "__main__":
    unittest.main()
