"""--browser-cdp-url: a browser that is running already, over a WebSocket."""

import datetime
import ipaddress
import json
import os
import re
import ssl
import threading
import time

import pytest
from browser.harness import chromium
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pages.conftest import Web

from lib import processes
from lib.debugged import Debugged, Relay, frame
from lib.site import Site

pytestmark = pytest.mark.skipif(not chromium(), reason="no Chromium here")

WHOLE = (1 << 30,)  # messages as they are, one by one


@pytest.fixture(scope="module")
def browser():
    one = Debugged()
    yield one
    one.close()


@pytest.fixture
def relay(browser):
    one = Relay(browser.port)
    yield one
    one.close()


@pytest.fixture
def site():
    one = Site()
    yield one
    one.close()


@pytest.fixture
def start():
    every = []

    def one(url, *args):
        every.append(Web("--runtime", "host", "--browser-cdp-url", url, *args))
        return every[-1]

    yield one
    for web in every:
        web.close()


def navigate(web, url, **more):
    return web.data("browser_navigate", url=url, **more)


def path_of(ws):
    return ws[ws.index("/", 5):]


@pytest.mark.parametrize("kind", ["http", "ws", "unix"])
def test_pages_work(kind, browser, relay, start, site, tmp_path):
    path = path_of(browser.ws())
    urls = {"http": relay.url, "ws": f"ws://127.0.0.1:{relay.port}{path}",
            "unix": f"ws+unix:{tmp_path}/s:{path}"}
    near = Relay(browser.port, f"{tmp_path}/s") if kind == "unix" else None
    web = start(urls[kind])
    site.add("/next", "<title>Next</title>")
    first = navigate(web, site.add("/", '<title>First</title><a href="/next">go on</a>'))
    assert first["status"] == 200 and first["title"] == "First"
    assert site.url("/next") in web.text("browser_click", target="text=go on")
    if near:
        near.close()


def test_pages_of_others_are_left_alone(browser, start, site):
    other = browser.get("/json/new?" + site.add("/other", "<title>Other</title>"), "PUT")
    web = start(browser.url)
    navigate(web, site.add("/mine", "<title>Mine</title>"))
    assert other["id"] not in json.dumps(web("browser_tabs", action="list"))
    mine = [page for page in browser.pages() if page["url"] == site.url("/mine")]
    assert len(mine) == 1
    web.close()
    until = time.monotonic() + 10
    while any(page["url"] == site.url("/mine") for page in browser.pages()):
        assert time.monotonic() < until, "our page outlived us"
        time.sleep(0.05)
    assert any(page["id"] == other["id"] for page in browser.pages())
    assert browser.process.poll() is None


def test_cookies_of_others_are_not_seen(browser, start, site):
    page = "<title>x</title><script>document.title = document.cookie || 'none'</script>"
    url = site.add("/cookie", page)
    one, two = start(browser.url), start(browser.url)
    site.add("/set", "<script>document.cookie = 'a=1'</script><title>set</title>")
    navigate(one, site.url("/set"))
    assert navigate(one, url)["title"] == "a=1"
    assert navigate(two, url)["title"] == "none"


def test_a_popup_is_one_of_ours(browser, start, site):
    site.add("/popup", "<title>Popup</title>")
    web = start(browser.url)
    navigate(web, site.add("/", "<button onclick=\"window.open('/popup')\">open</button>"))
    assert "new page page_" in web.text("browser_click", target="text=open")


def test_cut_in_mid_call(browser, relay, start, site):
    release = threading.Event()
    site.add("/slow", lambda handler: (release.wait(20), handler.answer("<title>late</title>")))
    web = start(relay.url)
    page = navigate(web, site.add("/", "<title>First</title>"))["page_id"]
    failed = []
    call = threading.Thread(target=lambda: failed.append(
        web.fails("browser_navigate", url=site.url("/slow"))))
    call.start()
    until = time.monotonic() + 10
    while "/slow" not in site.seen and time.monotonic() < until:
        time.sleep(0.01)
    relay.cut()
    call.join(20)
    release.set()
    assert failed and "unavailable" in failed[0] and "cut" in failed[0], failed
    assert "gone" in web.fails("browser_click", target="a", page_id=page)
    assert navigate(web, site.url("/"))["title"] == "First"


def test_trickled(relay, start, site):
    relay.mode = "trickle"
    web = start(relay.url)
    assert navigate(web, site.add("/", "<title>Slow</title>"))["title"] == "Slow"


@pytest.mark.parametrize("sizes", [(1,), (2, 3), (125, 126, 127), (65535, 65536, 7)], ids=str)
def test_fragmented(relay, start, site, sizes):
    relay.mode = sizes
    web = start(relay.url)
    title = "Fragments äöü € 𝄞"
    assert navigate(web, site.add("/", f"<title>{title}</title>"))["title"] == title


def test_wrong_answers(relay, start, site):
    url = site.add("/", "<title>First</title>")
    web = start(relay.url)
    ok = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
    for answer, words in [
        (ok % (b"403 Forbidden", 2, b"no"), "HTTP 403"),
        (ok % (b"200 OK", 5, b"hello"), "no browser's DevTools"),
        (ok % (b"200 OK", 2, b"[]"), "no browser's DevTools"),
        (ok % (b"200 OK", 45, b'{"webSocketDebuggerUrl":"http://example.org"}'), "no ws://"),
    ]:
        relay.answer = answer
        assert words in web.fails("browser_navigate", url=url)
    assert navigate(web, url)["title"] == "First"


