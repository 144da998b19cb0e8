import socket
import time

import pytest

from browser.harness import Failed


def refused(page, url, **args):
    with pytest.raises(Failed) as e:
        page.goto(url, **args)
    return e.value


def test_a_page_says_title_and_status(page, site):
    went = page.goto(site.add("/", "<title>Hello</title><p>x"))
    assert (went["title"], went["status"], went["url"]) == ("Hello", 200, site.url())
    assert not went["unfinished"] and not went["redirected_from"]


def test_what_is_not_found_is_a_result(page, site):
    went = page.goto(site.url("/gone"))
    assert went["status"] == 404 and went["title"] == "none"


def test_an_error_without_a_body_is_a_result(page, site):
    site.add("/", lambda h: h.answer("", 503))
    assert page.goto(site.url())["status"] == 503


def test_redirects_are_followed_and_told(page, site):
    site.add("/a", lambda h: h.answer("", 302, Location="/b"))
    site.add("/b", lambda h: h.answer("", 301, Location="/c"))
    site.add("/c", "<title>C</title>")
    went = page.goto(site.url("/a"))
    assert went["url"] == site.url("/c") and went["redirected_from"] == site.url("/a")
    assert went["status"] == 200 and went["title"] == "C"


def test_a_circle_of_redirects_is_refused(page, site):
    site.add("/a", lambda h: h.answer("", 302, Location="/a"))
    e = refused(page, site.url("/a"))
    assert e.code == "invalid_argument" and "circle" in e.message


@pytest.mark.parametrize("url", ["file:///etc/passwd", "chrome://version", "devtools://x",
                                 "javascript:alert(1)", "view-source:http://127.0.0.1/",
                                 "FILE:///etc/passwd", "ftp://127.0.0.1/", "about:version"])
def test_other_schemes_are_refused(page, url):
    e = refused(page, url)
    assert e.code == "invalid_argument" and "https:" in e.next


@pytest.mark.parametrize("url", ["example.com", "localhost:80/x", "/path", "", "   "])
def test_what_is_no_url_is_explained(page, url):
    assert refused(page, url).code == "invalid_argument"


def test_a_closed_port_is_said_and_the_page_goes_on(page, site):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        e = refused(page, f"http://127.0.0.1:{s.getsockname()[1]}/")
    assert e.code == "unavailable" and "ERR_CONNECTION_REFUSED" in e.message and e.next
    assert page.goto(site.add("/", "<title>on</title>"))["title"] == "on"


def test_an_unknown_host_is_said(page):
    assert refused(page, "http://no-such-host.invalid/").code == "unavailable"


def test_a_server_that_says_nothing_ends_at_the_timeout(page, site):
    site.add("/", lambda h: site.released.wait(30))
    began = time.monotonic()
    e = refused(page, site.url(), timeout_ms=1000)
    assert e.code == "timeout" and time.monotonic() - began < 10
    assert page.goto(site.add("/b", "<title>b</title>"))["title"] == "b"


def test_a_page_that_never_ends_is_unfinished(page, site):
    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(b"<title>half</title><p id=p>there" + b" " * 2000)
        handler.wfile.flush()
        site.released.wait(30)

    site.add("/", half)
    went = page.goto(site.url(), timeout_ms=1500)
    assert went["unfinished"] and went["status"] == 200 and went["title"] == "half"
    assert not page.goto(site.url(), wait="commit", timeout_ms=9000)["unfinished"]


def test_load_waits_for_pictures_and_dom_does_not(page, site):
    site.add("/slow.png", lambda h: (time.sleep(1), h.answer(b"", kind="image/png")))
    url = site.add("/", "<script>onload=()=>document.title='loaded'</script><img src=/slow.png>")
    assert page.goto(url)["title"] != "loaded"
    assert page.goto(url, wait="load")["title"] == "loaded"


def test_idle_waits_for_requests(page, site):
    site.add("/data", lambda h: (time.sleep(0.3), h.answer("42")))
    url = site.add("/", "<script>fetch('/data').then(r=>r.text()).then(t=>document.title=t)"
                        "</script>")
    assert page.goto(url, wait="idle")["title"] == "42"


def test_back_forward_and_reload(page, site):
    for name in "ab":
        page.goto(site.add("/" + name, f"<title>{name}</title>"))
    assert page.goto(go="back")["title"] == "a"
    assert page.goto(go="forward")["title"] == "b"
    seen = site.seen.count("/b")
    assert page.goto(go="reload")["title"] == "b" and site.seen.count("/b") == seen + 1
    assert refused(page, None, go="forward").code == "not_found"


def test_a_hash_stays_in_the_document(page, site):
    page.goto(site.add("/", "<title>t</title>"))
    page.eval("window.kept = 1")
    went = page.goto(site.url("/#there"))
    assert went["same_document"] and page.eval("window.kept") == 1
    assert page.info()["url"].endswith("#there")


def test_push_state_is_seen(page, site):
    page.goto(site.add("/", "<button onclick=\"history.pushState(0,'','/two');"
                            "document.title='two'\">Go</button>"))
    report = page.click("text=Go")
    assert report["same_document"] and not report["navigated"]
    assert report["url"] == site.url("/two") and report["title"] == "two"
    assert page.goto(go="back")["same_document"]
    assert page.info()["url"] == site.url()


def test_a_script_that_goes_elsewhere_is_followed(page, site):
    site.add("/b", "<title>b</title>")
    went = page.goto(site.add("/", "<script>location.replace('/b')</script>"))
    assert (went["url"], went["title"]) in [(site.url("/b"), "b"), (site.url(), "")]


def test_a_download_leaves_the_page(page, site):
    site.add("/f", lambda h: h.answer(b"x", kind="application/octet-stream",
                                      Content_Disposition="attachment; filename=f.bin"))
    page.goto(site.add("/", "<title>here</title>"))
    assert page.goto(site.url("/f"))["download"]
    assert page.eval("document.title") == "here"


def test_a_cancelled_navigation_ends_at_once(page, site):
    site.add("/", lambda h: site.released.wait(30))
    going = page.begin("goto", url=site.url())
    time.sleep(0.3)
    began = time.monotonic()
    going.cancel()
    with pytest.raises(Failed) as e:
        going.wait()
    assert e.value.code == "cancelled" and time.monotonic() - began < 2


def test_basic_things_of_a_very_large_page(page, site):
    items = "".join(f"<li><input type=checkbox id=c{i}> item {i}</li>" for i in range(10000))
    went = page.goto(site.add("/", f"<title>big</title><ul>{items}</ul>"))
    assert went["title"] == "big"
    page.click("css=#c9876")
    assert page.eval("document.querySelector('#c9876').checked")
