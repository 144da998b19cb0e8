"""Commands in a local sandbox: what comes back, when, and what is left behind."""

import hashlib
import re
import time

import pytest

from lib import processes
from local.terminal import ToolError, kill, output, run


def in_sandbox(client, pattern):
    """Processes inside whose command line holds this; the bracket keeps grep out of it."""
    found = run(client, f"ps -eo args | grep -c '[{pattern[0]}]{pattern[1:]}'")
    return int(found.stdout)


def wait_gone(client, pattern, seconds=5):
    until = time.monotonic() + seconds
    while in_sandbox(client, pattern):
        assert time.monotonic() < until, run(client, "ps -ef").stdout
        time.sleep(0.05)


def test_streams_and_exit_code_are_kept_apart(stdio):
    got = run(stdio, "echo out; echo err >&2; exit 3")
    assert (got.status, got.exit_code) == ("exited", 3)
    assert (got.stdout, got.stderr) == ("out\n", "err\n")
    assert got.process_id is None


@pytest.mark.parametrize("command, code", [("kill -9 $$", 137), ("kill -TERM $$", 143),
                                           ("exit 255", 255), ("no-such-program", 127)])
def test_exit_codes(stdio, command, code):
    got = run(stdio, command)
    assert (got.status, got.exit_code) == ("exited", code)


def test_a_command_has_the_workspace_an_empty_stdin_and_a_quiet_environment(stdio):
    got = run(stdio, "pwd; cat; echo $PAGER $TERM $HOME; test -t 1 || echo no tty; ls -l /dev/stdin")
    assert got.stdout.splitlines()[:3] == ["/workspace", "cat dumb /home/user", "no tty"]


def test_dev_stdout_can_be_opened_again(stdio):
    got = run(stdio, "echo a >/dev/stdout; echo b >/dev/stderr; echo c | cat /dev/stdin")
    assert (got.stdout, got.stderr) == ("a\nc\n", "b\n")


def test_an_environment_that_is_too_large_is_refused(stdio):
    assert run(stdio, "echo ${#A}", env={"A": "x" * 20000}).stdout == "20000\n"
    with pytest.raises(ToolError) as e:
        run(stdio, "true", env={"A": "x" * 30000})
    assert e.value.code == "too_large" and "env" in e.value.text


def test_cwd_env_and_stdin(stdio):
    run(stdio, "mkdir -p sub")
    got = run(stdio, 'pwd; echo "$A $B"; cat', cwd="sub", env={"A": "1 2", "B": "ü'\""}, stdin="in\n")
    assert got.stdout == "/workspace/sub\n1 2 ü'\"\nin\n"
    with pytest.raises(ToolError) as e:
        run(stdio, "true", cwd="nowhere")
    assert e.value.code == "not_found" and "/workspace/nowhere" in e.value.text


@pytest.mark.parametrize("size", [40_000, 70_000, 1_000_000])
def test_long_stdin_arrives_whole(stdio, size):
    text = "".join(chr(97 + i % 26) for i in range(size))
    got = run(stdio, "sha256sum", stdin=text)
    assert got.stdout.split()[0] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("size", [30_000, 33_000, 63_000])
def test_long_commands_run(stdio, size):
    assert run(stdio, "printf %s '" + "x" * size + "' | wc -c").stdout.strip() == str(size)


def test_a_background_child_that_holds_the_output_does_not_hold_the_call(stdio):
    began = time.monotonic()
    got = run(stdio, "(sleep 1; echo late; sleep 60) & echo started")
    assert time.monotonic() - began < 0.9
    assert (got.status, got.exit_code, got.stdout) == ("exited", 0, "started\n")
    assert "still holds its output" in got.text
    late = output(stdio, got.process_id, wait_s=5)
    assert late.stdout == "late\n"
    assert kill(stdio, got.process_id)["killed"] == [got.process_id]
    wait_gone(stdio, "sleep 60")


