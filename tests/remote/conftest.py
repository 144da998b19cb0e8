"""
The real program over the fake service. When a test is over, no request of it was one that the
service does not describe, and nothing of the program is left there.
"""

import os
import re
import time

import pytest

from lib import protocol
from lib.paths import NODE_MODULES
from remote.aio_fake import start_fake


class Tools:
    """Calls of tools; `text` and `code` of the last result, its `_meta`."""

    def __init__(self, stdio):
        self.stdio = stdio

    def result(self, tool, **arguments):
        return self.stdio.call(tool, **arguments)

    def ok(self, tool, **arguments):
        """The text of a call that has to succeed."""
        result = self.result(tool, **arguments)
        text = protocol.text(result)
        assert not result.get("isError"), text
        return text

    def refused(self, tool, **arguments):
        """(code, whole text) of a call that has to fail."""
        result = self.result(tool, **arguments)
        text = protocol.text(result)
        assert result.get("isError"), text
        return text.partition(":")[0], text

    def run(self, command, **more):
        return self.ok("terminal_execute", command=command, **more)

    def start(self, command, **more):
        """The process_id of a command that was left running."""
        text = self.run(command, **{"yield_s": 0, **more})
        assert text.startswith("running"), text
        return process_id(text)

    def output(self, id, **more):
        return self.ok("terminal_output", process_id=id, **more)


def process_id(text):
    return re.search(r"process_id[ =](p_[a-z2-7]{26})", text)[1]


def section(text, name):
    """What stands below `--- name`."""
    found = re.search(rf"^--- {name}\n(.*?)(?=^--- |^Next: |^cursor |^[0-9]+ bytes follow |\Z)", text, re.S | re.M)
    return found[1] if found else ""


def sessions(fake):
    """Everything that the service keeps for its clients."""
    bash = [s["session_id"] for s in fake.json("GET", "/v1/bash/sessions")[1]["data"]]
    python = fake.json("GET", "/v1/jupyter/sessions")[1]["data"]["sessions"]
    node = fake.json("GET", "/v1/nodejs/sessions")[1]["data"]["sessions"]
    return [*bash, *python, *node]


def eventually(check, seconds=5):
    until = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < until:
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    env = dict(os.environ, PATH=f"{NODE_MODULES}/.bin:{os.environ['PATH']}")
    with start_fake(tmp_path_factory.mktemp("aio"), env=env) as fake:
        yield fake


@pytest.fixture
def fake(service):
    for what in ("faults", "violations", "requests"):
        service.clear(what)
    for id in sessions(service):
        service.json("POST", f"/v1/bash/sessions/{id}/close")
    service.json("DELETE", "/v1/jupyter/sessions")
    service.clear("violations")
    yield service
    service.clear("faults")
    assert service.violations() == []


@pytest.fixture
def start_aio(start_stdio, fake):
    """start_aio(*ARGS): the program over the fake, as often as wanted."""
    started = []

    def one(*args, **more):
        started.append(start_stdio("--backend", "aio", "--backend-url", fake.url, *args, **more))
        return Tools(started[-1])

    yield one
    for each in started:
        assert each.process.poll() is not None or each.close() == 0, each.stderr
    fake.clear("faults")
    assert eventually(lambda: not sessions(fake)), sessions(fake)
    scratch = fake.path(".cache", "sandbox-mcp")
    assert not os.path.exists(scratch) or os.listdir(scratch) == []


@pytest.fixture
def aio(start_aio):
    return start_aio()


@pytest.fixture
def folder(fake, tmp_path):
    """A fresh directory of the container, as seen there and here."""
    name = f"d{time.monotonic_ns()}"
    os.mkdir(fake.path(name))
    return Folder(f"/home/gem/{name}", fake.path(name))


class Folder:
    def __init__(self, there, here):
        self.there, self.here = there, here

    def path(self, *names):
        return os.path.join(self.here, *names)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return f"{self.there}/{name}"

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()
