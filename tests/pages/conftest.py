"""
The browser tools, called through MCP. `web` is a server over stdio whose browser sees the same
loopback as the test (--runtime host), one for all tests of a file; `site` serves what a test gives
it (lib/site.py). web(TOOL, **ARGUMENTS) is the whole result, web.text() its text, web.fails() the
text of an error, web.open(URL) a page of its own, whose id it returns.
"""

import os
import shutil
import tempfile

import pytest
from browser.harness import chromium

from lib.paths import BINARY, BROWSER_ENV
from lib.site import Site
from lib.stdio import Stdio

SECONDS = 60


class Web:
    def __init__(self, *args):
        self.state = tempfile.mkdtemp(prefix="smcp-")
        env = {name: v for name, v in os.environ.items() if not name.startswith("SANDBOX_MCP_")}
        env |= BROWSER_ENV
        self.server = Stdio(BINARY, "--toolsets", "all", *args,
                            env=env | {"SANDBOX_MCP_STATE_DIR": self.state})

    def __call__(self, tool, **arguments):
        return self.server.call(tool, timeout=SECONDS, **arguments)

    def text(self, tool, **arguments):
        result = self(tool, **arguments)
        text = "\n".join(part["text"] for part in result["content"] if part["type"] == "text")
        assert not result.get("isError"), text
        return text

    def data(self, tool, **arguments):
        result = self(tool, **arguments)
        assert not result.get("isError"), result
        return result["structuredContent"]

    def fails(self, tool, **arguments):
        result = self(tool, **arguments)
        assert result.get("isError"), result
        return result["content"][0]["text"]

    def open(self, url):
        page = self.data("browser_tabs", action="new", url=url)["pages"]
        return next(each["page_id"] for each in page if each["active"])

    def close(self):
        try:
            assert self.server.close() >= 0, self.server.stderr
        finally:
            shutil.rmtree(self.state, ignore_errors=True)


def started(*args):
    if not chromium():
        pytest.skip("no Chromium here: install chromium-headless-shell or chromium")
    return Web(*args)


@pytest.fixture(scope="module")
def web():
    one = started("--runtime", "host")
    yield one
    one.close()


@pytest.fixture
def start_web():
    """start_web(*ARGS): servers of its own, for tests that need other options or break it."""
    every = []

    def start(*args):
        every.append(started(*args))
        return every[-1]

    yield start
    for one in every:
        one.close()


@pytest.fixture
def site():
    one = Site()
    yield one
    one.close()
