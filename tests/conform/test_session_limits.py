"""Output without end, commands that will not go, bombs: bounded, and nothing left running."""

import os
import re
import time

import pytest

from conform.checks import running
from conform.clients import wait_until
from conform.session import field, section


@pytest.fixture
def client(connect):
    return connect("python", "stdio")


@pytest.fixture
def seconds():
    """An argument for sleep by which its processes are found."""
    return f"3604.{time.time_ns() % 10**9:09}"


def gone(seconds):
    wait_until(lambda: not running("sleep", seconds), what="no sleep left")


def test_a_timeout_ends_the_whole_tree(client, seconds):
    start = time.monotonic()
    said = client.text("terminal_execute", timeout_s=1, command=(
        f"echo begun; (setsid sleep {seconds} &); (setsid setsid sh -c 'sleep {seconds}' &); "
        f"python3 -c 'import os; os.fork() or os.setsid() and os.fork() or "
        f"os.execlp(\"sleep\", \"sleep\", \"{seconds}\")'; sleep {seconds}"))
    assert said.startswith("timed out and killed ") and section(said, "stdout") == "begun\n"
    assert time.monotonic() - start < 6
    gone(seconds)


def test_a_command_that_ignores_every_request(client, seconds):
    start = time.monotonic()
    said = client.text("terminal_execute", timeout_s=0.5, command=(
        f"trap '' TERM INT HUP QUIT; (trap '' TERM; setsid sleep {seconds} &); echo kept; "
        f"while :; do sleep {seconds}; done"))
    assert said.startswith("timed out and killed ") and "kept" in said
    assert time.monotonic() - start < 8
    gone(seconds)


def test_a_background_child_that_holds_the_output(client, seconds):
    start = time.monotonic()
    result = client.call("terminal_execute", command=f"(sleep {seconds}; echo late) & echo now")
    text = result["content"][0]["text"]
    assert time.monotonic() - start < 3 and section(text, "stdout") == "now\n"
    assert text.startswith("exit 0 ") and "background" in text
    assert len(running("sleep", seconds)) == 1
    client.call("terminal_kill", id=field(result, "process_id"), signal="KILL")
    gone(seconds)


def test_a_daemon_outlives_its_command_but_not_the_session(connect, seconds):
    client = connect("python", "stdio")
    client.text("terminal_execute", command=f"setsid sleep {seconds} >/dev/null 2>&1 &")
    assert len(wait_until(lambda: running("sleep", seconds))) == 1
    client.close()
    gone(seconds)


def test_endless_output(client):
    start = time.monotonic()
    result = client.call("terminal_execute", command="yes 'the same line again'", timeout_s=2)
    text = result["content"][0]["text"]
    assert text.startswith("timed out and killed ") and time.monotonic() - start < 6
    assert len(text.encode()) < 27_000 and text.count("the same line again") > 100
    assert re.search(r"\[\.\.\. \d+ bytes, \d+ lines omitted", text)
    last = client.text("terminal_output", process_id=field(result, "process_id"), tail=2)
    assert "the same line again\nthe same line" in last
    assert "still fine" in client.text("terminal_execute", command="echo still fine")


def test_output_that_is_not_text(client):
    said = client.text("terminal_execute", command=r"printf 'a\0b\xff\xfe\033[31mred\033[0m\r\n'")
    assert "red" in said and "\0" not in said and "\033" not in said and "�" in said
    said = client.text("terminal_execute", command="for i in 1 2 3; do printf '\\r%d%%' $i; done")
    assert section(said, "stdout") == "3%\n"
    said = client.text("terminal_execute", command="head -c 300000 /dev/urandom")
    assert len(said.encode()) < 60_000


@pytest.mark.parametrize("bomb", [
    ":() { : | : & }; :",
    "python3 -c 'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass'",
    "while :; do (setsid sleep 3 &); done",
], ids=["shell", "python", "daemons"])
def test_a_fork_bomb_is_contained(connect, bomb):
    client = connect("python", "stdio", "--pids", "100")
    start = time.monotonic()
    result = client.call("terminal_execute", command=bomb, timeout_s=2, max_bytes=1000)
    assert not result.get("isError") and time.monotonic() - start < 12, result
    # what the bomb left in the background goes on: meanwhile calls are answered, and it can go
    start = time.monotonic()
    client.call("terminal_execute", command="echo perhaps", timeout_s=2)
    assert time.monotonic() - start < 8
    if field(result, "status") == "exited":
        client.call("terminal_kill", id=field(result, "process_id"), signal="KILL")
    wait_until(lambda: "fine" in client.call(
        "terminal_execute", command="echo fine")["content"][0]["text"], 10)
    client.text("file_write", path="file", content="x")


def test_memory_is_bounded(connect):
    """By a control group; an ordinary user without one is told so, and has bounded tmpfs still."""
    client = connect("python", "stdio", "--memory", "256")
    info = client.call("sandbox_info")["structuredContent"]
    said = client.text("terminal_execute", timeout_s=30, command=(
        "python3 -c 'x = bytearray(1); x *= 1 << 30; print(len(x))'"))
    unlimited = any("memory limit" in line for line in info["degraded"])
    assert said.startswith("exit 0 ") == unlimited and not (unlimited and os.getuid() == 0), said
    assert "fine" in client.text("terminal_execute", command="echo fine")
    said = client.text("terminal_execute", timeout_s=30, command="head -c 1G /dev/zero >/tmp/full")
    assert "No space left" in said, said
    assert "fine" in client.text("terminal_execute", command="rm /tmp/full; echo fine")


@pytest.mark.parametrize("arguments, words", [
    ({}, ["command"]),
    ({"command": ""}, ["command"]),
    ({"command": 5.5}, ["command", "string"]),
    ({"command": "true", "timeout_s": -1}, ["timeout_s", "0"]),
    ({"command": "true", "env": {"A": None}}, ["env.A"]),
    ({"command": "true", "env": []}, ["env"]),
    ({"command": "true", "cwd": "/workspace/\0x"}, ["cwd"]),
    ({"command": "x" * 131072}, ["command", "131071"]),
    ({"command": "true", "unknown": 1}, ["unknown", "timeout_s"]),
])
def test_wrong_arguments_are_explained(client, arguments, words):
    said = client.error("terminal_execute", **arguments)
    assert said.startswith("invalid_argument: ") and len(said) < 4096
    for word in words:
        assert word in said, said


def test_a_long_command_and_slips(client):
    said = client.text("terminal_execute", command="# " + "x" * 131000 + "\necho ran")
    assert section(said, "stdout") == "ran\n"
    assert client.text("terminal_execute", command="echo", timeout_s="5").startswith("exit 0 ")
    said = client.text("terminal_execute", command="printenv | wc -c",
                       env={f"N{i}": "y" * 2000 for i in range(10)})
    assert int(section(said, "stdout")) > 20_000
