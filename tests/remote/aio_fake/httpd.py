"""HTTP/1.1 by http.server: keep-alive, chunked bodies both ways, faults on the way out."""

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from . import faults
from .reply import REASONS, HttpError, Reply, json_reply

BODY_MAX = 256 << 20
CONNECTION_NUMBERS = itertools.count(1)


class Request:
    """A received request: lower-case header names, decoded path, whole body."""

    def __init__(self, method, target, headers, body, connection):
        parts = urlsplit(target)
        self.method, self.path = method, unquote(parts.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = {k.lower(): v for k, v in headers.items()}
        self.body, self.connection = body, connection

    @property
    def media_type(self):
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self):
        return json.loads(self.body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.number = next(CONNECTION_NUMBERS)

    def log_message(self, format, *args):
        pass

    def send_error(self, code, message=None, explain=None):
        self.close_connection = True
        self.send_reply(json_reply({"detail": message or str(code)}, int(code)), None)

    def read_exactly(self, count):
        data = self.rfile.read(count)
        if len(data) < count:
            raise ConnectionError("request cut short")
        return data

    def read_chunks(self):
        parts, total = [], 0
        while True:
            try:
                size = int(self.rfile.readline(1024).partition(b";")[0], 16)
            except ValueError:
                raise HttpError(400, "bad chunk size") from None
            if size == 0:
                break
            total += size
            if size < 0 or total > BODY_MAX:
                raise HttpError(413, "body too large")
            parts.append(self.read_exactly(size))
            if self.read_exactly(2) != b"\r\n":
                raise HttpError(400, "bad chunk end")
        while self.rfile.readline(8192) not in (b"\r\n", b""):
            pass
        return b"".join(parts)

    def read_body(self):
        coding = self.headers.get("Transfer-Encoding")
        length = self.headers.get("Content-Length")
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise HttpError(400, "unsupported framing")
            return self.read_chunks()
        if length is None:
            return b""
        if not length.isdigit():
            raise HttpError(400, "bad content length")
        if int(length) > BODY_MAX:
            raise HttpError(413, "body too large")
        return self.read_exactly(int(length))

    def handle_any(self):
        app = self.server.app
        try:
            body = self.read_body()
        except HttpError as error:
            self.close_connection = True
            self.send_reply(json_reply({"detail": error.detail}, error.status), None)
            return
        except ConnectionError:
            self.close_connection = True
            return
        request = Request(self.command, self.path, self.headers, body, self.number)
        fault = None
        if not request.path.startswith("/_fake/"):
            fault = app.faults.take(request.method, request.path)
        try:
            self.answer(app, request, fault)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = do_HEAD = do_OPTIONS = handle_any

    def answer(self, app, request, fault):
        if fault in ("hang", "reset_before"):
            app.note(request, fault)
            self.close_connection = True
            if fault == "hang":
                faults.hang(self.connection, app.stopping)
            else:
                faults.reset(self.connection)
            return
        reply = faults.reply_before(fault)
        app.note(request, fault)
        if reply is None and app.upgrades(request):
            self.close_connection = True
            app.browser.relay(self, self.path)
            return
        if reply is None:
            reply = app.handle(request)
        self.send_reply(reply, fault)

    def head(self, reply):
        lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Unknown')}"]
        headers = {"Server": "nginx", "Date": self.date_time_string(),
                   "Content-Type": reply.content_type, **reply.headers}
        if isinstance(reply.body, bytes):
            headers["Content-Length"] = str(len(reply.body))
        else:
            headers["Transfer-Encoding"] = "chunked"
        headers["Connection"] = "close" if self.close_connection else "keep-alive"
        lines += [f"{k}: {v}" for k, v in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def pieces(self, reply):
        """The answer as it goes to the wire, head first."""
        if isinstance(reply.body, bytes):
            yield self.head(reply) + (b"" if self.command == "HEAD" else reply.body)
            return
        yield self.head(reply)
        try:
            for part in reply.body:
                yield b"%x\r\n%s\r\n" % (len(part), part)
        except HttpError:
            self.close_connection = True
            return
        yield b"0\r\n\r\n"

    def send_reply(self, reply: Reply, fault):
        if fault in ("cut", "reset"):
            whole = b"".join(self.pieces(reply))
            if fault == "cut":
                head = len(self.head(reply))
                self.connection.sendall(whole[: head + (len(whole) - head) // 2])
            else:
                faults.reset(self.connection)
            self.close_connection = True
            return
        for piece in self.pieces(reply):
            if fault == "slow_1byte":
                faults.send_slowly(self.connection, piece)
            else:
                self.connection.sendall(piece)
        if fault == "close_after":
            self.close_connection = True


class Httpd(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self, app, host, port):
        self.app = app
        super().__init__((host, port), Handler)

    def handle_error(self, request, client_address):
        if not self.app.stopping.is_set():
            super().handle_error(request, client_address)

    def serve_in_thread(self):
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1})
        thread.daemon = True
        thread.start()
        return thread
