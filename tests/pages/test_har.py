"""browser_har, end to end."""

import json

import pytest
from lib.site import Site
from pages.test_network import find, kind, page, redirect, serve_socket, wait_for  # noqa: F401
from pages.test_route import fetched

SECRETS = ["tok-secret-1", "pass-secret-2", "cookie-secret-3", "bearer-secret-4", "set-secret-5",
           "answer-secret-6", "user-secret-7"]


@pytest.fixture(autouse=True)
def stopped(web):
    yield
    web("browser_har", action="stop")


@pytest.fixture
def shop(site):
    """A site with a bit of everything."""
    site.add("/style.css", kind("p { color: red }", "text/css"))
    site.add("/blob", kind(bytes(range(256)), "application/octet-stream"))
    site.add("/count", lambda r: r.answer(str(len([s for s in site.seen if s == "/count"])),
                                          kind="text/plain"))
    site.add("/old", redirect("/data?x=1"))
    site.add("/data", kind('{"a": 1}', "application/json"))
    site.add("/huge", kind("h" * 300000, "text/plain"))
    site.add("/socket", serve_socket)

    def post(request):
        size = int(request.headers["Content-Length"])
        request.answer(b"got " + request.rfile.read(size), kind="text/plain")

    handler = site.server.RequestHandlerClass
    handler.do_POST = lambda self: post(self)
    return site.add("/", '<title>Shop</title><link rel=stylesheet href="/style.css"><p>Hi')


def entries(path):
    return json.loads(path.read_text())["log"]["entries"]


def entry(path, ending):
    return next(e for e in entries(path) if e["request"]["url"].endswith(ending))


def walk(web, page, site):
    """What is recorded: all kinds of requests."""
    web("browser_navigate", page_id=page, url=site.url("/"), wait_until="load")
    got = [fetched(web, page, "/count") for _ in range(3)]
    got += [fetched(web, page, "/old"), fetched(web, page, "/blob", of="r.arrayBuffer().then("
                                                "b => [...new Uint8Array(b)].join(''))")]
    got += [fetched(web, page, "/post", f"{{method: 'POST', body: '{n}'}}") for n in (1, 2)]
    return got


def test_a_recording_is_a_har(web, site, shop, page, tmp_path):
    started = web.data("browser_har", action="start", bodies="all")
    assert started["recording"]
    assert "conflict" in web.fails("browser_har", action="start")
    walk(web, page, site)
    fetched(web, page, "/huge")
    web("browser_evaluate", page_id=page, script=(
        "() => new Promise(ok => { const s = new WebSocket(`ws://${location.host}/socket`);"
        " s.onopen = () => s.send('hello'); s.onclose = ok })"))
    path = tmp_path / "a.har"
    told = web.data("browser_har", action="export", path=str(path))
    assert told["recording"] and told["bytes"] == path.stat().st_size
    log = json.loads(path.read_text())["log"]
    assert log["version"] == "1.2" and log["creator"]["name"] == "sandbox-mcp"
    assert told["entries"] == len(log["entries"])
    one = log["pages"][0]
    assert one["title"] == "Shop" and 0 < one["pageTimings"]["onContentLoad"] <= (
        one["pageTimings"]["onLoad"])
    for e in log["entries"]:
        assert e["pageref"] == one["id"] and e["startedDateTime"].endswith("Z")
        assert {"request", "response", "cache", "timings", "time"} <= set(e)
        assert {"method", "url", "httpVersion", "cookies", "headers", "queryString",
                "headersSize", "bodySize"} <= set(e["request"])
        assert {"status", "statusText", "httpVersion", "cookies", "headers", "content",
                "redirectURL", "headersSize", "bodySize"} <= set(e["response"])
        assert all(e["timings"][part] >= 0 for part in ["send", "wait", "receive"])
    home = entry(path, "/")["response"]["content"]
    assert "<title>Shop</title>" in home["text"] and home["size"] == len(home["text"])
    old = entry(path, "/old")["response"]
    assert old["status"] == 302 and old["redirectURL"] == "/data?x=1"
    data = entry(path, "/data?x=1")
    assert data["request"]["queryString"] == [{"name": "x", "value": "1"}]
    assert data["response"]["content"]["text"] == '{"a": 1}'
    assert entry(path, "/blob")["response"]["content"]["encoding"] == "base64"
    assert entry(path, "/post")["request"]["postData"]["text"] == "1"
    huge = entry(path, "/huge")["response"]["content"]
    assert "text" not in huge and huge["size"] == 300000 and "256 kB" in huge["comment"]
    socket = entry(path, "/socket")
    assert [m["type"] for m in socket["_webSocketMessages"]] == ["send", "receive"]
    web("browser_har", action="stop")
    assert "not_found" in web.fails("browser_har", action="export", path=str(path))


