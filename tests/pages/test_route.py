"""browser_route, end to end."""

import json
import re
import time

import pytest
from pages.test_network import find, hold, kind, page, requests, wait_for  # noqa: F401


@pytest.fixture(autouse=True)
def no_rules(web):
    yield
    web("browser_route", action="remove")


def fetched(web, page, path, options="{}", of="r.text()"):
    """What a script of the page gets."""
    said = web.text("browser_evaluate", page_id=page, script=(
        f"async () => {{ try {{ const r = await fetch('{path}', {options});"
        f" return r.status + ' ' + await ({of}) }} catch (e) {{ return 'failed ' + e.message }} }}"))
    return json.loads(re.search(r"instructions\]\n(.*?)\n\[end", said, re.S).group(1))


def home(web, site, page, script=""):
    web("browser_navigate", page_id=page,
        url=site.add("/", f"<title>Home</title><script>{script}</script>"))


def rules(web):
    return web.data("browser_route", action="list")["routes"]


def test_an_answer_of_ours(web, site, page):
    home(web, site, page)
    site.add("/api/users", kind('["real"]', "application/json"))
    assert "real" in fetched(web, page, "/api/users")
    added = web.data("browser_route", pattern="**/api/users*", body='["mock"]', status=201,
                     headers={"X-Mock": "yes"})
    assert added["routes"][0]["action"] == "answer 201, 8 bytes"
    before = len(site.seen)
    assert fetched(web, page, "/api/users?x=1") == '201 ["mock"]'
    assert "application/json" in fetched(web, page, "/api/users",
                                         of="r.headers.get('content-type')")
    assert "yes" in fetched(web, page, "/api/users", of="r.headers.get('x-mock')")
    assert len(site.seen) == before
    assert rules(web)[0]["hits"] >= 3
    mocked = find(web, page, "/api/users?x=1")
    assert mocked["mocked"] and mocked["status"] == 201
    assert requests(web, page, status="mocked")
    assert web.data("browser_route", action="remove", pattern="**/api/users*")["removed"] == 1
    assert "real" in fetched(web, page, "/api/users")
    assert "not_found" in web.fails("browser_route", action="remove", pattern="**/api/users*")


def test_abort_and_status(web, site, page):
    home(web, site, page)
    site.add("/x.png", kind("p", "image/png"))
    web("browser_route", pattern="*.png", abort=True)
    assert "failed" in fetched(web, page, "/x.png")
    assert "ERR_BLOCKED_BY_CLIENT" in find(web, page, "/x.png")["failure"]
    web("browser_route", pattern="/teapot", status=418)
    assert "418" in fetched(web, page, "/teapot")
    assert "/x.png" not in site.seen and "/teapot" not in site.seen


def test_the_newest_rule_decides_and_times_are_counted(web, site, page):
    home(web, site, page)
    web("browser_route", pattern="/n", body="old")
    web("browser_route", pattern="/n", body="twice", times=2)
    assert [fetched(web, page, "/n").split("200 ")[1][:3] for _ in range(4)] == [
        "twi", "twi", "old", "old"]
    used = next(r for r in rules(web) if r.get("left") == 0)
    assert used["hits"] == 2


def test_a_delay(web, site, page):
    home(web, site, page)
    site.add("/slow", "came")
    web("browser_route", pattern="/slow", delay_ms=500)
    started = time.monotonic()
    assert "came" in fetched(web, page, "/slow")
    assert time.monotonic() - started >= 0.5
    assert rules(web)[0]["action"] == "delay 500 ms"


def test_a_removed_rule_lets_go_of_what_waits(web, site, page):
    site.add("/wait", "real")
    web("browser_route", pattern="/wait", body="mock", delay_ms=60000)
    home(web, site, page, "fetch('/wait').then(r => r.text()).then(t => document.title = t)")
    wait_for(lambda: rules(web)[0]["hits"])
    web("browser_route", action="remove", pattern="/wait")
    assert find(web, page, "/wait")["status"] == 200
    assert "/wait" in site.seen


def test_a_body_from_a_file(web, site, page, tmp_path):
    home(web, site, page)
    path = tmp_path / "body.bin"
    path.write_bytes(bytes(range(256)) * 8000)
    web("browser_route", pattern="/file", body_file=str(path),
        headers={"Content-Type": "application/octet-stream"})
    assert "2048000 255" in fetched(
        web, page, "/file", of="r.arrayBuffer().then(b => { const u = new Uint8Array(b);"
                               " return u.length + ' ' + u[u.length - 1] })")
    assert "not_found" in web.fails("browser_route", pattern="/f", body_file="/no/such/file")


def test_request_headers_are_changed(web, site, page):
    home(web, site, page)
    site.add("/echo", lambda r: r.answer(
        f"{r.headers.get('X-Added')} {r.headers.get('X-Gone')}", kind="text/plain"))
    web("browser_route", pattern="/echo", headers={"X-Added": "1", "X-Gone": ""})
    assert "200 1 None" in fetched(web, page, "/echo", "{headers: {'X-Gone': 'here'}}")
    assert "invalid_argument" in web.fails("browser_route", pattern="/e", headers={"Host": "x"})


def test_other_origins_may_be_mocked(web, site, page):
    home(web, site, page)
    web("browser_route", pattern=site.other("/cors"), body="mock")
    assert "200 mock" in fetched(web, page, site.other("/cors"))
    assert "200 mock" in fetched(web, page, site.other("/cors"),
                                 "{method: 'PUT', headers: {'X-Y': '1'}}")


def test_popups_frames_and_workers(web, site, page):
    web("browser_route", pattern="/mocked*", body="document.title = 'mock'",
        headers={"Content-Type": "text/javascript"})
    site.add("/frame", "<title>f</title><script src='/mocked-frame'></script>")
    site.add("/popup", "<title>p</title><script src='/mocked-popup'></script>")
    site.add("/w.js", kind("fetch('/mocked-worker')", "text/javascript"))
    site.add("/sw.js", kind("oninstall = e => e.waitUntil(fetch('/mocked-service'))",
                            "text/javascript"))
    home(web, site, page, "new Worker('/w.js'); navigator.serviceWorker.register('/sw.js');"
                          f"onload = () => document.body.innerHTML = "
                          f"'<iframe src=\"{site.other('/frame')}\"></iframe>'")
    for ending in ["/mocked-frame", "/mocked-worker", "/mocked-service"]:
        assert find(web, page, ending)["mocked"]
    made = web.data("browser_tabs", action="new", url=site.url("/popup"))["pages"]
    other = next(p for p in made if p["active"])
    assert find(web, other["page_id"], "/mocked-popup")["mocked"]
    web("browser_tabs", action="close", page_id=other["page_id"])
    assert not [s for s in site.seen if "mocked" in s]


def test_a_navigation_is_mocked(web, site, page):
    web("browser_route", pattern="https://nowhere.invalid/**", body="<title>Made up</title>hi")
    went = web.data("browser_navigate", page_id=page, url="https://nowhere.invalid/a")
    assert went["title"] == "Made up" and went["status"] == 200


@pytest.mark.parametrize("bad", [
    {"pattern": "/x"}, {"body": "x"}, {"pattern": "/x", "abort": True, "status": 200},
    {"pattern": "/x", "body": "x", "body_file": "y"}, {"pattern": "/x", "status": 99},
    {"pattern": "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "abort": True},
    {"pattern": "/x", "status": 200, "headers": {"A B": "c"}},
])
def test_bad_rules(web, bad):
    assert "invalid_argument" in web.fails("browser_route", **bad)
    assert not rules(web)
