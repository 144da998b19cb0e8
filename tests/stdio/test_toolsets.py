"""Which tools a server lists, by its options, and how many bytes that takes on the wire."""

import json
import os
import subprocess

import pytest

from lib import protocol
from lib.paths import BINARY, ROOT

TOOLS = {tool["name"]: tool for tool in json.loads((ROOT / "tools.json").read_text())}
REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", protocol.MODERN]
DEFAULT = ["core", "recording"]


def of_toolsets(names):
    return sorted(name for name, tool in TOOLS.items() if tool["toolset"] in names)


@pytest.fixture
def fake(start_stdio):
    return lambda *args: start_stdio("--backend", "fake", *args)


def listed(client, version=protocol.MODERN):
    if version != protocol.MODERN:
        client.initialize(version)
    return client.result("tools/list")["tools"]


def names(client):
    return [tool["name"] for tool in listed(client)]


def refused(*args):
    """What a server says that does not start."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_MCP_")}
    done = subprocess.run([BINARY, "--backend", "fake", *args], stdin=subprocess.DEVNULL, env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == "", done
    return done.stderr


def test_the_default_is_core_and_recording_in_order(fake):
    assert names(fake()) == of_toolsets(DEFAULT)


def test_toolsets_and_presets_and_tools_add_up(fake):
    slim = sorted(name for name, tool in TOOLS.items() if "slim" in tool.get("presets", []))
    assert slim and names(fake("--toolsets", "slim")) == slim
    assert names(fake("--toolsets", "all")) == sorted(TOOLS)
    assert names(fake("--tools", "file_read,code_execute")) == ["code_execute", "file_read"]
    assert names(fake("--toolsets=slim", "--tools=file_read")) == sorted([*slim, "file_read"])
    assert names(fake("--exclude", "file_write,terminal_kill")) == [
        name for name in of_toolsets(DEFAULT) if name not in ("file_write", "terminal_kill")]


def test_a_tool_that_is_not_chosen_is_unknown(fake):
    client = fake("--toolsets", "slim")
    answer = client.request("tools/call", {"name": "file_read", "arguments": {"path": "a"}})
    assert answer["error"] == {"code": -32602, "message": "Unknown tool: file_read"}
    assert not client.call("terminal_execute", command="echo a").get("isError")


def test_read_only_is_what_the_hints_say(fake):
    tools = listed(fake("--read-only", "--toolsets", "all"))
    assert [tool["name"] for tool in tools] == sorted(
        name for name, tool in TOOLS.items() if tool["annotations"]["readOnlyHint"])
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools)


@pytest.mark.parametrize("args, said", [
    (["--toolsets", "nope"], '--toolsets: "nope" is none of all, core'),
    (["--toolsets", "core,file_read"], '--toolsets: "file_read" is none of all, core'),
    (["--tools", "core"], '--tools: "core" is none of code_execute, '),
    (["--exclude", "nope"], '--exclude: "nope" is none of core'),
    (["--toolsets", "core,"], "--toolsets: a name is empty"),
    (["--exclude", ",".join({tool["toolset"] for tool in TOOLS.values()})],
     "--toolsets, --tools and --exclude leave no tool"),
    (["--tools", "file_write", "--read-only"], "leave no tool of this backend that only reads"),
    (["--structured", "yes"], '--structured: "yes" is none of auto, always, never'),
])
def test_a_server_with_wrong_options_does_not_start(args, said):
    assert said in refused(*args)


def test_structured_results_are_by_option(fake):
    for mode, classes in (("auto", "S"), ("always", "ST"), ("never", "")):
        client = fake("--structured", mode)
        for tool in listed(client):
            assert ("outputSchema" in tool) == (TOOLS[tool["name"]]["class"] in classes)
        # what they must hold is asserted by lib/results.py
        text = client.call("terminal_execute", command="echo hello")
        info = client.call("sandbox_info")
        assert ("structuredContent" in text) == ("T" in classes)
        assert ("structuredContent" in info) == ("S" in classes)
        if "T" in classes:
            assert text["structuredContent"]["text"] == protocol.text(text)
            assert text["structuredContent"]["exit_code"] == 0


def on_the_wire(args, version):
    """Bytes of the answer to tools/list."""
    messages = [protocol.request(1, "tools/list")]
    if version != protocol.MODERN:
        messages = [
            protocol.request(0, "initialize", {"protocolVersion": version, "capabilities": {},
                                               "clientInfo": protocol.CLIENT}, modern=False),
            protocol.request(1, "tools/list", modern=False)]
    done = subprocess.run([BINARY, "--backend", "fake", *args], capture_output=True, timeout=60,
                          input="".join(json.dumps(m) + "\n" for m in messages).encode())
    assert done.returncode == 0, done.stderr
    *_, line = done.stdout.splitlines()
    assert json.loads(line)["id"] == 1 and len(json.loads(line)["result"]["tools"]) >= 10
    return len(line)


@pytest.mark.parametrize("version", REVISIONS)
@pytest.mark.parametrize("args, most", [
    (["--structured", "never"], 16 * 1024),
    ([], 20 * 1024),
    (["--toolsets", "all"], 48 * 1024),
], ids=["default without output schemas", "default", "all"])
def test_a_list_keeps_to_its_budget(args, most, version):
    assert 1000 < on_the_wire(args, version) <= most


def test_the_list_is_the_same_every_time(fake):
    first, second = fake("--toolsets", "all"), fake("--toolsets", "all")
    lists = [json.dumps(listed(first)), json.dumps(listed(second)), json.dumps(listed(first))]
    assert lists[0] == lists[1] == lists[2]


def test_instructions_are_short_and_begin_with_what_matters(fake):
    text = fake().initialize()["instructions"]
    assert 512 < len(text.encode()) < 2048
    assert "terminal_execute" in text[:512]
    for name in ("terminal_output", "file_read"):
        assert name in text
