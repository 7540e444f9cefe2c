"""Clients made of plain sockets, so that every byte sent is the test's and every byte received is looked at."""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import time
import zlib

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"


class Closed(EOFError):
    """The peer closed the connection where more was expected."""


class Wire:
    """A connected byte stream with a read buffer. Every wait is bounded by `timeout` seconds."""

    def __init__(self, address, ca=None, timeout=10, receive_buffer=None):
        self.timeout = timeout
        self.buffer = bytearray()
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket()
            address = ("127.0.0.1", address)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(address)
            if not isinstance(address, str):
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if ca:
                context = ssl.create_default_context(cafile=ca)
                self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        except BaseException:
            self.socket.close()
            raise

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def fill(self):
        """Waits for more bytes; false at the end."""
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            data = b""
        self.buffer += data
        return bool(data)

    def need(self):
        if not self.fill():
            raise Closed(f"closed after {bytes(self.buffer[-200:])!r}")

    def exactly(self, count):
        while len(self.buffer) < count:
            self.need()
        return self.take(count)

    def take(self, count):
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def until(self, delimiter):
        start = 0
        while (index := self.buffer.find(delimiter, start)) < 0:
            start = max(0, len(self.buffer) - len(delimiter))
            self.need()
        return self.take(index + len(delimiter))[: -len(delimiter)]

    def rest(self, seconds=5):
        """Everything until the peer closes; raises TimeoutError when it does not."""
        self.socket.settimeout(seconds)
        while self.fill():
            pass
        self.socket.settimeout(self.timeout)
        return self.take(len(self.buffer))

    def is_silent(self, seconds=0.3):
        """Whether nothing arrives for that long."""
        if self.buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self.fill()
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(self.timeout)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Response:
    def __init__(self, version, status, headers, body=b""):
        self.version, self.status, self.headers, self.body = version, status, headers, body

    def header(self, name):
        """The value of the header, None without, joined by commas when repeated."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    @property
    def media_type(self):
        return (self.header("content-type") or "").split(";")[0].strip()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class HTTP(Wire):
    """An HTTP/1.1 client that sends what it is told and reads answers strictly."""

    def read_head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ", 2)
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name and name == name.strip(), f"a malformed header line {line!r}"
            headers.append((name.lower(), value.strip()))
        return Response(version, int(status), headers)

    def read_response(self, method="GET"):
        response = self.read_head()
        if response.status < 200 or response.status in (204, 304) or method == "HEAD":
            return response
        if (response.header("transfer-encoding") or "").lower() == "chunked":
            response.body = b"".join(iter(self.read_chunk, b""))
        elif response.header("content-length") is not None:
            response.body = self.exactly(int(response.header("content-length")))
        else:
            response.body = self.rest(self.timeout)
        return response

    def read_chunk(self):
        size = int(self.until(b"\r\n").split(b";")[0], 16)
        data = self.exactly(size)
        assert self.exactly(2) == b"\r\n"
        return data

    @staticmethod
    def head(method, target, headers=None, length=None):
        lines = [f"{method} {target} HTTP/1.1"]
        names = {name.lower() for name in headers or {}}
        if "host" not in names:
            lines.append("host: localhost")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if length is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"content-length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def request(self, method, target, body=None, headers=None):
        body = body.encode() if isinstance(body, str) else body
        length = len(body) if body is not None else 0 if method in ("POST", "PUT") else None
        try:
            self.send(self.head(method, target, headers, length) + (body or b""))
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused while we were still sending: the answer is there to read
        return self.read_response(method)

    def get(self, target, headers=None):
        return self.request("GET", target, headers=headers)

    def post(self, target, body, content_type=STRUCTURED, headers=None):
        return self.request("POST", target, body, {"content-type": content_type} | (headers or {}))


class Subscriber:
    """What the three transports share: messages as raw bytes and as JSON, events and ops apart."""

    def next_raw(self):
        raise NotImplementedError

    def next_message(self):
        """The next JSON message that is not a heartbeat."""
        while True:
            message = json.loads(self.next_raw())
            if message.get("op") != "heartbeat":
                return message

    def next_op(self, op):
        message = self.next_message()
        assert message.get("op") == op, f"expected op {op}, got {message}"
        return message

    def next_raw_event(self):
        """The bytes of the next event; ops in between are kept in `ops`."""
        while True:
            raw = self.next_raw()
            message = json.loads(raw)
            if "specversion" in message:
                return raw
            self.ops.append(message)

    def next_event(self):
        return json.loads(self.next_raw_event())

    def take_events(self, count):
        return [self.next_event() for _ in range(count)]

    def send_op(self, op, **members):
        self.send_json({"op": op} | members)

    def subscribe(self, *topics, id="a", **members):
        self.send_op("subscribe", id=id, topics=list(topics), **members)
        return self.next_op("subscribed")


class WebSocket(HTTP, Subscriber):
    """RFC 6455 by hand. `handshake` holds the server's answer; when it is not 101 the connection is only good for reading it."""

    transport = "websocket"

    def __init__(self, port, target="/v1/subscribe", headers=None, protocols=None, extensions=None, ca=None, trailing=b"", **options):
        super().__init__(port, ca=ca, **options)
        self.ops = []
        self.close_code = self.close_reason = None
        self.compressed_messages = 0
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-key": key, "sec-websocket-version": "13"}
        if protocols:
            fields["sec-websocket-protocol"] = ", ".join(protocols)
        if extensions:
            fields["sec-websocket-extensions"] = extensions
        self.send(self.head("GET", target, fields | (headers or {})) + trailing)
        self.handshake = self.read_head()
        self.deflates = "permessage-deflate" in (self.handshake.header("sec-websocket-extensions") or "")
        if self.handshake.status == 101:
            digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            assert self.handshake.header("sec-websocket-accept") == base64.b64encode(digest).decode()
        else:
            length = self.handshake.header("content-length")
            self.handshake.body = self.exactly(int(length)) if length else b""

    def send_frame(self, opcode, payload=b"", fin=True, masked=True, reserved=0, length_bytes=None):
        """One frame, whatever it breaks. `length_bytes` (2 or 8) forces a longer form of the length than needed."""
        payload = payload.encode() if isinstance(payload, str) else payload
        head = bytes([fin << 7 | reserved << 4 | opcode])
        bit = masked << 7
        if length_bytes == 8 or len(payload) > 0xFFFF:
            head += struct.pack("!BQ", bit | 127, len(payload))
        elif length_bytes == 2 or len(payload) > 125:
            head += struct.pack("!BH", bit | 126, len(payload))
        else:
            head += bytes([bit | len(payload)])
        if masked:
            mask = os.urandom(4)
            repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
            mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
            head, payload = head + mask, mixed.to_bytes(len(payload), "big")
        self.send(head + payload)

    def send_text(self, text):
        self.send_frame(1, text)

    def send_compressed(self, opcode, message, level=6):
        message = message.encode() if isinstance(message, str) else message
        self.send_frame(opcode, deflated(message, level), reserved=4)

    def send_json(self, value):
        self.send_text(json.dumps(value))

    def read_frame(self):
        """(fin, reserved, opcode, payload); server frames must not be masked and must use the shortest length."""
        first, second = self.exactly(2)
        assert second < 128, "a server's frame is masked"
        length = second
        if length == 126:
            (length,) = struct.unpack("!H", self.exactly(2))
            assert length > 125
        elif length == 127:
            (length,) = struct.unpack("!Q", self.exactly(8))
            assert length > 0xFFFF
        return first >> 7, first >> 4 & 7, first & 15, self.exactly(length)

    def next_raw(self):
        return self.next_data()[1]

    def next_data(self):
        """(opcode, payload) of the next message, inflated; pings are answered."""
        parts = []
        while True:
            fin, reserved, opcode, payload = self.read_frame()
            allowed = (0, 4) if self.deflates and opcode in (1, 2) else (0,)
            assert reserved in allowed, f"reserved bits {reserved} on opcode {opcode}"
            if opcode in (1, 2):
                kind, is_compressed = opcode, reserved == 4
            if opcode == 8:
                self.close_code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                self.close_reason = payload[2:].decode()
                raise Closed(f"closed with {self.close_code} {self.close_reason}")
            if opcode == 9:
                self.send_frame(10, payload)
            elif opcode in (0, 1, 2):
                parts.append(payload)
                if fin:
                    self.compressed_messages += is_compressed
                    return kind, inflated(b"".join(parts)) if is_compressed else b"".join(parts)
            else:
                raise AssertionError(f"unexpected opcode {opcode} {payload[:100]!r}")

    def wait_for_close(self):
        """The close code, skipping messages; 1006 when the connection ended without a close frame."""
        try:
            while True:
                self.next_raw()
        except Closed:
            return self.close_code or 1006


