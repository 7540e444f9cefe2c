"""Webhooks through an egress proxy: the tunnel, who checks addresses, and what a proxy's refusal becomes."""

import socket
import threading
import unittest

import harness
from harness import SECRET, Certificates, FanfareTest, event, eventually
from receiver import Receiver

SECRET_WORD = "Basic dXNlcjpvcGVuLXNlc2FtZQ=="


class Proxy:
    """Tunnels with CONNECT on 127.0.0.1; `names` maps hosts to addresses, `answer` replaces its 200."""

    def __init__(self):
        self.asked, self.names, self.answer = [], {}, None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        self.asked.append((method, target, headers))
        if self.answer is not None:
            client.sendall(self.answer)
            client.close()
            return
        host, port = target.rsplit(":", 1)
        upstream = socket.create_connection((self.names.get(host, host.strip("[]")), int(port)), timeout=10)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for a, b in ((client, upstream), (upstream, client)):
            threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    @staticmethod
    def _pump(source, target):
        try:
            while data := source.recv(65_536):
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


class ProxyTest(FanfareTest):
    resolves_names = False

    @classmethod
    def configuration(cls, service):
        cls.proxy = Proxy()
        webhooks = service.default_config()["webhooks"]
        webhooks["proxy"] = {"url": f"http://localhost:{cls.proxy.port}", "authorization": SECRET_WORD,
                             "resolves_names": cls.resolves_names}
        return {"webhooks": webhooks}

    def setUp(self):
        super().setUp()
        self.proxy.asked.clear()
        self.proxy.answer = None

    def subscribe(self, topic, url, **webhook):
        name = topic.replace(".", "-").lower()
        definition = {"topics": [topic], "webhook": {"url": url, "signing_secrets": [SECRET],
                                                     "retry": {"delays": ["100ms"], "jitter": 0}} | webhook}
        self.service.put_subscription(name, definition)
        return name


class ThroughAProxy(ProxyTest):
    def test_tls_and_plain_endpoints_are_reached_through_a_tunnel_to_the_checked_address(self):
        for tls in (True, False):
            with self.subTest(tls=tls):
                self.proxy.asked.clear()
                receiver = self.open(Receiver(tls=tls))
                topic = self.topic()
                webhook = {"tls": {"ca": Certificates.shared().ca}} if tls else {}
                self.subscribe(topic, receiver.url("/a", "127.0.0.1"), **webhook)
                sent = event(type=topic)
                self.service.publish(sent)
                (delivery,) = receiver.wait(1, "/a")
                self.assertEqual(delivery.event(), sent)
                method, target, headers = self.proxy.asked[0]
                self.assertEqual((method, target), ("CONNECT", f"127.0.0.1:{receiver.port}"))
                self.assertEqual(headers["host"], target)
                self.assertEqual(headers["proxy-authorization"], SECRET_WORD)
                self.assertIsNone(delivery.header("proxy-authorization"))

    def test_the_guard_holds_before_the_proxy_is_asked(self):
        for url in ("http://10.1.2.3/", "http://169.254.169.254/"):
            answer = self.service.request(
                "PUT", "/v1/subscriptions/guarded", harness.json.dumps(
                    {"topics": ["x"], "webhook": {"url": url, "signing_secrets": [SECRET]}}),
                {"content-type": "application/json"})
            self.assertEqual(answer.status, 400, answer.body)
        self.assertEqual(self.proxy.asked, [])

    def test_a_proxy_that_refuses_is_a_failure_that_shows_no_secret(self):
        for answer, words in ((b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 5\r\n\r\nhello", "407"),
                              (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "502"), (b"SSH-2.0-x\r\n", "proxy"), (b"", "proxy")):
            with self.subTest(answer):
                self.proxy.answer = answer
                topic = self.topic()
                name = self.subscribe(topic, "http://127.0.0.1:9/")
                self.service.publish(event(type=topic))
                eventually(lambda: self.service.subscription(name)["dead_letters"] == 1)
                shown = self.service.request("GET", f"/v1/subscriptions/{name}")
                self.assertIn(words, shown.json()["last_error"])
                self.assertNotIn("c2VzYW1l", shown.body.decode() + "".join(self.service.stderr))


class AProxyThatResolves(ProxyTest):
    resolves_names = True

    def test_it_is_given_the_name_and_the_certificate_is_still_checked(self):
        receiver = self.open(Receiver(tls=True))
        self.proxy.names = {"hooks.invalid": "127.0.0.1"}
        topic = self.topic()
        name = self.subscribe(topic, receiver.url("/a", "hooks.invalid"), tls={"ca": Certificates.shared().ca})
        self.service.publish(event(type=topic))
        eventually(lambda: self.service.subscription(name)["dead_letters"] == 1)
        self.assertEqual(self.proxy.asked[0][1], f"hooks.invalid:{receiver.port}")
        self.assertEqual(receiver.at("/a"), [])
        self.assertIn("hooks.invalid", self.service.subscription(name)["last_error"])

    def test_a_plain_endpoint_is_reached_by_its_name(self):
        receiver = self.open(Receiver())
        self.proxy.names = {"hooks.invalid": "127.0.0.1"}
        topic = self.topic()
        self.subscribe(topic, receiver.url("/a", "hooks.invalid"))
        self.service.publish(event(type=topic))
        (delivery,) = receiver.wait(1, "/a")
        self.assertEqual(delivery.header("host"), f"hooks.invalid:{receiver.port}")


if __name__ == "__main__":
    unittest.main()
