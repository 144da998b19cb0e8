"""The container's Chromium: GET /v1/browser/info, and DevTools below /cdp as nginx passes them on."""

import http.client
import json
import os
import signal
import socket
import tempfile
import threading
import time

from .procs import signal_group
from .reply import HttpError, json_reply

SEEN_AS = "localhost:8080"  # where the container believes to be reached
FLAGS = ["--headless", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-proxy-server", "--disable-background-networking", "--disable-component-update",
         "--remote-debugging-port=0"]
START_S = 30


class Browser:
    def __init__(self, program, procs, config):
        self.program, self.procs, self.config = program, procs, config
        self.lock, self.process = threading.Lock(), None

    def port(self):
        """Starts it when it does not run."""
        with self.lock:
            if not self.program:
                raise HttpError(404, "Not Found")
            if self.process and self.process.poll() is None:
                return self.number
            os.makedirs(self.procs.scratch, exist_ok=True)
            profile = tempfile.mkdtemp(dir=self.procs.scratch)
            # A sandbox of its own cannot be had inside every namespace of a test.
            self.process = self.procs.start(
                [self.program, *FLAGS, "--no-sandbox", f"--user-data-dir={profile}",
                 "about:blank"], "/", stdin=-3, stdout=-3, stderr=-3)
            told, until = os.path.join(profile, "DevToolsActivePort"), time.monotonic() + START_S
            while not os.path.exists(told) or "\n" not in open(told).read():
                if time.monotonic() > until or self.process.poll() is not None:
                    raise HttpError(503, "the browser did not start")
                time.sleep(0.02)
            self.number = int(open(told).readline())
            return self.number

    def kill(self):
        with self.lock:
            if self.process:
                signal_group(self.process, signal.SIGKILL)
                self.process.wait()

    def version(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=10)
        try:
            connection.request("GET", "/json/version")
            found = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        path = found["webSocketDebuggerUrl"].split("/", 3)[3]
        return found | {"webSocketDebuggerUrl": f"ws://{SEEN_AS}/cdp/{path}"}

    def info(self):
        if self.config["browser_info"] == "none":
            raise HttpError(404, "Not Found")
        found = self.version()
        urls = {"ws": found["webSocketDebuggerUrl"], "http": f"http://{SEEN_AS}/cdp",
                "empty": "", "junk": "gopher://x"}
        return {"user_agent": found["User-Agent"], "cdp_url": urls[self.config["browser_info"]],
                "vnc_url": f"http://{SEEN_AS}/vnc/index.html?autoconnect=true",
                "viewport": {"width": 1280, "height": 720}}

    def page(self, path):
        """What is asked of DevTools by HTTP."""
        if path in ("/cdp/json/version", "/cdp/json/version/"):
            return json_reply(self.version())
        raise HttpError(404, "Not Found")

    def relay(self, handler, path):
        """One WebSocket, byte by byte, until either side ends it."""
        lines = [f"GET {path.removeprefix('/cdp')} HTTP/1.1", f"Host: 127.0.0.1:{self.port()}"]
        passed_on = ("upgrade", "connection", "sec-websocket-key", "sec-websocket-version")
        lines += [f"{k}: {v}" for k, v in handler.headers.items() if k.lower() in passed_on]
        with socket.create_connection(("127.0.0.1", self.number)) as there:
            there.sendall("\r\n".join([*lines, "", ""]).encode())
            back = threading.Thread(target=pass_on, args=(there, handler.connection), daemon=True)
            back.start()
            pass_on(handler.rfile, there)
            back.join(5)


def pass_on(source, sink):
    read = source.recv if hasattr(source, "recv") else source.read1
    try:
        while data := read(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (sink, source):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass
