"""One-time URLs that files are left at, and fetched by; what is fetched from URLs."""

import hashlib
import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest

from lib import processes, protocol
from local.transfer import Refused, call, refused, run

TOKENS = {"ann": "token-of-ann-0123456789abcdef", "bob": "token-of-bob-0123456789abcdef"}


class Person:
    """Somebody's tools, by his token."""

    def __init__(self, server, name):
        self.server, self.name = server, name

    def call(self, tool, **arguments):
        return self.server.result("tools/call", {"name": tool, "arguments": arguments},
                                  Authorization=f"Bearer {TOKENS[self.name]}")


@pytest.fixture
def begin(tmp_path, start_server):
    path = tmp_path / "tokens"
    path.write_text("".join(f"{name}:{token}\n" for name, token in TOKENS.items()))
    path.chmod(0o600)
    return lambda *args: start_server("--toolsets", "all", "--token-file", path, *args, token=None)


@pytest.fixture
def server(begin):
    return begin()


@pytest.fixture
def ann(server):
    return Person(server, "ann")


@pytest.fixture
def bob(server):
    return Person(server, "bob")


def place(person, to, **more):
    return call(person, "file_upload", to=to, ticket=True, **more)["upload_url"]


def send(url, body=b"", method="PUT", **headers):
    """Status and what was said, of one request."""
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
    try:
        connection.request(method, at.path, body, {name.replace("_", "-"): value
                                                   for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else text
    finally:
        connection.close()


def stashed(state_dir):
    """What the server keeps of files on their way; locks are none."""
    return [p for p in (state_dir / "v1/stash").rglob("*") if p.is_file() and p.name != "lock"]


# ---- left by a URL ----

@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_file_is_there_when_the_answer_comes(ann, method):
    data = os.urandom(3_000_000)
    said = call(ann, "file_upload", to="in/data", ticket=True)
    assert said["method"] == "PUT" and said["expires_at"] > time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                                                          time.gmtime())
    status, got = send(said["upload_url"], data, method)
    digest = hashlib.sha256(data).hexdigest()
    assert (status, got) == (201, {"path": "/workspace/in/data", "files": 1, "bytes": len(data),
                                   "sha256": digest})
    assert run(ann, "sha256sum <in/data") == f"{digest}  -"


def test_curl_does_it(ann, tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 2_000_000)
    for words in (["-T", tmp_path / "f"], ["--data-binary", f"@{tmp_path}/f"],
                  ["-T", "-", "-H", "Transfer-Encoding: chunked"]):
        done = subprocess.run(["curl", "-fsS", *words, place(ann, "f")], capture_output=True,
                              stdin=open(tmp_path / "f", "rb"), timeout=60, check=True)
        assert json.loads(done.stdout)["bytes"] == 2_000_000


def test_it_works_once_and_for_nothing_else(server, ann):
    url = place(ann, "f")
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        assert send(url, method=method)[0] in (405, 404)
    assert send(url.replace("/upload/", "/download/"), method="GET")[0] == 404
    assert send(url, b"1")[0] == 201
    assert send(url, b"2")[0] == 404
    assert send(url[:-1] + ("a" if url[-1] != "a" else "b"), b"3")[0] == 404
    assert run(ann, "cat f") == "1"
    run(ann, "echo out >out")
    down = call(ann, "file_download", path="out", ticket=True)["url"]
    assert send(down.replace("/download/", "/upload/"), b"x")[0] == 404
    assert send(down, method="GET") == (200, b"out\n")


def test_two_at_the_same_time(ann):
    url, got = place(ann, "f"), []
    threads = [threading.Thread(target=lambda i=i: got.append(send(url, b"%d" % i * 100_000)[0]))
               for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(got) == [201] + [404] * 5


def test_it_goes_to_the_sandbox_of_who_asked(ann, bob):
    run(bob, "echo bobs >f")
    assert send(place(ann, "f"), b"anns")[0] == 201
    assert (run(ann, "cat f"), run(bob, "cat f")) == ("anns", "bobs")


def test_it_expires(begin):
    ann = Person(begin("--download-seconds", "1"), "ann")
    url = place(ann, "f")
    time.sleep(1.3)
    assert send(url, b"late")[0] == 404


def test_none_are_given(begin, start_stdio):
    assert "HTTP" in refused("not_supported", start_stdio("--toolsets", "all"), "file_upload",
                             to="x", ticket=True)
    ann = Person(begin("--download-seconds", "0"), "ann")
    refused("not_supported", ann, "file_upload", to="x", ticket=True)
    refused("not_supported", ann, "file_download", path="x", ticket=True)


@pytest.mark.parametrize("to, status, code", [
    ("/usr/x", 403, "denied"), ("fifo", 400, "invalid_argument"), ("d", 400, "invalid_argument"),
    ("/proc/version", 403, "denied")])
def test_what_goes_wrong_is_told(ann, to, status, code):
    run(ann, "mkfifo fifo; mkdir d")
    got = send(place(ann, to), b"x" * 100_000)
    assert (got[0], got[1]["error"]["code"]) == (status, code), got


def test_the_length_is_bounded(ann, state_dir):
    url = place(ann, "f")
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port), 20) as s:
        s.sendall(f"PUT {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\n"
                  f"Content-Length: {(1 << 30) + 1}\r\n\r\n".encode())
        assert s.recv(100).startswith(b"HTTP/1.1 413 ")
    assert send(url, b"still good")[0] == 201


