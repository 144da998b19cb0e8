"""
A Chromium that listens for DevTools, and a relay before it that misbehaves as a test wants.

Relay.url is http://, Relay.ws() the WebSocket's. `mode` is how bytes of the browser go on:
    plain       as they are
    trickle     one by one, with pauses now and then
    (N, ...)    every message in fragments of so many bytes, the sizes in turn
`answer` is said instead of what the browser says: bytes of a whole HTTP response to the next
upgrade or to the next request of another kind. `requests` are the heads that came.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from browser.harness import FLAGS, chromium

OWN = {"--remote-debugging-pipe"}


class Debugged:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="smcp-cdp-")
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [chromium(), *(flag for flag in FLAGS if flag not in OWN), *root,
             "--remote-debugging-port=0", f"--user-data-dir={self.profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        told = os.path.join(self.profile, "DevToolsActivePort")
        until = time.monotonic() + 30
        while not os.path.exists(told) or open(told).read().count("\n") < 1:
            assert time.monotonic() < until and self.process.poll() is None, "no DevTools"
            time.sleep(0.02)
        self.port = int(open(told).readline())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            return json.loads(connection.getresponse().read() or b"null")
        finally:
            connection.close()

    def ws(self):
        return self.get("/json/version")["webSocketDebuggerUrl"]

    def pages(self):
        """What the browser shows whom it belongs to: every page of every context."""
        return [each for each in self.get("/json/list") if each["type"] == "page"]

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


def frame(opcode, data, final=True):
    head = bytes([opcode | (0x80 if final else 0)])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 65536:
        return head + b"\x7e" + struct.pack(">H", len(data)) + data
    return head + b"\x7f" + struct.pack(">Q", len(data)) + data


class Reader:
    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def exactly(self, n):
        while len(self.buffer) < n:
            self.more()
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        out, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return out + b"\r\n\r\n"

    def frame(self):
        """(first byte, payload) of an unmasked frame."""
        first, length = self.exactly(2)
        if length == 126:
            length = struct.unpack(">H", self.exactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.exactly(8))[0]
        return first, self.exactly(length)


class Relay:
    def __init__(self, port, path=None, tls=None):
        self.tls = tls
        self.target, self.mode, self.answer, self.requests = port, "plain", None, []
        self.pairs, self.lock, self.sending = [], threading.Lock(), threading.Lock()
        if path:
            self.server = socket.socket(socket.AF_UNIX)
            self.server.bind(path)
            self.server.listen(16)
        else:
            self.server = socket.create_server(("127.0.0.1", 0))
            self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def wrap(self, client):
        return self.tls.wrap_socket(client, server_side=True) if self.tls else client

    def serve(self, client):
        with contextlib.suppress(OSError), self.wrap(client) as client:
            reader = Reader(client)
            head = reader.head()
            self.requests.append(head.decode("latin-1"))
            if self.answer is not None:
                answer, self.answer = self.answer, None
                client.sendall(answer)
                if answer:
                    client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass
                return
            lines = [line for line in head.decode("latin-1").split("\r\n")
                     if not line.lower().startswith(("host:", "authorization:", "connection: k"))]
            lines.insert(1, f"Host: 127.0.0.1:{self.target}")
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                with self.lock:
                    self.pairs.append((client, server))
                if client.family != socket.AF_UNIX:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server.sendall("\r\n".join(lines).encode("latin-1"))
                threading.Thread(target=self.forward, args=(reader, server), daemon=True).start()
                self.back(server, client, b"upgrade: websocket" in head.lower())

    def forward(self, reader, server):
        with contextlib.suppress(OSError):
            server.sendall(reader.buffer)
            while data := reader.sock.recv(65536):
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def back(self, server, client, upgraded):
        reader = Reader(server)
        if upgraded:
            client.sendall(reader.head())
        while upgraded and isinstance(self.mode, tuple):
            first, data = reader.frame()
            with self.sending:
                client.sendall(self.split(first, data))
        while True:
            if not reader.buffer:
                reader.more()
            data, reader.buffer = reader.buffer, b""
            if self.mode == "trickle":
                for i in range(len(data)):
                    client.sendall(data[i:i + 1])
                    if i % 512 == 0:
                        time.sleep(0.001)
            else:
                client.sendall(data)

    def split(self, first, data):
        sizes, out, at, i = self.mode, b"", 0, 0
        if first & 0x0f != 1 or not data:
            return frame(first & 0x0f, data)
        while at < len(data):
            part = data[at:at + sizes[i % len(sizes)]]
            at += len(part)
            out += frame(1 if not i else 0, part, at == len(data))
            if i % 7 == 0 and at < len(data):
                out += frame(9, b"are you there")
            i += 1
        return out

    def cut(self):
        """Every connection that is open now, in the middle of whatever it does."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def say(self, data):
        """Bytes to every client, as if they were the browser's; between two of its messages when
        they go in fragments."""
        with self.lock, self.sending:
            for client, _ in self.pairs:
                with contextlib.suppress(OSError):
                    client.sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.cut()
