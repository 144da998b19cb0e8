"""The browser of an AIO container: found through the service, used by the same tools."""

import time

import pytest
from browser.harness import chromium

from lib.site import Site
from remote.aio_fake import start_fake
from remote.conftest import Tools

pytestmark = pytest.mark.skipif(not chromium(), reason="no Chromium here")
KEY = "k-5d2f7a90"


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    with start_fake(tmp_path_factory.mktemp("aio"), api_key=KEY, browser=chromium()) as fake:
        yield fake


@pytest.fixture
def fake(container):
    for what in ("faults", "violations", "requests"):
        container.clear(what)
    container.configure(browser_info="ws")
    yield container
    container.clear("faults")
    assert container.violations() == []


@pytest.fixture
def start(start_stdio, fake, monkeypatch):
    monkeypatch.setenv("SANDBOX_MCP_BACKEND_KEY", KEY)

    def one(*args, url=fake.url):
        return Tools(start_stdio("--backend", "aio", "--backend-url", url, "--toolsets", "all",
                                 *args))

    return one


@pytest.fixture
def site():
    one = Site()
    yield one
    one.close()


def title(tools, url):
    result = tools.result("browser_navigate", url=url)
    assert not result.get("isError"), result
    return result["structuredContent"]["title"]


@pytest.mark.parametrize("named", ["ws", "http", "none", "empty"])
def test_the_browser_is_found(fake, start, site, named):
    fake.configure(browser_info=named)
    tools = start()
    assert title(tools, site.add("/", "<title>First</title><a href=/next>on</a>")) == "First"
    site.add("/next", "<title>Next</title>")
    assert "/next" in tools.ok("browser_click", target="text=on")
    upgrades = [r for r in fake.requests() if r["path"].startswith("/cdp/devtools/")]
    assert len(upgrades) == 1 and upgrades[0]["headers"]["x-aio-api-key"] == KEY


def test_the_key_may_be_in_the_url(fake, start, site, monkeypatch):
    monkeypatch.delenv("SANDBOX_MCP_BACKEND_KEY")
    tools = start(url=f"{fake.url}?api_key={KEY}")
    assert title(tools, site.add("/", "<title>First</title>")) == "First"
    assert KEY not in tools.stdio.stderr


def test_two_clients_do_not_meet(start, site):
    url = site.add("/", "<title>x</title><script>document.title = document.cookie || 'none';"
                        "document.cookie = 'a=1'</script>")
    one, two = start(), start()
    assert title(one, url) == "none"
    assert title(one, url) == "a=1"
    assert title(two, url) == "none"


@pytest.mark.parametrize("fault,words", [
    ("401", "unauthorized"), ("503", "unavailable"), ("success_false", ""),
    ("html_502", "unavailable"), ("422", "invalid"),
])
def test_faults_of_the_service(fake, start, site, fault, words):
    tools, url = start(), site.add("/", "<title>First</title>")
    fake.fault(fault, "/v1/browser/info", count=-1)
    assert words in tools.refused("browser_navigate", url=url)[1]
    fake.clear("faults")
    assert title(tools, url) == "First"


@pytest.mark.parametrize("fault", ["401", "503", "reset_before"])
def test_faults_of_the_websocket(fake, start, site, fault):
    tools, url = start(), site.add("/", "<title>First</title>")
    fake.fault(fault, "/cdp/", count=1)
    code, text = tools.refused("browser_navigate", url=url)
    assert code == ("unauthorized" if fault == "401" else "unavailable"), text
    assert title(tools, url) == "First"


def test_a_junk_url(fake, start, site):
    fake.configure(browser_info="junk")
    code, text = start().refused("browser_navigate", url="http://127.0.0.1:1/")
    assert code == "internal" and "no ws://" in text, text


def test_the_browser_dies(fake, start, site):
    tools, url = start(), site.add("/", "<title>First</title>")
    assert title(tools, url) == "First"
    fake.clear("browser")
    until = time.monotonic() + 20
    while "error" in (found := tools.result("browser_navigate", url=url)) or found.get("isError"):
        assert time.monotonic() < until, found
    assert found["structuredContent"]["title"] == "First"