def test_the_upgrade_is_refused(browser, relay, start, site):
    url = site.add("/", "<title>First</title>")
    web = start(f"ws://127.0.0.1:{relay.port}{path_of(browser.ws())}?token=s3cret")
    for answer, words in [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "401"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ""),
        (b"nonsense\r\n\r\n", ""),
        (b"\0" * 64, ""),
    ]:
        relay.answer = answer
        text = web.fails("browser_navigate", url=url)
        assert words in text and "s3cret" not in text, text
    assert navigate(web, url)["title"] == "First"
    assert "s3cret" not in web.server.stderr


@pytest.mark.parametrize("data,words", [
    (frame(8, b"\x03\xf3going down"), "1011: going down"),
    (frame(8, b""), "1005"),
    (b"\xff\xff\xff\xff", ""),
    (frame(1, b"not json"), None),
    (frame(1, b'{"method":7,"params":[]}'), None),
    (frame(9, b"ping"), None),
], ids=["closed", "closed bare", "no frame", "no JSON", "no event", "ping"])
def test_what_the_other_side_says(relay, start, site, data, words):
    relay.mode = WHOLE
    web = start(relay.url)
    url = site.add("/", "<title>First</title>")
    navigate(web, url)
    relay.say(data)
    if words is None:
        assert navigate(web, url)["title"] == "First"
        return
    until = time.monotonic() + 10
    while (result := web("browser_navigate", url=url)) and time.monotonic() < until:
        if not result.get("isError"):
            break
        assert words in result["content"][0]["text"]
    assert navigate(web, url)["title"] == "First"


def test_a_huge_message(relay, start, site):
    relay.mode = WHOLE
    web = start(relay.url)
    navigate(web, site.add("/", "<title>First</title>"))
    data = {"id": 1 << 40, "result": {"data": "x" * (20 << 20)}}
    relay.say(frame(1, json.dumps(data).encode()))
    assert navigate(web, site.url("/"))["title"] == "First"
    relay.say(frame(1, b"x" * (70 << 20)))
    assert navigate(web, site.url("/"))["title"] == "First"


def test_a_silent_browser(start, relay):
    relay.answer = b""
    web = start(f"ws://127.0.0.1:{relay.port}/")
    begun = time.monotonic()
    assert "did not answer" in web.fails("browser_navigate", url="http://127.0.0.1:1/")
    assert 5 < time.monotonic() - begun < 30


def test_nobody_there(start, relay):
    port = relay.port
    relay.close()
    web = start(f"ws://127.0.0.1:{port}/")
    assert "cannot connect" in web.fails("browser_navigate", url="http://127.0.0.1:1/")


def test_the_key(browser, relay, start, site, tmp_path):
    (tmp_path / "key").write_text("k3y-of-the-browser\n")
    web = start(relay.url + "?token=t0ken", "--browser-cdp-key-file", tmp_path / "key",
                "--log-level", "debug")
    navigate(web, site.add("/", "<title>First</title>"))
    asked, upgrade = relay.requests
    assert asked.startswith("GET /json/version?token=t0ken ")
    assert re.match(r"GET /devtools/browser/\S+\?token=t0ken ", upgrade)
    for head in (asked, upgrade):
        assert "\r\nAuthorization: Bearer k3y-of-the-browser\r\n" in head
    assert "k3y" not in web.server.stderr and "t0ken" not in web.server.stderr


def certificate(folder):
    """(certificate and key in one PEM, the authority's certificate) for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(True, None), True)
            .sign(key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    (folder / "cert").write_bytes(cert.public_bytes(pem))
    (folder / "both").write_bytes(cert.public_bytes(pem) + key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return folder / "both", folder / "cert"


def test_certificates_are_verified(browser, start, site, tmp_path, monkeypatch):
    both, authority = certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(both)
    relay = Relay(browser.port, tls=tls)
    url = site.add("/", "<title>First</title>")
    urls = [f"https://127.0.0.1:{relay.port}",
            f"wss://127.0.0.1:{relay.port}{path_of(browser.ws())}"]
    for each in urls:
        assert "unavailable" in start(each).fails("browser_navigate", url=url)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(authority))
    for each in urls:
        assert navigate(start(each), url)["title"] == "First"
    for each in urls:
        other = each.replace("127.0.0.1", "localhost")
        assert "unavailable" in start(other).fails("browser_navigate", url=url)
    relay.close()


@pytest.mark.parametrize("url,words", [
    ("ftp://h/", "must begin with"),
    ("ws://user:pw@h/", "user and password"),
    ("http://", "names no host"),
])
def test_a_wrong_url_is_said_at_once(url, words):
    web = Web("--runtime", "host", "--browser-cdp-url", url)
    assert web.server.close() == 2
    assert words in web.server.stderr and "pw" not in web.server.stderr
    web.close()


def test_nothing_is_left(browser, relay, start, site):
    web = start(relay.url)
    pid = web.server.pid
    navigate(web, site.add("/", "<title>First</title>"))
    threads = os.listdir(f"/proc/{pid}/task")
    held = len(processes.descriptors(pid))
    for _ in range(5):
        relay.cut()
        until = time.monotonic() + 10
        while web("browser_navigate", url=site.url("/")).get("isError"):
            assert time.monotonic() < until
    assert len(os.listdir(f"/proc/{pid}/task")) <= len(threads) + 1
    assert len(processes.descriptors(pid)) <= held + 4
