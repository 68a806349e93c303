"""A small HTTP and WebSocket client on the standard library alone, for checking the public contract
from outside. It can also send what no decent client sends."""

import base64
import hashlib
import http.client
import json
import os
import socket
import struct
import time
import urllib.parse
import uuid

DEADLINE_S = 10.0


def client_id():
    """A UUIDv7 (RFC 9562 §5.7)."""
    ms = int(time.time() * 1000)
    rand = int.from_bytes(os.urandom(10), "big")
    value = (ms & (2**48 - 1)) << 80 | rand & (2**80 - 1)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        try:
            return self.json.get("code")
        except (ValueError, AttributeError):
            return None

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Http:
    """One person's HTTP side; `token` is a bearer token or None."""

    def __init__(self, base, token=None):
        parts = urllib.parse.urlsplit(base)
        self.host, self.port, self.token = parts.hostname, parts.port, token

    def request(self, method, path, body=None, headers=None, raw=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE_S)
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        data = raw
        if raw is None and body is not None:
            data = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=data, headers=headers)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer

    def get(self, path, **kw):
        return self.request("GET", "/api/v1" + path, **kw)

    def post(self, path, body=None, **kw):
        return self.request("POST", "/api/v1" + path, {} if body is None and "raw" not in kw else body, **kw)

    def put(self, path, body=None, **kw):
        return self.request("PUT", "/api/v1" + path, {} if body is None else body, **kw)

    def patch(self, path, body=None, **kw):
        return self.request("PATCH", "/api/v1" + path, {} if body is None else body, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", "/api/v1" + path, **kw)


class Refused(Exception):
    def __init__(self, status):
        super().__init__(f"upgrade refused with {status}")
        self.status = status


class Closed(Exception):
    def __init__(self, code):
        super().__init__(f"closed with {code}")
        self.code = code


class Socket:
    """A WebSocket client (RFC 6455) that keeps every frame it has seen."""

    def __init__(self, base, token=None, headers=None, protocol="chapiana.v1"):
        parts = urllib.parse.urlsplit(base)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE_S)
        self.buffer, self.seen, self.close_code, self.ref = b"", [], None, 0
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: {parts.hostname}:{parts.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        if token:
            lines.append(f"Authorization: Bearer {token}")
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = self._until(b"\r\n\r\n").decode("latin-1")
        status = int(head.split(" ", 2)[1])
        if status != 101:
            raise Refused(status)
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        assert accept in head, "wrong Sec-WebSocket-Accept"
        self.head = head

    def _until(self, mark):
        while mark not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise Closed(1006)
            self.buffer += data
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def _take(self, n):
        while len(self.buffer) < n:
            data = self.socket.recv(65536)
            if not data:
                self.close_code = self.close_code or 1006
                raise Closed(self.close_code)
            self.buffer += data
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def raw(self, opcode, payload, fin=True):
        mask = os.urandom(4)
        head = bytes([(0x80 if fin else 0) | opcode])
        n = len(payload)
        if n < 126:
            head += bytes([0x80 | n])
        elif n < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", n)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", n)
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes((mask * (n // 4 + 1))[:n], "big")).to_bytes(n, "big")
        self.socket.sendall(head + mask + masked)

    def text(self, text):
        self.raw(0x1, text.encode())

    def send(self, frame):
        self.text(json.dumps(frame))

    def _message(self, deadline):
        self.socket.settimeout(max(0.01, deadline - time.monotonic()))
        first, second = self._take(2)
        n = second & 0x7F
        if n == 126:
            n = struct.unpack(">H", self._take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self._take(8))[0]
        payload = self._take(n)
        opcode = first & 0xF
        if opcode == 0x8:
            self.close_code = struct.unpack(">H", payload[:2])[0] if n >= 2 else 1005
            raise Closed(self.close_code)
        if opcode == 0x9:
            self.raw(0xA, payload)
            return []
        if opcode != 0x1:
            return []
        value = json.loads(payload)
        return value if isinstance(value, list) else [value]

    def frame(self, want, seconds=DEADLINE_S):
        """The next unread frame that `want` accepts; frames before it stay in `seen`, marked read."""
        deadline = time.monotonic() + seconds
        while True:
            for item in self.seen:
                if not item[1] and want(item[0]):
                    item[1] = True
                    return item[0]
            try:
                self.seen += [[frame, False] for frame in self._message(deadline)]
            except TimeoutError:
                raise AssertionError(f"no such frame within {seconds} s; unread: {[f for f, read in self.seen if not read][-6:]}") from None

    def next(self, kind, seconds=DEADLINE_S, **fields):
        return self.frame(lambda f: f.get("t") == kind and all(f.get(k) == v for k, v in fields.items()), seconds)

    def closed(self, seconds=DEADLINE_S):
        """Waits for the close and answers its code."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self.seen += [[frame, False] for frame in self._message(deadline)]
        except Closed as closed:
            return closed.code
        except TimeoutError:
            return None
        except ConnectionError:
            return 1006

    def ask(self, frame, kind=None):
        """Sends with a fresh ref; answers the frame with that ref."""
        self.ref += 1
        ref = f"r{self.ref}"
        self.send({**frame, "ref": ref})
        return self.frame(lambda f: f.get("ref") == ref and (kind is None or f["t"] == kind))

    def quiet(self):
        """A barrier: everything that the server had queued before the answer to a ping is in `seen`."""
        n = int.from_bytes(os.urandom(4), "big")
        self.send({"t": "ping", "n": n})
        self.next("pong", n=n)

    def all(self, kind, **fields):
        return [f for f, _ in self.seen if f.get("t") == kind and all(f.get(k) == v for k, v in fields.items())]

    def hello(self, format="data", **fields):
        self.send({"t": "hello", "format": format, **fields})
        return self.next("welcome")

    def watch(self, room, after):
        return self.ask({"t": "watch", "room": room, "after": after})

    def post(self, room, body, after=0, **fields):
        return self.ask({"t": "send", "room": room, "client_id": client_id(), "after": after, "kind": "post", "body": body, **fields})

    def drop(self):
        self.socket.close()
