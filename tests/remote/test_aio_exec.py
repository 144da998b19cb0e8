"""Commands over an AIO Sandbox: they behave as on this machine."""

import os
import re
import time

import pytest

from remote.conftest import eventually, process_id, section, sessions


def test_both_streams_and_the_exit_status(aio):
    text = aio.run("echo out; echo err >&2; exit 7")
    assert text.startswith("exit 7 · ")
    assert "stdout 4 B · stderr 4 B" in text
    assert (section(text, "stdout"), section(text, "stderr")) == ("out\n", "err\n")


def test_one_request_is_enough(aio, fake):
    aio.run("true")
    assert eventually(lambda: not sessions(fake))
    fake.clear("requests")
    aio.run("echo hi")
    assert [r["path"] for r in fake.requests()][:1] == ["/v1/bash/exec"]
    assert eventually(lambda: len(fake.requests()) == 2)
    assert fake.requests()[1]["path"].endswith("/close")


@pytest.mark.parametrize("command, wanted", [
    ("kill -9 $$", "exit 137 (signal 9"),
    ("exit 300", "exit 44"),
    ("nosuchprogram", "exit 127"),
    ("if", "exit 2"),
])
def test_ends(aio, command, wanted):
    assert aio.run(command).startswith(wanted)


def test_stdin_is_empty_unless_given(aio):
    text = aio.run("cat; read x || echo eof; tty; echo $TERM $PAGER")
    assert section(text, "stdout") == "eof\nnot a tty\ndumb cat\n"