def deflated(message, level=6):
    """A message as permessage-deflate sends it (RFC 7692, 7.2.1)."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(payload):
    """A message of a peer that agreed not to refer to earlier ones."""
    decompressor = zlib.decompressobj(-15)
    return decompressor.decompress(payload + b"\0\0\xff\xff")


class ServerSentEvents(HTTP, Subscriber):
    """An EventSource as the WHATWG describes it, without the reconnecting."""

    transport = "sse"

    def __init__(self, port, target, headers=None, ca=None, method="GET", **options):
        super().__init__(port, ca=ca, **options)
        self.ops = []
        self.last_id = None
        self.retry = None
        self.lines = bytearray()
        self.send(self.head(method, target, headers))
        self.response = self.read_head()
        self.is_chunked = (self.response.header("transfer-encoding") or "").lower() == "chunked"
        if self.response.status != 200:
            length = self.response.header("content-length")
            self.response.body = self.exactly(int(length)) if length else b""

    def _more(self):
        if self.is_chunked:
            chunk = self.read_chunk()
            if not chunk:
                raise Closed("the last chunk")
            self.lines += chunk
        else:
            if not self.buffer:
                self.need()
            self.lines += self.take(len(self.buffer))

    def next_block(self):
        """The fields up to the next empty line: {"data": [bytes…], "id": …}; also those that dispatch nothing."""
        block = {}
        while True:
            while (index := self.lines.find(b"\n")) < 0:
                self._more()
            line = bytes(self.lines[:index]).removesuffix(b"\r")
            del self.lines[: index + 1]
            if not line:
                if "id" in block:
                    self.last_id = block["id"]
                return block
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                block.setdefault("data", []).append(value)
            elif name in (b"id", b"event"):
                block[name.decode()] = value.decode()
            elif name == b"retry":
                self.retry = int(value)

    def next_dispatch(self):
        """The next block an EventSource would dispatch: (event name, data, id)."""
        while True:
            block = self.next_block()
            if "data" in block:
                return block.get("event", "message"), b"\n".join(block["data"]), self.last_id

    def next_raw(self):
        return self.next_dispatch()[1]


class Stream(Wire, Subscriber):
    """Newline-delimited JSON both ways."""

    transport = "stream"

    def __init__(self, address, ca=None, **options):
        super().__init__(address, ca=ca, **options)
        self.ops = []

    def send_json(self, value):
        self.send(json.dumps(value).encode() + b"\n")

    def next_raw(self):
        return self.until(b"\n")


def url_query(topics, start=None, **more):
    """A query of `topic`, `from` and others, percent-encoded where needed."""
    parts = [f"topic={topic.replace('>', '%3E')}" for topic in topics]
    if start is not None:
        parts.append(f"from={start.replace(':', '%3A').replace('+', '%2B')}")
    return "&".join(parts + [f"{name}={value}" for name, value in more.items()])


def open_subscriber(service, transport, topics, start=None, **options):
    """A subscriber of the given transport, subscribed when this returns. `transport` may end in `+tls` or be `stream+unix`;
    `websocket+deflate` asks for compression."""
    kind, _, variant = transport.partition("+")
    if kind == "stream":
        stream = service.stream(variant or "tcp", **options)
        stream.subscribe(*topics, **({} if start is None else {"from": start}))
        return stream
    target = "/v1/subscribe?" + url_query(topics, start)
    if variant == "deflate":
        options["extensions"] = "permessage-deflate; client_max_window_bits"
    subscriber = (service.websocket if kind == "websocket" else service.sse)(target, tls=variant == "tls", **options)
    answer = subscriber.handshake if kind == "websocket" else subscriber.response
    assert answer.status == (101 if kind == "websocket" else 200), repr(answer)
    return subscriber


def publish_forever(service, topic, stop, acknowledged, width=5, prefix="live"):
    """Publishes batches until `stop` is set or the service goes away; appends the ids of what was answered 202."""
    count = 0
    try:
        with service.http() as http:
            while not stop.is_set():
                batch = [
                    {"specversion": "1.0", "id": f"{prefix}-{count + n}", "type": topic, "source": "/tests", "data": count + n}
                    for n in range(width)
                ]
                if http.post("/v1/events", json.dumps(batch), BATCH).status == 202:
                    acknowledged += [e["id"] for e in batch]
                count += width
                time.sleep(0.001)
    except (OSError, EOFError):
        pass
