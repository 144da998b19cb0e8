"""A thin client over a server's stdin and stdout: lines in, lines out, nothing hidden."""

import json
import queue
import signal
import subprocess
import threading
import time

from lib import processes, protocol, reports
from lib.results import Results


class RpcError(Exception):
    """The server answered with a JSON-RPC error; .error is its object."""

    def __init__(self, error):
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.error = error


class Stdio:
    """
    Starts BINARY ARGS. `modern` decides the era of what request() writes: the legacy one begins
    with initialize(), which the caller sends.

    notifications: what came without an id, in order. stderr: what the server has logged so far.
    """

    def __init__(self, binary, *args, env=None, cwd=None, modern=True):
        self.modern, self.notifications, self.errors = modern, [], []
        self.process = subprocess.Popen(
            [str(binary), *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=env, cwd=cwd)
        self.pid = self.process.pid
        self._lines, self._answers, self._last = queue.Queue(), {}, 0
        self._results = Results(binary, args)
        self._write = threading.Lock()
        self._readers = [threading.Thread(target=self._read_stdout, daemon=True),
                         threading.Thread(target=self._read_stderr, daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read_stdout(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_stderr(self):
        for line in self.process.stderr:
            self.errors.append(line.decode(errors="replace"))

    @property
    def stderr(self):
        return "".join(self.errors)

    def send_raw(self, data):
        """Bytes as they are; the newline is the caller's."""
        with self._write:
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def send(self, message):
        self._results.sent(message)
        self.send_raw(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def recv(self, timeout=30):
        """The next message. EOFError when the server closed, TimeoutError when nothing comes."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no message in {timeout} s; stderr:\n{self.stderr}") from None
        if line is None:
            self._lines.put(None)
            raise EOFError(f"the server closed its stdout; stderr:\n{self.stderr}")
        assert line.endswith(b"\n"), "a message without a newline"
        message = json.loads(line)
        self._results.came(message)
        return message

    def start(self, method, params=None, **meta):
        """Sends a request and returns its id."""
        self._last += 1
        self.send(protocol.request(self._last, method, params, self.modern, **meta))
        return self._last

    def response(self, id, timeout=30):
        """The whole answer to a request; what comes before it is kept."""
        until = time.monotonic() + timeout
        while id not in self._answers:
            message = self.recv(max(0.001, until - time.monotonic()))
            if "method" in message:
                self.notifications.append(message)
            else:
                self._answers[message.get("id")] = message
        return self._answers.pop(id)

    def request(self, method, params=None, timeout=30, **meta):
        """The whole answer to a request, {"result": ...} or {"error": ...} in it."""
        return self.response(self.start(method, params, **meta), timeout)

    def result(self, method, params=None, timeout=30, **meta):
        answer = self.request(method, params, timeout, **meta)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def call(self, tool, timeout=60, **arguments):
        """A tool's result, also one with isError."""
        return self.result("tools/call", {"name": tool, "arguments": arguments}, timeout)

    def notify(self, method, params=None):
        message = {"jsonrpc": "2.0", "method": method}
        self.send(message | {"params": params} if params else message)

    def initialize(self, version=protocol.LEGACY):
        """The legacy handshake; from here on requests are written in the legacy way."""
        self.modern = False
        result = self.result("initialize", {
            "protocolVersion": version, "capabilities": {}, "clientInfo": protocol.CLIENT})
        self.notify("notifications/initialized")
        return result

    def close(self, timeout=10):
        """
        Ends the server by closing its stdin and returns its exit status. Fails when it does not
        end in time, when a process that it started outlives it, or on a sanitizer's report.
        """
        below = processes.descendants(self.pid)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self._wait(below, timeout)

    def terminate(self, timeout=10):
        """The same by SIGTERM."""
        below = processes.descendants(self.pid)
        self.process.send_signal(signal.SIGTERM)
        return self._wait(below, timeout)

    def _wait(self, below, timeout):
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not end in {timeout} s:\n{self.stderr}") from None
        processes.assert_gone(below)
        for reader in self._readers:
            reader.join(5)
        reports.assert_none(self.stderr)
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
