"""chromium, with all that a desktop's browser brings; else see test_browser.py."""

import os

import pytest

from lib import protocol
from lib.chromium import browsers, command

PROGRAM = "/usr/lib/chromium/chromium"

pytestmark = pytest.mark.skipif(
    not os.path.exists(PROGRAM), reason="only chromium-headless-shell is here, not chromium")


@pytest.fixture(scope="module")
def page():
    return ("<title>One</title><button onclick='document.title=confirm()'>Ask</button>"
            "<script>print = () => 0</script>")


@pytest.fixture
def chromium(start_stdio):
    client = start_stdio("--toolsets", "all", "--browser", PROGRAM)

    def call(tool, **arguments):
        result = client.call(tool, **arguments)
        assert not result.get("isError"), protocol.text(result)
        return result

    call.client = client
    return call


def test_it_is_driven_as_the_small_one_is(chromium, page):
    went = chromium("browser_navigate", url=f"data:text/html,{page}")["structuredContent"]
    assert went["title"] == "One"
    tabs = chromium("browser_tabs", action="list")["structuredContent"]["pages"]
    assert [each["page_id"] for each in tabs] == [went["page_id"]]
    assert "Ask" in protocol.text(chromium("browser_snapshot"))
    assert "1280 x 720" in protocol.text(chromium("browser_screenshot"))
    assert "dialog" in protocol.text(chromium("browser_click", target="text=Ask"))
    chromium("browser_dialog", action="accept")
    for isolated in ({}, {"isolated": "other"}):
        chromium("browser_tabs", action="new", url=f"data:text/html,{page}", **isolated)
        size = chromium("browser_evaluate", script="innerWidth + ' ' + innerHeight")
        assert "1280 720" in protocol.text(size)
    chromium("browser_pdf", path="page.pdf")
    head = protocol.text(chromium("terminal_execute", command="head -c 5 page.pdf"))
    assert "%PDF-" in head


def test_it_starts_no_more_than_it_needs(chromium):
    chromium("browser_navigate", url="about:blank")
    kinds = [command(pid) for pid, _ in browsers(chromium.client)]
    assert sum("--type=renderer" in words for words in kinds) <= 2, kinds
