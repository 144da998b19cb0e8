"""The tree of processes of a sandbox: what is told of each, and which handle it belongs to."""

import re
import time

import pytest

from local.terminal import ToolError, kill, run, structured


def listed(client, **arguments):
    return structured(client, "terminal_processes", **arguments)


def by_command(client, text, **arguments):
    return [p for p in listed(client, **arguments)["processes"] if text in p["command"]]


def wait_for(found, seconds=10):
    until = time.monotonic() + seconds
    while not (got := found()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return got


def test_a_tree_with_its_handles(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    assert listed(client) == {"processes": [], "total": 0}
    got = run(client, "sleep 80 & (sleep 81; true) & wait", yield_s=0.2)
    shell = wait_for(lambda: by_command(client, "wait"))[0]
    below = wait_for(lambda: len(p := by_command(client, "sleep 8")) >= 2 and p)
    assert {p["process_id"] for p in [shell, *below]} == {got.process_id}
    assert shell["ppid"] == 0 and shell["user"] == "user" and shell["state"] in "SRD"
    assert shell["rss_kb"] > 100 and shell["cpu_s"] < 5
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", shell["started_at"])
    direct = [p for p in below if p["command"] == "sleep 80"][0]
    assert direct["ppid"] == shell["pid"]
    text = client.call("terminal_processes")["content"][0]["text"]
    assert re.search(rf"^{shell['pid']} \w user .* process_id {got.process_id} · ", text, re.M)
    assert re.search(rf"^ {direct['pid']} \w user .* · sleep 80$", text, re.M)
    one = listed(client, pid=direct["pid"])
    assert [p["command"] for p in one["processes"]] == ["sleep 80"]
    assert len(listed(client, pid=shell["pid"])["processes"]) == len(listed(client)["processes"])
    kill(client, got.process_id)
    assert listed(client)["total"] == 0


def test_sessions_contexts_and_those_of_nobody(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    run(client, "sleep 82 >/dev/null 2>&1 &", session_id="build")
    run(client, "setsid sleep 83 >/dev/null 2>&1 </dev/null &")
    client.call("code_execute", code="1")
    sleeper, = wait_for(lambda: by_command(client, "sleep 82"))
    assert sleeper["session_id"] == "build" and "process_id" not in sleeper
    orphan, = wait_for(lambda: by_command(client, "sleep 83"))
    assert not {"process_id", "session_id", "context_id"} & set(orphan)
    python, = by_command(client, "runner.py")
    assert python["context_id"].startswith("ctx_")
    managed = listed(client, managed=True)
    assert {p["pid"] for p in managed["processes"]} == \
        {p["pid"] for p in listed(client)["processes"]} - {orphan["pid"]}
    kill(client, str(orphan["pid"]))
    kill(client, "build")
    wait_for(lambda: not by_command(client, "sleep 8"))


def test_interactive_sessions(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    client.call("terminal_session", action="open", session_id="tty", command="sleep 96")
    sleeper, = wait_for(lambda: by_command(client, "sleep 96"))
    assert sleeper["session_id"] == "tty"
    kill(client, "tty")
    wait_for(lambda: not by_command(client, "sleep 96"))


def test_the_processor_time_counts(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    got = run(client, "while :; do :; done", yield_s=0)
    wait_for(lambda: [p for p in listed(client)["processes"] if p["cpu_s"] >= 0.2], 30)
    kill(client, got.process_id)


def test_hostile_names(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    evil = r"\033]0;x\007\033[2J\nfake 1 S user\t\342\200\256\377"
    run(client, "(exec -a \"$(printf 'A" + evil + "B')\" sleep 84) & "
        "(exec -a $(head -c 100000 /dev/zero | tr '\\0' y) sleep 84) & "
        "(exec -a '' sleep 85) & cp /bin/sleep '84) R 1 (x'; ./84* 84 & "
        "(printf 'n) S 0 0' >/proc/$BASHPID/comm; exec 5<>/dev/null; read -t 60 <&5) & wait",
        yield_s=0.5)
    got = client.call("terminal_processes")
    text = got["content"][0]["text"]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    assert not re.search("^fake", text, re.M)
    found = got["structuredContent"]["processes"]
    assert all(len(p["command"]) < 700 and "\n" not in p["command"] for p in found)
    assert [p for p in found if p["command"].startswith("A fake 1 S user")], text
    long, = [p for p in found if p["command"].startswith("yyyy")]
    assert long["command"].endswith("y ...") and len(long["command"]) < 200
    assert len(listed(client, pid=long["pid"])["processes"][0]["command"]) > 1500
    assert [p for p in found if "84) R 1 (x" in p["command"] and p["state"] == "S"]
    run(client, "pkill sleep; true")


def test_a_crowd_is_cut_and_counted(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    got = run(client, "for i in $(seq 1200); do sleep 86 & done; wait", yield_s=0)
    wait_for(lambda: listed(client)["total"] > 1200, 60)
    many = listed(client)
    assert 50 < len(many["processes"]) < 1000
    text = client.call("terminal_processes")["content"][0]["text"]
    assert "... and " in text and len(text) < 30000
    kill(client, got.process_id, signal="KILL")
    wait_for(lambda: listed(client)["total"] == 0, 30)


@pytest.mark.parametrize("arguments, code", [
    ({"pid": 999999}, "not_found"), ({"pid": 1}, "not_found"), ({"pid": 0}, "invalid_argument"),
    ({"pid": 99999999}, "invalid_argument")])
def test_what_is_not_there(start_stdio, arguments, code):
    client = start_stdio("--toolsets", "terminal")
    with pytest.raises(ToolError) as e:
        listed(client, **arguments)
    assert e.value.code == code


STUBBORN = "trap '' TERM; sleep 0.31; (trap - TERM; exec sleep 87) & while :; do sleep 0.5; done"


def test_killing_a_pid_ends_its_tree_and_says_how_that_went(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    run(client, f"setsid bash -c \"{STUBBORN}\" >/dev/null 2>&1 </dev/null &")
    wait_for(lambda: by_command(client, "sleep 87"))
    for top in [p for p in listed(client)["processes"] if not p["ppid"]]:
        got = kill(client, str(top["pid"]), grace_s=0.3)
        assert got == {"killed": [f"pid {top['pid']}"], "status": "killed"}
    assert listed(client)["total"] == 0


def test_a_signal_that_ends_nothing_leaves_a_pid_running(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    run(client, "setsid bash -c \"trap : USR1; while :; do sleep 88; done\" >/dev/null 2>&1 &")
    wait_for(lambda: by_command(client, "sleep 88"))
    top, = [p for p in listed(client)["processes"] if not p["ppid"]]
    assert kill(client, str(top["pid"]), signal="CONT")["status"] == "running"
    assert kill(client, str(top["pid"]), signal="KILL")["status"] == "killed"


def test_what_is_over_is_said_to_be(start_stdio):
    client = start_stdio("--toolsets", "core,terminal")
    got = run(client, "sleep 89", yield_s=0)
    assert kill(client, got.process_id) == {"killed": [got.process_id], "status": "killed"}
    again = client.call("terminal_kill", id=got.process_id)
    assert again["content"][0]["text"] == "was over already: killed"
    assert again["structuredContent"] == {"killed": [], "status": "killed"}
