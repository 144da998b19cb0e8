"""One-time URLs of files: /download/TICKET, as recording_get gives them out."""

import hashlib
import http.client
import json
import os
import re
import ssl
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lib import protocol

TOKENS = {"ann": "token-of-ann-0123456789abcdef", "bob": "token-of-bob-0123456789abcdef",
          "ann:read": "token-of-ann-read-0123456789"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Download:
    """One request of a one-time URL: status, headers, body."""

    def __init__(self, server, url, method="GET", context=None, body=None, **headers):
        self.connection = connected(server, context)
        self.connection.request(method, urlsplit(url).path, body, {
            name.replace("_", "-"): value for name, value in headers.items()})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.headers = {name.lower(): value for name, value in self.answer.getheaders()}

    @property
    def body(self):
        try:
            return self.answer.read()
        finally:
            self.connection.close()


def connected(server, context=None):
    if context:
        return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60, context=context)
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)


@pytest.fixture
def begin(tmp_path, start_fake):
    """begin(*ARGS): a server with tokens; the same files each time."""
    path = tmp_path / "tokens"
    path.write_text("".join(f"{name}:{token}\n" for name, token in TOKENS.items()))
    path.chmod(0o600)

    def one(*args):
        server = start_fake("--toolsets", "all", "--state-dir", tmp_path / "state", "--token-file",
                            path, "--access-log", tmp_path / "access.log", "--audit-log",
                            tmp_path / "audit.log", "--log-level", "debug", *args, token=None)
        server.token = TOKENS["ann"]
        return server

    return one


@pytest.fixture
def server(begin):
    return begin()


def call(server, tool, who=None, **arguments):
    headers = {"Authorization": f"Bearer {TOKENS[who]}"} if who else {}
    return server.result("tools/call", {"name": tool, "arguments": arguments}, **headers)


def recorded(server, who=None, **more):
    """The id of a recording that is over."""
    made = call(server, "recording_start", who, kind="actions", **more)["structuredContent"]
    call(server, "terminal_execute", who, command="echo recorded")
    call(server, "recording_control", who, recording_id=made["recording_id"], action="stop")
    return made["recording_id"]


def offered(server, rid, who=None):
    result = call(server, "recording_get", who, recording_id=rid)
    assert not result.get("isError"), result
    return result["_meta"].get("sandbox-mcp/url")


def data(tmp_path, rid):
    """The recording's file in the state directory."""
    return next(Path(tmp_path, "state").rglob(f"{rid}/data"))


@pytest.fixture
def rid(server):
    return recorded(server)


def test_it_gives_the_bytes_once(server, rid, tmp_path):
    result = call(server, "recording_get", recording_id=rid)
    url = result["_meta"]["sandbox-mcp/url"]
    assert re.fullmatch(rf"http://127\.0\.0\.1:{server.port}/download/tkt_[a-z2-7]{{26}}", url)
    assert result["_meta"]["sandbox-mcp/url_expires_in_s"] == 300
    assert url in protocol.text(result)
    got = Download(server, url)
    assert got.status == 200 and got.body == data(tmp_path, rid).read_bytes() != b""
    again = Download(server, url)
    assert again.status == 404 and again.headers["cache-control"] == "no-store"
    assert offered(server, rid) != url


