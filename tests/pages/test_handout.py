"""The page of a one-time URL, in a browser: its button downloads the file, which is never shown."""

import os
import shutil
import tempfile
import time

import pytest
from browser.harness import chromium

from lib import processes
from lib.paths import BINARY
from lib.server import Server


@pytest.fixture(scope="module")
def server():
    if not chromium():
        pytest.skip("no Chromium here")
    state = tempfile.mkdtemp(prefix="smcp-")
    env = {name: v for name, v in os.environ.items() if not name.startswith("SANDBOX_MCP_")}
    one = Server(BINARY, "--runtime", "host", "--toolsets", "all",
                 env=env | {"SANDBOX_MCP_STATE_DIR": state})
    yield one
    below = processes.descendants(one.pid)  # a browser keeps a connection: no one.close()
    one.process.terminate()
    assert one.process.wait(15) == 0
    one.kill()
    processes.assert_gone(below)
    shutil.rmtree(state, ignore_errors=True)


def data(server, tool, **arguments):
    result = server.call(tool, **arguments)
    assert not result.get("isError"), result
    return result.get("structuredContent") or result


def downloads(server):
    return data(server, "browser_downloads")["downloads"]


def test_its_button_downloads_the_file_once(server):
    made = data(server, "recording_start", kind="actions", name="of the button")
    data(server, "terminal_execute", command="echo recorded")
    data(server, "recording_control", recording_id=made["recording_id"], action="stop")
    url = data(server, "recording_get",
               recording_id=made["recording_id"])["_meta"]["sandbox-mcp/url"]
    data(server, "browser_navigate", url=url)
    data(server, "browser_navigate", url=url)
    assert downloads(server) == []
    data(server, "browser_click", target="css=button")
    until = time.monotonic() + 30
    while not (found := downloads(server)) or found[0]["state"] != "completed":
        assert time.monotonic() < until, found
        time.sleep(0.1)
    assert len(found) == 1, found
    assert "echo recorded" in str(server.call("file_read", path=found[0]["path"]))
    gone = server.call("browser_navigate", url=url)
    assert "404" in str(gone)
