"""What is known of processes and tasks after the server ended, however it did."""

import json
import os
import random
import re
import signal
import time

import pytest

from lib import processes, protocol, tasks
from local.terminal import ToolError, output, run

NAMED = ("--sandbox", "proj")


def kill(client):
    """SIGKILL; whatever it ran is gone when this returns."""
    below = processes.descendants(client.pid)
    os.kill(client.pid, signal.SIGKILL)
    client.process.wait()
    processes.assert_gone(below, 5)


def start(client, command, **more):
    """A process that was handed out."""
    return run(client, command, yield_s=0, **more).process_id


def until(client, process_id, text, seconds=20):
    end = time.monotonic() + seconds
    while text not in (got := output(client, process_id, cursor="0-0")).stdout + got.stderr:
        assert time.monotonic() < end, got.text
        time.sleep(0.05)


def ended(client, process_id, seconds=20):
    end = time.monotonic() + seconds
    while output(client, process_id, wait_s=1).status == "running":
        assert time.monotonic() < end


def jobs(state_dir):
    return sorted((state_dir / "v1/sandbox").glob("*/jobs/p_*"))


@pytest.mark.parametrize("options", [NAMED, ()])
def test_a_killed_servers_process_is_read_and_was_interrupted(start_stdio, options):
    client = start_stdio(*options)
    process_id = start(client, "echo before; echo wrong >&2; sleep 100; echo after")
    until(client, process_id, "before")
    until(client, process_id, "wrong")
    kill(client)
    client = start_stdio(*options)
    for _ in range(2):
        got = output(client, process_id, cursor="0-0")
        assert got.status == "killed" and "Interrupted by restart" in got.text
        assert got.stdout == "before\n" and got.stderr == "wrong\n"
    assert "before" in output(client, process_id, tail=1).stdout
    assert "before" in output(client, process_id, cursor="0-0", grep="bef").stdout


def test_a_true_outcome_is_kept(start_stdio):
    client = start_stdio(*NAMED)
    cases = [("exit 3", "exited", 3), ("kill -9 $$", "exited", 137), ("echo x", "exited", 0)]
    ids = [start(client, "sleep 0.3; " + command) for command, _, _ in cases]
    timed = start(client, "sleep 100", timeout_s=0.3)
    for each in [*ids, timed]:
        ended(client, each)
    time.sleep(1)  # the outcome is told before it is on disk
    kill(client)
    client = start_stdio(*NAMED)
    for each, (_, status, code) in zip(ids, cases):
        got = output(client, each, cursor="0-0")
        assert (got.status, got.exit_code) == (status, code), got.text
        assert "Interrupted" not in got.text
    assert output(client, timed).status == "timed_out"


def test_an_orderly_stop_is_told_too(start_stdio):
    client = start_stdio(*NAMED)
    process_id = start(client, "echo before; sleep 100")
    until(client, process_id, "before")
    assert client.terminate() == 0
    got = output(start_stdio(*NAMED), process_id, cursor="0-0")
    assert got.status == "killed" and "Interrupted by restart" in got.text
    assert got.stdout == "before\n"


def test_long_output_is_read_in_pages_after_a_restart(start_stdio):
    client = start_stdio(*NAMED)
    first = run(client, "seq 1 200000")
    assert first.hole_cursor
    kill(client)
    client = start_stdio(*NAMED)
    got, cursor = "", "0-0"
    while True:
        page = output(client, first.process_id, cursor=cursor, max_bytes=48000)
        if not page.stdout:
            break
        got, cursor = got + page.stdout, page.cursor
        if got.endswith("200000\n"):
            break
    assert got == "".join(f"{i}\n" for i in range(1, 200001))


def test_a_foreground_command_writes_nothing(start_stdio, state_dir):
    client = start_stdio()
    for _ in range(3):
        run(client, "echo hi")
    run(client, "seq 1 3000")
    assert not jobs(state_dir)


def test_kept_processes_hold_no_descriptor(start_stdio):
    client = start_stdio()
    run(client, "true")
    before = len(processes.descriptors(client.pid))
    for _ in range(40):
        assert run(client, "head -c 300000 /dev/zero | tr '\\0' x").process_id
    assert len(processes.descriptors(client.pid)) <= before + 4


