"""browser_tabs: pages, their ids, popups, isolated cookie jars, closing."""

import pytest


@pytest.fixture
def fresh(start_web):
    return start_web("--runtime", "host")


def pages(web, **arguments):
    return web.data("browser_tabs", **{"action": "list"} | arguments)["pages"]


def active(web):
    return next(p["page_id"] for p in pages(web) if p["active"])


def test_listing_starts_no_browser(fresh):
    assert pages(fresh) == []
    assert "browser_navigate opens one" in fresh.text("browser_tabs", action="list")


def test_open_select_and_close(fresh, site):
    site.add("/a", "<title>Aye</title>")
    site.add("/b", "<title>Bee</title>")
    a, b = fresh.open(site.url("/a")), fresh.open(site.url("/b"))
    assert active(fresh) == b
    assert {p["title"] for p in pages(fresh)} >= {"Aye", "Bee"}
    fresh("browser_tabs", action="select", page_id=a)
    assert "Aye" in fresh.text("browser_evaluate", script="document.title")
    left = pages(fresh, action="close", page_id=b)
    assert b not in [p["page_id"] for p in left] and active(fresh) == a
    assert fresh.fails("browser_evaluate", script="1", page_id=b).startswith("gone")
    assert fresh.fails("browser_tabs", action="select", page_id=b).startswith("gone")


def test_the_last_page_can_be_closed(fresh, site):
    site.add("/", "<title>Back</title>")
    first = fresh.open(site.url("/"))
    for page in pages(fresh):
        fresh("browser_tabs", action="close", page_id=page["page_id"])
    assert pages(fresh) == []
    assert "page_id" in fresh.fails("browser_tabs", action="close")
    again = fresh.data("browser_navigate", url=site.url("/"))
    assert again["title"] == "Back" and again["page_id"] != first


def test_a_popup_is_listed_with_its_opener(web, site):
    site.add("/pop", "<title>Pop</title>popped")
    opener = web.open(site.add("/", "<title>Top</title><a target=_blank href=/pop>open</a>"))
    told = web.text("browser_click", target="text=open")
    popup = next(p for p in pages(web) if p.get("opener") == opener)
    assert popup["page_id"] in told and not popup["active"]
    assert "Pop" in web.text("browser_wait", text="popped", page_id=popup["page_id"])
    assert active(web) == popup["page_id"]
    web("browser_tabs", action="close")
    assert active(web) == opener


def test_isolated_pages_share_cookies_by_name_only(web, site):
    site.add("/", "<title>Jar</title>")
    read = "document.cookie"
    web("browser_tabs", action="new", url=site.url("/"), isolated="one")
    web("browser_evaluate", script="document.cookie = 'who=one; path=/'")
    first = [p for p in pages(web) if p["active"]][0]
    assert first["isolated"] == "one"
    web("browser_tabs", action="new", url=site.url("/"), isolated="two")
    assert "who=one" not in web.text("browser_evaluate", script=read)
    web("browser_tabs", action="new", url=site.url("/"), isolated="one")
    assert "who=one" in web.text("browser_evaluate", script=read)
    web("browser_tabs", action="new", url=site.url("/"))
    assert "who=one" not in web.text("browser_evaluate", script=read)


def test_a_title_that_changed_is_listed(web, site):
    web.open(site.add("/", "<title>Before</title>"))
    web("browser_evaluate", script="setTimeout(() => document.title = 'Later', 50); 1")
    web("browser_wait", time_s=0.3)
    assert [p["title"] for p in pages(web) if p["active"]] == ["Later"]


def test_a_page_that_does_not_open_is_not_left_behind(web, site):
    before = web.open(site.add("/", "<title>Here</title>"))
    count = len(pages(web))
    assert "no page was opened" in web.fails("browser_tabs", action="new", url="http://no.invalid/")
    assert len(pages(web)) == count and active(web) == before


def test_too_many_pages(fresh):
    ids = set()
    for _ in range(70):
        result = fresh("browser_tabs", action="new")
        if result.get("isError"):
            break
        ids |= {p["page_id"] for p in result["structuredContent"]["pages"]}
    assert result["content"][0]["text"].startswith("quota") and "browser_tabs" in (
        result["content"][0]["text"]) and 10 <= len(ids) <= 64
    fresh("browser_tabs", action="close", page_id=ids.pop())
    assert not fresh("browser_tabs", action="new").get("isError")


def test_closing_the_browser(fresh, site):
    page = fresh.open(site.add("/", "x"))
    assert fresh.data("browser_info")["running"]
    told = fresh.data("browser_close")
    assert told["was_running"] and told["closed_pages"] >= 1 and not told["running"]
    assert not fresh.data("browser_info")["running"]
    assert page not in [p["page_id"] for p in pages(fresh)]
    again = fresh.data("browser_close", restart=True)
    assert not again["was_running"] and again["running"] and fresh.data("browser_info")["running"]
    info = fresh.data("browser_info")
    assert info["viewport"]["width"] > 100 and "Chrome" in info["version"]
    assert "not_found" in fresh.fails("browser_info", page_id="page_0")


@pytest.mark.parametrize("arguments, why", [
    ({}, "action"), ({"action": "open"}, "action"), ({"action": "select"}, "page_id is missing"),
    ({"action": "select", "page_id": "page_0"}, "not_found"), ({"action": "list", "url": "x"}, "new only"),
    ({"action": "close", "isolated": "x"}, "new only"), ({"action": "new", "page_id": "x"}, "page_id"),
    ({"action": "new", "url": "file:///etc"}, "file:"), ({"action": "new", "isolated": "x" * 64}, "isolated"),
    ({"action": "new", "url": "not a url"}, "no address"), ({"action": "new", "isolated": ""}, "isolated")])
def test_bad_input(web, arguments, why):
    assert why in web.fails("browser_tabs", **arguments)
