"""browser_network and browser_request, end to end."""

import base64
import gzip
import hashlib
import re
import struct
import threading
import time

import pytest

QUIET = 20


def wait_for(condition, seconds=QUIET):
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.05)
    return value


def requests(web, page, **how):
    return web.data("browser_network", page_id=page, **how)["requests"]


def find(web, page, ending, **how):
    """The one whose URL ends so, once it is over."""
    def over():
        found = [r for r in requests(web, page, static=True, limit=1000, **how)
                 if r["url"].endswith(ending) and not r.get("pending")]
        return found and found[-1]
    return wait_for(over)


def redirect(to, **headers):
    def answer(request):
        request.send_response(302)
        request.send_header("Location", to)
        request.send_header("Content-Length", "0")
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
    return answer


def hold(site):
    def answer(request):
        site.released.wait(QUIET)
        request.answer("late")
    return answer


def kind(text, kind, **headers):
    return lambda request: request.answer(text, 200, kind, **headers)


@pytest.fixture
def page(web):
    web("browser_navigate", url="about:blank")
    made = web.data("browser_tabs", action="new")
    one = next(p["page_id"] for p in made["pages"] if p["active"])
    yield one
    web("browser_tabs", action="close", page_id=one)


def test_requests_are_listed_and_static_ones_counted(web, site, page):
    site.add("/a.js", kind("fetch('/data?x=1')", "text/javascript"))
    site.add("/a.css", kind("p {}", "text/css"))
    site.add("/data", kind('{"a": 1}', "application/json"))
    web("browser_navigate", page_id=page, wait_until="idle", url=site.add(
        "/", '<title>A</title><script src="/a.js"></script><link rel=stylesheet href="/a.css">'
             '<img src="/missing.png">'))
    data = wait_for(lambda: (lambda d: d if len(d["requests"]) >= 3 and not any(
        r.get("pending") for r in d["requests"]) else None)(
            web.data("browser_network", page_id=page)))
    by_path = {r["url"].removeprefix(site.url("")): r for r in data["requests"]}
    assert by_path["/"]["type"] == "document" and by_path["/"]["status"] == 200
    assert by_path["/data?x=1"]["type"] == "fetch" and by_path["/data?x=1"]["size"] == 8
    assert by_path["/missing.png"]["status"] == 404
    assert "/a.js" not in by_path and data["hidden_static"] == 2
    assert [int(r["id"][1:]) for r in data["requests"]] == sorted(
        int(r["id"][1:]) for r in data["requests"])
    every = requests(web, page, static=True)
    assert {"/a.js", "/a.css"} <= {r["url"].removeprefix(site.url("")) for r in every}
    assert [r["type"] for r in requests(web, page, types=["stylesheet"])] == ["stylesheet"]
    assert [r["status"] for r in requests(web, page, status="4xx,failed")] == [404]
    assert [r["type"] for r in requests(web, page, filter=r"/DATA\?x=\d$")] == ["fetch"]
    text = web.text("browser_network", page_id=page)
    assert "2 static ones" in text and "/data?x=1 · fetch · 200 · 8 B" in text
    assert "invalid_argument" in web.fails("browser_network", page_id=page, status="6xx")
    assert "invalid_argument" in web.fails("browser_network", page_id=page, filter="(")
    assert "invalid_argument" in web.fails("browser_network", page_id=page, cursor="zz")


def test_redirects_are_requests_of_their_own_and_the_log_outlives_navigations(web, site, page):
    site.add("/two", redirect("/three", Set_Cookie="sid=very-secret; Path=/"))
    site.add("/three", "<title>Three</title>")
    web("browser_navigate", page_id=page, url=site.add("/one", redirect("/two")))
    web("browser_navigate", page_id=page, url=site.add("/later", "<title>Later</title>"))
    listed = [(r["url"].rsplit("/", 1)[1], r.get("status")) for r in requests(web, page)]
    assert listed == [("one", 302), ("two", 302), ("three", 200), ("later", 200)]
    two = next(r["id"] for r in requests(web, page) if r["url"].endswith("two"))
    text = web.text("browser_request", page_id=page, id=two)
    assert "redirected" in text and "Location: /three" in text
    assert "sid=[masked]; Path=/" in text and "very-secret" not in text
    later = next(r["id"] for r in requests(web, page) if r["url"].endswith("later"))
    text = web.text("browser_request", page_id=page, id=later, part="request")
    assert re.search(r"Cookie: sid=\[masked\]\n", text) and "very-secret" not in text
    one = next(r["id"] for r in requests(web, page) if r["url"].endswith("one"))
    assert "not_found" in web.fails("browser_request", page_id=page, id=one, part="body")
    assert "not_found" in web.fails("browser_request", page_id=page, id="r999")
    assert "invalid_argument" in web.fails("browser_request", page_id=page, id="nine")


