"""Names and handles that a caller makes up, and programs that stand in the tools' way."""

import time

import pytest

from escape.place import all_gone, sleepers, unique_seconds, wait_until
from lib import protocol

ODD = ["../../../../tmp/x", "a/b", "..", ".", "/etc/passwd", "x\ny", "$(touch pwned)", "-rf",
       "a b; touch pwned", "\u202e", "é" * 30, "%s%n", "new"]


@pytest.mark.isolated
@pytest.mark.parametrize("name", ODD)
def test_odd_names_of_sessions_and_contexts(place, name):
    for _ in range(2):
        said = place.run("echo from $((40 + 2))", session_id=name)
        assert "from 42" in said or said.startswith(("invalid_argument: ", "not_found: ")), said
    said = place.say("code_execute", code="40 + 2", context_id=name, language="python")
    assert "42" in said or said.startswith(("invalid_argument: ", "not_found: ")), said
    said = place.run("ls -A /workspace; ls /tmp")
    assert "pwned" not in said and "\nx\n" not in said and "\nb\n" not in said, said
    place.alive()


@pytest.mark.isolated
@pytest.mark.parametrize("target", ["1", "0", "-1", "2", "-2147483648", "99999999999", "1 2",
                                    "main", "p_", "p_aaaaaaaaaaaaaaaaaaaaaaaaaa", "../1"])
def test_killing_what_is_no_process_of_theirs(place, target):
    seconds = unique_seconds()
    result = place.call("terminal_execute", command=f"sleep {seconds}", yield_s=0)
    wait_until(lambda: sleepers(seconds))
    place.say("terminal_kill", id=target, signal="KILL", grace_s=0)
    if target != "2":
        time.sleep(0.05)
        assert sleepers(seconds)
    place.say("terminal_kill", id=result["_meta"]["sandbox-mcp/process_id"])
    all_gone(seconds)
    place.alive()


CURSORS = ["-1-0", "0", "0-0-0", "a-b", "99999999999999999999-0", "9223372036854775807-1", "0x10-0",
           " 0-0", "0-0\n", "%n", "-", "1e3-0", "5-", "100-100"]


@pytest.mark.isolated
def test_made_up_cursors(place):
    result = place.call("terminal_execute", command="seq 30000")
    process = result["_meta"]["sandbox-mcp/process_id"]
    for cursor in CURSORS:
        said = place.say("terminal_output", process_id=process, cursor=cursor)
        assert len(said) < 60_000 and not said.startswith("internal"), (cursor, said[:200])
    place.run("touch $(seq -f f%.0f 40)")
    for cursor in [*CURSORS, "p0:../../../etc", "p0:f10", "p99:f1", "p0:" + "f" * 8000, ":", "p0:"]:
        said = place.say("file_list", cursor=cursor)
        assert "passwd" not in said and not said.startswith("internal"), (cursor, said[:200])
        said = place.say("file_search", pattern="f*", mode="name", cursor=cursor)
        assert "passwd" not in said and not said.startswith("internal"), (cursor, said[:200])
    place.alive()


TOKENS = ["token-of-the-first-one-000001", "token-of-the-second-one-00002"]


@pytest.fixture
def two(start_server, state_dir):
    """call(which, tool, **arguments) of two principals of one server."""
    path = state_dir / "tokens"
    path.write_text("\n".join(TOKENS) + "\n")
    path.chmod(0o600)
    server = start_server("--token-file", path, token=None)

    def call(which, tool, **arguments):
        server.token = TOKENS[which]
        return server.call(tool, **arguments)

    return call


def test_principals_do_not_share_a_sandbox(two):
    two(0, "file_write", path="kept", content="of the first")
    two(0, "terminal_execute", command="exec -a their-sleep sleep 200", yield_s=0)
    said = protocol.text(two(1, "terminal_execute", command="cat kept; ls -A; "
                                                            "cat /proc/[0-9]*/cmdline"))
    assert "of the first" not in said and "their-sleep" not in said, said
    ids = {two(which, "sandbox_info")["structuredContent"]["sandbox_id"] for which in (0, 1)}
    assert len(ids) == 2
    assert "of the first" in protocol.text(two(0, "file_read", path="kept"))