def test_framed_twice(ann):
    at = urlsplit(place(ann, "f"))
    with socket.create_connection((at.hostname, at.port), 20) as s:
        s.sendall(f"PUT {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 3\r\n"
                  f"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".encode())
        assert s.recv(100).startswith(b"HTTP/1.1 4")
    assert run(ann, "ls") == ""


def test_other_pages_and_names_are_refused(ann):
    url = place(ann, "f")
    assert send(url, b"x", Origin="https://evil.example")[0] == 403
    assert send(url, b"x", Host="evil.example")[0] == 403
    assert send(url, b"x")[0] == 201


def test_what_is_broken_off_leaves_nothing(server, ann, state_dir):
    run(ann, "true")
    for _ in range(5):
        at = urlsplit(place(ann, "f"))
        with socket.create_connection((at.hostname, at.port), 20) as s:
            s.sendall(f"PUT {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\n"
                      f"Content-Length: 5000000\r\n\r\n".encode() + b"x" * 100_000)
    until = time.monotonic() + 20
    while any("/stash/" in name and "(deleted)" in name
              for name in processes.descriptors(server.pid).values()):
        assert time.monotonic() < until, processes.descriptors(server.pid)
        time.sleep(0.1)
    assert stashed(state_dir) == [] and run(ann, "ls -A") == ""


def test_a_slow_one_holds_nobody(ann):
    at = urlsplit(place(ann, "slow"))
    with socket.create_connection((at.hostname, at.port), 60) as s:
        s.sendall(f"PUT {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 6\r\n\r\n".encode())
        for byte in b"slowly"[:5]:
            s.sendall(bytes([byte]))
            assert send(place(ann, "fast"), b"1")[0] == 201
        s.sendall(b"y")
        assert s.recv(100).startswith(b"HTTP/1.1 201 ")
    assert run(ann, "cat slow") == "slowly"


def test_nobody_takes_all_that_can_be_on_the_way(ann, bob):
    waiting = []
    try:
        for i in range(17):
            at = urlsplit(place(ann, f"f{i}"))
            waiting.append(socket.create_connection((at.hostname, at.port), 60))
            waiting[-1].sendall(f"PUT {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\n"
                                "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n".encode())
            began = waiting[-1].recv(100)
            assert began.startswith(b"HTTP/1.1 100 " if i < 16 else b"HTTP/1.1 503 "), (i, began)
        assert send(place(bob, "his"), b"1")[0] == 201
        waiting[0].sendall(b"ok")
        assert waiting[0].recv(100).startswith(b"HTTP/1.1 201 ")
        assert send(place(ann, "again"), b"1")[0] == 201
    finally:
        for s in waiting:
            s.close()


