"""A server over HTTP, and requests to it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

from lib import processes, protocol, reports
from lib.results import Results
from lib.stdio import RpcError


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Answer:
    """status, headers (a lower-case dict), body (bytes); .messages: its JSON, or its SSE events."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def messages(self):
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            return [self.json] if self.body else []
        return [json.loads("\n".join(data)) for data in sse(self.body.decode()) if any(data)]


def sse(text):
    """The data lines of each event."""
    for event in text.replace("\r\n", "\n").split("\n\n"):
        data = [line[5:].removeprefix(" ") for line in event.split("\n") if line[:5] == "data:"]
        if data:
            yield data


class Server:
    """
    Starts BINARY --http on a free port with a token from a file, unless ARGS say otherwise about
    the token. Ready when the constructor returns.

    url, port, token; pid. Requests are modern unless said otherwise.
    """

    def __init__(self, binary, *args, env=None, cwd=None, token="test-token-0123456789abcdef"):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.token, self._last = token, 0
        self._results = Results(binary, args)
        self._files = tempfile.TemporaryDirectory()
        self.log = open(os.path.join(self._files.name, "stderr"), "w+b")
        command = [str(binary), "--http", f"127.0.0.1:{self.port}", *map(str, args)]
        if token and "--no-auth" not in args:
            path = os.path.join(self._files.name, "token")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                f.write(token + "\n")
            command += ["--token-file", path]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
            env=env, cwd=cwd)
        self.pid = self.process.pid
        self._wait_until_ready()

    def _wait_until_ready(self):
        until = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.kill()
                    raise AssertionError(f"no server on {self.port}:\n{self.stderr}") from None
                time.sleep(0.01)

    @property
    def stderr(self):
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def headers(self, message=None, **more):
        """What a well-behaved client sends; a keyword replaces a header, None leaves it out."""
        found = {"Content-Type": "application/json",
                 "Accept": "application/json, text/event-stream"}
        if self.token:
            found["Authorization"] = f"Bearer {self.token}"
        if message and "method" in message and "_meta" in (message.get("params") or {}):
            found |= protocol.headers(message)
        for name, value in more.items():
            found[name.replace("_", "-")] = value
        return {name: value for name, value in found.items() if value is not None}

    def send(self, body, headers, method="POST", path="/mcp", timeout=60):
        """One exchange on a connection of its own, exactly these headers and bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer = Answer(answer.status, answer.getheaders(), answer.read())
            self._results.exchange(body, lambda: answer.messages)
            return answer
        finally:
            connection.close()

    def post(self, message, timeout=60, path="/mcp", **headers):
        return self.send(json.dumps(message), self.headers(message, **headers), path=path,
                         timeout=timeout)

    def request(self, method, params=None, timeout=60, modern=True, path="/mcp", **headers):
        """The message that answers, {"result": ...} or {"error": ...} in it."""
        self._last += 1
        answer = self.post(protocol.request(self._last, method, params, modern), timeout, path,
                           **headers)
        for message in answer.messages:
            if message.get("id") == self._last and "method" not in message:
                return message
        raise AssertionError(f"no answer: HTTP {answer.status} {answer.body[:500]!r}")

    def result(self, method, params=None, timeout=60, **headers):
        answer = self.request(method, params, timeout, **headers)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def call(self, tool, timeout=60, **arguments):
        return self.result("tools/call", {"name": tool, "arguments": arguments}, timeout)

    def connections(self):
        """How many TCP connections of clients the server holds."""
        held = {name[8:-1] for name in processes.descriptors(self.pid).values()
                if name.startswith("socket:[")}
        mine = f":{self.port:04X}"
        return sum(row[9] in held for row in self._tcp() if row[1].endswith(mine))

    def on_the_way(self):
        """How many bytes between it and its clients are sent and not yet read, both directions."""
        mine = f":{self.port:04X}"
        return sum(int(queue, 16) for row in self._tcp() if mine in (row[1][-5:], row[2][-5:])
                   for queue in row[4].split(":"))

    def _tcp(self):
        """The rows of /proc/net/tcp that are connections."""
        with open(f"/proc/{self.pid}/net/tcp") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        return [row for row in rows if row[3] != "0A"]

    def close(self, timeout=10):
        """
        Ends the server by SIGTERM and returns its exit status. Fails when a connection of a client
        that is gone is still held, when the server does not end in time, when a process that it
        started outlives it, or on a sanitizer's report.
        """
        try:
            if self.process.poll() is None:
                self._assert_no_connection()
            below = processes.descendants(self.pid)
            self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not end in {timeout} s:\n{self.stderr}") from None
        finally:
            self.kill()
        processes.assert_gone(below)
        reports.assert_none(self.stderr)
        return status

    def _assert_no_connection(self, seconds=5):
        until = time.monotonic() + seconds
        while held := self.connections():
            assert time.monotonic() < until, f"{held} connections without a client are still held"
            time.sleep(0.02)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
