"""Hostile inputs and the exact answer to each, as data: HTTP, upgrades, WebSocket frames, event streams, stream lines.

`test_hostile.py` sends them. An answer is a status and the last part of its problem's `type`, or a close code.
"""

import json
import struct

from harness import event

HOST = b"Host: localhost\r\n"
EVENT = json.dumps(event(id="hostile", type="hostile.one")).encode()
# What an attacker hides behind a request whose end is in doubt. It must never be answered.
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(*lines, target=b"/healthz", version=b"HTTP/1.1", host=HOST, method=b"GET"):
    return method + b" " + target + b" " + version + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines, body=EVENT, target=b"/v1/events", version=b"HTTP/1.1", content_type=b"application/cloudevents+json"):
    head = b"POST " + target + b" " + version + b"\r\n" + HOST + b"Content-Type: " + content_type + b"\r\n"
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunked(body, *lines):
    return post(b"Transfer-Encoding: chunked", *lines, body=body)


LENGTH = b"Content-Length: %d" % len(EVENT)
CHUNK = b"%x\r\n" % len(EVENT) + EVENT + b"\r\n"
UPGRADE = {b"Upgrade": b"websocket", b"Connection": b"Upgrade", b"Sec-WebSocket-Version": b"13",
           b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ=="}


def upgrade(change=None, *lines, target=b"/v1/subscribe?topic=a", method=b"GET", version=b"HTTP/1.1"):
    """A WebSocket handshake with some fields changed (None leaves one out) and `lines` added."""
    fields = UPGRADE | (change or {})
    return get(*(name + b": " + value for name, value in fields.items() if value is not None), *lines,
               target=target, method=method, version=version)


# Every one of these ends the connection: framing can no longer be trusted. A smuggled request follows each.
HTTP_CLOSING = {
    # Lengths
    "two equal lengths": (post(LENGTH, LENGTH), 400, "content-length-repeated"),
    "two different lengths": (post(LENGTH, b"Content-Length: 5"), 400, "content-length-repeated"),
    "a list of lengths": (post(b"Content-Length: 5, 5"), 400, "invalid-content-length"),
    "a negative length": (post(b"Content-Length: -1"), 400, "invalid-content-length"),
    "a length with a sign": (post(b"Content-Length: +%d" % len(EVENT)), 400, "invalid-content-length"),
    "a hexadecimal length": (post(b"Content-Length: 0x10"), 400, "invalid-content-length"),
    "a length with a fraction": (post(b"Content-Length: 5.0"), 400, "invalid-content-length"),
    "a length with a space inside": (post(b"Content-Length: 1 0"), 400, "invalid-content-length"),
    "an empty length": (post(b"Content-Length: "), 400, "invalid-content-length"),
    "a length beyond 64 bits": (post(b"Content-Length: 99999999999999999999999"), 413, "body-too-long"),
    "a length of 2^64 + 5": (post(b"Content-Length: 18446744073709551621"), 413, "body-too-long"),
    "a length of 2^63": (post(b"Content-Length: 9223372036854775808"), 413, "body-too-long"),
    "an announced petabyte": (post(b"Content-Length: 1125899906842624", body=b""), 413, "body-too-long"),
    "a length with a tab and letters": (post(b"Content-Length: 5\tx"), 400, "invalid-content-length"),
    # Transfer codings
    "length and chunked": (
        post(LENGTH, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400, "content-length-with-transfer-encoding"),
    "chunked and length": (
        post(b"Transfer-Encoding: chunked", LENGTH, body=b"0\r\n\r\n"), 400, "content-length-with-transfer-encoding"),
    "chunked twice": (chunked(CHUNK + b"0\r\n\r\n", b"Transfer-Encoding: chunked"), 400, "transfer-encoding-unsupported"),
    "chunked, chunked": (post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), 400, "transfer-encoding-unsupported"),
    "gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 400, "transfer-encoding-unsupported"),
    "chunked, identity": (post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), 400, "transfer-encoding-unsupported"),
    "identity": (post(b"Transfer-Encoding: identity", LENGTH), 400, "content-length-with-transfer-encoding"),
    "an unknown coding": (post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 400, "transfer-encoding-unsupported"),
    "a coding with a vertical tab": (post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"), 400, "invalid-header-value"),
    "a coding in quotes": (post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"), 400, "transfer-encoding-unsupported"),
    "an empty coding": (post(b"Transfer-Encoding: ", body=b"0\r\n\r\n"), 400, "transfer-encoding-unsupported"),
    "chunked on HTTP/1.0": (
        post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", version=b"HTTP/1.0"), 400, "transfer-encoding-in-http-1.0"),
    "length and chunked on HTTP/1.0": (
        post(LENGTH, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", version=b"HTTP/1.0"), 400, "transfer-encoding-in-http-1.0"),
    "a space before the colon of the coding": (post(b"Transfer-Encoding : chunked", LENGTH), 400, "space-before-colon"),
    "a coding on a folded line": (post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"), 400, "obsolete-line-folding"),
    # Chunks
    "a chunk size that is no number": (chunked(b"xyz\r\n" + EVENT), 400, "invalid-chunk-size"),
    "an empty chunk size": (chunked(b"\r\n" + EVENT), 400, "invalid-chunk-size"),
    "a negative chunk size": (chunked(b"-1\r\n" + EVENT), 400, "invalid-chunk-size"),
    "a chunk size with 0x": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400, "invalid-chunk-size"),
    "a chunk size beyond 64 bits": (chunked(b"fffffffffffffffff\r\n"), 400, "invalid-chunk-size"),
    "a chunk size of 2^64 + 2": (chunked(b"10000000000000002\r\nxx\r\n0\r\n\r\n"), 400, "invalid-chunk-size"),
    "a chunk size with a leading space": (chunked(b" 5\r\nhello\r\n0\r\n\r\n"), 400, "invalid-chunk-size"),
    "a chunk without its line end": (chunked(b"5\r\nhelloX0\r\n\r\n"), 400, "invalid-chunk-end"),
    "a chunk line ended by a bare line feed": (chunked(b"5\nhello\r\n0\r\n\r\n"), 400, "invalid-chunk-size"),
    "a chunk ended by a bare line feed": (chunked(b"5\r\nhello\n0\r\n\r\n"), 400, "invalid-chunk-end"),
    "an endless chunk extension": (chunked(b"5;" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n"), 400, "chunk-extensions-too-long"),
    "a malformed trailer": (chunked(CHUNK + b"0\r\nno colon\r\n\r\n"), 400, "invalid-trailer"),
    "a trailer ended by a bare line feed": (chunked(CHUNK + b"0\r\nx: 1\n\r\n"), 400, "invalid-trailer"),
    # Heads
    "a folded header": (get(b"X-A: 1\r\n folded"), 400, "obsolete-line-folding"),
    "a header folded by a tab": (get(b"X-A: 1\r\n\tfolded"), 400, "obsolete-line-folding"),
    "bare line feeds": (b"GET /healthz HTTP/1.1\nHost: localhost\n\n", 400, "bare-line-feed"),
    "one bare line feed in the head": (b"GET /healthz HTTP/1.1\r\nHost: localhost\nX-A: 1\r\n\r\n", 400, "bare-line-feed"),
    "a bare carriage return in a value": (get(b"X-A: 1\rX-B: 2"), 400, "bare-carriage-return"),
    "a zero byte in a value": (get(b"X-A: a\x00b"), 400, "invalid-header-value"),
    "a zero byte in a name": (get(b"X\x00A: b"), 400, "invalid-header-name"),
    "a control byte in a value": (get(b"X-A: a\x01b"), 400, "invalid-header-value"),
    "a space in a name": (get(b"X A: b"), 400, "space-before-colon"),
    "a space before a colon": (get(b"X-A : b"), 400, "space-before-colon"),
    "an empty name": (get(b": b"), 400, "invalid-header-name"),
    "no colon": (get(b"X-A"), 400, "invalid-header-name"),
    "a first header that begins with a space": (
        b"GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n", 400, "obsolete-line-folding"),
    "a name outside of ASCII": (get(b"X-\xc3\xa4: b"), 400, "invalid-header-name"),
    # Hosts
    "no host": (get(host=b""), 400, "host-missing"),
    "two hosts": (get(b"Host: localhost"), 400, "host-repeated"),
    "two hosts that differ": (get(b"Host: evil.example"), 400, "host-repeated"),
    "an empty host": (get(host=b"Host: \r\n"), 400, "host-invalid"),
    "a host list": (get(host=b"Host: localhost, evil.example\r\n"), 400, "host-invalid"),
    "a host with a path": (get(host=b"Host: localhost/x\r\n"), 400, "host-invalid"),
    "a host with user information": (get(host=b"Host: a@localhost\r\n"), 400, "host-invalid"),
    "a host that disagrees with an absolute target": (
        get(target=b"http://evil.example/healthz"), 400, "host-disagrees-with-target"),
    # Request lines
    "no version": (b"GET /healthz\r\n\r\n", 400, "invalid-request-line"),
    "two spaces": (b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400, "invalid-version"),
    "a tab instead of a space": (b"GET\t/healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400, "invalid-method"),
    "a trailing space": (b"GET /healthz HTTP/1.1 \r\n" + HOST + b"\r\n", 400, "invalid-version"),
    "an unknown version": (get(version=b"HTTP/3.7"), 505, "version-unsupported"),
    "a lower-case version": (get(version=b"http/1.1"), 400, "invalid-version"),
    "a version of two digits": (get(version=b"HTTP/1.10"), 400, "invalid-version"),
    "a method with a colon": (b"GE:T /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400, "invalid-method"),
    "a target with a control byte": (get(target=b"/health\x01z"), 400, "invalid-target"),
    "a target without a slash": (get(target=b"healthz"), 400, "invalid-target"),
    "a target with a fragment": (get(target=b"/healthz#x"), 400, "invalid-target"),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501, "connect-unsupported"),
    "an endless method": (b"A" * 70_000 + b" / HTTP/1.1\r\n", 414, "target-too-long"),
    "an endless target": (get(target=b"/" + b"a" * 100_000), 414, "target-too-long"),
    "an endless header": (get(b"X-A: " + b"a" * 200_000), 431, "head-too-long"),
    "ten thousand headers": (get(*[b"X-%d: 1" % n for n in range(10_000)]), 431, "head-too-long"),
    "an unsupported expectation": (post(LENGTH, b"Expect: 200-maybe"), 417, "expectation-unsupported"),
    "a TLS hello on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, 400, "tls-on-plain-port"),
    "an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http2-unsupported"),
    "garbage": (bytes(range(256)) + b"\r\n\r\n", 400, "invalid-method"),
    # Lookalikes
    "a coding with a parameter": (chunked(b"0\r\n\r\n").replace(b": chunked", b": chunked;q=1"), 400, "transfer-encoding-unsupported"),
    "a coding with an empty list element": (chunked(b"0\r\n\r\n").replace(b": chunked", b": chunked,"), 400,
                                            "transfer-encoding-unsupported"),
    "a coding after a form feed": (chunked(b"0\r\n\r\n").replace(b": chunked", b": \x0cchunked"), 400, "invalid-header-value"),
    "a coding whose name ends in a zero byte": (post(b"Transfer-Encoding\x00: chunked", LENGTH), 400, "invalid-header-name"),
    "a length with a no-break space": (post(LENGTH + b"\xa0"), 400, "invalid-content-length"),
    "a length in full-width digits": (post("Content-Length: \uff15".encode()), 400, "invalid-content-length"),
    "a length of nothing but a comma": (post(b"Content-Length: ,"), 400, "invalid-content-length"),
    "a second length behind an empty line fold": (post(LENGTH, b" Content-Length: 5"), 400, "obsolete-line-folding"),
    "a chunk size with an underscore": (chunked(b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"), 400, "invalid-chunk-size"),
    "a chunk extension with a bare carriage return": (chunked(b"5;a=\rb\r\nhello\r\n0\r\n\r\n"), 400, "invalid-chunk-size"),
    "a last chunk ended by a bare line feed": (chunked(CHUNK + b"0\n\r\n"), 400, "invalid-chunk-size"),
    "a trailer that folds": (chunked(CHUNK + b"0\r\nx: 1\r\n y\r\n\r\n"), 400, "invalid-trailer"),
    "a space in a target": (get(target=b"/healthz /metrics"), 400, "invalid-version"),
    "a version followed by a vertical tab": (get(version=b"HTTP/1.1\x0b"), 400, "invalid-version"),
    "a carriage return before the line end": (b"GET /healthz HTTP/1.1\r\r\n" + HOST + b"\r\n", 400, "invalid-version"),
    "a target with raw UTF-8": (get(target="/health\u00fc".encode()), 400, "invalid-target"),
    "an asterisk for anything but OPTIONS": (get(target=b"*"), 400, "invalid-target"),
    "a target of another scheme": (get(target=b"gopher://localhost/healthz"), 400, "invalid-target"),
    "a target with a backslash for a slash": (get(target=b"\\\\localhost\\healthz"), 400, "invalid-target"),
    "a host with a port beyond 65535": (get(host=b"Host: localhost:65536\r\n"), 400, "host-invalid"),
    "a host with a zero byte": (get(host=b"Host: local\x00host\r\n"), 400, "invalid-header-value"),
    "a host with a space inside": (get(host=b"Host: local host\r\n"), 400, "host-invalid"),
    "a host with an open bracket": (get(host=b"Host: [::1\r\n"), 400, "host-invalid"),
    "no host over HTTP/1.0": (get(host=b"", version=b"HTTP/1.0"), 400, "host-missing"),
}

# The request is understood and refused; the connection goes on.
HTTP_REFUSED = {
    "two tokens in two headers": (
        get(b"Authorization: Bearer a", b"Authorization: Bearer b", target=b"/v1/events"), 401, "unauthorized"),
    "a thousand query parameters": (get(target=b"/v1/events?" + b"a=1&" * 1_000), 400, "invalid-target"),
    "an unknown method": (b"BREW /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 405, "method-not-allowed"),
    "bad percent coding in a topic": (post(LENGTH, target=b"/v1/events?topic=%zz"), 400, "invalid-target"),
    "a cut percent coding in a topic": (post(LENGTH, target=b"/v1/events?topic=a%2"), 400, "invalid-target"),
    "a coded zero byte in a topic": (post(LENGTH, target=b"/v1/events?topic=a%00b"), 400, "invalid-topic"),
    "a path that climbs": (get(target=b"/v1/../../etc/passwd"), 404, "not-found"),
    "a coded path that climbs": (get(target=b"/v1/%2e%2e/%2e%2e/etc/passwd"), 404, "not-found"),
    "a doubled slash": (get(target=b"//healthz"), 404, "not-found"),
    "a path with a coded slash": (get(target=b"/v1%2fevents"), 404, "not-found"),
    # Who it says it is for
    "a host that is not ours": (get(host=b"Host: evil.example\r\n"), 403, "host-not-allowed"),
    "a host that ends like ours": (get(host=b"Host: evil-localhost\r\n"), 403, "host-not-allowed"),
    "a host that begins like ours": (get(host=b"Host: localhost.evil.example\r\n"), 403, "host-not-allowed"),
    "a foreign origin": (post(LENGTH, b"Origin: https://evil.example"), 403, "origin-not-allowed"),
    "the origin null": (post(LENGTH, b"Origin: null"), 403, "origin-not-allowed"),
    "an empty origin": (post(LENGTH, b"Origin:"), 403, "origin-not-allowed"),
    "two origins, ours first": (post(LENGTH, b"Origin: http://localhost", b"Origin: https://evil.example"), 403, "origin-not-allowed"),
    "an origin list": (post(LENGTH, b"Origin: http://localhost https://evil.example"), 403, "origin-not-allowed"),
    "a foreign host with a forwarded one of ours": (
        get(b"X-Forwarded-Host: localhost", host=b"Host: evil.example\r\n"), 403, "host-not-allowed"),
    "a method in a header": (get(b"X-HTTP-Method-Override: POST", target=b"/v1/topics/hostile.one"), 405, "method-not-allowed"),
    "TRACE": (get(method=b"TRACE"), 405, "method-not-allowed"),
    "a method in small letters": (get(method=b"get"), 405, "method-not-allowed"),
    # What would become a header, a topic or an event
    "a coded line end in a topic of the path": (
        post(LENGTH, target=b"/v1/topics/a%0d%0aX-Evil:%201"), 400, "invalid-topic"),
    "a coded line end in a pattern": (get(target=b"/v1/events?topic=a%0d%0aX-Evil:%201"), 400, "invalid-topic"),
    "a coded line end in a position": (get(target=b"/v1/events?from=%0d%0aX-Evil:%201"), 400, "invalid-from"),
    "a topic that climbs": (post(LENGTH, target=b"/v1/topics/..%2f..%2fetc"), 400, "invalid-topic"),
    "one of the service's own types": (post(LENGTH, target=b"/v1/topics/dev.fanfare.gap"), 403, "reserved-type"),
    "one of the service's own topics": (post(LENGTH, target=b"/v1/events?topic=fanfare.deadletter.x"), 403, "reserved-topic"),
    "a coded line end in an attribute": (
        post(LENGTH, b"ce-specversion: 1.0", b"ce-id: a%0d%0aX-Evil: 1", b"ce-source: /s", b"ce-type: hostile.one",
             content_type=b"application/json"), 400, "invalid-event"),
    "an attribute given twice": (
        post(LENGTH, b"ce-specversion: 1.0", b"ce-id: a", b"ce-id: b", b"ce-source: /s", b"ce-type: hostile.one",
             content_type=b"application/json"), 400, "invalid-event"),
    "a negative limit": (get(target=b"/v1/events?limit=-1"), 400, "invalid-limit"),
    "a limit beyond 64 bits": (get(target=b"/v1/events?limit=18446744073709551617"), 400, "invalid-limit"),
    "a position of 17 digits": (get(target=b"/v1/events/00000000-00000000000000001"), 400, "invalid-position"),
    "a content type that is none": (post(LENGTH, content_type=b"\xff\xfe"), 415, "unsupported-media-type"),
    "a body in a coding": (post(LENGTH, b"Content-Encoding: gzip"), 415, "unsupported-content-coding"),
    # Upgrades that are none
    "an upgrade without a key": (upgrade({b"Sec-WebSocket-Key": None}), 400, "websocket-key-invalid"),
    "an upgrade with a short key": (upgrade({b"Sec-WebSocket-Key": b"c2hvcnQ="}), 400, "websocket-key-invalid"),
    "an upgrade with a key that is not base64": (upgrade({b"Sec-WebSocket-Key": b"*" * 24}), 400, "websocket-key-invalid"),
    "an upgrade with two keys": (upgrade(None, b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, "websocket-key-invalid"),
    "an upgrade of version 8": (upgrade({b"Sec-WebSocket-Version": b"8"}), 426, "websocket-version-unsupported"),
    "an upgrade without a version": (upgrade({b"Sec-WebSocket-Version": None}), 426, "websocket-version-unsupported"),
    "an upgrade of an endless version": (upgrade({b"Sec-WebSocket-Version": b"13" * 40}), 426, "websocket-version-unsupported"),
    "an upgrade without Connection": (upgrade({b"Connection": None}), 400, "websocket-needs-connection-upgrade"),
    "an upgrade with a body": (upgrade(None, b"Content-Length: 5") + b"hello", 400, "websocket-with-body"),
    "an upgrade with a chunked body": (
        upgrade(None, b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n", 400, "websocket-with-body"),
    "an upgrade by POST": (upgrade(method=b"POST"), 405, "method-not-allowed"),
    "an upgrade from a foreign page": (upgrade(None, b"Origin: https://evil.example"), 403, "origin-not-allowed"),
    "an upgrade from a page without origin": (upgrade(None, b"Origin: null"), 403, "origin-not-allowed"),
    "an upgrade to unknown subprotocols only": (upgrade(None, b"Sec-WebSocket-Protocol: a, b"), 400, "subprotocol-unknown"),
    "an upgrade to a broken list of subprotocols": (upgrade(None, b"Sec-WebSocket-Protocol: a b"), 400, "subprotocol-unknown"),
    "an upgrade with a pattern that is none": (upgrade(target=b"/v1/subscribe?topic=a..b"), 400, "invalid-topic"),
    # Event streams that are none
    "an event stream nobody accepts": (get(b"Accept: application/json", target=b"/v1/subscribe?topic=a"), 406, "not-acceptable"),
    "an event stream without a topic": (get(target=b"/v1/subscribe"), 400, "topic-missing"),
    "a Last-Event-ID that is none": (get(b"Last-Event-ID: x", target=b"/v1/subscribe?topic=a"), 400, "invalid-from"),
    "a coded line end in a subscribed pattern": (
        get(target=b"/v1/subscribe?topic=a%0aid:%201"), 400, "invalid-topic"),
    "a slow policy that is none": (get(target=b"/v1/subscribe?topic=a&slow=never"), 400, "invalid-slow"),
}


# name: (bytes, status). Odd but clear: answered as if nothing were odd, and the connection goes on.
TOLERATED = {
    "an empty line before a request (RFC 9112, 2.2)": (b"\r\n" + get(), 200),
    "an empty value": (get(b"X-A:"), 200),
    "spaces around a value": (get(b"X-A: \t 1 \t "), 200),
    "bytes above ASCII in a value": (get(b"X-A: \xe4\xff"), 200),
    "a query that nobody asked for": (get(target=b"/healthz?x=%20&y"), 200),
    "a target in absolute form": (get(target=b"http://localhost/healthz"), 200),
    "a coding in capitals": (chunked(CHUNK + b"0\r\n\r\n").replace(b": chunked", b": CHUNKED"), 202),
    "a chunk size with leading zeros and an extension": (chunked(b"000" + CHUNK.replace(b"\r\n", b";a=b\r\n", 1) + b"0\r\n\r\n"), 202),
    "trailers that claim another length and host": (
        chunked(CHUNK + b"0\r\nContent-Length: 5\r\nHost: evil.example\r\n\r\n"), 202),
    "a body of a GET": (get(b"Content-Length: 5") + b"hello", 200),
    "lengths that Connection names": (post(LENGTH, b"Connection: Content-Length"), 202),
    "an upgrade to HTTP/2": (get(b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABkAAQAAP__"), 200),
    "an upgrade where nothing is upgraded": (upgrade(target=b"/healthz"), 200),
    "a forwarded host that is not ours": (get(b"X-Forwarded-Host: evil.example", b"Forwarded: host=evil.example"), 200),
    "a length of leading zeros": (post(b"Content-Length: 000%d" % len(EVENT)), 202),
    "OPTIONS of everything": (get(method=b"OPTIONS", target=b"*"), 204),
    "a range": (get(b"Range: bytes=0-0"), 200),
}


def frame(opcode, payload=b"", fin=True, reserved=0, masked=True, length_bytes=None):
    """One frame, whatever it breaks; its mask is zeros, so the payload is there to see."""
    payload = payload.encode() if isinstance(payload, str) else payload
    bit = masked << 7
    if length_bytes == 8 or len(payload) > 0xFFFF:
        length = struct.pack("!BQ", bit | 127, len(payload))
    elif length_bytes == 2 or len(payload) > 125:
        length = struct.pack("!BH", bit | 126, len(payload))
    else:
        length = bytes([bit | len(payload)])
    return bytes([fin << 7 | reserved << 4 | opcode]) + length + (bytes(4) if masked else b"") + payload


def close(code, reason=b""):
    return frame(8, struct.pack("!H", code) + reason)


# name: (frames, close code). The events allowed are 64 KiB.
FRAMES = {
    "an unmasked frame": (frame(1, "{}", masked=False), 1002),
    "an unmasked ping": (frame(9, masked=False), 1002),
    "an unmasked close": (frame(8, b"\x03\xe8", masked=False), 1002),
    "reserved bit 1 without an extension": (frame(1, "{}", reserved=4), 1002),
    "reserved bit 2": (frame(1, "{}", reserved=2), 1002),
    "reserved bit 3": (frame(1, "{}", reserved=1), 1002),
    "reserved bit 1 on a continuation": (frame(1, "{", fin=False) + frame(0, "}", reserved=4), 1002),
    "reserved bit 1 on a ping": (frame(9, reserved=4), 1002),
    "reserved bit 1 on a close": (frame(8, reserved=4), 1002),
    "a reserved data opcode": (frame(3, "{}"), 1002),
    "the last reserved data opcode": (frame(7, "{}"), 1002),
    "a reserved control opcode": (frame(11, ""), 1002),
    "the last reserved control opcode": (frame(15, ""), 1002),
    "a fragmented ping": (frame(9, fin=False), 1002),
    "a fragmented pong": (frame(10, fin=False), 1002),
    "a fragmented close": (frame(8, b"\x03\xe8", fin=False), 1002),
    "a ping of 126 bytes": (frame(9, "x" * 126), 1002),
    "a pong of 126 bytes": (frame(10, "x" * 126), 1002),
    "a close of 126 bytes": (close(1000, b"x" * 124), 1002),
    "a close of one byte": (frame(8, b"\x03"), 1002),
    "a close with code 0": (close(0), 1002),
    "a close with code 999": (close(999), 1002),
    "a close with code 1004": (close(1004), 1002),
    "a close with code 1005": (close(1005), 1002),
    "a close with code 1006": (close(1006), 1002),
    "a close with code 1015": (close(1015), 1002),
    "a close with code 1016": (close(1016), 1002),
    "a close with code 2999": (close(2999), 1002),
    "a close with code 5000": (close(5000), 1002),
    "a close with code 65535": (close(65535), 1002),
    "a continuation of nothing": (frame(0, "{}"), 1002),
    "a continuation after a whole message": (frame(1, '{"op":"ping"}') + frame(0, "{}"), 1002),
    "a text inside a text": (frame(1, "{", fin=False) + frame(1, "}"), 1002),
    "a binary inside a text": (frame(1, "{", fin=False) + frame(2, "}"), 1002),
    "a length longer than needed (16 bits)": (frame(1, "{}", length_bytes=2), 1002),
    "a length longer than needed (64 bits)": (frame(1, "{}", length_bytes=8), 1002),
    "a length with its top bit set": (b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00{}", 1002),
    "an announced exabyte": (b"\x81\xff\x0f" + bytes(7) + bytes(4), 1009),
    "a message over the limit": (frame(1, b"x" * 1_000_000), 1009),
    "fragments over the limit": (frame(1, b"x" * 60_000, fin=False) + frame(0, b"x" * 60_000, fin=False) * 2, 1009),
    "a binary message": (frame(2, b"{}"), 1003),
    "a fragmented binary message": (frame(2, b"{", fin=False) + frame(0, b"}"), 1003),
    "a byte that is never UTF-8": (frame(1, b"\xff"), 1007),
    "an overlong slash": (frame(1, b"\xc0\xaf"), 1007),
    "a surrogate": (frame(1, b"\xed\xa0\x80"), 1007),
    "a code point beyond the last": (frame(1, b"\xf4\x90\x80\x80"), 1007),
    "a character that is cut": (frame(1, b'{"op":"pi\xc3'), 1007),
    "a character cut by the end of a fragmented message": (frame(1, b"\xe2", fin=False) + frame(0, b"\x82"), 1007),
    "a character broken across fragments": (frame(1, b"\xe2\x82", fin=False) + frame(0, b"x"), 1007),
    "a reason that is not UTF-8": (close(1000, b"\xff"), 1007),
    "a close with code 1000": (close(1000), 1000),
    "a close without a code": (frame(8), 1000),
    "a close with a private code": (close(4999, b"bye"), 4999),
    "a close between fragments": (frame(1, "{", fin=False) + close(1000), 1000),
    "messages after a close": (close(1000) + frame(1, '{"op":"ping"}'), 1000),
    "HTTP after the upgrade": (get(), 1002),
}

# name: (line, the error op's title). The next line counts again.
LINES = {
    "nothing but a zero byte": (b"\x00", "invalid-json"),
    "bytes that are no UTF-8": (b"\xff\xfe", "invalid-json"),
    "a byte order mark": (b'\xef\xbb\xbf{"op":"ping"}', "invalid-json"),
    "a thousand braces": (b"{" * 1000, "invalid-json"),
    "fifty thousand brackets": (b"[" * 50_000, "invalid-json"),
    "a number": (b"1", "invalid-message"),
    "a list": (b"[]", "invalid-message"),
    "an object without op": (b"{}", "invalid-message"),
    "an op that is none": (b'{"op":"fly"}', "unknown-op"),
    "an op that is a number": (b'{"op":1}', "invalid-message"),
    "an op of half a surrogate pair": (b'{"op":"\\ud800"}', "invalid-json"),
    "a subscription without topics": (b'{"op":"subscribe","id":"a","topics":[]}', "topic-missing"),
    "a subscription named by a number": (b'{"op":"subscribe","id":1,"topics":["a"]}', "invalid-message"),
    "a pattern with a line end": (b'{"op":"subscribe","id":"a","topics":["a\\nb"]}', "invalid-topic"),
    "a position that is none": (b'{"op":"subscribe","id":"a","topics":["a"],"from":"0-0"}', "invalid-from"),
    "leaving what was never entered": (b'{"op":"unsubscribe","id":"a"}', "unknown-subscription"),
    "an event that is none": (b'{"specversion":"1.0"}', "invalid-message"),
    "an event for one of the service's own topics": (
        b'{"op":"publish","topic":"fanfare.x","event":{"specversion":"1.0","id":"1","source":"/s","type":"a"}}', "reserved-topic"),
    "an authentication without a token": (b'{"op":"authenticate"}', "invalid-message"),
}

# Attributes and data that would forge or break a message if they were copied as they are. All are valid events, or refused.
FORGERIES = {
    "a line end in data": {"data": "a\n\ndata: forged\nid: 1\n\n"},
    "carriage returns in data": {"data": "a\r\rdata: forged\r\r"},
    "the other line ends in data": {"data": "a\u2028b\u2029c\x85d\x0be\x0cf"},
    "field names in data": {"data": {"event: fanfare.gap\nid": "0-0"}},
    "the end of a chunk in data": {"data": "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"},
    "a zero byte in data": {"data": "a\x00b"},
    "an op in data": {"data": {"op": "closing", "specversion": "9"}},
    "an op as an attribute": {"op": "closing"},
    "a forged position": {"fanfareposition": "ffffffff-9999999999999999"},
    "a forged topic": {"fanfaretopic": "hostile.forged"},
}
