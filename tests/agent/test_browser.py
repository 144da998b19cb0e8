"""WIRE_BROWSER, with programs that are none: what they get, and how they end."""

import json
import os
import random
import re
import shutil
import signal
import socket
import time

import pytest

from agent.harness import (ARGS_MAX, BROWSER, ERROR, EXIT, F_BARE, GONE, INVALID, QUOTA, SIGNAL,
                           START, STARTED, TAIL, UNSUPPORTED)
from lib import processes

PYTHON = os.path.realpath(shutil.which("python3", path="/usr/bin:/bin"))

LOOK = """
import json, os, sys
fds = {}
for n in range(64):
    try: fds[n] = os.readlink(f"/proc/self/fd/{n}").split(":")[0]
    except OSError: pass
own = [a.split("=", 1)[1] for a in sys.argv if a.startswith("--user-data-dir=")][0]
os.write(4, json.dumps({
    "env": dict(os.environ), "fds": fds, "args": sys.argv[1:], "cwd": os.getcwd(),
    "told": os.read(3, 100).decode(), "sid": os.getsid(0) == os.getpid(), "made": os.path.isdir(own),
    "mode": [os.stat(p).st_mode & 0o777 for p in (own, os.path.dirname(own), os.environ["TMPDIR"])],
    "status": open("/proc/self/status").read(), "blocked": sorted(os.sched_getaffinity(0)) == [],
}).encode())
"""


class Running:
    """A browser that was asked for: its channel and our ends of its pipes."""

    def __init__(self, agent, *args, program=PYTHON, tags=None, raw=None):
        self.agent = agent
        self.to, commands = agent.pipe_in()
        self.answers, answers = agent.pipe()
        if tags is None:
            tags = {"PATH": program, "ARGS": b"".join(a.encode() + b"\0" for a in args)}
        if agent.host:
            tags = tags | {"HOME": str(agent.dir)}
        self.channel = agent.open(BROWSER, None if raw else tags, [commands, answers])
        if raw:
            self.channel.send_raw(raw)
        os.close(commands)
        os.close(answers)

    def read(self):
        data = b""
        while block := os.read(self.answers, 65536):
            data += block
        return data

    def close(self):
        self.channel.close()
        for fd in (self.to, self.answers):
            os.close(fd)


@pytest.fixture
def agent(start):
    return start(browser=True)


@pytest.fixture
def boxed(start_boxed):
    return start_boxed(browser=True)


@pytest.fixture
def run(agent):
    """run(*ARGS): the program with these arguments."""
    yield from running(agent)


@pytest.fixture
def run_boxed(boxed):
    yield from running(boxed)


def running(agent):
    every = []

    def one(*args, **more):
        every.append(Running(agent, *args, **more))
        return every[-1]

    yield one
    for each in every:
        each.close()


def left_in(agent):
    if agent.host:
        return [name for name in os.listdir(agent.dir) if name != "workspace"]
    return agent.run("ls -A /run/browser").out.decode().split()


def test_what_it_gets(agent, run):
    one = run("-c", LOOK, "x", "")
    started = one.channel.expect(STARTED)
    bare = bool(started.number("FLAGS") & F_BARE)
    assert started.number("PID") > 0 and bare == (agent.host and os.geteuid() == 0)
    os.write(one.to, b"hello")
    got = json.loads(one.read())
    assert got["told"] == "hello" and got["sid"] and got["cwd"] == "/"
    assert got["fds"] == {"0": "/dev/null", "1": "pipe", "2": "pipe", "3": "pipe", "4": "pipe"}
    assert got["args"][:2] == ["x", ""]
    assert got["args"][2].endswith("/profile") and got["made"]
    assert got["args"][3:] == (["--no-sandbox"] if bare else [])
    assert got["mode"] == [0o700] * 3
    env = got["env"]
    env.pop("LC_CTYPE", None)
    assert set(env) == {"PATH", "HOME", "LANG", "USER", "LOGNAME", "DBUS_SESSION_BUS_ADDRESS",
                        "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
                        "XDG_RUNTIME_DIR"}
    assert env["HOME"] == "/nonexistent" and env["PATH"] == "/usr/bin:/bin"
    assert re.search(r"SigBlk:\t0+\n", got["status"])
    if not agent.host:
        assert "\nSeccomp:\t0" in got["status"] and "\nCapEff:\t" + "0" * 16 in got["status"]
    exited = one.channel.expect(EXIT)
    assert exited.number("STATUS") == 0 and exited.text("TEXT") == ""
    one.channel.assert_closed()
    assert left_in(agent) == []