def test_an_archive_by_a_url(ann, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/one").write_text("1")
    archive = shutil.make_archive(tmp_path / "a", "gztar", tmp_path, "d")
    with open(archive, "rb") as f:
        data = f.read()
    status, got = send(place(ann, "into", extract=True), data)
    assert (status, got["path"], got["files"]) == (201, "/workspace/into", 1)
    assert run(ann, "find into -type f") == "into/d/one"
    assert send(place(ann, "into", extract=True), b"no archive")[0] == 400


def test_the_server_ends_while_one_is_on_its_way(server, ann, state_dir):
    at = urlsplit(place(ann, "f"))
    with socket.create_connection((at.hostname, at.port), 20) as s:
        s.sendall(f"PUT {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 99\r\n\r\nx".encode())
        server.process.terminate()
        server.process.wait(20)
    assert not list((state_dir / "v1/stash").glob("*"))


# ---- fetched by a URL ----

def test_what_waits_goes_when_it_was_fetched_or_nobody_came(begin, state_dir):
    ann = Person(begin("--download-seconds", "2"), "ann")
    run(ann, "head -c 1000000 /dev/urandom >f")
    first, second = (call(ann, "file_download", path="f", ticket=True) for _ in range(2))
    assert len(stashed(state_dir)) == 2
    status, data = send(first["url"], method="GET")
    assert status == 200 and hashlib.sha256(data).hexdigest() == first["sha256"]
    assert len(stashed(state_dir)) == 1
    time.sleep(2.2)
    assert send(second["url"], method="GET")[0] == 404
    assert stashed(state_dir) == []


def test_what_a_server_left_that_was_killed_goes(begin, state_dir, server, ann):
    run(ann, "echo 1 >f")
    call(ann, "file_download", path="f", ticket=True)
    assert stashed(state_dir)
    server.kill()
    again = Person(begin(), "ann")
    run(again, "echo 1 >g")
    call(again, "file_download", path="g", ticket=True)
    assert len(stashed(state_dir)) == 1


def test_stored_files_are_their_owners(ann, bob):
    run(ann, "echo anns >f")
    id_ = call(ann, "file_store", action="put", path="f")["files"][0]["id"]
    for arguments in ({"action": "get"}, {"action": "delete"}, {"action": "inject", "path": "x"}):
        refused("not_found", bob, "file_store", id=id_, **arguments)
    refused("not_found", bob, "file_upload", to="x", from_=id_)
    assert call(bob, "file_store", action="list")["files"] == []
    url = call(ann, "file_store", action="get", id=id_)["url"]
    assert send(url, method="GET") == (200, b"anns\n")
    url = call(ann, "file_store", action="get", id=id_)["url"]
    call(ann, "file_store", action="delete", id=id_)
    assert send(url, method="GET")[0] == 404


# ---- from URLs ----

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        found = self.path.split("?")[0].lstrip("/") == "page.html"
        body = b"<p>served" if found else b"no"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def serving(address):
    server = http.server.ThreadingHTTPServer((address, 0), Handler)
    server.seen = []
    server.where = f"{address}:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def site():
    server = serving("127.0.0.2")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def inner():
    """What the server of the tools could reach, and the sandbox may not."""
    server = serving("127.0.0.3")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(start_stdio, site):
    return start_stdio("--toolsets", "all", "--network", f"allow={site.where}")


def test_a_url_is_fetched(client, site):
    got = call(client, "file_upload", to="in/", from_=f"http://{site.where}/page.html?x=1")
    assert got == {"path": "/workspace/in/page.html", "files": 1, "bytes": 9,
                   "sha256": hashlib.sha256(b"<p>served").hexdigest(),
                   "type": "text/html; charset=utf-8", "url": f"http://{site.where}/page.html?x=1"}
    assert site.seen == ["/page.html?x=1"]
    assert run(client, "ls -A . in; cat in/page.html") == ".:\nin\n\nin:\npage.html\n<p>served"
    run(client, "echo old >there")
    call(client, "file_upload", to="there", from_=f"http://{site.where}/to//page.html")
    assert run(client, "cat there; stat -c %a there") == "<p>served644"


def test_a_url_that_answers_no_file(client, site):
    run(client, "echo old >f")
    assert "404" in refused("unavailable", client, "file_upload", to="f",
                            from_=f"http://{site.where}/missing")
    assert run(client, "ls -A; cat f") == "f\nold"


@pytest.mark.parametrize("path", ["/page.html", "/to/http://{inner}/page.html"])
def test_the_policy_of_the_sandbox_holds(client, site, inner, path):
    host = site.where if path.startswith("/to") else inner.where
    said = refused("denied", client, "file_upload", to="f",
                   from_=f"http://{host}{path.format(inner=inner.where)}")
    assert "allow" in said and inner.seen == []
    assert run(client, "ls -A") == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/\n--output\n/tmp/x", "http://-o/tmp/x",
                                 "http://$(touch evil)/", "http://`touch evil`/", "https://",
                                 "http://127.0.0.2:0/';touch evil;'", "HTTP://[::1]:99999/"])
def test_a_url_is_nothing_but_one(client, url):
    with pytest.raises(Refused):
        call(client, "file_upload", to="f", from_=url)
    assert run(client, "ls -A . /tmp") == ".:\n\n/tmp:"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x", "data:,x"])
def test_other_schemes_are_none(client, url):
    refused("invalid_argument", client, "file_upload", to="f", from_=url)


def test_a_redirect_to_another_scheme(client, site):
    with pytest.raises(Refused):
        call(client, "file_upload", to="f", from_=f"http://{site.where}/to/file:///etc/passwd")
    assert run(client, "ls -A") == ""


def test_without_network_the_option_is_named(start_stdio, site):
    client = start_stdio("--toolsets", "all")
    said = refused("denied", client, "file_upload", to="f", from_=f"http://{site.where}/page.html")
    assert "--network" in said and site.seen == []
    assert protocol.text(client.call("terminal_execute", command="ls -A"))
