"""
Fixtures of every folder. `binary` is what is tested: SANDBOX_MCP_BIN, else build/sandbox-mcp.

Each test has a state directory of its own, in SANDBOX_MCP_STATE_DIR, so that none sees a real one.
Servers that a fixture started are ended by it, and it fails the test when something is left.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from lib import reports
from lib.paths import BINARY, BROWSER_ENV
from lib.server import Server
from lib.stdio import Stdio


@pytest.fixture(scope="session")
def binary():
    assert Path(BINARY).exists(), f"{BINARY} is not built"
    return BINARY


@pytest.fixture(autouse=True)
def state_dir(monkeypatch):
    """Short, as a socket's path may have to fit below it. No other option comes from outside."""
    for name in [name for name in os.environ if name.startswith("SANDBOX_MCP_")]:
        monkeypatch.delenv(name)
    path = Path(tempfile.mkdtemp(prefix="smcp-"))
    for name, value in {"SANDBOX_MCP_STATE_DIR": str(path), **BROWSER_ENV}.items():
        monkeypatch.setenv(name, value)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start_stdio(binary, state_dir):
    """start_stdio(*ARGS, modern=True, env=None, cwd=None): servers over stdio, as many as wanted."""
    yield from started(lambda *args, **more: Stdio(binary, *args, **more))


@pytest.fixture
def stdio(start_stdio):
    """One with the default options."""
    return start_stdio()


@pytest.fixture
def start_server(binary, state_dir):
    """start_server(*ARGS, token=..., env=None, cwd=None): servers over HTTP."""
    yield from started(lambda *args, **more: Server(binary, *args, **more))


@pytest.fixture
def server(start_server):
    """One with the default options and a token."""
    return start_server()


def started(start):
    running = []

    def one(*args, **more):
        running.append(start(*args, **more))
        return running[-1]

    yield one
    failures = []
    for each in running:
        try:
            if each.process.poll() is None:
                status = each.close()
                assert status == 0, f"the server ended with {status}:\n{each.stderr}"
        except AssertionError as e:
            failures.append(str(e))
        finally:
            each.kill()
        try:
            reports.assert_none(each.stderr)
        except AssertionError as e:
            failures.append(str(e))
    assert not failures, "\n".join(failures)
