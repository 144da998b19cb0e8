"""browser_wait: what ends it, what does not, and what it tells."""

import threading
import time

import pytest


def later(web, script, ms=300):
    web("browser_evaluate", script=f"setTimeout(() => {{ {script} }}, {ms}); 1")


@pytest.fixture
def page(web, site):
    web.open(site.add("/", "<title>Wait</title><p id=p>start</p>"))
    site.add("/data", "{}")
    return web


def waited(web, **arguments):
    return web.data("browser_wait", **{"timeout_s": 8} | arguments)


@pytest.mark.parametrize("script, arguments, what", [
    ("p.textContent = 'It is   Ready now'", {"text": "it is ready"}, "text"),
    ("p.innerHTML = 'so <b>it</b> is'", {"text": "so it is"}, "text"),
    ("p.style.display = 'none'", {"text_gone": "start"}, "text_gone"),
    ("p.remove()", {"text_gone": "START"}, "text_gone"),
    ("p.innerHTML = '<button>new</button>'", {"target": "text=new"}, "target"),
    ("p.innerHTML = '<i class=x>1</i><i class=x>2</i>'", {"target": ".x"}, "target"),
    ("history.pushState(0, '', '/two?a=1')", {"url": "/two"}, "url"),
    ("history.pushState(0, '', '/three/x')", {"url": "http*/three/*"}, "url"),
    ("location.href = '/data'", {"url": "*/data"}, "url"),
    ("fetch('/data?q=1')", {"response": "/data?q=1"}, "response"),
    ("fetch('/data?q=1')", {"response": "*data*"}, "response"),
    ("confirm('eh')", {"state": "dialog"}, "dialog"),
    ("p.textContent = 'bad'", {"text": "bad", "target": "#never", "url": "/never"}, "text"),
    ("const r = document.body.appendChild(document.createElement('div')).attachShadow({mode:'open'});"
     "r.innerHTML = 'in the shadow'", {"text": "in the shadow"}, "text"),
])
def test_it_ends_when_it_happens(page, script, arguments, what):
    later(page, script)
    told = waited(page, **arguments)
    assert told["matched"] and told["what"] == what and told["elapsed_ms"] < 7000


def test_what_is_so_already_ends_it_at_once(page):
    assert waited(page, text="start")["elapsed_ms"] < 1000
    assert waited(page, state="load")["what"] == "load"


def test_text_of_a_frame_of_another_site(page, site):
    site.add("/in", "<p>inside")
    later(page, f"p.innerHTML = '<iframe src={site.other('/in')}></iframe>'", 50)
    assert waited(page, text="inside")["matched"]


def test_a_ref_can_be_waited_for(page):
    page("browser_evaluate", script="p.innerHTML = '<button>press</button>'; 1")
    ref = page.data("browser_find", text="press")["matches"][0]["ref"]
    assert waited(page, target=ref)["what"] == "target"


def test_a_response_before_the_call_counts(page):
    page("browser_evaluate", script="fetch('/data?early').then(r => r.text())")
    told = waited(page, response="early")
    assert told["matched"] and told["status"] == 200 and told["response"].endswith("/data?early")


def test_one_before_the_last_action_does_not(page):
    page("browser_evaluate", script="fetch('/data?old').then(r => r.text())")
    page("browser_evaluate", script="1")
    assert not waited(page, response="old", timeout_s=0.3)["matched"]


def test_idle_waits_for_requests(page, site):
    free = threading.Event()

    def slow(handler):
        free.wait(10)
        handler.answer("slow")

    site.add("/slow", slow)
    page("browser_evaluate", script="void fetch('/slow')")
    told = waited(page, state="idle", timeout_s=0.8)
    assert not told["matched"]
    assert "1 requests still run" in page.text("browser_wait", state="idle", timeout_s=0.1)
    free.set()
    assert waited(page, state="idle")["what"] == "idle"


def test_the_time_is_up(page):
    began = time.monotonic()
    told = waited(page, text="never", timeout_s=0.5)
    assert not told["matched"] and "what" not in told and 0.4 < time.monotonic() - began < 5
    assert "browser_snapshot" in page.text("browser_wait", text="never", timeout_s=0)


def test_just_time(page):
    assert 300 <= waited(page, time_s=0.3)["elapsed_ms"] < 3000


def test_navigation_meanwhile(page, site):
    site.add("/a", "<script>setTimeout(()=>location.href='/b',100)</script>a")
    site.add("/b", "<title>Bee</title>the end")
    page("browser_navigate", url=site.url("/a"))
    told = waited(page, text="the end")
    assert told["matched"] and told["url"] == site.url("/b")


def test_events_meanwhile_are_told(page):
    later(page, "alert('ping'); console.error('x'); p.textContent = 'done'", 100)
    told = waited(page, text="done")
    assert {"type": "alert", "text": "ping"} in told["events"]
    assert "console_errors" in [e["type"] for e in told["events"]]


def test_a_page_that_is_closed_meanwhile(page):
    page("browser_evaluate", script="window.w = open('/data'); setTimeout(() => w.close(), 700); 1")
    popup = next(p["page_id"] for p in page.data("browser_tabs", action="list")["pages"]
                 if p.get("opener") and not p["active"])
    assert page.fails("browser_wait", text="never", page_id=popup).startswith("gone")


def test_a_page_that_is_busy(page):
    later(page, "const end = Date.now() + 1500; while (Date.now() < end); p.textContent = 'late'", 50)
    assert waited(page, text="late")["matched"]


def test_a_page_that_never_loads(page, site):
    def hang(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Half</title>half")
        handler.wfile.flush()
        site.released.wait(20)

    site.add("/half", hang)
    told = page.data("browser_navigate", url=site.url("/half"), timeout_s=1.5)
    assert told["unfinished"] or told["events"]
    assert waited(page, text="half")["matched"]
    assert not waited(page, state="load", timeout_s=0.3)["matched"]


@pytest.mark.parametrize("arguments, why", [
    ({}, "nothing to wait for"), ({"time_s": 1, "text": "x"}, "time_s"), ({"text": ""}, "text"),
    ({"text": "   "}, "empty"), ({"timeout_s": 51, "text": "x"}, "timeout_s"), ({"time_s": 51}, "time_s"),
    ({"state": "ready"}, "state"), ({"target": "css=:::"}, "target"), ({"target": "e99999"}, "e99999"),
    ({"url": "x" * 3000}, "url"), ({"text": "x", "page_id": "page_0"}, "page_0"),
    ({"time_s": -1}, "time_s"), ({"text": ["a", "b"]}, "text")])
def test_bad_input(page, arguments, why):
    assert why in page.fails("browser_wait", **arguments)
