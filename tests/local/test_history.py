"""terminal_history: what ran, newest first, with what it wrote, also by an earlier server."""

import os
import re
import signal
import time
from datetime import datetime, timedelta, timezone

import pytest

from lib import protocol
from local.terminal import ToolError, kill, output, run, structured

TOOLS = ("--toolsets", "core,terminal")


@pytest.fixture
def client(start_stdio):
    return start_stdio(*TOOLS)


def history(client, **arguments):
    return structured(client, "terminal_history", **arguments)


def commands(client, **arguments):
    return [e["command"] for e in history(client, **arguments)["executions"]]


def test_every_kind_of_execution_is_told(client):
    assert history(client) == {"executions": []}
    run(client, "echo out; echo err >&2; exit 3")
    run(client, "cd /tmp\necho in a session", session_id="s")
    client.call("code_execute", code="1 + 1")
    client.call("code_execute", code="echo $((1 + 1))", language="bash")
    client.call("code_execute", code="1 / 0")
    got = run(client, "echo early; sleep 90", yield_s=0.4)
    found = history(client)["executions"]
    assert [(e["tool"], e["command"], e["status"], e.get("exit_code"), e["bytes"]) for e in found] == [
        ("terminal_execute", "echo early; sleep 90", "running", None, 6),
        ("code_execute", "1 / 0", "exited", 1, 0),
        ("code_execute", "echo $((1 + 1))", "exited", 0, 2),
        ("code_execute", "1 + 1", "exited", 0, 0),
        ("terminal_execute", "cd /tmp ...", "exited", 0, 13),
        ("terminal_execute", "echo out; echo err >&2; exit 3", "exited", 3, 8)]
    assert all(0 <= e["duration_ms"] < 60000 for e in found)
    assert found[0]["id"] == got.process_id
    began = [datetime.fromisoformat(e["started_at"]) for e in found]
    assert began == sorted(began, reverse=True)
    assert abs(began[0] - datetime.now(timezone.utc)) < timedelta(minutes=1)
    text = protocol.text(client.call("terminal_history", limit=1))
    assert re.match(rf"20\S+Z {got.process_id} terminal_execute · running · .* · 6 B · echo early", text)
    kill(client, got.process_id)
    assert history(client, limit=1)["executions"][0]["status"] in ("killed", "exited")


def test_the_output_of_one(client):
    run(client, "echo out; echo err >&2; exit 3")
    id = history(client)["executions"][0]["id"]
    got = history(client, execution_id=id)
    assert (got["stdout"], got["stderr"]) == ("out\n", "err\n") and "note" not in got
    assert got["executions"][0]["exit_code"] == 3
    assert "--- stdout\nout\n--- stderr\nerr\n" in protocol.text(
        client.call("terminal_history", execution_id=id))
    run(client, "seq 100000")
    id = history(client)["executions"][0]["id"]
    got = history(client, execution_id=id)
    assert got["stdout"].startswith("1\n2\n") and got["stdout"].endswith("\n100000\n")
    assert got["note"] == f"terminal_output process_id={id} cursor=0-0 reads it all"
    assert output(client, id, cursor="0-0").stdout.startswith("1\n2\n")


def test_pages_and_times(client):
    for i in range(12):
        run(client, f"echo {i}")
    middle = datetime.now(timezone.utc)
    time.sleep(0.01)
    for i in range(12, 15):
        run(client, f"echo {i}")
    pages, cursor = [], {}
    while True:
        got = history(client, limit=6, **cursor)
        pages.append([e["command"] for e in got["executions"]])
        if "next_cursor" not in got:
            break
        cursor = {"cursor": got["next_cursor"]}
    assert [len(p) for p in pages] == [6, 6, 3]
    assert sum(pages, []) == [f"echo {i}" for i in range(14, -1, -1)]
    late = ["echo 14", "echo 13", "echo 12"]
    assert commands(client, since=middle.isoformat()) == late
    zone = timezone(timedelta(hours=5, minutes=30))
    assert commands(client, since=middle.astimezone(zone).isoformat()) == late
    assert len(commands(client, since="600")) == 15
    assert commands(client, since="2999-01-01T00:00:00Z") == []


@pytest.mark.parametrize("arguments, code", [
    ({"since": "yesterday"}, "invalid_argument"), ({"since": "2026-11-21"}, "invalid_argument"),
    ({"since": "2026-11-21T10:00:00"}, "invalid_argument"), ({"limit": 0}, "invalid_argument"),
    ({"cursor": "p_" + "a" * 26}, "invalid_argument"), ({"execution_id": "../../etc"}, "not_found"),
    ({"execution_id": "p_" + "a" * 26}, "not_found")])