def test_a_daemon_without_output_lives_on(stdio):
    got = run(stdio, "setsid sleep 61 >/dev/null 2>&1 </dev/null & echo $!")
    assert got.process_id is None and "still holds" not in got.text
    time.sleep(0.5)
    assert in_sandbox(stdio, "sleep 61") == 1
    pid = run(stdio, "pgrep -f '^sleep 61'").stdout.strip()
    assert kill(stdio, pid)["killed"] == [f"pid {pid}"]
    wait_gone(stdio, "sleep 61")


def test_yield_hands_out_a_handle_that_reads_on(stdio):
    got = run(stdio, "echo one; sleep 0.7; echo two; exit 4", yield_s=0.2)
    assert (got.status, got.stdout, got.exit_code) == ("running", "one\n", None)
    more = output(stdio, got.process_id, wait_s=5)
    assert more.stdout == "two\n"
    last = output(stdio, got.process_id, cursor=more.cursor, wait_s=5)
    assert (last.status, last.exit_code, last.stdout) == ("exited", 4, "")
    assert output(stdio, got.process_id, cursor="0-0").stdout == "one\ntwo\n"


def test_new_output_wakes_a_waiting_reader_at_once(stdio):
    got = run(stdio, "sleep 1; date +%s%N; sleep 60", yield_s=0)
    more = output(stdio, got.process_id, wait_s=10)
    assert time.time() - int(more.stdout) / 1e9 < 0.1
    kill(stdio, got.process_id)


def test_tail_and_grep(stdio):
    got = run(stdio, "seq 1000; sleep 60", yield_s=0.5)
    assert output(stdio, got.process_id, tail=3).stdout == "998\n999\n1000\n"
    assert output(stdio, got.process_id, cursor="0-0", grep="^99.$").stdout == "".join(
        f"{n}\n" for n in range(990, 1000))
    with pytest.raises(ToolError) as e:
        output(stdio, got.process_id, grep="(")
    assert e.value.code == "invalid_argument"
    kill(stdio, got.process_id)


def test_walking_the_cursors_gives_every_byte(stdio):
    got = run(stdio, "seq 200000")
    want = "".join(f"{n}\n" for n in range(1, 200001))
    assert got.stdout.startswith("1\n2\n") and got.stdout.endswith("\n200000\n")
    assert f"{len(want) / 1e6:.1f} MB" in got.text
    walked, cursor = "", "0-0"
    while len(walked) < len(want):
        step = output(stdio, got.process_id, cursor=cursor, max_bytes=48000)
        assert step.stdout and len(step.stdout) <= 48000
        walked += step.stdout
        cursor = step.cursor
    assert walked == want


def test_the_hole_names_the_call_that_reads_it(stdio):
    got = run(stdio, "seq 100000", max_bytes=1000)
    head = got.stdout.split("[...")[0]
    hole = re.search(r"cursor=(\d+-\d+)", got.text)[1]
    assert hole.startswith(f"{len(head)}-")
    after = output(stdio, got.process_id, cursor=hole, max_bytes=1000)
    assert after.stdout.split("\n")[0] == str(int(head.split("\n")[-2]) + 1)


def test_endless_output_is_bounded_and_its_end_is_kept(stdio):
    got = run(stdio, "yes | head -c 150000000; echo the end", yield_s=50, timeout=100)
    assert got.exit_code == 0 and "150.0 MB" in got.text
    assert output(stdio, got.process_id, tail=1).stdout == "the end\n"
    middle = output(stdio, got.process_id, cursor="70000000-0")
    assert "no longer kept" in middle.text


@pytest.mark.parametrize("command", [
    "sleep 62",
    "trap '' TERM INT HUP; sleep 62; sleep 62",
    "setsid sh -c 'sleep 62 & sleep 62' & wait",
    "(setsid sleep 62 &) ; sleep 62",
    "while :; do (setsid sleep 62 &); sleep 0.01; done",
])
def test_a_timeout_ends_the_whole_tree(stdio, command):
    got = run(stdio, command, timeout_s=1)
    assert got.status == "timed_out"
    assert got.duration_ms < 8000
    wait_gone(stdio, "sleep 62")


