"""What comes from a sandbox's agent is hostile: the server refuses it, ends it and lives on."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from lib import processes, protocol
from local.terminal import ToolError, run

MALFORMED = ["garbage", "large", "descriptors", "unannounced", "length", "version", "twice",
             "unknown"]
CALLS = {
    "terminal_execute": dict(command="true"),
    "file_read": dict(path="a"),
    "file_list": dict(path="."),
    "file_search": dict(pattern="a"),
    "file_write": dict(path="a", content="b"),
    "code_execute": dict(language="python", code="1"),
    "sandbox_info": {},
    "terminal_session": dict(action="open"),
    "terminal_processes": {},
    "terminal_wait": dict(port=1),
    "file_watch": dict(action="start"),
    "file_stat": dict(paths=["a"]),
    "file_delete": dict(paths=["a"]),
    "file_edit": dict(path="a", action="delete", line=1),
    "file_move": dict(moves=[{"from": "a", "to": "b"}]),
}


CODES = [("isolation", "unavailable"), ("isolation", "unavailable", "gone")]
REASONS = {
    "ready": "cannot start: its first process ended|answered with a wrong frame",
    "open": "its agent sent|was stopped|ended the operation|has stopped|did not start",
    "control": "its agent sent|has stopped|ended the operation|in time",
}


@pytest.fixture
def evil(start_stdio, tmp_path, state_dir):
    """evil(at, word): a client of a server whose sandboxes have such an agent."""
    def start(at, word):
        agent = tmp_path / "agent"
        shutil.copy(Path(__file__).with_name("evil_agent.py"), agent)
        agent.chmod(0o755)
        env = dict(os.environ, SANDBOX_MCP_AGENT=str(agent))
        client = start_stdio("--runtime", "host", "--toolsets", "all", env=env)
        client.result("tools/list")
        client.word = f"{at} {word}"
        client.library = state_dir
        return client
    return start


def instruct(client):
    for beside in client.library.glob("v1/lib/*"):
        (beside / "EVIL").write_text(client.word)


def ask(client, tool, seconds):
    """The code of the error, which must come in that time."""
    instruct(client)
    started = time.monotonic()
    result = client.call(tool, timeout=seconds, **CALLS[tool])
    assert result.get("isError"), result
    assert time.monotonic() - started < seconds
    text = protocol.text(result)
    at = client.word.split()[0]
    assert re.search(REASONS[at], text), text
    return result["_meta"]["sandbox-mcp/code"]


def settled(client):
    """Descriptors, once nothing of a sandbox is left."""
    until = time.monotonic() + 10
    while processes.descendants(client.pid):
        assert time.monotonic() < until, "the evil agent still runs"
        time.sleep(0.02)
    time.sleep(0.1)
    return len(processes.descriptors(client.pid))


@pytest.mark.parametrize("word", [*MALFORMED, "leave"])
def test_a_wrong_hello_is_refused(evil, word):
    client = evil("ready", word)
    for _ in range(2):
        assert ask(client, "terminal_execute", 15) == "isolation"
    before = settled(client)
    for tool in ("file_write", "sandbox_info"):
        assert ask(client, tool, 15) == "isolation"
    assert settled(client) <= before + 2


@pytest.mark.parametrize("word", [*MALFORMED, "wrong", "promise", "flood"])
def test_a_wrong_answer_ends_the_sandbox(evil, word):
    client = evil("open", word)
    held = None
    for tool in CALLS:
        if word in ("promise", "flood") and not tool.startswith("file_"):
            continue
        if word == "promise" and tool in ("file_write", "file_watch"):
            continue
        assert ask(client, tool, 20) in CODES[tool == "terminal_session"], tool
        left = settled(client)
        held = held or left
        assert left <= held + 2, tool


def poll(client, tool, arguments):
    """The result of the call; of a watch, that of its first poll."""
    instruct(client)
    result = client.call(tool, timeout=20, **arguments)
    if tool != "file_watch":
        return result
    assert not result.get("isError"), result
    watch = result["structuredContent"]["watch_id"]
    return client.call(tool, timeout=20, action="poll", watch_id=watch)


@pytest.mark.parametrize("word, tool", [
    ("stat_odd", "file_stat"), ("stat_more", "file_stat"), ("stat_error", "file_delete"),
    ("stat_odd", "file_move"), ("process_odd", "terminal_processes"),
    ("process_disorder", "terminal_processes"), ("process_wild", "terminal_processes"),
    ("change_odd", "file_watch"), ("change_short", "file_watch"),
    ("change_foreign", "file_watch"), ("screen_odd", "terminal_session")])
def test_a_malformed_record_ends_the_sandbox(evil, word, tool):
    client = evil("open", word)
    result = poll(client, tool, CALLS[tool])
    assert result.get("isError"), result
    assert result["_meta"]["sandbox-mcp/code"] in CODES[tool == "terminal_session"]
    settled(client)


def characters(value):
    if isinstance(value, dict):
        return "".join(map(characters, value.values()))
    return "".join(map(characters, value)) if isinstance(value, list) else str(value)


MANY = dict(paths=["/".join([f"{i:0200}"] * 19) for i in range(40)])


@pytest.mark.parametrize("word, tool, arguments, shown", [
    ("stat_wild", "file_stat", dict(paths=["a"]), "9999-12-31T23:59:59.999Z"),
    ("change_wild", "file_watch", dict(action="start"), "moved"),
    ("screen_wild", "terminal_session", dict(action="open"), "0x0"),
    ("totals", "file_delete", MANY, "deleted"),
    ("process_names", "terminal_processes", {}, "2 processes")])
def test_what_is_well_formed_and_absurd_is_shown_without_harm(evil, word, tool, arguments, shown):
    client = evil("open", word)
    result = poll(client, tool, arguments)
    assert not result.get("isError"), result
    text = protocol.text(result)
    assert shown in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]|-9223", text), repr(text)
    assert client.call("sandbox_info", timeout=45)


def test_a_frame_on_the_control_socket_ends_the_sandbox(evil):
    client = evil("control", "unannounced")
    assert ask(client, "file_read", 15) in ("isolation", "unavailable")
    settled(client)


@pytest.mark.parametrize("tool", ["terminal_execute", "sandbox_info"])
def test_silence_ends_the_sandbox(evil, tool):
    client = evil("open", "silence")
    assert ask(client, tool, 45) == "unavailable"
    settled(client)


def test_a_stopped_agent_is_replaced_and_files_stay(start_stdio):
    client = start_stdio()
    run(client, "echo kept >file")
    for pid, _ in processes.descendants(client.pid):
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ToolError) as e:
        run(client, "true")
    assert e.value.code == "unavailable"
    assert run(client, "cat file").stdout == "kept\n"
