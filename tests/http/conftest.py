"""Fixtures of the HTTP tests: the fake backend behind the real transport, and a client of bytes."""

import json
import re
import socket
import time

import pytest

from lib import protocol


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes seconds by its nature")


def is_modern(message):
    meta = ((message or {}).get("params") or {}).get("_meta") or {}
    return "io.modelcontextprotocol/protocolVersion" in meta


class Raw:
    """One TCP connection on which the test writes the bytes itself."""

    def __init__(self, server, timeout=10):
        self.server, self.buffer = server, b""
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def head(self, message=None, method="POST", path="/mcp", length=None, extra=(), **headers):
        """Request line and headers; `extra` are lines as they are."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.server.port}"]
        if not is_modern(message):
            message = None
        lines += [f"{k}: {v}" for k, v in self.server.headers(message, **headers).items()]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join([*lines, *extra, "", ""]).encode()

    def post(self, message, extra=(), **headers):
        body = json.dumps(message).encode()
        self.send(self.head(message, length=len(body), extra=extra, **headers) + body)

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"closed after {self.buffer[:200]!r}")
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, n):
        while len(self.buffer) < n:
            self.more()
        found, self.buffer = self.buffer[:n], self.buffer[n:]
        return found

    def read_head(self):
        """(status, headers)"""
        line, *fields = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        return int(line.split()[1]), {
            name.lower(): value.strip() for name, value in (f.split(":", 1) for f in fields)}

    def chunk(self):
        size = int(self.until(b"\r\n"), 16)
        data = self.exactly(size)
        assert self.until(b"\r\n") == b""
        return data

    def answer(self):
        """(status, headers, body)"""
        status, headers = self.read_head()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while data := self.chunk():
                body += data
        else:
            body = self.exactly(int(headers.get("content-length", 0)))
        return status, headers, body

    def closed(self, timeout=5):
        """True when the server ends the connection within that time."""
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()


@pytest.fixture
def fake(start_server):
    """A server over the fake backend that logs what it does."""
    return start_server("--backend", "fake", "--log-level", "debug")


@pytest.fixture
def connect_to():
    """connect_to(server): raw connections, closed at the end."""
    made = []

    def one(server, **more):
        made.append(Raw(server, **more))
        return made[-1]

    yield one
    for raw in made:
        raw.close()


@pytest.fixture
def connect(fake, connect_to):
    """connect(): the same to the fake."""
    return lambda **more: connect_to(fake, **more)


class Legacy:
    """A legacy session of a server: requests carry its id."""

    def __init__(self, server, version=protocol.LEGACY, **headers):
        self.server, self.version, self.more = server, version, headers
        answer = server.post(protocol.request("init", "initialize", {
            "protocolVersion": version, "capabilities": {}, "clientInfo": protocol.CLIENT,
        }, modern=False), **headers)
        assert answer.status == 200, answer.body
        self.result, self.id = answer.json["result"], answer.headers["mcp-session-id"]

    def headers(self, **more):
        return self.server.headers(**{"Mcp_Session_Id": self.id, **self.more, **more})

    def post(self, message, timeout=60, **more):
        return self.server.send(json.dumps(message), self.headers(**more), timeout=timeout)

    def request(self, method, params=None, id=1, **more):
        return self.post(protocol.request(id, method, params, modern=False), **more)

    def delete(self, **more):
        return self.server.send(None, self.headers(**more), method="DELETE")


@pytest.fixture
def legacy(fake):
    return Legacy(fake)


@pytest.fixture
def start_legacy(fake):
    return lambda **more: Legacy(fake, **more)


@pytest.fixture
def start_session():
    return Legacy


def execute(command, id=1, modern=True, **meta):
    """A call that runs a command of the fake backend."""
    return protocol.request(id, "tools/call", {
        "name": "terminal_execute", "arguments": {"command": command, "yield_s": 50}}, modern, **meta)


@pytest.fixture(name="execute")
def execute_fixture():
    return execute


def logged(server, pattern, n=1, seconds=10):
    """All that matches in the server's log, as soon as it is n times there."""
    until = time.monotonic() + seconds
    while len(found := re.findall(pattern, server.stderr)) < n:
        assert time.monotonic() < until, f"{len(found)} of {n} {pattern!r}\n{server.stderr}"
        time.sleep(0.02)
    return found


@pytest.fixture(name="logged")
def logged_fixture(fake):
    return lambda *args, **more: logged(fake, *args, **more)


@pytest.fixture
def finished(fake):
    """finished(n): waits until n calls are over, and returns how many ms each one took."""

    return lambda n, seconds=10: [int(ms) for ms in logged(
        fake, r" call tool=\S+ ms=(\d+)", n, seconds)]


@pytest.fixture
def start_fake(start_server):
    return lambda *args, **more: start_server("--backend", "fake", *args, **more)


def rss(pid):
    """Bytes of memory that a process holds; those of a sanitizer's build are let pass."""
    with open(f"/proc/{pid}/exe", "rb") as f:
        program = f.read()
    if any(name in program for name in (b"__asan_init", b"__tsan_init")):
        return 0
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * 4096


@pytest.fixture(name="rss")
def rss_fixture():
    return rss
