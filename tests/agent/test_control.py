"""The control socket: CONFIG, READY, OPEN; queries, and signals by pid."""

import os
import random
import signal
import socket
import time

import pytest

from agent.harness import (CONFIG, DENIED, ERROR, EXEC, F_HOST, FILE, INVALID, KILL_PID, NOT_FOUND,
                           PTY, QUERY, REPLY, RUNNER, SEARCH, SESSION, START, UNSUPPORTED,
                           env_block, filter_program, pack)
from lib.processes import descendants

GOOD = {"FLAGS": F_HOST, "CWD": "/tmp", "HOME": "/tmp", "ENV": b"A=1\0"}
BAD_CONFIGS = {
    "nothing": b"",
    "short": b"SB",
    "another frame": pack(START, GOOD),
    "magic": b"XX" + pack(CONFIG, GOOD)[2:],
    "version": pack(CONFIG, GOOD)[:2] + b"\2" + pack(CONFIG, GOOD)[3:],
    "longer": pack(CONFIG, GOOD) + b"\0",
    "shorter": pack(CONFIG, GOOD)[:-1],
    "descriptors that did not come": pack(CONFIG, GOOD, 1),
    "twice": pack(CONFIG, [*GOOD.items(), ("CWD", "/tmp")]),
    "unknown tag": pack(CONFIG, [*GOOD.items(), (95, b"")]),
    "tag of another frame": pack(CONFIG, GOOD | {"COMMAND": "true"}),
    "unknown flag": pack(CONFIG, GOOD | {"FLAGS": F_HOST | 1}),
    "short number": pack(CONFIG, GOOD | {"NPROC": b"\1"}),
    "filter on the host": pack(CONFIG, GOOD | {"FILTER": filter_program()}),
    "no filter": pack(CONFIG, GOOD | {"FLAGS": 0}),
    "broken filter": pack(CONFIG, GOOD | {"FLAGS": 0, "FILTER": b"\1\2\3"}),
    "refused filter": pack(CONFIG, GOOD | {"FLAGS": 0, "FILTER": bytes(80)}),
    "relative cwd": pack(CONFIG, GOOD | {"CWD": "tmp"}),
    "no cwd": pack(CONFIG, {k: v for k, v in GOOD.items() if k != "CWD"}),
    "cwd with a NUL": pack(CONFIG, GOOD | {"CWD": "/tmp\0x"}),
    "long cwd": pack(CONFIG, GOOD | {"CWD": "/" * 4096}),
    "env without an end": pack(CONFIG, GOOD | {"ENV": b"A=1"}),
    "env without a value": pack(CONFIG, GOOD | {"ENV": b"A\0"}),
    "env without a name": pack(CONFIG, GOOD | {"ENV": b"=1\0"}),
    "long env": pack(CONFIG, GOOD | {"ENV": b"A=" + b"x" * 32768 + b"\0"}),
    "many variables": pack(CONFIG, GOOD | {"ENV": env_block({f"V{i}": 1 for i in range(600)})}),
    "no processes": pack(CONFIG, GOOD | {"NPROC": 1}),
    "no descriptors": pack(CONFIG, GOOD | {"NOFILE": 3}),
    "port": pack(CONFIG, GOOD | {"EGRESS_PORT": 70000}),
}


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_a_config_that_is_not_one(start, name):
    agent = start(config=BAD_CONFIGS[name])
    assert agent.ended() is not None


def test_a_config_with_a_descriptor(start):
    agent = start(config=b"")
    assert agent.ended() is not None


def test_facts(agent):
    facts = agent.facts
    assert facts["bash"].endswith("/bash") and facts["python3"].startswith("/")
    assert facts["kernel"] == os.uname().release
    if agent.host:
        assert (facts["seccomp"], facts["landlock"]) == ("0", "0")
    else:
        assert (facts["uid"], facts["gid"], facts["pid"]) == ("1000", "1000", "1")
        assert (facts["seccomp"], facts["no_new_privs"]) == ("2", "1")
        assert int(facts["cap_eff"], 16) == 0 and int(facts["landlock"]) >= 0


