"""A webhook endpoint that speaks HTTP/2 over TLS and misbehaves when told to. Needs the Python package `h2`."""

import socket
import ssl
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

import harness
from receiver import Delivery, Receiver

REFUSED = h2.errors.ErrorCodes.REFUSED_STREAM


class HTTP2Receiver:
    """Serves on 127.0.0.1 and offers `h2`; remembers what `Receiver` does.

    `script[path]` lists the answers to come, 200 afterwards. An answer is a status, or a dictionary: {"status": 429,
    "headers": {…}, "body": b"…", "delay": 1.5, "hang": True, "reset": code, "goaway": last stream processed or None, "goodbye": True for
    a GOAWAY that leaves streams under way to finish, before the answer,
    "close": True, "raw": bytes sent as they are}. `streams_max` is announced; `window` is the initial one for bodies.
    """

    def __init__(self, streams_max=100, window=65_535, on_open=None, protocols=("h2", "http/1.1")):
        self.port = harness.free_port()
        self.tls = True
        self.streams_max, self.window, self.on_open = streams_max, window, on_open
        self.script = {}
        self.deliveries = []
        self.connections = 0
        self.streams_open_max = 0
        self.goodbyes = 0
        self.changed = threading.Condition()
        self.stopping = threading.Event()
        certificates = harness.Certificates.shared()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates.certificate, certificates.key)
        self.context.set_alpn_protocols(list(protocols))
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path, host=None):
        return f"https://{host or 'localhost'}:{self.port}{path}"

    def _accept(self):
        while not self.stopping.is_set():
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as connection:
                assert connection.selected_alpn_protocol() == "h2", connection.selected_alpn_protocol()
                with self.changed:
                    self.connections += 1
                    number = self.connections
                _Connection(self, connection, number).run()
        except OSError:
            pass


    at, wait = Receiver.at, Receiver.wait

    def close(self):
        self.stopping.set()
        self.listener.close()


class _Connection:
    def __init__(self, receiver, connection, number):
        self.receiver, self.socket, self.number = receiver, connection, number
        self.lock = threading.Lock()
        self.streams = {}
        self.unsent = {}
        self.is_open = True
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))

    def run(self):
        codes = h2.settings.SettingCodes
        with self.lock:
            self.h2.initiate_connection()
            self.h2.update_settings({codes.MAX_CONCURRENT_STREAMS: self.receiver.streams_max,
                                     codes.INITIAL_WINDOW_SIZE: self.receiver.window})
            self._flush()
        if self.receiver.on_open:
            self.receiver.on_open(self)
        while self.is_open and not self.receiver.stopping.is_set():
            data = self.socket.recv(65_536)
            if not data:
                return
            with self.lock:
                try:
                    events = self.h2.receive_data(data)
                except h2.exceptions.ProtocolError:
                    self._flush()
                    return
                for event in events:
                    self._handle(event)
                self._flush()

    def _flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def _handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.streams[event.stream_id] = (list(event.headers), bytearray())
            with self.receiver.changed:
                self.receiver.streams_open_max = max(self.receiver.streams_open_max, len(self.streams))
        elif isinstance(event, h2.events.DataReceived):
            self.streams[event.stream_id][1].extend(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.streams.pop(event.stream_id, None)
            self.unsent.pop(event.stream_id, None)
        elif isinstance(event, h2.events.WindowUpdated):
            for stream in list(self.unsent):
                self._content(stream)
        elif isinstance(event, h2.events.ConnectionTerminated):
            with self.receiver.changed:
                self.receiver.goodbyes += 1
        elif isinstance(event, h2.events.StreamEnded):
            self._answer(event.stream_id)

    def _answer(self, stream):
        headers, body = self.streams[stream]
        path = dict(headers)[":path"]
        with self.receiver.changed:
            planned = self.receiver.script.get(path)
            answer = planned.pop(0) if planned else 200
            answer = answer if isinstance(answer, dict) else {"status": answer}
            delivery = Delivery(path, [h for h in headers if not h[0].startswith(":")], bytes(body), self.number)
            delivery.pseudo = {name: value for name, value in headers if name.startswith(":")}
            delivery.method = delivery.pseudo[":method"]
            delivery.stream = stream
            self.receiver.deliveries.append(delivery)
            self.receiver.changed.notify_all()
        if answer.get("hang"):
            return
        if "delay" in answer:
            threading.Thread(target=self._later, args=(stream, answer), daemon=True).start()
        else:
            self._send(stream, answer)

    def _later(self, stream, answer):
        time.sleep(answer["delay"])
        try:
            with self.lock:
                self._send(stream, answer)
                self._flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass

    def _send(self, stream, answer):
        self.streams.pop(stream, None)
        if answer.get("goodbye"):
            self.socket.sendall(b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0")
        if "raw" in answer:
            self.socket.sendall(answer["raw"])
            return
        if "reset" in answer:
            self.h2.reset_stream(stream, error_code=answer["reset"])
        elif "goaway" in answer:
            last = stream if answer["goaway"] == "this" else answer["goaway"]
            if answer["goaway"] == "this":
                self._respond(stream, answer)
            self.h2.close_connection(last_stream_id=last)
        elif not answer.get("close"):
            self._respond(stream, answer)
        if answer.get("close") or "goaway" in answer:
            self._flush()
            self.is_open = False

    def _respond(self, stream, answer):
        content = answer.get("body", b"")
        headers = [(":status", str(answer.get("status", 200))), *answer.get("headers", {}).items()]
        self.h2.send_headers(stream, headers, end_stream=not content)
        if content:
            self.unsent[stream] = content
            self._content(stream)

    def _content(self, stream):
        content = self.unsent.pop(stream)
        while content:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(content))
            if room == 0:
                self.unsent[stream] = content
                return
            self.h2.send_data(stream, content[:room], end_stream=room == len(content))
            content = content[room:]