def test_no_browser_runs_or_keeps_it(server, rid):
    headers = Download(server, offered(server, rid)).headers
    assert re.fullmatch(r'attachment; filename="[\w.-]+\.jsonl"', headers["content-disposition"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "html" not in headers["content-type"]
    assert "access-control-allow-origin" not in headers


def test_looking_uses_nothing_up(server, rid, tmp_path):
    url, size = offered(server, rid), data(tmp_path, rid).stat().st_size
    for _ in range(2):
        seen = Download(server, url, "HEAD")
        assert seen.status == 200 and seen.body == b""
        assert int(seen.headers["content-length"]) == size
    for headers in ({"Accept": BROWSER}, {"User_Agent": "Slackbot-LinkExpanding 1.0"},
                    {"Accept": "*/*", "User_Agent": "Mozilla/5.0 (compatible; Discordbot/2.0)"}):
        page = Download(server, url, **headers)
        assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "sandbox" in page.headers["content-security-policy"]
        assert "content-disposition" not in page.headers
        text = page.body.decode()
        assert '<form method="post">' in text and url.rpartition("/")[2] not in text
    # What the button does, from a page whose origin is nobody's.
    got = Download(server, url, "POST", Origin="null", Accept=BROWSER, Content_Length="0",
                   Content_Type="application/x-www-form-urlencoded")
    assert got.status == 200 and len(got.body) == size
    assert got.headers["content-disposition"].startswith("attachment")
    for method, headers in (("GET", {"Accept": BROWSER}), ("HEAD", {}), ("POST", {}), ("GET", {})):
        assert Download(server, url, method, **headers).status == 404


def test_all_that_is_not_good_is_the_same(server, rid, tmp_path):
    used = offered(server, rid)
    assert Download(server, used).body
    gone, elsewhere = offered(server, rid), offered(server, recorded(server, "bob"), "bob")
    call(server, "recording_delete", recording_ids=[rid])
    base = f"http://127.0.0.1:{server.port}/download/"
    answers = set()
    for url in (used, gone, base + "tkt_" + "a" * 26, base, base + "tkt_", base + "x" * 3000,
                base + "%2e%2e/etc/passwd", used + "/", used + "a", base + "tkt_%00",
                elsewhere.upper()):
        got = Download(server, url)
        if "/DOWNLOAD/" not in url:
            answers.add((got.status, got.body, got.headers.get("cache-control")))
        else:
            assert got.status == 404
    assert len(answers) == 1 and next(iter(answers))[0] == 404, answers
    assert Download(server, elsewhere).status == 200


def test_who_has_it_may_use_it_and_what_it_is_not_good_for(server, rid):
    """Nobody is asked for a token; a token is no ticket, and a ticket is no token."""
    url = offered(server, rid)
    ticket = url.rpartition("/")[2]
    for headers in ({"Authorization": f"Bearer {ticket}"}, {}):
        answer = server.send(json.dumps(protocol.request(1, "tools/list")), {
            **server.headers(protocol.request(1, "tools/list")), "Authorization": "", **headers})
        assert answer.status == 401
    assert Download(server, url.replace(ticket, TOKENS["ann"])).status == 404
    assert Download(server, url, Authorization=f"Bearer {TOKENS['bob']}").status == 200


def test_host_origin_and_methods_are_checked(server, rid):
    url = offered(server, rid)
    for headers, status in (({"Host": "evil.example"}, 403),
                            ({"Origin": "https://evil.example"}, 403),
                            ({"Origin": "null"}, 403)):
        assert Download(server, url, **headers).status == status
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        refused = Download(server, url, method)
        assert refused.status == 405 and refused.headers["allow"] == "GET, HEAD, POST"
    assert Download(server, url, "POST", body=b"0123456789").status == 413
    assert Download(server, url, "POST", Origin="https://evil.example").status == 403
    assert Download(server, url).status == 200


def test_of_many_at_once_one_wins(server, rid):
    for _ in range(10):
        url, found = offered(server, rid), []
        gate = threading.Barrier(6)

        def fetch():
            gate.wait()
            got = Download(server, url)
            found.append((got.status, len(got.body) > 0))

        threads = [threading.Thread(target=fetch) for _ in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(status for status, _ in found) == [200, 404, 404, 404, 404, 404]


def test_it_expires(begin):
    server = begin("--download-seconds", 1)
    rid = recorded(server)
    result = call(server, "recording_get", recording_id=rid)
    assert result["_meta"]["sandbox-mcp/url_expires_in_s"] == 1
    time.sleep(1.2)
    assert Download(server, result["_meta"]["sandbox-mcp/url"]).status == 404


def test_none_are_given_out_where_they_are_not_wanted(begin, start_stdio):
    server = begin("--download-seconds", 0)
    result = call(server, "recording_get", recording_id=recorded(server))
    assert "sandbox-mcp/url" not in result["_meta"] and "download" not in protocol.text(result)
    assert Download(server, "http://x/download/tkt_" + "a" * 26).status == 404
    stdio = start_stdio("--backend", "fake", "--toolsets", "all")
    made = stdio.call("recording_start", kind="actions")["structuredContent"]["recording_id"]
    result = stdio.call("recording_get", recording_id=made)
    assert "sandbox-mcp/url" not in result["_meta"] and "/download/" not in json.dumps(result)


@pytest.mark.parametrize("seconds", ["-1", "86401", "soon", "1.5"])
def test_how_long_is_a_number(binary, state_dir, seconds):
    ended = subprocess.run([binary, "--http", "0", "--backend", "fake", f"--download-seconds={seconds}"],
                           capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2 and "--download-seconds" in ended.stderr


def test_who_may_only_read_has_them_too(server, rid, begin):
    url = offered(server, rid, "ann:read")
    assert Download(server, url).status == 200
    assert call(server, "recording_get", "bob", recording_id=rid)["isError"]
    read_only = begin("--read-only")
    assert Download(read_only, offered(read_only, rid)).status == 200


def test_one_principal_has_so_many(server, rid):
    theirs = offered(server, recorded(server, "bob"), "bob")
    urls = [offered(server, rid) for _ in range(1000)]
    good = [Download(server, url, "HEAD").status == 200 for url in urls[-64:]]
    assert all(good) and len(set(urls)) == 1000
    assert {Download(server, url, "HEAD").status for url in urls[::97] if url not in urls[-64:]} == {404}
    assert Download(server, theirs).status == 200


def test_a_restart_ends_them(begin, tmp_path):
    first = begin()
    rid = recorded(first)
    url = offered(first, rid)
    assert first.close() == 0
    second = begin()
    assert Download(second, url).status == 404
    assert Download(second, offered(second, rid)).status == 200


@pytest.mark.parametrize("name", [
    'a"; filename="evil.html', "../../etc/passwd",
    "\u202egnp.exe", "x" * 100, "<img src=x onerror=alert(1)>", "%0d%0aX: y", "héé 漢字"])
def test_hostile_names_stay_names(server, name):
    rid = recorded(server, name=name)
    url = offered(server, rid)
    page = Download(server, url, Accept="text/html")
    text = page.body.decode()
    assert "<script" not in text and "<img" not in text and "\u202e" not in text
    got = Download(server, url)
    assert got.status == 200 and "set-cookie" not in got.headers and "x" not in got.headers
    told = got.headers["content-disposition"]
    assert re.fullmatch(r"attachment; filename=\"[ -!#-.0-\[\]-~]+\.jsonl\"(; filename\*=UTF-8''[\w.%-]+)?",
                        told), told


def test_tickets_are_in_no_log(server, rid, tmp_path):
    made = call(server, "recording_start", kind="actions")["structuredContent"]["recording_id"]
    urls = [offered(server, rid) for _ in range(3)]
    Download(server, urls[0], "HEAD")
    Download(server, urls[0], Accept=BROWSER)
    assert Download(server, urls[0]).status == 200
    assert Download(server, urls[0]).status == 404
    Download(server, urls[1].replace("/download/", "//download//"))
    Download(server, urls[1].replace("/download/", "/mcp/"))
    call(server, "recording_control", recording_id=made, action="stop")
    until = time.monotonic() + 10
    while (log := (tmp_path / "access.log").read_text()).count('"path":"/download/"') < 4:
        assert time.monotonic() < until, log
        time.sleep(0.05)
    line = next(json.loads(line) for line in log.splitlines()
                if '"GET"' in line and '"status":200' in line and '"sent":0' not in line)
    assert line["principal"] == "name:ann" and line["path"] == "/download/"
    kept = log + (tmp_path / "audit.log").read_text() + server.stderr
    kept += data(tmp_path, made).read_text()
    assert "tkt_" not in kept
    for url in urls:
        assert url.rpartition("_")[2] not in kept


def test_the_rate_of_its_principal_holds(begin):
    server = begin("--rate", "1/s:8")
    rid = recorded(server)
    url = offered(server, rid)
    found = [Download(server, url, "HEAD") for _ in range(12)]
    late = [one for one in found if one.status == 429]
    assert late and int(late[0].headers["retry-after"]) >= 1
    until = time.monotonic() + 30
    while (got := Download(server, url)).status == 429:
        assert time.monotonic() < until
        time.sleep(0.3)
    assert got.status == 200


def test_behind_a_proxy_the_url_is_the_public_one(begin):
    for public, base in (("https://box.example/mcp", "https://box.example"),
                         ("https://box.example/a/b/mcp", "https://box.example/a/b"),
                         ("http://box.example:8080/mcp", "http://box.example:8080")):
        server = begin("--public-url", public, "--allow-host", "box.example")
        url = offered(server, recorded(server))
        assert url.startswith(f"{base}/download/tkt_"), url
        local = f"http://x/download/{url.rpartition('/')[2]}"
        assert Download(server, local, Host="box.example").status == 200
        assert server.close() == 0


SIZE = 100 * 1024 * 1024


@pytest.fixture
def large(server, rid, tmp_path):
    """A recording of 100 MB; the digest of its bytes."""
    digest, block = hashlib.sha256(), os.urandom(1024 * 1024)
    with open(data(tmp_path, rid), "wb") as f:
        for number in range(SIZE // len(block)):
            part = number.to_bytes(8, "big") + block[8:]
            f.write(part)
            digest.update(part)
    return digest.hexdigest()


def fetched(server, url, context=None, meanwhile=lambda: None):
    got, digest, size = Download(server, url, context=context), hashlib.sha256(), 0
    assert got.status == 200
    while block := got.answer.read(1024 * 1024):
        digest.update(block)
        size += len(block)
        meanwhile()
    got.connection.close()
    assert size == int(got.headers["content-length"])
    return digest.hexdigest()


def test_a_large_file_costs_no_memory(server, rid, large, rss):
    before, most = rss(server.pid), [0]

    def look():
        most[0] = max(most[0], rss(server.pid))

    assert fetched(server, offered(server, rid), meanwhile=look) == large
    assert most[0] - before < 8 * 1024 * 1024
    assert server.request("server/discover")["result"]


def test_they_are_connections_like_others(begin, tmp_path):
    server = begin("--max-per-address", 2)
    rid = recorded(server)
    data(tmp_path, rid).write_bytes(bytes(20 * 1024 * 1024))
    urls = [offered(server, rid) for _ in range(3)]
    held = [Download(server, url) for url in urls[:2]]
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        Download(server, urls[2])
    assert [len(one.body) for one in held] == [20 * 1024 * 1024] * 2
    until = time.monotonic() + 10
    while server.connections():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert Download(server, urls[2]).status == 200


def test_who_leaves_in_the_middle_has_had_it(server, rid, large):
    url = offered(server, rid)
    got = Download(server, url)
    assert len(got.answer.read(100000)) == 100000
    # Others are served meanwhile.
    assert server.request("server/discover")["result"]
    got.answer.close()
    got.connection.close()
    assert Download(server, url).status == 404
    assert fetched(server, offered(server, rid)) == large


def test_a_server_that_stops_finishes_them(server, rid, large):
    url, late = offered(server, rid), offered(server, rid)
    got = Download(server, url)
    begun = got.answer.read(1024 * 1024)
    server.process.terminate()
    until = time.monotonic() + 5
    while (status := Download(server, late, "HEAD").status) != 503:
        assert status == 200 and time.monotonic() < until
    digest = hashlib.sha256(begun)
    while block := got.answer.read(1024 * 1024):
        digest.update(block)
    got.connection.close()
    assert digest.hexdigest() == large
    assert server.process.wait(15) == 0


def test_over_tls(begin, tmp_path, rss):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    key, "-out", cert], check=True, capture_output=True)
    plain = begin()
    rid = recorded(plain)
    assert plain.close() == 0
    content = os.urandom(30 * 1024 * 1024)
    data(tmp_path, rid).write_bytes(content)
    server = begin("--tls-cert", cert, "--tls-key", key)
    context = ssl.create_default_context(cafile=cert)
    message = protocol.request(1, "tools/call", {
        "name": "recording_get", "arguments": {"recording_id": rid}})
    connection = connected(server, context)
    connection.request("POST", "/mcp", json.dumps(message), server.headers(message))
    result = json.loads(connection.getresponse().read())["result"]
    connection.close()
    url = result["_meta"]["sandbox-mcp/url"]
    assert url.startswith(f"https://127.0.0.1:{server.port}/download/tkt_")
    before = rss(server.pid)
    begun = time.monotonic()
    assert fetched(server, url, context) == hashlib.sha256(content).hexdigest()
    assert time.monotonic() - begun < 30
    assert rss(server.pid) - before < 8 * 1024 * 1024
    assert Download(server, url, context=context).status == 404


def test_an_empty_one_is_empty(server, rid, tmp_path):
    data(tmp_path, rid).write_bytes(b"")
    got = Download(server, offered(server, rid))
    assert got.status == 200 and got.headers["content-length"] == "0" and got.body == b""