def test_kill_waits_for_the_grace_and_reports(stdio):
    got = run(stdio, "trap 'echo bye; exit 7' TERM; sleep 63 & wait", yield_s=0.3)
    assert kill(stdio, got.process_id, grace_s=3) == {
        "killed": [got.process_id], "status": "exited", "exit_code": 7}
    assert output(stdio, got.process_id).stdout == "bye\n"
    stubborn = run(stdio, "trap '' TERM; echo on; while :; do sleep 0.1; done", yield_s=0.3)
    assert kill(stdio, stubborn.process_id, grace_s=0.5)["status"] == "killed"
    again = kill(stdio, stubborn.process_id)
    assert again["killed"] == [] and again["status"] == "killed"


@pytest.mark.parametrize("id, code", [("p_" + "a" * 26, "not_found"), ("no-such-session", "not_found"),
                                      ("999999", "not_found"), ("1", "denied")])
def test_kill_of_what_is_not_there(stdio, id, code):
    with pytest.raises(ToolError) as e:
        kill(stdio, id)
    assert e.value.code == code


def test_other_signals_reach_the_process(stdio):
    got = run(stdio, "trap 'echo usr1' USR1; while :; do sleep 0.05; done", yield_s=0.3)
    assert kill(stdio, got.process_id, signal="USR1")["status"] == "running"
    assert output(stdio, got.process_id, wait_s=3).stdout == "usr1\n"
    assert kill(stdio, got.process_id, signal="KILL")["status"] == "killed"


def test_a_payload_cannot_hang_or_survive_by_harming_its_supervisor(stdio):
    got = run(stdio, "(setsid sleep 64 >/dev/null 2>&1 &); kill -9 $PPID; sleep 64", timeout_s=20)
    assert got.status == "killed"
    wait_gone(stdio, "sleep 64")
    got = run(stdio, "kill -STOP $PPID; echo still", timeout_s=20)
    assert (got.status, got.stdout) == ("exited", "still\n")
    assert run(stdio, "echo alive").stdout == "alive\n"


def test_a_fork_bomb_stays_inside_and_ends(start_stdio):
    client = start_stdio("--pids", "300")
    got = run(client, ":(){ :|:& };:; sleep 3", timeout_s=4)
    if got.process_id:
        assert kill(client, got.process_id, grace_s=1)["killed"] == [got.process_id]
    assert run(client, "echo alive", timeout_s=30).stdout == "alive\n"
    until = time.monotonic() + 5
    while int(run(client, "ps -e | wc -l").stdout) > 20:
        assert time.monotonic() < until, run(client, "ps -ef").stdout
        time.sleep(0.05)


def test_thirty_two_at_once_lose_nothing(stdio):
    for _ in range(5):
        ids = [stdio.start("tools/call", {"name": "terminal_execute", "arguments": {
            "command": f"echo out{n}; echo err{n} >&2"}}) for n in range(32)]
        for n, id in enumerate(ids):
            text = stdio.response(id)["result"]["content"][0]["text"]
            assert f"--- stdout\nout{n}\n--- stderr\nerr{n}\n" in text


def test_a_cancelled_call_takes_its_process_with_it(stdio):
    id = stdio.start("tools/call", {"name": "terminal_execute", "arguments": {
        "command": "(setsid sleep 65 &); sleep 65", "yield_s": 50}})
    time.sleep(0.5)
    assert in_sandbox(stdio, "sleep 65") >= 2
    stdio.notify("notifications/cancelled", {"requestId": id, "reason": "test"})
    wait_gone(stdio, "sleep 65")