def test_the_oldest_are_forgotten_with_their_files(start_stdio, state_dir):
    client = start_stdio(*NAMED)
    first = start(client, "sleep 0.2; echo first")
    for _ in range(8):
        ids = [start(client, "sleep 0.2") for _ in range(33)]
        for each in ids:
            ended(client, each)
    assert len(jobs(state_dir)) == 256
    with pytest.raises(ToolError, match="not_found"):
        output(client, first)
    assert not any(each.name == first for each in jobs(state_dir))


def test_what_cannot_be_read_is_put_aside(start_stdio, state_dir):
    client = start_stdio(*NAMED)
    ids = [start(client, f"sleep 0.2; echo {i}") for i in range(4)]
    for each in ids:
        ended(client, each)
    kill(client)
    where = {each.name: each for each in jobs(state_dir)}
    (where[ids[0]] / "meta.json").write_text("{")
    (where[ids[1]] / "meta.json").write_text(json.dumps({"schema": 99}))
    (where[ids[2]] / "out").write_bytes(b"x" * 200)
    client = start_stdio(*NAMED)
    for each in ids[:3]:
        with pytest.raises(ToolError, match="not_found"):
            output(client, each)
        assert (state_dir / "v1/quarantine" / each).is_dir()
    assert output(client, ids[3], cursor="0-0").stdout == "3\n"


def test_what_nobody_knew_is_removed(start_stdio, state_dir):
    client = start_stdio(*NAMED)
    client.send(protocol.request(1, "tools/call", {
        "name": "terminal_execute",
        "arguments": {"command": "head -c 300000 /dev/zero; sleep 100", "yield_s": 50}}))
    end = time.monotonic() + 20
    while not jobs(state_dir):
        assert time.monotonic() < end
        time.sleep(0.02)
    kill(client)
    client = start_stdio(*NAMED)
    run(client, "true")
    assert not jobs(state_dir)


def test_it_is_outside_of_what_the_sandbox_can_reach(start_stdio, state_dir):
    client = start_stdio(*NAMED)
    process_id = start(client, "echo secret-of-another; sleep 100")
    until(client, process_id, "secret")
    found = run(client, f"find / -name '{process_id}*' 2>/dev/null; ls -la {state_dir}")
    assert process_id not in found.stdout and found.exit_code
    job, = jobs(state_dir)
    assert job.parent.stat().st_mode & 0o777 == 0o700
    assert (job / "out").stat().st_mode & 0o777 == 0o600


def test_nobody_else_reads_it(start_server, start_stdio):
    client = start_stdio()
    process_id = start(client, "echo secret; sleep 100")
    until(client, process_id, "secret")
    other = start_server()
    with pytest.raises(ToolError, match="not_found"):
        output(other, process_id)
    named = start_stdio("--sandbox", "elsewhere")
    with pytest.raises(ToolError, match="not_found"):
        output(named, process_id)


def test_another_server_of_the_same_user_sees_it_run(start_stdio):
    first, second = start_stdio(), start_stdio()
    process_id = start(first, "echo one; sleep 100")
    until(first, process_id, "one")
    got = output(second, process_id, cursor="0-0")
    assert got.status == "running" and got.stdout == "one\n"
    assert "Another server runs this process" in got.text
    kill(first)
    got = output(second, process_id, cursor="0-0")
    assert got.status == "killed" and "Interrupted by restart" in got.text


def test_killed_anywhere_it_starts_again_and_says_what_it_knows(start_stdio, state_dir):
    """The server is killed at a random moment of starting, writing and ending processes."""
    chance = random.Random(7)
    known = []
    for _ in range(12):
        client = start_stdio(*NAMED)
        run(client, "true")
        end = time.monotonic() + chance.uniform(0.0, 0.4)
        while time.monotonic() < end:
            known.append(start(client, chance.choice([
                "sleep 0.01; seq 1 20", "seq 1 100000; sleep 0.01", "echo a; sleep 0.3; exit 5",
                "yes | head -c 3000000; sleep 0.01"])))
        kill(client)
        client = start_stdio(*NAMED)
        for each in filter(None, known[-20:]):
            got = output(client, each, cursor="0-0")
            assert got.status in ("exited", "killed"), got.text
            assert got.status == "exited" or "Interrupted by restart" in got.text
        assert client.close() == 0
    assert not (state_dir / "v1/quarantine").exists()


# ---- tasks ----