def test_the_listener_is_of_the_sandbox(start_boxed):
    agent = start_boxed(egress=3128)
    listener = socket.socket(fileno=agent.listener)
    agent.listener = None
    assert listener.getsockname() == ("127.0.0.1", 3128)
    running = agent.start("exec 9<>/dev/tcp/127.0.0.1/3128; head -n 1 <&9")
    listener.setblocking(True)
    connection, _ = listener.accept()
    connection.sendall(b"hello\n")
    assert running.finish().out == b"hello\n"
    connection.close()
    listener.close()
    running.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", 3128), 0.2)


COUNTS = {EXEC: (4, 5), SESSION: (3, 4), FILE: (1, 2), SEARCH: (2, 2), RUNNER: (6, 6),
          QUERY: (2, 2), KILL_PID: (1, 1), PTY: (1, 1)}


@pytest.mark.parametrize("kind", [*COUNTS, 0, 8, 15, START, 255])
def test_a_wrong_number_of_descriptors_ends_it(start, kind):
    least, most = COUNTS.get(kind, (1, 0))
    for count in (0, least - 1, most + 1, 8):
        if least <= count <= most:
            continue
        agent = start()
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
        agent.channel.send(kind, (), [a.fileno() for a, _ in pairs])
        assert agent.ended() is not None, count
        for a, b in pairs:
            a.close()
            b.close()


def test_what_an_open_may_not_carry(start):
    for data, fds in ((pack(QUERY, {"PID": 1}, 2), 2), (pack(QUERY, (), 1), 2),
                      (pack(QUERY, (), 2) + b"\0", 2)):
        agent = start()
        agent.channel.send_raw(data, [1] * fds)
        assert agent.ended() is not None


def test_noise_on_the_control_socket(start):
    noise = random.Random(1)
    for _ in range(20):
        agent = start()
        agent.channel.send_raw(noise.randbytes(noise.randrange(1, 200)))
        assert agent.ended() is not None


@pytest.mark.parametrize("kind", [EXEC, SESSION, RUNNER, QUERY, KILL_PID])
def test_noise_on_a_channel(start, kind):
    noise = random.Random(kind)
    for _ in range(5):
        agent = start()
        channel = agent.open(kind, None, [1] * (COUNTS[kind][0] - 1))
        channel.send_raw(noise.randbytes(noise.randrange(1, 200)))
        assert agent.ended() is not None
        channel.close()


@pytest.mark.parametrize("kind", [EXEC, SESSION, RUNNER, QUERY, KILL_PID, PTY])
def test_fields_that_do_not_belong(agent, kind):
    channel = agent.open(kind, {"PATTERN": "x"}, [1] * (COUNTS[kind][0] - 1))
    frame = channel.receive()
    assert frame.op == ERROR and frame.number("CODE") == INVALID
    channel.close()
    agent.wait_alone()


def test_queries(start):
    agent = start(nproc=100, nofile=200)
    facts = agent.facts_now()
    assert facts["limit.nofile"] == "200" and facts["limit.nproc"] == "100"
    assert facts["limit.core"] == "0"
    assert facts["interface"] and facts["program.bash"] and facts["status.uid"]
    mounts = [value for name, value in agent.query() if name == "mount"]
    if agent.host:
        return
    assert facts["interface"] == "lo" and facts["status.seccomp"] == "2"
    assert facts["status.cap_eff"] == "0" * 16 and facts["status.no_new_privs"] == "1"
    assert facts["space.tmp"].split()[0] == str(64 << 20)
    assert "/usr ro" in mounts and "/workspace rw" in mounts and "/ ro" in mounts
    assert facts["ns.pid"] != os.readlink("/proc/self/ns/pid")