def test_a_process_handed_out_earlier_survives_a_cancel(stdio):
    kept = run(stdio, "sleep 66", yield_s=0)
    id = stdio.start("tools/call", {"name": "terminal_output", "arguments": {
        "process_id": kept.process_id, "wait_s": 40}})
    time.sleep(0.3)
    stdio.notify("notifications/cancelled", {"requestId": id})
    time.sleep(0.3)
    assert in_sandbox(stdio, "sleep 66") == 1
    kill(stdio, kept.process_id)


def test_sixty_four_handles_and_no_more(stdio):
    kept = [run(stdio, "sleep 67", yield_s=0) for _ in range(64)]
    with pytest.raises(ToolError) as e:
        run(stdio, "true")
    assert e.value.code == "quota" and "terminal_kill" in e.value.text
    kill(stdio, kept[0].process_id)
    assert run(stdio, "echo ok").stdout == "ok\n"


def test_binary_output_is_text_in_the_end(stdio):
    got = run(stdio, r"printf 'a\0b\377c\033[31mred\033[0m\n'")
    assert "red" in got.stdout and "\x1b" not in got.stdout and "\0" not in got.stdout


# ---- sessions ----

def test_a_session_keeps_directory_variables_functions_and_jobs(stdio):
    run(stdio, "cd /tmp; x=5; f() { echo f$x; }; sleep 68 & ", session_id="s")
    got = run(stdio, "pwd; f; jobs", session_id="s")
    assert got.stdout.splitlines()[:2] == ["/tmp", "f5"] and "sleep 68" in got.stdout
    assert run(stdio, "pwd; echo $x", session_id="other").stdout == "/workspace\n\n"
    assert kill(stdio, "s")["status"] == "killed"
    wait_gone(stdio, "sleep 68")
    assert run(stdio, "pwd; echo -$x-", session_id="s").stdout == "/workspace\n--\n"


@pytest.mark.parametrize("command", ["echo 'open", "exec 1>&-", "exec >/tmp/file", "if true; then",
                                     "break; return; continue", "false", ")", "exec 9>&-; exec 2>&-"])
def test_a_session_survives_odd_commands(stdio, command):
    run(stdio, "x=1", session_id="s")
    run(stdio, command, session_id="s", timeout_s=10)
    assert run(stdio, "echo $x", session_id="s").stdout == "1\n"


def test_a_shell_that_ends_is_reopened_where_it_was(stdio):
    run(stdio, "cd /tmp; x=1", session_id="s")
    got = run(stdio, "set -e; false", session_id="s")
    assert got.exit_code == 1 and "variables, functions and jobs are gone" in got.text
    assert run(stdio, "pwd; echo -$x-", session_id="s").stdout == "/tmp\n--\n"


def test_a_timeout_in_a_session_leaves_the_shell(stdio):
    run(stdio, "x=7", session_id="s")
    assert run(stdio, "sleep 69", session_id="s", timeout_s=0.5).status == "timed_out"
    assert run(stdio, "echo $x", session_id="s").stdout == "7\n"


def test_a_session_runs_one_command_at_a_time(stdio):
    slow = run(stdio, "sleep 1; echo slow", session_id="s", yield_s=0.1)
    assert slow.status == "running"
    assert run(stdio, "echo next", session_id="s").stdout == "next\n"
    assert output(stdio, slow.process_id).stdout == "slow\n"
    run(stdio, "sleep 70", session_id="s", yield_s=0.1)
    with pytest.raises(ToolError) as e:
        run(stdio, "echo never", session_id="s")
    assert e.value.code == "busy"
    kill(stdio, "s")
    wait_gone(stdio, "sleep 70")


def test_nothing_is_left_when_the_client_goes(start_stdio, binary):
    client = start_stdio()
    run(client, "(setsid sleep 71 >/dev/null 2>&1 &) ; sleep 71", yield_s=0)
    run(client, "sleep 71 & true", session_id="s")
    below = processes.descendants(client.pid)
    assert len(below) > 3
    assert client.close() == 0
    processes.assert_gone(below)