@pytest.mark.parametrize("size", [1, 100, 32768, 32769, 3_000_000])
def test_stdin_of_any_size(aio, size):
    given = ("ab'\"\\$\n%s\u00fc" * (size // 8 + 1))[:size]
    text = aio.run("sha256sum; cat; echo end", stdin=given)
    import hashlib
    assert hashlib.sha256(given.encode()).hexdigest() in text
    assert section(text, "stdout").endswith("end\n")


def test_environment(aio):
    text = aio.run('printf "%s|" "$A" "$B"', env={"A": "x y'z", "B": "\u00e4\n2"})
    assert section(text, "stdout") == "x y'z|\u00e4\n2|\n"


def test_environment_of_the_operator(start_aio):
    assert section(start_aio("--env", "K=v=w").run("echo $K"), "stdout") == "v=w\n"


def test_directories(aio, folder):
    assert section(aio.run("pwd"), "stdout") == "/home/gem\n"
    name = os.path.basename(folder.there)
    for cwd in (name, f"~/{name}", folder.there, f"/home/gem/./{name}"):
        assert section(aio.run("pwd", cwd=cwd), "stdout") == folder.there + "\n"
    folder.write("f", "")
    assert aio.refused("terminal_execute", command="pwd", cwd="/no/where")[0] == "not_found"
    assert aio.refused("terminal_execute", command="pwd", cwd=f"{name}/f")[0] == "invalid_argument"


@pytest.mark.parametrize("size", [99_000, 131_071])
def test_long_commands(aio, size):
    begin = "echo one; echo 'it''s'; : "
    text = aio.run(begin + "x" * (size - len(begin)))
    assert section(text, "stdout") == "one\nits\n"


def test_a_long_command_in_a_session(aio):
    begin = "A=1; : "
    aio.run(begin + "'" + "x" * (131_000 - len(begin)) + "'", session_id="s")
    assert section(aio.run("echo $A", session_id="s"), "stdout") == "1\n"


def test_bytes_that_are_no_text(aio):
    text = aio.run(r"printf 'a\0b\377c\n'; printf '\303'; printf '\244\n'")
    assert section(text, "stdout") == "ab\ufffdc\n\u00e4\n"


def test_time_is_up(aio):
    text = aio.run("echo before; sleep 60", timeout_s=0.5)
    assert text.startswith("timed out and killed")
    assert section(text, "stdout") == "before\n"


def test_it_goes_on_behind_its_id(aio):
    text = aio.run("echo one; sleep 1; echo two >&2; exit 5", yield_s=0.2)
    assert text.startswith("running") and section(text, "stdout") == "one\n"
    id = process_id(text)
    text = aio.output(id, wait_s=20)
    text = text if text.startswith("exit") else text + aio.output(id, wait_s=20)
    assert "exit 5" in text and section(text, "stderr") == "two\n"
    assert section(text, "stdout") == ""


def test_in_the_background_at_once(aio):
    id = aio.start("echo $$; sleep 1; echo late")
    assert eventually(lambda: "late" in aio.output(id, cursor="0-0", wait_s=1))
    assert eventually(lambda: aio.output(id).startswith("exit 0"))


def walk(aio, id, cursor):
    """Every byte of stdout from a cursor on."""
    found = ""
    while True:
        text = aio.output(id, cursor=cursor, max_bytes=49152)
        found += section(text, "stdout")
        before, cursor = cursor, re.search(r"^cursor (\S+)$", text, re.M)[1]
        if cursor == before or "bytes follow" not in text:
            return found


def test_what_was_left_out_is_read_by_cursor(aio):
    text = aio.run("seq 200000", max_bytes=2000)
    id, hole = re.search(r"process_id=(\S+) cursor=(\S+) reads them", text).groups()
    whole = "".join(f"{n}\n" for n in range(1, 200001))
    assert f"stdout {len(whole) / 1e6:.1f} MB" in text
    head = section(text, "stdout").partition("[...")[0]
    assert whole.startswith(head) and int(hole.partition("-")[0]) == len(head)
    assert head + walk(aio, id, hole) == whole


def test_tail_and_grep(aio):
    id = aio.start("seq 1000; echo bad >&2")
    assert eventually(lambda: aio.output(id, cursor="0-0", wait_s=1).startswith("exit 0"))
    assert section(aio.output(id, tail=2), "stdout") == "999\n1000\n"
    text = aio.output(id, cursor="0-0", grep="^99|bad")
    assert section(text, "stdout").split() == ["99"] + [str(n) for n in range(990, 1000)]
    assert section(text, "stderr") == "bad\n"
    assert aio.refused("terminal_output", process_id=id, grep="(")[0] == "invalid_argument"
    for cursor in ("x", "1", "1-", "-1-2", "1-2-3", "99999999999999999999-0"):
        assert aio.refused("terminal_output", process_id=id, cursor=cursor)[0] == "invalid_argument"


def test_endless_output_is_bounded(aio):
    text = aio.run("yes | head -c 30000000", max_bytes=1000)
    assert text.startswith("exit 0") and len(text) < 2500
    assert "stdout 30.0 MB" in text


def test_a_command_that_never_stops_writing(aio):
    # At a bounded pace: what the service keeps of a session has no bound.
    id = aio.start("while :; do head -c 100000 /dev/zero | tr '\\0' x; sleep 0.02; done")
    for _ in range(3):
        assert len(aio.output(id, wait_s=0.3, max_bytes=500)) < 2000
    assert "killed" in aio.ok("terminal_kill", id=id, signal="KILL")


def test_many_at_once(aio):
    ids = [aio.stdio.start("tools/call", {"name": "terminal_execute", "arguments": {
        "command": f"echo {n}; sleep 0.5"}}) for n in range(24)]
    start = time.monotonic()
    for n, id in enumerate(ids):
        text = aio.stdio.response(id)["result"]["content"][0]["text"]
        assert section(text, "stdout") == f"{n}\n"
    assert time.monotonic() - start < 10


def test_too_many_that_run_on(aio):
    for _ in range(32):
        aio.start("sleep 60")
    code, text = aio.refused("terminal_execute", command="sleep 60", yield_s=0)
    assert code == "quota" and "terminal_kill" in text
    assert section(aio.run("echo still"), "stdout") == "still\n"


def test_a_child_in_the_background_holds_nothing_up(aio):
    start = time.monotonic()
    text = aio.run("sleep 5 & echo started")
    assert text.startswith("exit 0") and section(text, "stdout") == "started\n"
    assert time.monotonic() - start < 3


# ---- signals


def test_stop(aio):
    id = aio.start("sleep 60")
    result = aio.result("terminal_kill", id=id)
    assert result["structuredContent"]["killed"] == [id]
    assert result["structuredContent"]["status"] == "killed"
    assert aio.output(id).startswith("killed (signal 15)")


def test_stop_what_does_not_listen(aio, folder):
    id = aio.start(f"trap '' TERM INT; echo ready; (trap '' TERM; sleep 61) & "
                   f"echo $! >{folder.there}/pid; while :; do sleep 1; done")
    assert eventually(lambda: "ready" in aio.output(id, cursor="0-0", wait_s=1))
    start = time.monotonic()
    result = aio.result("terminal_kill", id=id, grace_s=0.5)
    assert result["structuredContent"]["status"] == "killed"
    assert 0.4 < time.monotonic() - start < 10
    pid = folder.read("pid").decode().strip()
    text = aio.run(f"sleep 0.2; kill -0 {pid} 2>/dev/null && echo alive || echo gone")
    assert section(text, "stdout") == "gone\n"


@pytest.mark.parametrize("signal, wanted", [("INT", "int"), ("USR1", "usr1"), ("HUP", "hup")])
def test_signals_reach_the_command(aio, signal, wanted):
    id = aio.start("for s in INT USR1 HUP; do trap \"echo ${s,,}; exit 3\" $s; done; echo ready; "
                   "while :; do sleep 0.1; done")
    assert eventually(lambda: "ready" in aio.output(id, cursor="0-0", wait_s=1))
    aio.ok("terminal_kill", id=id, signal=signal)
    assert eventually(lambda: wanted in aio.output(id, cursor="0-0", wait_s=1))


def test_a_process_that_left_its_group(aio):
    id = aio.start("setsid sleep 62 & echo $!; wait")
    assert eventually(lambda: section(aio.output(id, cursor="0-0", wait_s=1), "stdout"))
    aio.ok("terminal_kill", id=id, signal="KILL")
    assert section(aio.run("sleep 0.2; pgrep -fx 'sleep 62' || echo none"), "stdout") == "none\n"


def test_by_pid(aio):
    id = aio.start("echo $$; sleep 63 & wait")
    assert eventually(lambda: section(aio.output(id, cursor="0-0", wait_s=1), "stdout"))
    pid = section(aio.output(id, cursor="0-0"), "stdout").strip()
    result = aio.result("terminal_kill", id=pid, signal="KILL")
    assert result["structuredContent"]["killed"] == [f"pid {pid}"]
    assert eventually(lambda: not aio.output(id).startswith("running"))
    assert section(aio.run("pgrep -fx 'sleep 63' || echo none"), "stdout") == "none\n"
    assert aio.refused("terminal_kill", id="999999999")[0] == "not_found"


def test_the_service_itself_is_not_stopped(aio):
    code, _ = aio.refused("terminal_kill", id="1", signal="KILL")
    assert code == "denied"
    assert aio.run("true").startswith("exit 0")


def test_over_is_over(aio):
    id = aio.start("exit 4")
    assert eventually(lambda: aio.output(id, wait_s=1).startswith("exit 4"))
    result = aio.result("terminal_kill", id=id)["structuredContent"]
    assert (result["killed"], result["status"], result["exit_code"]) == ([], "exited", 4)


@pytest.mark.parametrize("tool", ["terminal_output", "terminal_kill"])
@pytest.mark.parametrize("id", ["p_aaaaaaaaaaaaaaaaaaaaaaaaaa", "nonsense", "p_", "../x"])
def test_unknown_ids(aio, tool, id):
    argument = "id" if tool == "terminal_kill" else "process_id"
    assert aio.refused(tool, **{argument: id})[0] == "not_found"


def test_ids_are_nobody_elses(start_server, fake):
    server = start_server("--backend", "aio", "--backend-url", fake.url)
    first = server.call("terminal_execute", command="sleep 60", yield_s=0)
    id = process_id(first["content"][0]["text"])
    mine = {"name": "terminal_output", "arguments": {"process_id": id}}
    assert not server.result("tools/call", mine).get("isError")
    other = server.result("tools/call", mine, X_Sandbox="other")
    assert other["isError"] and other["content"][0]["text"].startswith("not_found")
    made_up = server.result("tools/call", {"name": "terminal_output", "arguments": {
        "process_id": "p_" + "a" * 26}}, X_Sandbox="other")
    assert made_up["content"][0]["text"].replace("a" * 26, "") == \
        other["content"][0]["text"].replace(id[2:], "")


# ---- calls that end early


def cancel(aio, arguments, until):
    id = aio.stdio.start("tools/call", {"name": "terminal_execute", "arguments": arguments})
    assert eventually(until)
    start = time.monotonic()
    aio.stdio.notify("notifications/cancelled", {"requestId": id})
    return start


def running(fake, marker):
    found = fake.call("/v1/bash/exec", session_id="look",
                      command=f"pgrep -fx '{marker}' || true")["stdout"]
    fake.json("POST", "/v1/bash/sessions/look/close")
    return found.split()


def test_cancelling_kills_what_the_call_started(aio, fake):
    aio.run("true")
    cancel(aio, {"command": "sleep 64", "yield_s": 50}, lambda: running(fake, "sleep 64"))
    assert eventually(lambda: not running(fake, "sleep 64"))
    assert eventually(lambda: not [s for s in sessions(fake) if s.startswith("p_")])


def test_the_end_of_the_client_ends_its_processes(start_aio, fake):
    aio = start_aio()
    aio.start("sleep 65")
    assert running(fake, "sleep 65")
    assert aio.stdio.close() == 0
    assert not running(fake, "sleep 65")


def test_progress_shows_the_last_line(aio):
    id = aio.stdio.start("tools/call", {"name": "terminal_execute", "arguments": {
        "command": "for i in 1 2 3 4; do echo line $i; sleep 1; done", "yield_s": 20}},
        progressToken="t")
    aio.stdio.response(id)
    seen = [n["params"].get("message", "") for n in aio.stdio.notifications
            if n["method"] == "notifications/progress"]
    assert any(message.startswith("line") for message in seen), seen
