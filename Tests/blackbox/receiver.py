"""A webhook endpoint that answers by script and remembers everything it was sent."""

import base64
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import struct
import threading
import time

import harness


class Delivery:
    """One attempt as it arrived."""

    def __init__(self, path, headers, body, connection):
        self.path, self.body, self.connection = path, body, connection
        self.method = "POST"
        # Whether its connection had brought others before.
        self.is_reused = False
        self.headers = [(name.lower(), value) for name, value in headers]
        self.time = time.time()
        # Status and time of the answer, once its status line has been given to the kernel.
        self.answered = None

    def header(self, name):
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def webhook_id(self):
        return self.header("webhook-id")

    @property
    def succeeded(self):
        """Whether it was answered with 2xx."""
        return self.answered is not None and 200 <= self.answered[0] < 300

    @property
    def attempt(self):
        return int(self.header("fanfare-attempt"))

    def event(self):
        return json.loads(self.body)

    def signed_by(self, secret):
        """Whether one of the signatures is this secret's over id, timestamp and the raw body (Standard Webhooks)."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.webhook_id}.{self.header('webhook-timestamp')}.".encode() + self.body
        wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return any(hmac.compare_digest(wanted, given) for given in self.header("webhook-signature").split(" "))


class Receiver:
    """Serves on 127.0.0.1; `script[path]` lists the answers to come, 200 afterwards.

    An answer is a status, or a dictionary: {"status": 302, "headers": {…}, "body": b"…", "delay": 1.5}, {"hang": True},
    {"reset": True} or {"raw": b"HTTP/1.1 2"}, which is sent as it is before the connection ends.
    """

    def __init__(self, tls=False, port=None):
        self.port = port or harness.free_port()
        self.tls = tls
        self.script = {}
        self.deliveries = []
        self.connections = 0
        self.changed = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with receiver.changed:
                    receiver.connections += 1
                    self.number = receiver.connections
                    self.is_used = False

            def do_POST(self):
                receiver._answer(self)

            do_GET = do_PUT = do_OPTIONS = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.stopping = threading.Event()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificates = harness.Certificates.shared()
            context.load_cert_chain(certificates.certificate, certificates.key)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path, host=None):
        scheme, usual = ("https", "localhost") if self.tls else ("http", "127.0.0.1")
        return f"{scheme}://{host or usual}:{self.port}{path}"

    def _answer(self, handler):
        length = int(handler.headers.get("content-length") or 0)
        body = handler.rfile.read(length)
        if len(body) < length:
            return  # whoever sent it was killed in the middle
        with self.changed:
            delivery = Delivery(handler.path, handler.headers.items(), body, handler.number)
            delivery.method = handler.command
            delivery.is_reused, handler.is_used = handler.is_used, True
            self.deliveries.append(delivery)
            answer = self.answer_to(delivery)
            self.changed.notify_all()
        answer = answer if isinstance(answer, dict) else {"status": answer}
        if answer.keys() & {"hang", "reset", "raw"}:
            handler.close_connection = True
            return self._break(handler, delivery, answer)
        self.stopping.wait(answer.get("delay", 0))
        content = answer.get("body", b"")
        handler.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {}).items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        delivery.answered = (answer.get("status", 200), time.time())
        handler.wfile.write(content)

    def answer_to(self, delivery):
        """The answer to a delivery that has just been noted; one at a time."""
        planned = self.script.get(delivery.path)
        return planned.pop(0) if planned else 200

    def _break(self, handler, delivery, answer):
        """Ends the connection without an answer, or with a cut one."""
        if answer.get("hang"):
            self.stopping.wait(30)
        elif answer.get("reset"):
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        else:
            handler.wfile.write(answer["raw"])
            if b"\r\n" in answer["raw"]:
                delivery.answered = (int(answer["raw"].split(b" ")[1]), time.time())

    def at(self, path):
        with self.changed:
            return [delivery for delivery in self.deliveries if delivery.path == path]

    def wait(self, count, path, seconds=15):
        """The first `count` deliveries at `path`."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                found = [delivery for delivery in self.deliveries if delivery.path == path]
                if len(found) >= count:
                    return found[:count]
                rest = end - time.monotonic()
                if rest <= 0:
                    raise AssertionError(f"{len(found)} of {count} deliveries at {path} within {seconds} s")
                self.changed.wait(rest)

    def close(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
