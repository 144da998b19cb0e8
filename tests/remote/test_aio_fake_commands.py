"""The AIO Sandbox fake's two command engines: /v1/bash and /v1/shell."""

import os
import time
import uuid

import pytest

from remote.aio_fake import start_fake

EXEC = "/v1/bash/exec"
OUTPUT = "/v1/bash/output"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with start_fake(tmp_path_factory.mktemp("aio")) as fake:
        yield fake


@pytest.fixture
def fake(shared):
    """One service for the module; each test starts without rules and records."""
    for what in ("faults", "violations", "requests"):
        shared.clear(what)
    shared.configure(error_shape="detail", strict=True)
    return shared


@pytest.fixture(params=[True, False], ids=["namespace", "translated"])
def either(request, tmp_path):
    with start_fake(tmp_path, namespace=request.param) as fake:
        yield fake


def new_id():
    return uuid.uuid4().hex


def running_with(mark):
    """Pids of processes whose command line has the mark."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if entry.isdigit() and mark.encode() in file.read():
                    found.append(int(entry))
        except OSError:
            continue
    return found


def eventually(check, seconds=5):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.02)
    return False


# Files and commands see the same tree.

def test_commands_and_files_agree(either):
    either.call("/v1/file/write", file="/home/gem/a/b.txt", content="hi\n")
    done = either.call(EXEC, command="cat a/b.txt; echo new > a/c.txt; echo e >&2; exit 3")
    assert (done["status"], done["exit_code"]) == ("completed", 3)
    assert (done["stdout"], done["stderr"]) == ("hi\n", "e\n")
    assert either.call("/v1/file/read", file="/home/gem/a/c.txt")["content"] == "new\n"
    with open(either.path("a", "c.txt"), encoding="utf-8") as file:
        assert file.read() == "new\n"


def test_paths_in_commands_are_the_presented_ones(fake):
    if not fake.json("GET", "/_fake/config")[1]["namespace"]:
        pytest.skip("bubblewrap does not work here: paths are translated")
    done = fake.call(EXEC, command="pwd; echo $HOME; id -u; cd /home/gem && pwd")
    assert done["stdout"].split() == ["/home/gem", "/home/gem", "1000", "/home/gem"]


def test_nothing_outlives_the_service(tmp_path):
    for namespace in (True, False):
        mark = f"33{uuid.uuid4().int % 10**8}"
        with start_fake(tmp_path, namespace=namespace) as fake:
            fake.call(EXEC, command=f"setsid sleep {mark} & sleep {mark}", async_mode=True)
            fake.call("/v1/shell/exec", id="s", command=f"sleep {mark}", async_mode=True)
            assert eventually(lambda mark=mark: len(running_with(mark)) >= 3)
        assert eventually(lambda mark=mark: running_with(mark) == [])


# /v1/bash

def test_output_replays_the_stream_of_the_session(fake):
    session = new_id()
    fake.call(EXEC, session_id=session, command="printf first")
    second = fake.call(EXEC, session_id=session, command="printf second; printf err >&2")
    assert (second["stdout"], second["offset"], second["stderr_offset"]) == ("second", 11, 3)
    replay = fake.call(OUTPUT, session_id=session, command_id=second["command_id"])
    assert (replay["stdout"], replay["stderr"], replay["offset"]) == ("firstsecond", "err", 11)
    assert replay["command"]["exit_code"] == 0
    rest = fake.call(OUTPUT, session_id=session, offset=8, stderr_offset=3)
    assert (rest["stdout"], rest["stderr"]) == ("ond", "")


def test_polling_gives_every_byte_once(fake):
    command = "for i in $(seq 40); do printf 'zeile %d äöü€😀\\n' $i; sleep 0.01; done"
    done = fake.call(EXEC, command=command, async_mode=True)
    assert (done["status"], done["stdout"], done["exit_code"]) == ("running", None, None)
    text, at = "", done["offset"]
    while True:
        part = fake.call(OUTPUT, session_id=done["session_id"], offset=at, wait=True)
        text, at = text + part["stdout"], part["offset"]
        if part["command"]["status"] != "running":
            break
    assert text == "".join(f"zeile {i} äöü€😀\n" for i in range(1, 41))
    assert at == len(text.encode())


def test_wait_ends_at_its_timeout(fake):
    done = fake.call(EXEC, command="sleep 30", timeout=0.1)
    assert done["status"] == "running"
    started = time.monotonic()
    part = fake.call(OUTPUT, session_id=done["session_id"], wait=True, wait_timeout=0.3)
    assert 0.25 < time.monotonic() - started < 5 and part["command"]["status"] == "running"
    fake.call("/v1/bash/kill", session_id=done["session_id"], signal="SIGKILL")
    part = fake.call(OUTPUT, session_id=done["session_id"], wait=True)
    assert (part["command"]["status"], part["command"]["exit_code"]) == ("killed", -9)


def test_hard_timeout_takes_the_whole_group(fake):
    mark = f"44{uuid.uuid4().int % 10**8}"
    done = fake.call(EXEC, command=f"echo out; sleep {mark} & sleep {mark}", hard_timeout=0.3)
    assert (done["status"], done["exit_code"], done["stdout"]) == ("timed_out", -1, "out\n")
    assert eventually(lambda: running_with(mark) == [])


def test_environment_is_for_one_command(fake):
    session = new_id()
    first = fake.call(EXEC, session_id=session, command="cd /tmp; export B=2; echo $A",
                      env={"A": "ä b"}, exec_dir="/home/gem")
    second = fake.call(EXEC, session_id=session, command="echo [$A$B]; pwd")
    assert (first["stdout"], second["stdout"]) == ("ä b\n", "[]\n/home/gem\n")


def test_exec_dir_stays(fake):
    session = new_id()
    fake.call(EXEC, session_id=session, command="true", exec_dir="/tmp")
    assert fake.call(EXEC, session_id=session, command="pwd")["stdout"] == "/tmp\n"
    status, reply = fake.json("POST", EXEC, {"command": "true", "exec_dir": "/none"})
    assert status == 200 and reply["success"] is False


def test_snapshot_is_sourced(fake):
    fake.call("/v1/file/write", file="/home/gem/snap.sh", content="export SNAP=taken\n")
    session = new_id()
    fake.call("/v1/bash/sessions/create", session_id=session, snapshot_path="/home/gem/snap.sh")
    assert fake.call(EXEC, session_id=session, command="echo $SNAP")["stdout"] == "taken\n"


def test_input_reaches_the_command_and_never_ends(fake):
    done = fake.call(EXEC, command="read a; echo got:$a; cat", async_mode=True)
    session = done["session_id"]
    fake.call("/v1/bash/write", session_id=session, input="one\ntwo\n")
    assert eventually(lambda: fake.call(OUTPUT, session_id=session)["stdout"] == "got:one\ntwo\n")
    assert fake.call(OUTPUT, session_id=session)["command"]["status"] == "running"
    fake.call("/v1/bash/kill", session_id=session)
    last = fake.call(OUTPUT, session_id=session, offset=12, wait=True)
    assert last["command"]["status"] == "killed"


def test_long_output_keeps_head_and_tail(fake):
    command = "seq 1 20000"
    done = fake.call(EXEC, command=command)
    assert done["stdout"].startswith("1\n2\n") and done["stdout"].endswith("19999\n20000\n")
    assert 50000 <= len(done["stdout"]) < 50100 and "truncated" in done["stdout"]
    whole = "".join(f"{i}\n" for i in range(1, 20001))
    assert done["offset"] == len(whole)
    assert fake.call(OUTPUT, session_id=done["session_id"])["stdout"] == whole
    assert fake.call(EXEC, command=command, max_output_length=0)["stdout"] == whole


def test_background_child_does_not_hold_the_answer(fake):
    started = time.monotonic()
    done = fake.call(EXEC, command="(sleep 2; echo late) & echo now")
    assert time.monotonic() - started < 1.5 and done["stdout"] == "now\n"
    assert eventually(
        lambda: fake.call(OUTPUT, session_id=done["session_id"])["stdout"] == "now\nlate\n")


@pytest.mark.parametrize("shape", ["detail", "envelope"])
def test_closed_session_is_not_found(fake, shape):
    fake.configure(error_shape=shape)
    session, mark = new_id(), f"55{uuid.uuid4().int % 10**8}"
    fake.call(EXEC, session_id=session, command=f"sleep {mark}", async_mode=True)
    fake.call(f"/v1/bash/sessions/{session}/close")
    assert eventually(lambda: running_with(mark) == [])
    status, reply = fake.json("POST", OUTPUT, {"session_id": session})
    wanted = f"Session {session} not found"
    assert status == 404
    assert reply == {"detail": wanted} if shape == "detail" else reply["message"] == wanted


def test_sessions_end_by_age_and_number(tmp_path):
    with start_fake(tmp_path, bash_session_timeout=1, max_bash_sessions=2) as fake:
        for name in ("a", "b", "c"):
            fake.call(EXEC, session_id=name, command="sleep 50", async_mode=True)
        names = {s["session_id"] for s in fake.json("GET", "/v1/bash/sessions")[1]["data"]}
        assert names == {"b", "c"}
        time.sleep(0.6)
        fake.call(OUTPUT, session_id="b")
        assert eventually(lambda: fake.json("GET", "/v1/bash/sessions")[1]["data"] == [], 2)


# /v1/shell

def test_terminal_keeps_state_and_merges(fake):
    name = new_id()
    fake.call("/v1/shell/exec", id=name, command="cd /tmp; export A=5; f() { echo f:$1; }")
    done = fake.call("/v1/shell/exec", id=name, command="pwd; echo $A >&2; f 'a b'; false")
    assert (done["output"], done["exit_code"]) == ("/tmp\n5\nf:a b", 1)
    done = fake.call("/v1/shell/exec", id=name, command="cat <<'X'\nit's $A\nX\necho '\\'")
    assert done["output"] == "it's $A\n\\"


def test_terminal_timeouts(fake):
    name = new_id()
    done = fake.call("/v1/shell/exec", id=name, command="echo a; sleep 40", timeout=0.3)
    assert (done["status"], done["output"]) == ("running", None)
    assert fake.call("/v1/shell/view", id=name)["output"].endswith("echo a; sleep 40\na")
    status, reply = fake.json("POST", "/v1/shell/exec", {"id": name, "command": "true"})
    assert status == 200 and reply["success"] is False
    assert fake.call("/v1/shell/kill", id=name)["status"] == "terminated"
    assert fake.call("/v1/shell/wait", id=name)["status"] == "terminated"
    done = fake.call("/v1/shell/exec", id=name, command="while :; do :; done", hard_timeout=0.3)
    assert done["status"] == "hard_timeout"
    done = fake.call("/v1/shell/exec", id=name, command="echo q; sleep 40", no_change_timeout=1)
    assert (done["status"], done["output"]) == ("no_change_timeout", "q")
    fake.call("/v1/shell/kill", id=name)
    assert fake.call("/v1/shell/exec", id=name, command="echo on")["output"] == "on"


def test_terminal_input_and_exit(fake):
    name = new_id()
    fake.call("/v1/shell/exec", id=name, command="read x; echo got $x; tty", async_mode=True)
    time.sleep(0.2)
    fake.call("/v1/shell/write", id=name, input="abc", press_enter=True)
    assert fake.call("/v1/shell/wait", id=name, seconds=5)["status"] == "completed"
    assert "got abc\n/dev/pts/" in fake.call("/v1/shell/view", id=name)["output"]
    done = fake.call("/v1/shell/exec", id=name, command="exit 7")
    assert (done["status"], done["exit_code"]) == ("terminated", 7)
    assert fake.call("/v1/shell/exec", id=name, command="echo again")["output"] == "again"
    assert fake.request("DELETE", f"/v1/shell/sessions/{name}")[0] == 200
    assert fake.json("POST", "/v1/shell/view", {"id": name})[0] == 404


def test_terminal_working_directory(fake):
    there = {"command": "pwd", "exec_dir": "/none"}
    assert fake.call("/v1/shell/exec", **there)["output"] == "/home/gem"
    assert fake.json("POST", "/v1/shell/exec", {**there, "strict": True})[1]["success"] is False
    first = fake.call("/v1/shell/sessions/create", id="same", exec_dir="/tmp")
    again = fake.call("/v1/shell/sessions/create", id="same", exec_dir="/")
    assert first == again == {"session_id": "same", "working_dir": "/tmp"}
