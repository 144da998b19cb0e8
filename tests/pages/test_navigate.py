"""browser_navigate and browser_click, end to end."""

import pytest


def test_an_http_error_is_a_result(web, site):
    gone = web.data("browser_navigate", url=site.url("/none"))
    assert gone["status"] == 404 and gone["title"] == "none"


def test_a_click_tells_where_it_led(web, site):
    site.add("/next", "<title>Next</title>")
    web("browser_navigate", url=site.add("/", '<title>First</title><a href="/next">go on</a>'))
    assert site.url("/next") in web.text("browser_click", target="text=go on")


def test_a_missing_element_is_said(web, site):
    web("browser_navigate", url=site.add("/", "<title>Empty</title>"))
    assert "not_found" in web.fails("browser_click", target="#nothing")


def test_an_address_without_a_scheme_is_guessed(web, site):
    told = web.data("browser_navigate", url=f"127.0.0.1:{site.port}/none")
    assert told["status"] == 404 and told["note"] == "taken for " + site.url("/none")
    site.add("/two", "<title>Two</title>")
    assert web.data("browser_navigate", url="/two")["title"] == "Two"
    assert "note" not in web.data("browser_navigate", url=site.url("/two"))


@pytest.mark.parametrize("arguments, why", [
    ({}, "url is missing"), ({"url": "x.com", "action": "back"}, "goto only"),
    ({"url": "hello world"}, "no address"), ({"url": "file:///etc/passwd"}, "file:"),
    ({"url": "chrome://crash"}, "chrome:"), ({"url": "javascript:1"}, "javascript:"),
    ({"url": "view-source:http://x"}, "view-source"), ({"url": ""}, "url"),
    ({"url": "http://"}, "url"), ({"url": "x" * 3000}, "url"), ({"action": "up"}, "action"),
    ({"url": "about:blank", "timeout_s": 0}, "timeout_s"),
    ({"url": "about:blank", "wait_until": "ready"}, "wait_until"),
    ({"url": "about:blank", "page_id": "page_0"}, "page_0"),
    ({"url": "http://127.0.0.1:1/"}, "port"), ({"url": "http://nowhere.invalid/"}, "not known")])
def test_what_is_not_opened_is_explained(web, arguments, why):
    assert why in web.fails("browser_navigate", **arguments)


def test_history_has_ends(start_web, site):
    web = start_web("--runtime", "host")
    page = web.open(site.add("/one", "<title>One</title>"))
    site.add("/two", "<title>Two</title>")
    web("browser_navigate", url=site.url("/two"))
    assert web.data("browser_navigate", action="back")["title"] == "One"
    assert web.data("browser_navigate", action="forward")["title"] == "Two"
    assert web.data("browser_navigate", action="reload")["title"] == "Two"
    assert "not_found" in web.fails("browser_navigate", action="forward", page_id=page)


def test_a_redirect_is_told(web, site):
    site.add("/from", lambda h: h.answer("", 302, Location=site.url("/to")))
    site.add("/to", "<title>There</title>")
    told = web.data("browser_navigate", url=site.url("/from"))
    assert told["redirected_from"] == site.url("/from") and told["url"] == site.url("/to")


def test_a_server_that_does_not_answer(web, site):
    site.add("/hang", lambda h: site.released.wait(20))
    told = web.fails("browser_navigate", url=site.url("/hang"), timeout_s=0.7)
    assert told.startswith("timeout") and "Next:" in told
    assert web.data("browser_navigate", url=site.url("/none"))["status"] == 404


def test_what_a_page_says_at_once_is_told(web, site):
    site.add("/loud", "<title>Loud</title><script>alert('hear me');console.error('bad')</script>")
    events = web.data("browser_navigate", url=site.url("/loud"))["events"]
    assert {"type": "alert", "text": "hear me"} in events


def test_a_dialog_while_loading_is_told(web, site):
    site.add("/ask", "<title>Ask</title><script>document.title=confirm('stay?')</script>")
    told = web("browser_navigate", url=site.url("/ask"))
    assert "stay?" in told["content"][0]["text"]
    assert web.data("browser_dialog", action="accept")["dialog"]["message"] == "stay?"
