"""A working session through the Python SDK: programs, edits, shells, what stays and what goes."""

import hashlib
import os
import re
import time

import pytest

from conform.checks import running
from conform.clients import wait_until
from conform.session import field, section, walk

PROGRAM = """\
import sys

def greet(name):
    return "Hello, " + name

for name in sys.argv[1:]:
    print(greet(name))
"""


@pytest.fixture(params=["stdio", "http"])
def client(request, connect):
    return connect("python", request.param)


def run(client, command, **more):
    """Standard output of a command."""
    return section(client.text("terminal_execute", command=command, **more), "stdout")


def unique():
    return f"3602.{time.time_ns() % 10**9:09}"


def test_a_programmer_at_work(client):
    client.text("file_write", path="src/hello.py", content=PROGRAM)
    said = client.text("terminal_execute", command="python3 src/hello.py Ann Bob")
    assert said.startswith("exit 0 ") and section(said, "stdout") == "Hello, Ann\nHello, Bob\n"
    assert "def greet" in client.text("file_read", path="src/hello.py", offset=3, limit=2)
    assert "src/hello.py:3:5: " in client.text("file_search", pattern=r"greet\(name\):")
    assert "src/hello.py" in client.text("file_search", pattern="**/*.py", mode="name")
    said = client.text("file_replace", path="src/hello.py", edits=[
        {"old": '"Hello, " + name', "new": 'f"Good morning, {name}!"'},
        {"old": r"print\((.*)\)", "new": "print($1.upper())", "regex": True}])
    assert '-    return "Hello, " + name' in said and "+    return f" in said
    assert "groups are $1" in client.error("file_replace", path="src/hello.py", edits=[
        {"old": "(Good)", "new": r"\1", "regex": True}])
    assert run(client, "python3 src/hello.py Ann") == "GOOD MORNING, ANN!\n"
    said = client.error("file_replace", path="src/hello.py", edits=[
        {"old": "def greet(names):", "new": ""}])
    assert "def greet(name):" in said
    assert run(client, "cat src/hello.py | grep -c name | tr -d '\\n'; echo :") == "4:\n"
    assert "exit 1 " in client.text("terminal_execute", command="python3 -c 'raise SystemExit(1)'")
    said = client.text("terminal_execute", command="python3 -c 'import nothing'")
    assert "ModuleNotFoundError" in section(said, "stderr")


def test_pipelines_input_environment_and_folders(client):
    assert run(client, "seq 100 | sort -rn | head -n 3 | paste -sd,") == "100,99,98\n"
    assert run(client, "wc -c", stdin="x" * 100_000) == "100000\n"
    assert run(client, "cat") == ""
    assert run(client, 'echo "$A-$B"', env={"A": "1", "B": "two words"}) == "1-two words\n"
    assert run(client, "pwd; mkdir -p sub/dir") == "/workspace\n"
    assert run(client, "pwd", cwd="sub/dir") == "/workspace/sub/dir\n"
    assert run(client, "false | true; echo ${PIPESTATUS[0]}") == "1\n"
    assert client.error("terminal_execute", command="pwd", cwd="none").startswith("not_found: ")


def test_a_shell_session_keeps_its_state(client):
    def shell(command, session="main", **more):
        return run(client, command, session_id=session, **more)

    shell("mkdir -p deep && cd deep && export COLOUR=green && f() { echo f:$1; }")
    assert shell("pwd; echo $COLOUR; f 1") == "/workspace/deep\ngreen\nf:1\n"
    assert shell("pwd; echo ${COLOUR:-none}", "other") == "/workspace\nnone\n"
    shell("sleep 300 & echo $! >pid")
    assert shell("jobs -r | wc -l") == "1\n"
    assert "unexpected EOF" in client.text(
        "terminal_execute", command="echo 'unbalanced", session_id="main")
    assert shell("pwd") == "/workspace/deep\n"
    assert shell("exec 1>&-; cd /tmp") == "" and shell("pwd") == "/tmp\n"
    said = client.text("terminal_execute", command="exit 7", session_id="main")
    assert said.startswith("exit 7 ")
    assert shell("echo ${COLOUR:-lost}") == "lost\n"
    killed = client.call("terminal_kill", id="main")["structuredContent"]
    assert killed["killed"]
    assert "alive" in run(client, "echo alive", session_id="main")


def test_in_the_background(client):
    result = client.call("terminal_execute", yield_s=0,
                         command="for i in 1 2 3; do echo line $i; sleep 0.4; done; exit 5")
    process_id = field(result, "process_id")
    assert field(result, "status") == "running"
    assert process_id in result["content"][0]["text"]
    said = section(result["content"][0]["text"], "stdout")
    while field(result, "status") == "running":
        result = client.call("terminal_output", process_id=process_id, wait_s=5,
                             cursor=field(result, "cursor"))
        said += section(result["content"][0]["text"], "stdout")
    assert said == "line 1\nline 2\nline 3\n" and field(result, "exit_code") == 5
    assert section(client.text("terminal_output", process_id=process_id, tail=1), "stdout") == \
        "line 3\n"
    assert section(client.text("terminal_output", process_id=process_id, cursor="0-0",
                               grep="[13]$"), "stdout") == "line 1\nline 3\n"


def test_what_yields_goes_on(client):
    start = time.monotonic()
    result = client.call("terminal_execute", command="echo early; sleep 2; echo late", yield_s=0.5)
    assert time.monotonic() - start < 1.5 and field(result, "status") == "running"
    assert section(result["content"][0]["text"], "stdout") == "early\n"
    process_id = field(result, "process_id")
    # without a cursor: from where this caller's last read ended
    said = wait_until(lambda: section(client.text(
        "terminal_output", process_id=process_id, wait_s=5), "stdout"))
    assert said == "late\n"