def test_bad_arguments(client, arguments, code):
    run(client, "true")
    with pytest.raises(ToolError) as e:
        history(client, **arguments)
    assert e.value.code == code


def test_hostile_commands_and_output(client):
    run(client, "printf '\\033[2J\\0\\377\\342\\200\\256x'; : '\N{RIGHT-TO-LEFT OVERRIDE}\x1b[31m" + "y" * 5000 + "'")
    got = client.call("terminal_history")
    assert not re.search("[\0-\x08\x0b-\x1f\u202e]", protocol.text(got))
    one = got["structuredContent"]["executions"][0]
    assert len(one["command"]) < 300 and one["command"].endswith("y ...")
    whole = history(client, execution_id=one["id"])
    assert 1900 < len(whole["executions"][0]["command"]) < 2100
    assert "\x1b" not in whole["stdout"] and "\0" not in whole["stdout"]
    assert len(commands(client)) == 1


def test_it_outlives_the_server(start_stdio):
    first = start_stdio(*TOOLS, "--sandbox", "kept")
    run(first, "echo kept")
    got = run(first, "echo begun; sleep 91", yield_s=0.3)
    os.kill(first.pid, signal.SIGKILL)
    first.process.wait()
    again = start_stdio(*TOOLS, "--sandbox", "kept")
    found = history(again)["executions"]
    assert [(e["command"], e["status"]) for e in found] == [
        ("echo begun; sleep 91", "killed"), ("echo kept", "exited")]
    assert found[0]["id"] == got.process_id
    assert history(again, execution_id=found[1]["id"])["stdout"] == "kept\n"
    assert history(again, execution_id=found[0]["id"])["stdout"] == "begun\n"
    run(again, "echo more")
    assert commands(again)[0] == "echo more" and len(commands(again)) == 3
    assert again.close() == 0
    once_more = start_stdio(*TOOLS, "--sandbox", "kept")
    assert len(commands(once_more)) == 3
    assert commands(start_stdio(*TOOLS, "--sandbox", "other")) == []


def test_it_is_bounded_and_survives_damage(start_stdio, state_dir):
    first = start_stdio(*TOOLS, "--sandbox", "kept")
    run(first, "echo first")
    path, = state_dir.glob("v1/sandbox/*/history")
    assert first.close() == 0
    line = path.read_bytes()
    with path.open("ab") as f:  # as if 2 MB had been run
        f.write(b'{"id": "torn\n\n\0\0\n')
        f.write(line.replace(b"echo first", b"x" * 1900) * (2 * 1024 * 1024 // (len(line) + 1890)))
    again = start_stdio(*TOOLS, "--sandbox", "kept")
    run(again, "echo fills it up " + "z" * 1900)
    run(again, "echo last")
    assert (path.parent / "history.1").stat().st_size > 2_000_000 and path.stat().st_size < 10000
    found = commands(again, limit=200)
    assert found[0] == "echo last" and found[1].startswith("echo fills") and len(found) > 50
    run(again, "true")
    assert sum(f.stat().st_size for f in path.parent.glob("history*")) < 4_500_000


def test_another_file_in_its_place_stops_nothing(start_stdio, state_dir):
    client = start_stdio(*TOOLS)
    run(client, "echo first")
    path, = state_dir.glob("v1/sandbox/*/history")
    with path.open("ab") as f:
        f.truncate(3_000_000)
        f.write(b"\n")
    run(client, "echo second")
    assert commands(client) == ["echo second"]
    old = path.parent / "history.1"
    old.unlink()
    for make in (os.mkfifo, os.mkdir, lambda at: os.symlink("/dev/zero", at)):
        make(path)
        assert run(client, "echo on").stdout == "on\n"
        client.call("terminal_history", timeout=10)
        os.rmdir(path) if make is os.mkdir else path.unlink()
    run(client, "echo third")
    assert commands(client) == ["echo third"]


def test_an_unused_sandbox_leaves_nothing(start_stdio, state_dir):
    client = start_stdio(*TOOLS)
    run(client, "true")
    assert list(state_dir.glob("v1/sandbox/*/history"))
    assert client.close() == 0
    assert not list(state_dir.glob("v1/sandbox/sb_*"))
