"""Which tools a server lists, by its options, and how many bytes that takes on the wire."""

import json
import os
import subprocess

import pytest

from lib import catalogue, protocol
from lib.catalogue import DEFAULT, TOOLS
from lib.paths import BINARY

REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", protocol.MODERN]


@pytest.fixture
def fake(start_stdio):
    return lambda *args: start_stdio("--backend", "fake", *args)


def fakes(toolsets=None):
    """What the fake backend lists, which has no browser."""
    return catalogue.listed(toolsets, browser=False)


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
    assert names(fake()) == fakes(DEFAULT)


def test_toolsets_and_presets_and_tools_add_up(fake):
    slim = [name for name in fakes() if "slim" in TOOLS[name].get("presets", [])]
    assert slim and names(fake("--toolsets", "slim")) == slim
    assert names(fake("--toolsets", "all")) == fakes()
    assert names(fake("--tools", "file_read,code_execute")) == ["code_execute", "file_read"]
    assert names(fake("--toolsets=slim", "--tools=file_read")) == sorted([*slim, "file_read"])
    assert names(fake("--exclude", "file_write,terminal_kill")) == [
        name for name in fakes(DEFAULT) if name not in ("file_write", "terminal_kill")]


def test_the_coder_preset_is_all_of_core_terminal_file_and_code_without_the_browser():
    coder = {name for name, tool in TOOLS.items() if "coder" in tool.get("presets", [])}
    sets = ("core", "terminal", "file", "code", "docs")
    assert coder == {name for name, tool in TOOLS.items()
                     if tool["toolset"] in sets and not name.startswith("browser_")}


def test_a_tool_that_is_not_chosen_is_unknown(fake):
    client = fake("--toolsets", "slim")
    answer = client.request("tools/call", {"name": "file_read", "arguments": {"path": "a"}})
    assert answer["error"] == {"code": -32602, "message": "Unknown tool: file_read"}
    assert not client.call("terminal_execute", command="echo a").get("isError")


def test_read_only_is_what_the_hints_say(fake):
    tools = listed(fake("--read-only", "--toolsets", "all"))
    assert [tool["name"] for tool in tools] == sorted(
        name for name in fakes() if TOOLS[name]["annotations"]["readOnlyHint"])
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools)


@pytest.mark.parametrize("args, said", [
    (["--toolsets", "nope"], '--toolsets: "nope" is none of all, core'),
    (["--toolsets", "core,file_read"], '--toolsets: "file_read" is none of all, core'),
    (["--tools", "core"], f'--tools: "core" is none of {min(TOOLS)}, '),
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
    done = subprocess.run([BINARY, *args], capture_output=True, timeout=60,
                          input="".join(json.dumps(m) + "\n" for m in messages).encode())
    assert done.returncode == 0, done.stderr
    *_, line = done.stdout.splitlines()
    answer = json.loads(line)
    return len(line), [tool["name"] for tool in answer["result"]["tools"]]


@pytest.mark.parametrize("version", REVISIONS)
@pytest.mark.parametrize("args, toolsets, most", [
    (["--structured", "never"], DEFAULT, 16 * 1024),
    ([], DEFAULT, 20 * 1024),
    (["--toolsets", "all", "--structured", "never"], None, 48 * 1024),
], ids=["default without output schemas", "default", "all without output schemas"])
def test_a_list_keeps_to_its_budget(args, toolsets, most, version):
    """On a machine with a browser; without one it is shorter."""
    size, names = on_the_wire(args, version)
    assert names == catalogue.listed(toolsets) and 1000 < size <= most


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