def test_killing(client):
    seconds = unique()
    result = client.call("terminal_execute", yield_s=0, command=(
        f"trap 'echo bye; exit 9' TERM; (setsid sleep {seconds} &); sleep {seconds} & wait"))
    wait_until(lambda: len(running("sleep", seconds)) == 2, what="two sleeps")
    killed = client.call("terminal_kill", id=field(result, "process_id"))["structuredContent"]
    assert killed["status"] in ("killed", "exited")
    wait_until(lambda: not running("sleep", seconds), what="no sleep left")
    said = client.text("terminal_output", process_id=field(result, "process_id"), cursor="0-0")
    assert "bye" in said
    result = client.call("terminal_execute", yield_s=0, command=(
        f"trap '' TERM INT HUP; echo ready; while :; do sleep {seconds}; done"))
    wait_until(lambda: running("sleep", seconds), what="a sleep")
    start = time.monotonic()
    client.call("terminal_kill", id=field(result, "process_id"), grace_s=0.5)
    assert time.monotonic() - start < 5
    wait_until(lambda: not running("sleep", seconds), what="no sleep left")
    pid = run(client, f"sleep {seconds} >/dev/null 2>&1 & echo $!").strip()
    client.call("terminal_kill", id=pid, signal="KILL")
    wait_until(lambda: not running("sleep", seconds), what="no sleep left")


def test_ten_megabytes_come_through_whole(client):
    command = ("python3 -c \"import random; random.seed(5); "
               "[print('%060x' % random.getrandbits(240)) for _ in range(165000)]\" "
               "| tee out | sha256sum >sum; cat out; wc -c <out >&2")
    result = client.call("terminal_execute", command=command, timeout_s=60)
    text = result["content"][0]["text"]
    assert section(text, "stderr") == "10065000\n"
    data = walk(client, text, field(result, "process_id"))
    assert len(data) == 10065000
    assert hashlib.sha256(data).hexdigest() == run(client, "cat sum").split()[0]


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_files_stay_between_runs_of_the_server(connect, transport):
    first = connect("python", transport, "--sandbox", "project")
    first.call("file_write", path="kept.txt", content="kept\n")
    run(first, "mkdir -p ~/.config && echo mine >~/.config/x; sleep 400 & echo")
    other = connect("python", transport, "--sandbox", "elsewhere")
    assert other.error("file_read", path="kept.txt").startswith("not_found: ")
    first.close()
    if transport == "http":
        first.http.close()
    again = connect("python", transport, "--sandbox", "project")
    assert run(again, "cat kept.txt ~/.config/x; pgrep -c sleep") == "kept\nmine\n0\n"


def test_two_servers_do_not_share_a_sandbox(connect):
    first = connect("python", "stdio", "--sandbox", "project")
    run(first, "echo 1 >x")
    second = connect("python", "stdio", "--sandbox", "project")
    said = second.error("terminal_execute", command="true")
    assert said.startswith(("busy: ", "conflict: ")) and "project" in said
    assert run(first, "cat x") == "1\n"


@pytest.fixture
def owned(tmp_path_factory):
    """A directory of an ordinary user, also when the tests run as root."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "notes.txt").write_text("from outside\n")
    uid = os.getuid() or 12345
    for path in (folder, folder / "notes.txt"):
        os.chown(path, uid, uid if not os.getuid() else -1)
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o11)
    return folder, uid


def test_a_workspace_of_your_own(connect, owned):
    folder, uid = owned
    client = connect("python", "stdio", "--workspace", folder)
    assert run(client, "cat notes.txt; id -u") == "from outside\n1000\n"
    client.text("file_write", path="made.txt", content="by a tool\n")
    run(client, "echo by a command >made2.txt; mkdir d; chmod 750 d")
    for name in ("made.txt", "made2.txt", "d"):
        assert (folder / name).stat().st_uid == uid, name
    assert (folder / "made.txt").read_text() == "by a tool\n"
    (folder / "later.txt").write_text("written meanwhile\n")
    assert "written meanwhile" in client.text("file_read", path="later.txt")
    # clients pass paths of the host
    assert "written meanwhile" in client.text("file_read", path=str(folder / "later.txt"))
    assert run(client, f"cat {folder}/notes.txt") == "from outside\n"


def test_a_workspace_to_read(connect, owned):
    folder, _ = owned
    client = connect("python", "stdio", "--workspace", f"{folder}:ro")
    assert run(client, "cat notes.txt") == "from outside\n"
    assert client.error("file_write", path="x", content="x").startswith("denied: ")
    assert "Read-only" in client.text("terminal_execute", command="echo x >x")
    assert sorted(p.name for p in folder.iterdir()) == ["notes.txt"]


def test_the_sandbox_says_what_is_in_force(client):
    info = client.call("sandbox_info", include=["policy"])["structuredContent"]
    said = "\n".join(info["isolation"])
    assert re.search(r"namespaces: user, mnt, pid, net, ipc, uts", said), said
    assert "seccomp" in said and "no_new_privs: 1" in said
    assert re.search(r"effective 0+\b", said), said
    assert info["facts"]["versions.python"].startswith("3.")
    assert info["facts"]["limits.interpreters"] == "8"
    assert not [line for line in info["degraded"] if "root" in line], info["degraded"]