def test_its_last_words(agent, run):
    one = run("-c", "import os, sys\nfor i in range(20000): print('line', i, file=sys.stderr)\n"
                    "print('out'); sys.stdout.flush(); sys.stderr.write('the end'); sys.stderr.flush(); os._exit(3)")
    one.channel.expect(STARTED)
    exited = one.channel.expect(EXIT)
    words = exited.text("TEXT")
    assert os.waitstatus_to_exitcode(exited.number("STATUS")) == 3
    assert len(words) <= TAIL and words.endswith("out\nthe end") and "line 19999" in words


def test_its_end_ends_all_of_it(agent, run):
    one = run("-c", "import os, time\nfor _ in range(3):\n  if not os.fork():\n    os.setsid()\n"
                    "    if os.fork(): os._exit(0)\n    time.sleep(100)\nos._exit(0)")
    one.channel.expect(STARTED)
    below = processes.descendants(agent.pid)
    one.channel.expect(EXIT)
    one.channel.assert_closed()
    assert one.read() == b""
    agent.wait_alone()
    assert left_in(agent) == [] and agent.run("echo on").out == b"on\n"
    assert len(processes.descendants(agent.pid)) < len(below) + 3


def test_closing_the_channel_ends_all_of_it(agent, run):
    before = processes.descendants(agent.pid)
    for how in ("close", "shut down"):
        one = run("-c", "import os, time, signal\nsignal.signal(15, signal.SIG_IGN)\nos.write(4, b'x')"
                        "\nfor _ in range(3): os.fork() or os.setsid()\ntime.sleep(100)")
        one.channel.expect(STARTED)
        assert os.read(one.answers, 1) == b"x"
        grown = processes.descendants(agent.pid) - before
        assert len(grown) >= 2
        if how == "close":
            one.channel.sock.close()
        else:
            one.channel.sock.shutdown(socket.SHUT_WR)
            one.channel.assert_closed()
        assert one.read() == b""
        processes.assert_gone(grown)
        assert left_in(agent) == []


def test_many_leave_nothing(agent, run):
    before = processes.descendants(agent.pid)
    for _ in range(30):
        one = run("-c", "pass")
        one.channel.expect(STARTED)
        one.channel.expect(EXIT)
        one.channel.assert_closed()
    assert left_in(agent) == []
    processes.assert_gone(processes.descendants(agent.pid) - before)


def test_one_that_cannot_be_run(agent, run):
    for program in ("/usr/bin/no-such-browser", "/etc", "/etc/passwd"):
        channel = run(program=program).channel
        frame = channel.expect(ERROR)
        assert frame.number("CODE") == UNSUPPORTED and program in frame.text("TEXT")
        channel.assert_closed()
    assert left_in(agent) == []


BAD = {
    "no program": {"ARGS": b"x\0"},
    "relative": {"PATH": "usr/bin/true"},
    "empty": {"PATH": ""},
    "with a NUL": {"PATH": "/usr/bin/true\0"},
    "long": {"PATH": "/" * 5000},
    "words without an end": {"PATH": "/usr/bin/true", "ARGS": b"x"},
    "too many words": {"PATH": "/usr/bin/true", "ARGS": b"x\0" * (ARGS_MAX + 1)},
    "long words": {"PATH": "/usr/bin/true", "ARGS": b"x" * 9000 + b"\0"},
    "unknown flag": {"PATH": "/usr/bin/true", "FLAGS": 1},
    "short flag": {"PATH": "/usr/bin/true", "FLAGS": b"\1"},
    "another tag": {"PATH": "/usr/bin/true", "COMMAND": "true"},
    "environment": {"PATH": "/usr/bin/true", "ENV": b"LD_PRELOAD=x\0"},
}