def test_which_bodies_and_which_requests(web, site, shop, page, tmp_path):
    path = tmp_path / "b.har"
    for bodies, has in [("none", set()), ("text", {"/", "/style.css"}),
                        ("all", {"/", "/style.css", "/blob"})]:
        web.data("browser_har", action="start", bodies=bodies)
        web("browser_navigate", page_id=page, url=site.url("/"), wait_until="load")
        fetched(web, page, "/blob")
        web.data("browser_har", action="stop", path=str(path))
        with_body = {e["request"]["url"].removeprefix(site.url("").rstrip("/"))
                     for e in entries(path) if "text" in e["response"]["content"]}
        assert with_body - {"/favicon.ico"} == has, bodies
    web.data("browser_har", action="start", filter="**/*.css")
    web("browser_navigate", page_id=page, url=site.url("/"), wait_until="load")
    told = web.data("browser_har", action="stop", path=str(path))
    assert [e["request"]["url"] for e in entries(path)] == [site.url("/style.css")]
    assert told["entries"] == 1 and not told["recording"]


def test_bodies_outlive_the_page(web, site, shop, page, tmp_path):
    path = tmp_path / "c.har"
    web.data("browser_har", action="start")
    walk(web, page, site)
    web("browser_navigate", page_id=page, url=site.other("/elsewhere"))
    made = web.data("browser_tabs", action="new", url=site.url("/data"))["pages"]
    web("browser_tabs", action="close",
        page_id=next(p["page_id"] for p in made if p["active"]))
    web.data("browser_har", action="export", path=str(path))
    assert len(json.loads(path.read_text())["log"]["pages"]) == 3
    assert entry(path, "/data?x=1")["response"]["content"]["text"] == '{"a": 1}'
    assert entry(path, "/data")["response"]["content"]["text"] == '{"a": 1}'


def secret_traffic(web, site, page):
    site.add("/login", kind('{"access_token": "answer-secret-6", "name": "kim"}',
                            "application/json", Set_Cookie="sid=set-secret-5; HttpOnly"))
    web("browser_navigate", page_id=page, url=site.add("/s", "<title>S</title>"))
    web("browser_evaluate", page_id=page, script=(
        "() => { document.cookie = 'mine=cookie-secret-3' }"))
    handler = site.server.RequestHandlerClass
    handler.do_POST = lambda self: (self.rfile.read(int(self.headers["Content-Length"])),
                                    handler.do_GET(self))
    fetched(web, page, "/login?token=tok-secret-1&plain=kept",
            "{method: 'POST', headers: {Authorization: 'Bearer bearer-secret-4',"
            " 'Content-Type': 'application/json'},"
            " body: JSON.stringify({user: 'kim', password: 'pass-secret-2'})}")
    fetched(web, page, "/login?token=tok-secret-1", "{method: 'POST', headers: {'Content-Type':"
            " 'application/x-www-form-urlencoded'}, body: 'a=b&client_secret=user-secret-7'}")


def test_secrets_are_redacted(web, site, page, tmp_path):
    path, bare = tmp_path / "d.har", tmp_path / "bare.har"
    web.data("browser_har", action="start", bodies="all", redact=False)
    secret_traffic(web, site, page)
    web.data("browser_har", action="export", path=str(path))
    web.data("browser_har", action="export", path=str(bare), redact=False)
    text = path.read_text()
    assert [s for s in SECRETS if s in text] == []
    assert "plain=kept" in text and "kim" in text and "REDACTED" in text
    assert [s for s in SECRETS if s not in bare.read_text()] == []
    web.data("browser_har", action="stop")
    web.data("browser_har", action="start", bodies="all")
    secret_traffic(web, site, page)
    web.data("browser_har", action="stop", path=str(path), redact=False)
    assert [s for s in SECRETS if s in path.read_text()] == []


