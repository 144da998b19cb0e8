"""Cookies, web storage, and both saved to a file and loaded again."""

import json

SITE = """<title>Shop</title><script>
    document.cookie = "session=s3cret; max-age=1000"; localStorage.cart = "3 things";
    sessionStorage.step = "two"</script>"""


def cookies(web, **arguments):
    return {c["name"]: c for c in web.data("browser_cookies", action="list", **arguments)["cookies"]}


def items(web, **arguments):
    found = web.data("browser_storage", action="list", **arguments)["items"]
    return {item["key"]: item["value"] for item in found}


def fresh(web, site, jar):
    """A page at the site in a cookie jar of its own."""
    url = site.add("/shop", SITE)
    pages = web.data("browser_tabs", action="new", url=url, isolated=jar)["pages"]
    return next(page["page_id"] for page in pages if page["active"])


def test_cookie_values_are_masked_unless_asked(web, site):
    fresh(web, site, "masked")
    assert "value" not in cookies(web)["session"] and cookies(web)["session"]["size"] == 6
    assert "s3cret" not in web.text("browser_cookies", action="list")
    assert cookies(web, reveal=True)["session"]["value"] == "s3cret"


def test_cookies_are_set_sent_deleted_and_cleared(web, site):
    page = fresh(web, site, "set")
    got = []
    site.add("/look", lambda handler: (got.append(handler.headers.get("Cookie")),
                                       handler.answer("<title>Look</title>")))
    web.data("browser_cookies", action="set", cookies=[
        {"name": "one", "value": "1", "http_only": True, "same_site": "Lax"},
        {"name": "two", "value": "2", "path": "/look"}])
    web("browser_navigate", url=site.url("/look"), page_id=page)
    assert {"one=1", "two=2", "session=s3cret"} == set(got[-1].split("; "))
    assert cookies(web)["one"]["http_only"] is True
    assert web.data("browser_cookies", action="delete", name="one")["total"] == 1
    assert web.data("browser_cookies", action="delete", name="one")["total"] == 0
    assert "one" not in cookies(web)
    web("browser_cookies", action="clear")
    assert cookies(web) == {}
    assert "name" in web.fails("browser_cookies", action="delete")
    assert "cookies" in web.fails("browser_cookies", action="set")
    assert "cookie" in web.fails("browser_cookies", action="set", cookies=[
        {"name": "a", "value": "b", "url": "data:text/html,x"}]).lower()


def test_jars_are_apart(web, site):
    fresh(web, site, "one")
    web.data("browser_cookies", action="set", cookies=[{"name": "mine", "value": "1"}])
    fresh(web, site, "other")
    assert set(cookies(web)) == {"session"}


def test_web_storage(web, site):
    fresh(web, site, "storage")
    assert items(web) == {"cart": "3 things"} and items(web, kind="session") == {"step": "two"}
    web("browser_storage", action="set", key="long", value="x" * 5000)
    assert len(items(web)["long"]) == 1024
    one = web.data("browser_storage", action="get", key="long")["items"]
    assert one == [{"key": "long", "value": "x" * 5000}]
    web("browser_storage", action="delete", key="long")
    assert web.fails("browser_storage", action="get", key="long").startswith("not_found")
    web("browser_storage", action="clear", kind="session")
    assert items(web, kind="session") == {} and items(web) == {"cart": "3 things"}
    assert "key" in web.fails("browser_storage", action="get")
    assert "value" in web.fails("browser_storage", action="set", key="a")
    web("browser_navigate", url="data:text/html,none")
    assert web.fails("browser_storage", action="list").startswith("denied")


def test_a_login_is_saved_and_loaded_without_asking_the_server(web, site, tmp_path):
    path = str(tmp_path / "login.json")
    fresh(web, site, "before")
    saved = web.data("browser_state", action="save", path=path)
    assert (saved["cookies"], saved["origins"], saved["items"]) == (1, 1, 1)
    written = json.loads((tmp_path / "login.json").read_text())
    assert written["origins"] == [{"origin": site.url()[:-1],
                                   "localStorage": [{"name": "cart", "value": "3 things"}]}]
    written["origins"].append({"origin": site.other()[:-1],
                               "localStorage": [{"name": "else", "value": "where"}]})
    (tmp_path / "login.json").write_text(json.dumps(written))
    web("browser_tabs", action="new", isolated="after")
    asked = len(site.seen)
    loaded = web.data("browser_state", action="load", path=path)
    assert (loaded["cookies"], loaded["origins"], loaded["items"]) == (1, 2, 2)
    assert len(site.seen) == asked
    assert cookies(web, reveal=True)["session"]["value"] == "s3cret"
    web("browser_navigate", url=site.other("/none"))
    assert items(web) == {"else": "where"}
    assert len(web.data("browser_tabs", action="list")["pages"]) < 20


def test_only_what_is_asked_for_is_loaded(web, site, tmp_path):
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"cookies": [
        {"name": "a", "value": "1", "domain": "127.0.0.1", "path": "/", "expires": -1},
        {"name": "b", "value": "2", "domain": "localhost", "path": "/", "expires": -1}]}))
    web("browser_tabs", action="new", isolated="some")
    web.data("browser_state", action="load", path=str(path), origins=["http://localhost:1"])
    assert set(cookies(web)) == {"b"}


def test_files_that_are_no_state(web, tmp_path):
    for text in ("", "[]", "{}", '{"cookies": 3}', '{"origins": [{"origin": "file:///etc"}]}'):
        (tmp_path / "bad.json").write_text(text)
        assert web.fails("browser_state", action="load", path=str(tmp_path / "bad.json"))
    assert web.fails("browser_state", action="load", path="/none.json").startswith("not_found")
    assert "origins" in web.fails("browser_state", action="save", path=str(tmp_path / "x"),
                                  origins=["nonsense"])