@pytest.mark.parametrize("name", BAD)
def test_requests_that_are_none(agent, run, name):
    frame = run(tags=BAD[name]).channel.expect(ERROR)
    assert frame.number("CODE") == INVALID
    assert agent.run("echo on").out == b"on\n"


@pytest.mark.parametrize("home", ["relative", "", "/" * 600])
def test_places_that_are_none(boxed, home):
    channel = boxed.open(BROWSER, {"PATH": PYTHON, "HOME": home}, [0, 1])
    assert channel.expect(ERROR).number("CODE") == INVALID
    channel.close()


def test_noise_instead_of_a_request(start):
    noise = random.Random(9)
    for _ in range(5):
        agent = start(browser=True)
        one = Running(agent, raw=noise.randbytes(noise.randrange(1, 200)))
        assert agent.ended() is not None
        one.close()


@pytest.mark.parametrize("op", [SIGNAL, START])
def test_frames_behind_the_request(start, op):
    agent = start(browser=True)
    one = Running(agent, "-c", "import time; time.sleep(100)")
    one.channel.expect(STARTED)
    one.channel.send(op, {"SIGNAL": 15} if op == SIGNAL else {"PATH": PYTHON})
    assert agent.ended() is not None
    one.close()


@pytest.mark.parametrize("count", [0, 1, 2, 4, 8])
def test_a_wrong_number_of_descriptors_ends_it(start, count):
    agent = start(browser=True)
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
    agent.channel.send(BROWSER, (), [a.fileno() for a, _ in pairs])
    assert agent.ended() is not None
    for a, b in pairs:
        a.close()
        b.close()


def test_it_is_none_of_the_commands(boxed, run_boxed):
    one = run_boxed("-c", "import os, time; os.write(4, b'x'); time.sleep(100)")
    pid = one.channel.expect(STARTED).number("PID")
    os.read(one.answers, 1)
    assert boxed.processes() == []
    count, rss = boxed.facts_now()["browser"].split()
    assert int(count) == 2 and int(rss) > 1000
    assert "the browser" in boxed.kill(pid, signal.SIGKILL).text("TEXT")
    assert "the sandbox itself" in boxed.kill(2, signal.SIGKILL).text("TEXT")
    if int(boxed.facts["landlock"]) >= 6:
        boxed.start("kill -9 -1").channel.receive()
        assert boxed.run("echo on").out == b"on\n"
        assert boxed.facts_now()["browser"].split()[0] == "2"


def test_without_being_told_in_time_there_is_none(start_boxed):
    agent = start_boxed()
    one = Running(agent, "-c", "pass")
    assert one.channel.expect(ERROR).number("CODE") == GONE
    one.close()
    assert "browser" not in agent.facts_now()


def test_when_its_parent_dies_it_goes_too(boxed, run_boxed):
    one = run_boxed("-c", "import os, time; os.fork(); os.write(4, b'x'); time.sleep(100)")
    one.channel.expect(STARTED)
    os.read(one.answers, 1)
    top = processes.children(boxed.pid)[0]
    nursery = min(processes.children(top))
    below = processes.descendants(nursery)
    assert len(below) >= 2
    os.kill(nursery, signal.SIGKILL)
    processes.assert_gone(below)
    assert boxed.run("echo on").out == b"on\n"
    assert run_boxed("-c", "pass").channel.expect(ERROR).number("CODE") == GONE
    until = time.monotonic() + 5
    while set(processes.children(top)):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_full_sandbox_has_no_room(start_boxed):
    agent = start_boxed(browser=True, nproc=150)
    one = agent.start("for i in $(seq 60); do sleep 100 & done; echo; wait")
    os.read(one.ends[0], 1)
    frame = Running(agent, "-c", "pass").channel.expect(ERROR)
    assert frame.number("CODE") == QUOTA and "150" in frame.text("TEXT")
    one.close()
    agent.wait_alone()
    assert Running(agent, "-c", "pass").channel.expect(STARTED)
