"""A browser in a sandbox with a list of allowed hosts: it goes through the egress proxy or nowhere."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

# Named in allow=, a loopback address of this machine is reached through the proxy.
ALLOWED, OTHER = "127.0.0.2", "127.0.0.3"


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.client_address[0], self.path))
        body = self.server.body.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def serve():
    every = []

    def start(address, body="<title>Served</title><h1>Hello</h1>"):
        server = ThreadingHTTPServer((address, 0), Page)
        server.daemon_threads, server.seen, server.body = True, [], body
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        every.append(server)
        return server

    yield start
    for server in every:
        server.shutdown()
        server.server_close()


def where(server, path="/"):
    return "http://{}:{}".format(*server.server_address) + path


def test_an_allowed_host_loads_and_others_are_refused_with_the_reason(start_web, serve):
    other = serve(OTHER)
    allowed = serve(ALLOWED, f"<title>Served</title><h1>Hello</h1><img src={where(other, '/pic')}>")
    web = start_web("--network", "allow={}:{}".format(*allowed.server_address))
    page = web.data("browser_navigate", url=where(allowed, "/a"), wait_until="load")
    assert (page["status"], page["title"]) == (200, "Served") and allowed.seen
    assert "Hello" in web.text("browser_snapshot")
    for url in (where(other), "https://example.com/"):
        said = web.fails("browser_navigate", url=url)
        assert said.startswith("denied: ") and "not in the allow list" in said, said
        assert "--network" in said
    web("browser_navigate", url=where(allowed))
    script = "fetch({!r}, {{mode: 'no-cors'}}).then(r => r.type, e => 'failed')"
    web.text("browser_evaluate", script=script.format(where(other, "/fetched")))
    assert not other.seen, "what a page asks for goes through the proxy as well"


def test_without_a_network_only_what_is_inside_loads(start_web, serve):
    outside = serve("127.0.0.1")
    web = start_web()
    web("file_write", path="site/index.html", content="<title>Inside</title>")
    web("terminal_execute", yield_s=0, command="cd site && exec python3 -m http.server 8098")
    web("terminal_execute", command="for i in $(seq 100); do curl -sf -o /dev/null "
                                    "http://localhost:8098/ && break; sleep 0.1; done")
    assert web.data("browser_navigate", url="localhost:8098")["title"] == "Inside"
    assert web.fails("browser_navigate", url=where(outside)).startswith("unavailable: ")
    said = web.fails("browser_navigate", url="http://example.com/")
    assert said.startswith("denied: ") and "--network none" in said
    assert not outside.seen
    assert web.data("browser_info")["memory_mb"] > 20
