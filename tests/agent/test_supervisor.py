"""What commands can do to the supervisor above them and to pid 1."""

import os
import signal
import time

import pytest

from agent.harness import LOST, SIGNAL
from lib.processes import descendants


@pytest.mark.parametrize("name", ["KILL", "TERM", "INT", "HUP", "STOP", "TSTP", "ABRT", "USR1"])
def test_signals_to_the_supervisor(boxed, name):
    running = boxed.start(f"(setsid sleep 100 &); kill -{name} $PPID; sleep 0.2; echo alive; exit 3")
    running.started()
    if name == "KILL":
        running.channel.assert_closed()
    else:
        result = running.finish()
        assert result.out == b"alive\n" and result.code == 3
    running.close()
    boxed.wait_alone()
    assert boxed.run("echo on").out == b"on\n"


def test_kill_everything(boxed):
    others = [boxed.start("sleep 100") for _ in range(5)]
    for other in others:
        other.started()
    running = boxed.start("trap '' TERM; (setsid sleep 100 &); kill -TERM -1; kill -KILL -1")
    running.started()
    running.channel.assert_closed()
    running.close()
    for other in others:
        other.close()
    boxed.wait_alone()
    assert boxed.run("echo on").out == b"on\n"


def test_stopping_the_supervisor_over_and_over(boxed):
    running = boxed.start("for i in $(seq 300); do kill -STOP $PPID; done; echo done; exit 4")
    result = running.finish()
    assert result.out == b"done\n" and result.code == 4
    running.close()


def test_a_stopper_does_not_prevent_the_kill(boxed):
    running = boxed.start("while :; do kill -STOP $PPID; done")
    running.started()
    time.sleep(0.3)
    running.close()
    boxed.wait_alone()


STOPPER = """
import os, time
os.write(1, b"ready")
while True:
    for pid in range(1, 400):
        if pid != os.getpid():
            try:
                os.kill(pid, 19)
            except OSError:
                pass
"""


def test_stopping_what_has_not_become_a_program_yet(boxed):
    """A supervisor waits for its vfork child, which a neighbour stops: pid 1 ends them both."""
    stopper = boxed.start("exec python3 -", stdin=STOPPER.encode())
    stopper.started()
    assert os.read(stopper.ends[0], 10) == b"ready"
    many = [boxed.start("sleep 100") for _ in range(60)]
    time.sleep(1)
    for one in many:
        one.close()
    stopper.close()
    boxed.wait_alone(10)
    until = time.monotonic() + 10
    while len(left := descendants(boxed.pid)) > 1:
        assert time.monotonic() < until, left
        time.sleep(0.05)
    assert boxed.run("echo on").out == b"on\n"


def test_strays_that_spawn_are_swept(start_boxed):
    agent = start_boxed(nproc=120)
    running = agent.start("(while :; do (setsid sleep 100 &) & done) & sleep 0.3; kill -9 $PPID;"
                          " while :; do (setsid sleep 100 &) & done")
    running.started()
    running.channel.assert_closed()
    running.close()
    agent.wait_alone()
    assert agent.run("echo on").out == b"on\n"


PROBE = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
bad = []
for pid in (1, os.getppid()):
    if libc.ptrace(16, pid, 0, 0) == 0:
        bad.append(f"ptrace {pid}")
    for name in ("mem", "environ", "fd", "maps", "io", "cwd", "root", "exe", "ns/pid"):
        path = f"/proc/{pid}/{name}"
        try:
            os.listdir(path) if name == "fd" else os.readlink(path) if name in (
                "cwd", "root", "exe", "ns/pid") else open(path, "rb").read(1)
            bad.append(path)
        except OSError:
            pass
    for name, text in (("oom_score_adj", "1000"), ("coredump_filter", "1"), ("comm", "x")):
        try:
            with open(f"/proc/{pid}/{name}", "w") as f:
                f.write(text)
            bad.append(f"{pid} {name}")
        except OSError:
            pass
    fd = os.pidfd_open(pid)
    if libc.syscall(438, fd, 0, 0) >= 0:
        bad.append(f"pidfd_getfd {pid}")
    iov = (ctypes.c_void_p * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
    if libc.syscall(310, pid, iov, 1, iov, 1, 0) >= 0:
        bad.append(f"process_vm_readv {pid}")
    try:
        import resource
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0))
        bad.append(f"prlimit {pid}")
    except (OSError, PermissionError, ValueError):
        pass
print(bad)
"""


def test_the_supervisor_and_pid_1_are_closed(boxed):
    result = boxed.run("exec python3 -", stdin=PROBE.encode())
    assert result.out == b"[]\n", result


def test_no_new_privileges_and_the_filter(boxed):
    status = boxed.run("cat /proc/self/status").out.decode()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    assert boxed.run("unshare -U true").code == 1


def test_renames_across_directories_work(boxed):
    assert boxed.run("mkdir a b && touch a/x && mv a/x b/ && ls b").out == b"x\n"


def test_the_channel_is_watched_while_output_blocks(agent):
    running = agent.start("yes")
    running.started()
    time.sleep(0.2)
    running.channel.signal(signal.SIGTERM)
    assert running.finish().code == -signal.SIGTERM
    running.close()


def test_frames_that_do_not_belong_on_a_channel(agent):
    running = agent.start("sleep 100")
    running.started()
    running.channel.send(LOST)
    assert agent.ended() is not None
    running.close()


def test_a_descriptor_with_a_signal_is_a_violation(agent):
    running = agent.start("sleep 100")
    running.started()
    fd = os.open("/dev/null", os.O_RDONLY)
    running.channel.send(SIGNAL, {"SIGNAL": 15}, [fd])
    os.close(fd)
    assert agent.ended() is not None
    running.close()