def test_a_failure_says_why(web, site, page):
    site.add("/cors", "no")
    site.add("/held", hold(site))
    web("browser_navigate", page_id=page, url=site.add(
        "/", f"<title>F</title><script>fetch('{site.other('/cors')}').catch(() => 0);"
             "fetch('http://127.0.0.1:1/closed').catch(() => 0);"
             "const stop = new AbortController();"
             "fetch('/held', {signal: stop.signal}).catch(() => 0);"
             "setTimeout(() => stop.abort(), 300)</script>"))
    assert "MissingAllowOriginHeader" in find(web, page, "/cors")["failure"]
    assert "net::ERR" in find(web, page, "/closed")["failure"]
    assert "net::ERR_ABORTED" in find(web, page, "/held")["failure"]
    assert len(requests(web, page, status="failed")) == 3


def test_a_slow_request_is_pending(web, site, page):
    site.add("/slow", hold(site))
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>S</title><script>fetch('/slow')</script>"))
    slow = wait_for(lambda: requests(web, page, status="pending"))[0]
    assert "ms" not in slow and "status" not in slow
    assert "busy" in web.fails("browser_request", page_id=page, id=slow["id"], part="body")
    site.released.set()
    assert find(web, page, "/slow")["status"] == 200


def test_bodies(web, site, page, tmp_path):
    blob = bytes(range(256)) * 40
    site.add("/text", kind("<b>tag</b> für dich", "text/plain; charset=utf-8"))
    site.add("/latin", kind("grün".encode("latin-1"), "text/plain; charset=iso-8859-1"))
    site.add("/blob", kind(blob, "application/octet-stream"))
    site.add("/zip", kind(gzip.compress(b"z" * 50000), "text/plain", Content_Encoding="gzip"))
    names = ["text", "latin", "blob", "zip"]
    web("browser_navigate", page_id=page, url=site.add(
        "/", f"<title>B</title><script>for (const n of {names}) "
             "fetch('/' + n).then(r => r.arrayBuffer())</script>"))
    id = {name: find(web, page, "/" + name)["id"] for name in names}
    text = web.text("browser_request", page_id=page, id=id["text"], part="body")
    assert "<b>tag</b> für dich" in text and "not instructions]" in text
    assert "grün" in web.text("browser_request", page_id=page, id=id["latin"], part="body")
    text = web.text("browser_request", page_id=page, id=id["blob"], part="body")
    assert "binary" in text and "10.2 kB" in text
    path = tmp_path / "blob.bin"
    web.text("browser_request", page_id=page, id=id["blob"], save_to=str(path))
    assert path.read_bytes() == blob
    text = web.text("browser_request", page_id=page, id=id["zip"], part="body", max_bytes=1000)
    assert len(text) < 2000 and "49000 bytes left out" in text
    zipped = find(web, page, "/zip")
    assert zipped["size"] == 50000
    assert re.search(r"on the wire \d+ B", web.text("browser_request", page_id=page, id=id["zip"]))


def test_a_huge_body_is_saved_whole(web, site, page, tmp_path):
    huge = b"0123456789abcdef" * (20 * 65536)
    site.add("/huge", kind(huge, "application/octet-stream"))
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>H</title><script>fetch('/huge').then(r => r.arrayBuffer())</script>"))
    path = tmp_path / "huge.bin"
    web.text("browser_request", page_id=page, id=find(web, page, "/huge")["id"],
             save_to=str(path))
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(huge).digest()


def test_posted_data_is_shown_without_its_secrets(web, site, page):
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>P</title><script>"
             "fetch('/post', {method: 'POST', headers: {Authorization: 'Bearer abc123',"
             "'Content-Type': 'application/json'},"
             "body: JSON.stringify({user: 'kim', password: 'hunter2'})}).catch(() => 0);"
             "fetch('/large', {method: 'POST', body: 'y'.repeat(100000)}).catch(() => 0)"
             "</script>"))
    text = web.text("browser_request", page_id=page, part="request",
                    id=find(web, page, "/post")["id"])
    assert '"user":"kim"' in text and "hunter2" not in text
    assert "Authorization: Bearer [masked]" in text and "abc123" not in text
    text = web.text("browser_request", page_id=page, part="request", max_bytes=4000,
                    id=find(web, page, "/large")["id"])
    assert "posted data · 100.0 kB" in text and "96000 bytes left out" in text


def test_a_body_that_is_gone_is_said(web, site, page):
    site.add("/data", kind("data of yore", "text/plain"))
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>G</title><script>fetch('/data').then(r => r.text())</script>"))
    data = find(web, page, "/data")["id"]
    web("browser_navigate", page_id=page, url=site.other("/elsewhere"))
    assert "gone: the browser has the body" in web.fails(
        "browser_request", page_id=page, id=data, part="body")
    assert "the browser has the body" in web.text("browser_request", page_id=page, id=data)


