"""A web site of a test: what it gives is served at 127.0.0.1, and as another site at localhost."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    def __init__(self):
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.split("?")[0]
                site.seen.append(self.path)
                body = site.pages.get(path)
                if callable(body):
                    body(self)
                else:
                    self.answer(body or "<title>none</title>nothing", 200 if body else 404)

            def do_POST(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.do_GET()

            def answer(self, text, status=200, kind="text/html; charset=utf-8", **headers):
                data = text.encode() if isinstance(text, str) else text
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass

        self.pages, self.seen, self.released = {}, [], threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def add(self, path, body):
        self.pages[path] = body
        return self.url(path)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def other(self, path="/"):
        return f"http://localhost:{self.port}{path}"

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
