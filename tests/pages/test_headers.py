"""browser_headers, end to end."""

import base64

import pytest
from pages.test_network import find, page, redirect, wait_for  # noqa: F401
from pages.test_route import fetched, home


@pytest.fixture(autouse=True)
def no_rules(web):
    yield
    web("browser_headers", clear=True)


@pytest.fixture
def echo(site):
    """Every request's path and X-Secret, as the server saw them."""
    got = []

    def record(request):
        got.append((request.headers["Host"].split(":")[0], request.path,
                    request.headers.get("X-Secret")))
        request.answer("body", kind="text/javascript", Access_Control_Allow_Origin="*",
                       Access_Control_Allow_Headers="*")

    for path in ["/a", "/b", "/sub", "/end"]:
        site.add(path, record)
    return got


def test_headers_for_all(web, site, page, echo):
    rules = web.data("browser_headers", headers={"X-Secret": "s3", "X-Tone": "low"})["rules"]
    assert rules == [{"origins": [], "headers": ["X-Secret: [masked]", "X-Tone: low"]}]
    home(web, site, page)
    fetched(web, page, "/a")
    assert echo == [("127.0.0.1", "/a", "s3")]
    web("browser_headers", headers={"X-Secret": ""})
    fetched(web, page, "/a")
    assert echo[-1] == ("127.0.0.1", "/a", None)


def test_scoped_headers_go_nowhere_else(web, site, page, echo):
    other = site.other("")
    web("browser_headers", headers={"X-Secret": "s3"}, origins=[site.url("").rstrip("/")])
    site.add("/away", redirect(other + "/end", Access_Control_Allow_Origin="*"))
    home(web, site, page)
    fetched(web, page, "/a")
    fetched(web, page, other + "/b", "{mode: 'no-cors'}")
    fetched(web, page, "/away", "{mode: 'no-cors'}")
    web("browser_evaluate", page_id=page, script=(
        f"() => new Promise(ok => {{ const s = document.createElement('script');"
        f" s.src = '{other}/sub'; s.onload = s.onerror = ok; document.head.append(s) }})"))
    web("browser_navigate", page_id=page, url=site.url("/away"))
    assert ("127.0.0.1", "/a", "s3") in echo
    elsewhere = [e for e in echo if e[0] == "localhost"]
    assert {e[1] for e in elsewhere} == {"/b", "/end", "/sub"}
    assert len([e for e in elsewhere if e[1] == "/end"]) == 2
    assert all(secret is None for _, _, secret in elsewhere), echo


def test_a_scoped_header_follows_a_redirect_home(web, site, page, echo):
    web("browser_headers", headers={"X-Secret": "s3"}, origins=["127.0.0.1:%d" % site.port])
    site.add("/to-other", redirect(site.other("/back")))
    site.add("/back", redirect(site.url("/end")))
    web("browser_navigate", page_id=page, url=site.url("/to-other"))
    assert echo == [("127.0.0.1", "/end", "s3")]


def test_offline(web, site, page):
    home(web, site, page)
    site.add("/x", "x")
    assert web.data("browser_headers", offline=True)["offline"]
    assert "failed" in fetched(web, page, "/x")
    assert "false" in web.text("browser_evaluate", page_id=page,
                               script="() => navigator.onLine")
    assert "unavailable" in web.fails("browser_navigate", page_id=page, url=site.url("/x"))
    made = web.data("browser_tabs", action="new")["pages"]
    new = next(p["page_id"] for p in made if p["active"])
    assert "unavailable" in web.fails("browser_navigate", page_id=new, url=site.url("/x"))
    web("browser_tabs", action="close", page_id=new)
    assert not web.data("browser_headers", offline=False)["offline"]
    assert web.data("browser_navigate", page_id=page, url=site.url("/x"))["status"] == 200


@pytest.fixture
def guarded(site):
    good = "Basic " + base64.b64encode("kim:p ä:ß".encode()).decode()
    tried = []

    def answer(request):
        given = request.headers.get("Authorization")
        tried.append(given)
        if given == good:
            request.answer("<title>In</title>")
            return
        request.send_response(401)
        request.send_header("WWW-Authenticate", 'Basic realm="r", charset="UTF-8"')
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"no")

    site.add("/guarded", answer)
    return tried


def refused(web, page, url):
    """A browser that would ask somebody for a password shows nothing of the answer."""
    return "401" in str(web("browser_navigate", page_id=page, url=url)["content"])


def test_basic_auth(web, site, page, guarded):
    origin = site.url("").rstrip("/")
    assert refused(web, page, site.url("/guarded"))
    wrong = web("browser_headers", origins=[origin], username="kim", password="wr0ng-one")
    assert "wr0ng-one" not in str(wrong) and "kim" not in str(wrong)
    assert wrong["structuredContent"]["rules"] == [
        {"origins": [origin], "headers": [], "basic_auth": True}]
    assert refused(web, page, site.url("/guarded"))
    assert len([t for t in guarded if t]) == 1
    web("browser_headers", origins=[origin], username="kim", password="p ä:ß")
    went = web.data("browser_navigate", page_id=page, url=site.url("/guarded"))
    assert went["status"] == 200 and went["title"] == "In"


def test_credentials_are_for_their_origin(web, site, page, guarded):
    web("browser_headers", origins=["http://example.com"], username="kim", password="p ä:ß")
    assert refused(web, page, site.other("/guarded"))
    assert not any(guarded)
    assert "origins" in web.fails("browser_headers", username="kim", password="x")


@pytest.mark.parametrize("bad", [
    {"headers": {"Host": "x"}}, {"headers": {"X\nY": "x"}}, {"headers": {"X": "a\r\nB: c"}},
    {"headers": {"Cookie": "a=b"}}, {"origins": ["https://x"]},
    {"headers": {"X": "y"}, "origins": ["ftp://x"]},
    {"headers": {"X": "y"}, "origins": ["https://x/path"]},
    {"origins": ["https://x"], "username": "kim"},
])
def test_bad_headers(web, bad):
    assert "invalid_argument" in web.fails("browser_headers", **bad)
    assert web.data("browser_headers")["rules"] == []


def test_being_offline_is_no_denial(start_web):
    """Also in a sandbox without a network, whose policy is not what stopped it."""
    web = start_web()
    web("browser_headers", offline=True)
    told = web.fails("browser_navigate", url="http://localhost:8000/")
    assert told.startswith("unavailable: ") and "browser_headers" in told
    web("browser_headers", offline=False)
    assert web.fails("browser_navigate", url="http://example.com").startswith("denied: ")
