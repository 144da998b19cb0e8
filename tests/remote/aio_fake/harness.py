"""What tests use: a running fake, and short ways to talk to it."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

PACKAGE_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STOP_S = 10


class Fake:
    """A running service. `root` is the directory it presents as /home/gem."""

    def __init__(self, process, port, root, api_key=None):
        self.process, self.port, self.root, self.api_key = process, port, root, api_key
        self.url = f"http://127.0.0.1:{port}"

    def request(self, method, path, body=None, headers=None, raw=None, timeout=60):
        """(status, headers, body bytes) of one request with the fake's own credentials."""
        sent = dict(headers or {})
        if self.api_key and not any(h.lower() in ("authorization", "x-aio-api-key") for h in sent):
            sent["X-AIO-API-Key"] = self.api_key
        if body is not None:
            raw = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        asked = urllib.request.Request(self.url + path, raw, sent, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=timeout) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def json(self, method, path, body=None, **options):
        status, _, data = self.request(method, path, body, **options)
        return status, json.loads(data)

    def call(self, path, /, **members):
        """The `data` of a POST that has to succeed."""
        status, reply = self.json("POST", path, members)
        if status != 200 or reply["success"] is not True:
            raise AssertionError(f"{path}: HTTP {status}: {reply}")
        return reply["data"]

    def fault(self, fault, path_prefix="/", count=1, **more):
        rule = {"fault": fault, "path_prefix": path_prefix, "count": count, **more}
        status, reply = self.json("POST", "/_fake/faults", rule)
        if status != 200:
            raise ValueError(reply)

    def clear(self, what):
        self.json("DELETE", f"/_fake/{what}")

    def configure(self, **members):
        return self.json("POST", "/_fake/config", members)[1]

    def violations(self):
        return self.json("GET", "/_fake/violations")[1]

    def requests(self):
        return self.json("GET", "/_fake/requests")[1]

    def path(self, *names):
        """Where a file below /home/gem lies on this machine."""
        return os.path.join(self.root, *names)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@contextmanager
def start_fake(tmp_path, api_key=None, jwt_public_key=None, strict=True, namespace=True, env=None,
               **options):
    """Runs a fake over `tmp_path`/home until the block ends.

    Other options become flags: bash_session_timeout=1 is --bash-session-timeout 1.
    """
    root = os.path.join(str(tmp_path), "home")
    os.makedirs(root, exist_ok=True)
    argv = [sys.executable, "-m", "aio_fake", "--port", "0", "--root", root]
    argv += ["--api-key", api_key] if api_key else []
    argv += ["--jwt-public-key", str(jwt_public_key)] if jwt_public_key else []
    argv += [] if strict else ["--no-strict"]
    argv += [] if namespace else ["--no-namespace"]
    for name, value in options.items():
        argv += [f"--{name.replace('_', '-')}", str(value)]
    process = subprocess.Popen(argv, cwd=PACKAGE_HOME, env=env, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    fake = None
    try:
        line = process.stdout.readline().split()
        if line[:2] != ["listening", "on"]:
            raise RuntimeError(f"aio_fake did not start: {line}")
        fake = Fake(process, int(line[2]), root, api_key)
        yield fake
    finally:
        (fake or Fake(process, 0, root)).stop()
        process.stdout.close()