def test_replay_with_the_origin_stopped(web, page, tmp_path):
    site, path = Site(), tmp_path / "e.har"
    site.server.RequestHandlerClass.protocol_version = "HTTP/1.0"  # no connection outlives it
    try:
        shop.__wrapped__(site)
        web.data("browser_har", action="start", bodies="all")
        real = walk(web, page, site)
        web.data("browser_har", action="stop", path=str(path))
    finally:
        site.close()
    web("browser_navigate", page_id=page, url="about:blank")
    assert "unavailable" in web.fails("browser_navigate", page_id=page, url=site.url("/"))
    told = web.data("browser_har", action="replay", path=str(path))
    assert told["replaying"] and told["entries"] == len(entries(path))
    again = walk(web, page, site)
    assert again == real
    assert "200 1" in real[0] and "200 3" in real[2] and "got 2" in real[6]
    assert "200 3" in fetched(web, page, "/count")
    assert find(web, page, "/data?x=1")["mocked"]
    assert "rgb(255, 0, 0)" in web.text("browser_evaluate", page_id=page, script=(
        "() => getComputedStyle(document.querySelector('p')).color"))
    assert "failed" in fetched(web, page, "/not-recorded")
    stopped = web.data("browser_har", action="stop")
    assert stopped["served"] >= 10 and stopped["missed"] >= 1 and not stopped["replaying"]
    assert "failed" in fetched(web, page, "/count")


def test_a_replay_may_let_through(web, site, shop, page, tmp_path):
    path = tmp_path / "f.har"
    web.data("browser_har", action="start")
    web("browser_navigate", page_id=page, url=site.url("/data"))
    web.data("browser_har", action="stop", path=str(path))
    web.data("browser_har", action="replay", path=str(path), not_found="fallthrough")
    site.add("/data", kind("changed", "text/plain"))
    web("browser_navigate", page_id=page, url=site.url("/"))
    assert fetched(web, page, "/data") == '200 {"a": 1}'
    web.data("browser_har", action="replay", path=str(path), filter="**/other/**")
    assert "changed" in fetched(web, page, "/data")


def test_a_redacted_recording_still_replays(web, site, page, tmp_path):
    path = tmp_path / "g.har"
    web.data("browser_har", action="start", bodies="all")
    secret_traffic(web, site, page)
    web.data("browser_har", action="stop", path=str(path))
    web.data("browser_har", action="replay", path=str(path))
    seen = len(site.seen)
    got = fetched(web, page, "/login?token=another&plain=kept", "{method: 'POST', body: '{}'}")
    assert "200" in got and "REDACTED" in got and len(site.seen) == seen


@pytest.mark.parametrize("content", [b"", b"no json", b"{}", b'{"log": {"entries": 1}}',
                                     b"[" * 1000])
def test_what_is_no_har(web, tmp_path, content):
    path = tmp_path / "bad.har"
    path.write_bytes(content)
    assert "invalid_argument" in web.fails("browser_har", action="replay", path=str(path))
    assert "not_found" in web.fails("browser_har", action="replay", path=str(tmp_path / "none"))


def test_hostile_entries(web, site, page, tmp_path):
    path, home = tmp_path / "bad.har", site.add("/", "<title>H</title>")
    good = {"request": {"method": "GET", "url": site.url("/g")},
            "response": {"status": 200, "headers": [{"name": "X-Good", "value": "1"},
                                                    {"name": "Bad\r\nName", "value": "x"},
                                                    {"name": "X", "value": "a\r\nB: c"}, 7],
                         "content": {"text": "fine"}}}
    bad = {"request": {"method": "GET", "url": site.url("/b")},
           "response": {"status": 200, "statusText": "A\nB", "headers": [],
                        "content": {"text": '","x":"', "encoding": "base64"}}}
    every = [good, bad, 1, None, {}, {"request": 3}, {"request": {"method": 1, "url": 2}},
             {"request": {"method": "GET", "url": "x"}, "response": {"status": 99}}]
    path.write_text(json.dumps({"log": {"entries": every}}))
    web("browser_navigate", page_id=page, url=home)
    assert web.data("browser_har", action="replay", path=str(path))["entries"] == 2
    assert "200 fine" in fetched(web, page, "/g")
    fetched(web, page, "/b")
    assert "failed" in fetched(web, page, "/c")