def test_a_killed_servers_task_says_what_was_there(start_stdio):
    client = start_stdio()
    task = tasks.begin(client, "echo before; sleep 100; echo after")
    tasks.until(client, task, lambda got: "before" in got.get("statusMessage", ""))
    kill(client)
    client = start_stdio()
    over = tasks.get(client, task)
    assert over["status"] == "completed" and over["result"]["isError"]
    text = protocol.text(over["result"])
    assert "before" in text and "interrupted by restart" in text and "after" not in text
    assert output(client, tasks.process_id(task), cursor="0-0").stdout == "before\n"
    assert tasks.get(client, task)["result"] == over["result"]


@pytest.mark.parametrize("end", ["close", "terminate"])
def test_an_ended_servers_task_says_what_was_there(start_stdio, end):
    client = start_stdio()
    task = tasks.begin(client, "echo before; sleep 100; echo after")
    tasks.until(client, task, lambda got: "before" in got.get("statusMessage", ""))
    assert getattr(client, end)() == 0
    over = tasks.get(start_stdio(), task)
    assert over["status"] == "completed" and over["result"]["isError"]
    text = protocol.text(over["result"])
    assert "before" in text and "interrupted by restart" in text and "after" not in text


def test_a_task_gives_the_whole_result(start_stdio):
    client = start_stdio()
    task = tasks.begin(client, "echo one; sleep 1; echo two; echo three >&2; exit 4")
    process_id = tasks.process_id(task)
    assert output(client, process_id, cursor="0-0").status == "running"
    over = tasks.wait(client, task)
    text = protocol.text(over["result"])
    assert text.startswith("exit 4") and "one\ntwo\n" in text and "three\n" in text
    assert output(client, process_id, cursor="0-0").exit_code == 4


def test_a_cell_becomes_a_task(start_stdio):
    client = start_stdio()
    task = tasks.begin(client, "import time\nprint('one', flush=True)\ntime.sleep(1)\n6 * 7",
                       tool="code_execute")
    text = protocol.text(tasks.wait(client, task)["result"])
    assert "one\n" in text and "42" in text
    result = tasks.call(client, "code_execute", code="time.time() > 0")
    assert "True" in protocol.text(result)


def test_a_bash_cell_becomes_a_task(start_stdio):
    client = start_stdio()
    task = tasks.begin(client, "echo one; sleep 1; echo two", tool="code_execute", language="bash")
    assert "one\ntwo\n" in protocol.text(tasks.wait(client, task)["result"])


@pytest.mark.parametrize("command", ["sleep 100", "trap '' TERM; while :; do sleep 1; done"])
def test_cancel_kills_the_process(start_stdio, command):
    client = start_stdio()
    task = tasks.begin(client, f"echo $$; {command}")
    tasks.cancel(client, task)
    assert tasks.wait(client, task, 10)["status"] == "cancelled"
    end = time.monotonic() + 10
    while output(client, tasks.process_id(task)).status == "running":
        assert time.monotonic() < end
    assert "sleep" not in run(client, "ps -eo args | grep '[s]leep'; true").stdout


def test_cancel_interrupts_a_cell(start_stdio):
    client = start_stdio()
    run(client, "true")
    assert "42" in protocol.text(tasks.call(client, "code_execute", code="x = 42\nx"))
    task = tasks.begin(client, "import time\ntime.sleep(100)", tool="code_execute")
    tasks.cancel(client, task)
    assert tasks.wait(client, task, 10)["status"] == "cancelled"
    assert "42" in protocol.text(tasks.call(client, "code_execute", code="x"))


def test_terminal_kill_ends_a_task_with_its_result(start_stdio):
    client = start_stdio()
    task = tasks.begin(client, "echo one; sleep 100")
    client.call("terminal_kill", id=tasks.process_id(task))
    over = tasks.wait(client, task)
    assert over["status"] == "completed"
    assert "one\n" in protocol.text(over["result"])
    assert protocol.text(over["result"]).startswith("killed")


def test_a_timeout_ends_a_task_with_its_result(start_stdio):
    client = start_stdio()
    task = tasks.begin(client, "echo one; sleep 100", timeout_s=1)
    over = tasks.wait(client, task)
    assert over["status"] == "completed"
    assert re.match(r"timed[ _]out", protocol.text(over["result"]))


def test_a_sessions_command_becomes_a_task(start_stdio):
    client = start_stdio()
    task = tasks.begin(client, "x=5; sleep 1; echo done", session_id="s")
    assert "done\n" in protocol.text(tasks.wait(client, task)["result"])
    assert run(client, "echo $x", session_id="s").stdout == "5\n"
