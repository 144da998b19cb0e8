"""The official client library of the Tasks extension against the program, over both transports."""

import json
import subprocess
from pathlib import Path

import pytest

from lib import protocol
from lib.paths import NODE, NODE_MODULES, node_env

DRIVER = Path(__file__).resolve().parent.parent / "lib/tasks.mjs"


def terminal(command, yield_s=0.3):
    return {"name": "terminal_execute", "arguments": {"command": command, "yield_s": yield_s}}


CALLS = [
    terminal("echo hi"),
    terminal("sleep 2"),
    terminal("sleep 60") | {"cancel": True},
    terminal("fail busy"),
    terminal("sleep 60", 0),
]


def check(outcomes):
    at_once, task, cancelled, failed, handle = outcomes
    assert (at_once["kind"], at_once["status"]) == ("immediate", "completed")
    assert "hi\n" in protocol.text(at_once["result"])
    assert (task["kind"], task["status"]) == ("task", "completed")
    assert task["states"][-1] == "completed"
    assert protocol.text(task["result"]).startswith("exit 0")
    assert (cancelled["kind"], cancelled["status"]) == ("task", "cancelled")
    assert failed["kind"] == "immediate" and failed["result"]["isError"]
    assert handle["kind"] == "immediate"
    assert protocol.text(handle["result"]).startswith("running")


def drive(tmp_path, **options):
    options |= {"modules": str(NODE_MODULES), "calls": CALLS}
    done = subprocess.run([str(NODE), str(DRIVER), json.dumps(options)], env=node_env(tmp_path),
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(autouse=True)
def installed():
    assert (NODE_MODULES / "@modelcontextprotocol/ext-tasks").is_dir(), "run make deps"


def test_over_http(fake, tmp_path):
    check(drive(tmp_path, url=fake.url, token=fake.token))


def test_over_stdio(binary, tmp_path):
    check(drive(tmp_path, command=str(binary), args=["--backend", "fake"]))
