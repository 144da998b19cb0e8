"""A runner started the way the agent starts it: two pipes, /dev/null on fd 0, output on pipes."""

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

from lib.paths import BINARY

RUNNERS = os.path.join(os.path.dirname(BINARY), "runners")  # joined by make
SYSTEM_PYTHON = "/usr/bin/python3"  # what a sandbox has
PYTHON = os.environ.get("RUNNER_PYTHON") or (
    SYSTEM_PYTHON if os.path.exists(SYSTEM_PYTHON) else sys.executable)
NODE = os.environ.get("RUNNER_NODE") or shutil.which("node")
R = os.environ.get("RUNNER_R") or shutil.which("Rscript")
PROGRAMS = {
    "python": (PYTHON, "runner.py", "-c"),
    "javascript": (NODE, "runner.js", "-e"),
    "typescript": (NODE, "runner.js", "-e"),
    "r": (R, "runner.R", "-e"),
}
LIMIT = 8 << 20
PYTHON_VERSION = tuple(
    map(int, subprocess.check_output(
        [PYTHON, "-c", "import sys; print('%d %d' % sys.version_info[:2])"]
    ).split())
)


def high_pipe():
    ends = os.pipe()
    high = tuple(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in ends)
    for fd in ends:
        os.close(fd)
    return high


class Collector(threading.Thread):
    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe, self.data, self.lock = pipe, bytearray(), threading.Lock()
        self.start()

    def run(self):
        while True:
            chunk = os.read(self.pipe.fileno(), 1 << 16)
            if not chunk:
                return
            with self.lock:
                self.data += chunk

    def take(self):
        with self.lock:
            out, self.data = bytes(self.data), bytearray()
        return out.decode()


class Runner:
    """Start one; exec() cells; out() and err() are what was printed since the last call."""

    def __init__(self, language, cwd, inline=False, env=None, program=None):
        default, script, flag = PROGRAMS[language]
        path, program = os.path.join(RUNNERS, script), program or default
        req_r, self.req = high_pipe()
        self.resp, resp_w = high_pipe()
        if inline:
            with open(path, encoding="utf-8") as source:
                args = [program, flag, source.read()]
        else:
            args = [program, path]
        shell = 'exec "$@" 3<&%d 4>&%d %d<&- %d>&-' % (req_r, resp_w, req_r, resp_w)
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "sh", *args, language, "3", "4"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=(req_r, resp_w), cwd=cwd, env={**os.environ, **(env or {})},
        )
        os.close(req_r)
        os.close(resp_w)
        self.pid = self.process.pid
        self.buffer = bytearray()
        self.next_id = 0
        self.stdout, self.stderr = Collector(self.process.stdout), Collector(self.process.stderr)
        self.hello = self.line()

    def line(self, timeout=20):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.resp], [], [], left)[0]:
                raise TimeoutError("no response line")
            chunk = os.read(self.resp, 1 << 16)
            if not chunk:
                raise EOFError("the runner is gone")
            self.buffer += chunk
        end = self.buffer.index(b"\n")
        assert end <= LIMIT, "a response line above the bound"
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        return json.loads(line.decode("utf-8"))

    def send(self, code, **more):
        self.next_id += 1
        token = os.urandom(8).hex()
        self.raw({"id": self.next_id, "token": token, "op": "exec", "code": code, **more})
        return self.next_id, token

    def raw(self, data):
        if not isinstance(data, (bytes, bytearray)):
            data = json.dumps(data).encode() + b"\n"
        view = memoryview(data)
        while view:
            view = view[os.write(self.req, view) :]

    def answer(self, sent, timeout=20):
        got = self.line(timeout)
        assert (got["id"], got["token"]) == sent
        assert got["status"] == ("error" if got["error"] else "ok")
        assert set(got) >= {"results", "text", "execution_count"}
        return got

    def exec(self, code, timeout=20, **more):
        return self.answer(self.send(code, **more), timeout)

    def text(self, code, **more):
        got = self.exec(code, **more)
        assert got["error"] is None, got["error"]["traceback"]
        return got["text"]

    def error(self, code, **more):
        got = self.exec(code, **more)
        assert got["error"] is not None, got
        return got["error"]

    def interrupt(self):
        os.kill(self.pid, signal.SIGINT)

    def out(self, until=None, timeout=5):
        return self._printed(self.stdout, until, timeout)

    def err(self, until=None, timeout=5):
        return self._printed(self.stderr, until, timeout)

    @staticmethod
    def _printed(collector, until, timeout):
        deadline = time.monotonic() + timeout
        text = ""
        while True:
            text += collector.take()
            if time.monotonic() > deadline or (until is None and text) or (until and until in text):
                return text
            time.sleep(0.005)

    def end(self, timeout=10):
        """EOF on the request pipe; the exit status."""
        if self.req is not None:
            os.close(self.req)
            self.req = None
        return self.process.wait(timeout)

    def close(self):
        try:
            self.end(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.resp)