def test_frames_and_workers(web, site, page):
    site.add("/w.js", kind("fetch('/from-worker')", "text/javascript"))
    site.add("/sw.js", kind(
        "oninstall = e => { skipWaiting(); e.waitUntil(fetch('/from-service')) };"
        "onactivate = e => e.waitUntil(clients.claim());"
        "onfetch = e => { if (e.request.url.endsWith('/by-service')) "
        "e.respondWith(new Response('of the worker')) }", "text/javascript"))
    site.add("/frame", "<title>I</title><script>fetch('/in-frame')</script>")
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>W</title><script>new Worker('/w.js');"
             "navigator.serviceWorker.register('/sw.js');"
             "navigator.serviceWorker.addEventListener('controllerchange',"
             " () => fetch('/by-service'))</script>"
             f'<iframe src="{site.other("/frame")}"></iframe>'))
    for ending in ["/from-worker", "/from-service", "/w.js", "/sw.js", "/frame", "/in-frame"]:
        find(web, page, ending)
    served = find(web, page, "/by-service")
    assert served["from"] == "service worker"
    assert "of the worker" in web.text("browser_request", page_id=page, id=served["id"],
                                       part="body")


def test_the_cache_is_told(web, site, page):
    site.add("/kept", kind("kept", "text/plain", Cache_Control="max-age=600"))
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>C</title><script>fetch('/kept').then(r => r.text())"
             ".then(() => fetch('/kept'))</script>"))
    wait_for(lambda: len(requests(web, page, filter="/kept")) == 2)
    cached = wait_for(lambda: requests(web, page, status="cached"))
    assert len(cached) == 1 and cached[0]["from"] == "cache"
    assert site.seen.count("/kept") == 1


def test_more_requests_than_are_kept(web, site, page):
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>M</title><script>(async () => { for (let i = 0; i < 1500; i += 20)"
             " await Promise.all([...Array(20).keys()].map(j => fetch('/n?' + (i + j))));"
             " fetch('/last') })()</script>"))
    find(web, page, "/last")
    data = web.data("browser_network", page_id=page, limit=1000)
    assert "note" in data and data["requests"][-1]["url"].endswith("/last")
    seen, cursor = [], None
    while True:
        data = web.data("browser_network", page_id=page, limit=300,
                        **({"cursor": cursor} if cursor else {}))
        seen = data["requests"] + seen
        cursor = data.get("cursor")
        if not cursor:
            break
    assert len(seen) == 1000 and len({r["id"] for r in seen}) == 1000
    assert seen[0]["id"] == "r503"
    assert "gone" in web.fails("browser_request", page_id=page, id="r2")
    assert "headers" in web.text("browser_request", page_id=page, id=seen[-1]["id"])


def serve_socket(request):
    """One web socket: echoes one message, then closes."""
    key = request.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    request.send_response(101)
    request.send_header("Upgrade", "websocket")
    request.send_header("Connection", "Upgrade")
    request.send_header("Sec-WebSocket-Accept",
                        base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
    request.end_headers()
    head = request.rfile.read(2)
    mask, size = request.rfile.read(4), head[1] & 127
    text = bytes(b ^ mask[i % 4] for i, b in enumerate(request.rfile.read(size)))
    request.wfile.write(bytes([0x81, len(text)]) + text)
    request.wfile.write(bytes([0x88, 2]) + struct.pack(">H", 1000))
    request.wfile.flush()
    request.close_connection = True


def test_a_web_socket_is_a_request(web, site, page):
    site.add("/socket", serve_socket)
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>WS</title><script>const s = new WebSocket(`ws://${location.host}/socket`);"
             "s.onopen = () => s.send('hello there')</script>"))
    socket = find(web, page, "/socket")
    assert socket["type"] == "websocket" and socket["status"] == 101
    text = web.text("browser_request", page_id=page, id=socket["id"])
    assert "> 11 B: hello there" in text and "< 11 B: hello there" in text
    assert "1 sent, 1 received" in text


def test_timing(web, site, page):
    late = threading.Event()
    site.add("/late", lambda request: (late.wait(0.4), request.answer("x")))
    web("browser_navigate", page_id=page, url=site.add(
        "/", "<title>T</title><script>fetch('/late')</script>"))
    one = find(web, page, "/late")
    assert 380 < one["ms"] < 20000
    text = web.text("browser_request", page_id=page, id=one["id"], part="timing")
    wait = float(re.search(r"wait ([\d.]+) ms", text).group(1))
    total = float(re.search(r"total ([\d.]+) ms", text).group(1))
    assert 380 < wait <= total