def test_principals_do_not_share_handles(two):
    seconds = unique_seconds()
    command = f"echo of the first; seq 30000; exec sleep {seconds}"
    result = two(0, "terminal_execute", command=command, yield_s=0.5)
    process = result["_meta"]["sandbox-mcp/process_id"]
    two(0, "terminal_execute", command="SECRET=of-the-first", session_id="shell")
    context = two(0, "code_execute", code="secret = 'of the first'")["_meta"][
        "sandbox-mcp/context_id"]
    for tool, arguments in (("terminal_output", {"process_id": process, "cursor": "0-0"}),
                            ("terminal_kill", {"id": process, "signal": "KILL"}),
                            ("terminal_kill", {"id": "shell"})):
        result = two(1, tool, **arguments)
        assert result["isError"] and protocol.text(result).startswith("not_found: "), result
    said = protocol.text(two(1, "terminal_execute", command="echo $SECRET", session_id="shell"))
    assert "of-the-first" not in said
    said = protocol.text(two(1, "code_execute", code="secret", context_id=context))
    assert "of the first" not in said
    assert sleepers(seconds)
    assert "of the first" in protocol.text(
        two(0, "terminal_output", process_id=process, cursor="0-0"))
    two(0, "terminal_kill", id=process)
    all_gone(seconds)


# Larger than what is shown as it is: the server has it scaled inside.
LARGE_PICTURE = (r"(printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\100\0\0\0\100\0\010\2\0\0\0'; "
                 "/usr/bin/head -c 3M /dev/zero) >/workspace/large.png")

PROGRAMS = {"waits": "sleep 1", "floods": "yes | /usr/bin/head -c 30M", "dies": "kill -9 $$",
            "kills": "kill -9 $PPID; kill -9 -1",
            "lies": "echo '{\"id\": 1, \"ok\": true}'", "forks": "(setsid sleep 2 &); exit 0"}


def put_in_the_way(place, program):
    """What the tools run inside is found by the sandbox's PATH: it may be anything."""
    names = "node ffmpeg ffprobe git bash sh rg grep file env ls"
    place.say("file_write", path="/home/user/.local/bin/python3", permissions="0755",
              content=f"#!/usr/bin/bash\n{program}\n")
    place.run(f"cd ~/.local/bin; for n in {names}; do cp python3 $n; done 2>/dev/null; true")


@pytest.mark.isolated
@pytest.mark.once
@pytest.mark.parametrize("kind", PROGRAMS)
def test_programs_in_the_way_of_the_tools(place, kind):
    put_in_the_way(place, PROGRAMS[kind])
    place.run(LARGE_PICTURE)
    for tool, arguments in (("file_read", {"path": "large.png"}),
                            ("code_execute", {"code": "1", "timeout_s": 2}),
                            ("code_execute", {"code": "1", "language": "javascript",
                                              "timeout_s": 2}),
                            ("file_search", {"pattern": "x"}), ("file_list", {"depth": 3})):
        start = time.monotonic()
        said = place.say(tool, **arguments)
        assert said and time.monotonic() - start < 15, (tool, said)
    place.run("/usr/bin/rm -rf ~/.local/bin")
    place.alive()
    assert "2" in place.say("code_execute", code="1 + 1", context_id="new")


@pytest.mark.isolated
@pytest.mark.once
def test_a_program_in_the_way_that_never_ends(place):
    put_in_the_way(place, "sleep 1000")
    start = time.monotonic()
    info = place.call("sandbox_info", include=["packages"])["structuredContent"]
    assert info["state"] == "running" and time.monotonic() - start < 20