def test_processes(agent):
    assert agent.processes() == []
    running = agent.start("exec -a $'na\\nme' sleep 100")
    pid = running.started()
    time.sleep(0.2)
    (found, parent, state, rss, command), = agent.processes()
    assert (found, state, command) == (pid, "S", "na me 100") and rss > 100 and parent
    running.close()
    agent.wait_alone()


def test_processes_of_others_are_not_told(start):
    one, other = start(), start()
    running = one.start("sleep 100")
    pid = running.started()
    assert other.processes() == []
    if one.host:
        for number in (os.getpid(), pid, one.pid):
            assert other.kill(number, signal.SIGKILL).number("CODE") == NOT_FOUND
        assert len(one.processes()) == 1
    running.close()


def test_kill_takes_the_tree(agent):
    running = agent.start("sleep 100 & (sleep 100; true) & sleep 100; true")
    pid = running.started()
    while len(agent.processes()) < 5:
        time.sleep(0.02)
    assert agent.kill(pid, signal.SIGTERM).op == REPLY
    assert running.finish().code == -signal.SIGTERM
    running.close()
    agent.wait_alone()


def test_kill_of_what_is_no_command(agent):
    running = agent.start("echo $PPID; sleep 100")
    running.started()
    supervisor = int(os.read(running.ends[0], 100))
    top = agent.pid if agent.host else 1
    for pid in (top, supervisor):
        frame = agent.kill(pid, signal.SIGKILL)
        assert frame.op == ERROR and frame.number("CODE") == DENIED
    assert agent.kill(1 << 21, signal.SIGKILL).number("CODE") == NOT_FOUND
    for pid, number in ((0, 9), (0xFFFFFFFF, 9), (1 << 31, 9), (5, 0), (5, 65), (5, 1 << 31)):
        assert agent.kill(pid, number).number("CODE") == INVALID
    assert len(agent.processes()) == 1
    running.close()
    agent.wait_alone()


def test_runners(agent, tmp_path):
    script = tmp_path / "runner"
    script.write_text("import os, sys\nreq, resp = map(int, sys.argv[-2:])\n"
                      "try:\n    import time\n"
                      "    os.write(1, b'out'); os.write(2, b'err')\n"
                      "    os.write(resp, os.read(req, 100)[::-1])\n    time.sleep(100)\n"
                      "except KeyboardInterrupt:\n    sys.exit(5)\n")
    writer, req = agent.pipe_in()
    responses, resp = agent.pipe()
    out, out_end = agent.pipe()
    err, err_end = agent.pipe()
    null = os.open("/dev/null", os.O_RDONLY)
    fds = [null, out_end, err_end, req, resp]
    channel = agent.open(RUNNER, {"LANGUAGE": "python", "PATH": str(script)}, fds)
    for fd in fds:
        os.close(fd)
    os.write(writer, b"abc")
    frame = channel.receive()
    if agent.host:
        assert os.read(responses, 100) == b"cba"
        assert (os.read(out, 100), os.read(err, 100)) == (b"out", b"err")
        time.sleep(0.3)  # it sleeps by then
        channel.signal(signal.SIGINT)
    # In a sandbox the script is where the server binds it, which nobody did here.
    frame = channel.receive()
    assert os.waitstatus_to_exitcode(frame.number("STATUS")) == (5 if agent.host else 2)
    channel.close()
    for fd in (writer, responses, out, err):
        os.close(fd)


def test_a_language_that_is_not_there(agent):
    for language in ("cobol", "python\0", ""):
        channel = agent.open(RUNNER, {"LANGUAGE": language}, [0, 1, 2, 0, 1])
        assert channel.receive().number("CODE") == UNSUPPORTED
        channel.close()


def test_descriptors_do_not_pile_up(agent):
    for i in range(300):
        agent.run("true")
    top = agent.pid if agent.host else max(descendants(agent.pid))[0]
    until = time.monotonic() + 5
    while len(found := os.listdir(f"/proc/{top}/fd")) > 7:
        assert time.monotonic() < until, found
        time.sleep(0.02)
