"""An idle sandbox: its processes are ended, its files stay, and what ran says so."""

import subprocess
import time

import pytest

from lib import processes, tasks
from local.terminal import output, run

IDLE = ("--idle-stop", "2")


def inside(client, word):
    """Processes below the server whose command line holds the word."""
    found = processes.descendants(client.pid)
    return [each for each in found if word in processes.describe(each[0])]


def await_gone(client, word, seconds=20):
    end = time.monotonic() + seconds
    while inside(client, word):
        assert time.monotonic() < end, "it was not stopped"
        time.sleep(0.1)


def test_processes_end_files_stay_and_jobs_read_interrupted(start_stdio):
    client = start_stdio(*IDLE)
    run(client, "echo work >file; echo tmp >/tmp/file")
    run(client, "x=1", session_id="s")
    process_id = run(client, "echo before; sleep 1234", yield_s=0).process_id
    assert inside(client, "sleep 1234")
    await_gone(client, "sleep 1234")
    got = output(client, process_id, cursor="0-0")
    assert got.status == "killed" and got.stdout == "before\n"
    assert "Interrupted: the sandbox was stopped (it was idle for 2 seconds)" in got.text
    got = run(client, "cat file; ls /tmp")
    assert got.stdout == "work\n"
    assert "started again" in got.text
    assert run(client, "echo x=$x", session_id="s").stdout == "x=\n"


def test_a_cell_that_was_left_reads_interrupted(start_stdio):
    client = start_stdio(*IDLE)
    result = client.call("code_execute", code="print('before', flush=True)\n"
                         "import time; time.sleep(1234)", yield_s=0.5)
    process_id = result["_meta"]["sandbox-mcp/process_id"]
    end = time.monotonic() + 20
    while processes.descendants(client.pid):
        assert time.monotonic() < end
        time.sleep(0.1)
    got = output(client, process_id, cursor="0-0")
    assert got.status == "killed" and got.stdout == "before\n" and "Interrupted" in got.text


def test_what_is_used_is_not_stopped(start_stdio):
    client = start_stdio(*IDLE)
    process_id = run(client, "sleep 1234", yield_s=0).process_id
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert run(client, "true").exit_code == 0
        time.sleep(0.5)
    assert output(client, process_id).status == "running"


def test_a_call_and_a_task_keep_it_awake(start_stdio):
    client = start_stdio(*IDLE)
    assert run(client, "sleep 4; echo over", yield_s=10).stdout == "over\n"
    task = tasks.begin(client, "sleep 5; echo over")
    assert "over" in tasks.wait(client, task)["result"]["content"][0]["text"]


def test_the_time_is_told(start_stdio):
    client = start_stdio(*IDLE)
    info = client.call("sandbox_info")["structuredContent"]
    assert info["idle_timeout_s"] == 2
    assert "(2 seconds idle)" in client.result("server/discover")["instructions"]
    assert "(30 minutes idle)" in start_stdio().result("server/discover")["instructions"]


@pytest.mark.parametrize("bad", ["0", "-1", "x", "604801", ""])
def test_a_bad_time_is_refused(binary, bad):
    done = subprocess.run([binary, "--idle-stop", bad], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "--idle-stop" in done.stderr
