"""Processes: what is seen of the server, who can be stopped, what stays behind."""

import os
import time

import pytest

from escape.place import all_gone, sleepers, unique_seconds, wait_until
from lib.processes import assert_gone, descendants

VICTIM = """
import ctypes, time
ctypes.CDLL(None).prctl(0x59616d61, -1)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def victim(place):
    """A process of the same user on the machine that permits to be traced."""
    process = place.start("/usr/bin/python3", "-c", VICTIM, stdout=-1)
    assert process.stdout.readline() == b"ready\n"
    process.name = process.pid if place.host else f"$({OTHERS.format(pid=process.pid)})"
    yield process
    process.stdout.close()


# In a sandbox there is no such process: then every one that is not the shell's own.
OTHERS = ("test -e /proc/{pid} && echo {pid}; "
          "for p in /proc/[0-9]*; do p=${{p#/proc/}}; test $p = $$ || echo $p; done")


def test_the_environment_of_the_server(place):
    said = place.run("cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep ^ESCAPE=; env")
    place.expect(place.token in said, said)
    said = place.say("code_execute", code=(
        "import glob\nfound = b''\nfor p in glob.glob('/proc/*/environ'):\n"
        "  try: found += open(p, 'rb').read()\n  except OSError: pass\n"
        f"print(b'{place.token}' in found)"))
    place.expect("True" in said, said)


def test_the_memory_of_the_server(place):
    said = place.python(MEMORY, place.token[::-1])
    place.expect("found it" in said, said)


# Looks for the reversed text in all memory that can be read, without holding the text itself.
MEMORY = """
import os, sys
wanted = sys.argv[1].encode()
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if int(pid) == os.getpid() or "sandbox" not in open(f"/proc/{pid}/comm").read():
            continue
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                if "[stack]" in line:
                    start, end = (int(x, 16) for x in line.split()[0].split("-"))
                    memory.seek(start)
                    if wanted[::-1] in memory.read(end - start):
                        print("found", "it")
    except OSError:
        pass
"""

DESCRIPTORS = """
import os
mine = []
for n in os.listdir("/proc/self/fd"):
    try:
        os.fstat(int(n))
        mine.append(int(n))
    except OSError:
        pass
print("mine:", sorted(mine))
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) != os.getpid():
        try:
            for n in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{n}").startswith(("socket:", "/")):
                    print("of", "others:", pid, n)
        except OSError:
            pass
"""


@pytest.mark.isolated
def test_descriptors(place):
    """A command has three, and there are no others to take from those around it."""
    place.say("file_write", path="d.py", content=DESCRIPTORS)
    for said in (place.run("exec python3 d.py"), place.run("exec python3 d.py", session_id="s")):
        assert "mine: [0, 1, 2]\n" in said, said
    said = place.run("exec python3 d.py </dev/null")
    assert "of others: 1 " not in said, said
    said = place.say("code_execute", language="bash", code="python3 d.py")
    assert "of others: 1 " not in said and "mine: [0, 1, 2]\n" in said, said
    said = place.run("ls /proc/1/fd /proc/$PPID/fd /proc/1/map_files; cat /proc/1/auxv; "
                     "cat /proc/1/mem /proc/$PPID/mem; readlink /proc/1/exe /proc/1/cwd")
    assert "stdout 0 B" in said, said


# Each way in a process of its own; what a signal does to the victim is looked at from outside.
SIGNALLING = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
target = int(sys.argv[2])
targets = [target] if os.path.exists(f"/proc/{target}") else [
    int(p) for p in os.listdir("/proc")
    if p.isdigit() and int(p) not in (os.getpid(), os.getppid())]

def by_queue(pid):
    return libc.sigqueue(pid, 9, None)

def by_descriptor(pid):
    fd = libc.syscall(434, pid, 0)
    return libc.syscall(424, fd, 9, None, 0)

def by_owner(pid):
    r, w = os.pipe()
    import fcntl
    fcntl.fcntl(r, fcntl.F_SETOWN, pid)
    fcntl.fcntl(r, 10, 9)
    fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(w, b"x")

def by_thread(pid):
    numbers = {"x86_64": 234, "aarch64": 131}
    return libc.syscall(numbers[os.uname().machine], pid, pid, 9)

for pid in targets:
    try:
        globals()["by_" + sys.argv[1]](pid)
    except OSError:
        pass
"""


@pytest.mark.parametrize("way", ["queue", "descriptor", "owner", "thread"])
def test_killing_by_other_calls(place, victim, way):
    place.python(SIGNALLING, way, victim.pid, timeout_s=5)
    time.sleep(0.1)
    place.expect(victim.poll() is not None)
    place.alive()


REOPEN = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) == os.getpid():
        continue
    for what in ("environ", "mem", "maps", "auxv", "cwd", "root", "exe", "stack", "syscall", "io",
                 "ns/mnt", "map_files", "fd", "fdinfo", "timers", "pagemap", "personality"):
        path = f"/proc/{pid}/{what}"
        try:
            if what in ("fd", "map_files", "fdinfo"):
                got = os.listdir(path)
            elif what in ("cwd", "root", "exe", "ns/mnt"):
                got = os.readlink(path)
            else:
                with open(path, "rb") as f:
                    f.seek(0 if what != "mem" else 4096)
                    got = f.read(1)
            print(pid, what, "open")
        except OSError:
            pass
print("looked")
"""


@pytest.mark.isolated
def test_what_proc_shows_of_those_around(place):
    """Of the agent and its supervisors: nothing that only an owner sees. A session has a shell."""
    place.say("file_write", path="r.py", content=REOPEN)
    for said in (place.run("exec python3 r.py"), place.run("exec python3 r.py", session_id="s")):
        assert "looked" in said, said
        assert not [line for line in said.splitlines() if line.startswith("1 ")], said
    said = place.run("exec python3 r.py")
    assert "looked" in said and " open" not in said, said


def test_killing(place, victim):
    place.run(f"kill -9 {victim.name} 2>/dev/null", timeout_s=5)
    time.sleep(0.1)
    place.expect(victim.poll() is not None)
    place.alive()


def test_stopping(place, victim):
    place.run(f"kill -STOP {victim.name} 2>/dev/null", timeout_s=2)

    def state():
        with open(f"/proc/{victim.pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0]

    time.sleep(0.1)
    place.expect(state() == "T")
    place.alive()


def test_limiting(place, victim):
    said = place.run(f"for p in {victim.name}; do prlimit --pid $p --nofile=7:7; done; echo ended")
    with open(f"/proc/{victim.pid}/limits") as f:
        limits = [line.split() for line in f if line.startswith("Max open files")]
    place.expect(limits[0][3] == "7", said)
    place.run("echo >f")
    place.alive()


TRACE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
SEIZE, own = 0x4206, {os.getpid(), os.getppid()}
target = int(sys.argv[1])
pids = [target] if os.path.exists(f"/proc/{target}") else [
    int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) not in own] + [1, os.getppid()]
buffer = ctypes.create_string_buffer(64)

class iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]

for pid in pids:
    if libc.ptrace(SEIZE, pid, 0, 0) == 0:
        print("traced", pid)
    here = iovec(ctypes.addressof(buffer), 64)
    maps = ""
    try:
        maps = open(f"/proc/{pid}/maps").readline()
    except OSError:
        pass
    there = iovec(int(maps.split("-")[0], 16) if maps else 0x400000, 64)
    if libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0:
        print("read", pid)
    fd = libc.syscall(434, pid, 0)
    if fd >= 0 and libc.syscall(438, fd, 0, 0) >= 0:
        print("took", pid)
"""


def test_tracing(place, victim):
    said = place.python(TRACE, victim.pid)
    for word in ("traced", "read", "took"):
        place.expect(f"{word} " in said, said)
    place.alive()


@pytest.mark.isolated
def test_tracing_what_is_traced_less_strictly(place):
    """Nor from a code cell, whose interpreter is long there, and not the other way round."""
    place.say("code_execute", code="import os; os.getpid()")
    place.run("sleep 60", yield_s=0, session_id="long")
    said = place.python(TRACE, 99999)
    assert "traced 1\n" not in said and "took 1\n" not in said and "read 1\n" not in said, said


@pytest.mark.isolated
@pytest.mark.parametrize("how", [
    "kill -9 $PPID", "kill -9 -1", "kill -TERM 1; kill -9 1; kill -9 $PPID",
    "for p in /proc/[0-9]*; do kill -9 ${{p#/proc/}} 2>/dev/null; done",
    "kill -SEGV $PPID", "kill -STOP $PPID; kill -9 $$",
], ids=["9", "all", "one", "each", "segv", "stop"])
def test_killing_the_supervisor_leaves_no_daemon(place, how):
    seconds = unique_seconds()
    start = time.monotonic()
    said = place.run(f"(setsid sleep {seconds} &); setsid sleep {seconds} & sleep 0.1; "
                     f"{how.format()}; sleep 3", timeout_s=2)
    assert time.monotonic() - start < 9, said
    if "exit " in said.split("\n")[0] and "process_id" in said:
        place.say("terminal_kill", id=said.split("process_id ")[1].split()[0], signal="KILL")
    all_gone(seconds, 4)
    place.alive()


@pytest.mark.isolated
@pytest.mark.parametrize("how", ["kill -STOP $PPID", "kill -STOP 1", "kill -STOP -1",
                                 "for i in $(seq 200); do kill -STOP $PPID; done"])
def test_stopping_the_supervisor_does_not_hang_the_call(place, how):
    seconds = unique_seconds()
    start = time.monotonic()
    place.run(f"(setsid sleep {seconds} &); {how}; sleep {seconds}", timeout_s=1)
    assert time.monotonic() - start < 9
    place.alive()
    all_gone(seconds, 4)


@pytest.mark.isolated
def test_a_storm_of_signals(place):
    place.run("exec python3 -c '\nimport os, signal\nwhile True:\n"
              " for s in (1, 2, 10, 12, 15, 17, 18, 23, 34):\n"
              "  for p in (1, os.getppid()):\n"
              "   try: os.kill(p, s)\n   except OSError: pass'", yield_s=0, timeout_s=20)
    start = time.monotonic()
    for _ in range(5):
        place.alive()
    place.say("file_write", path="f", content="x")
    assert time.monotonic() - start < 8


@pytest.mark.isolated
def test_limits_of_those_that_hold_the_sandbox(place):
    place.run("for p in 1 $PPID; do for l in nofile nproc as fsize cpu; do "
              "prlimit --pid $p --$l=0:0; done; renice 19 $p; taskset -p 1 $p; "
              "echo 1000 >/proc/$p/oom_score_adj; done; ulimit -n 3; ulimit -u 1; ulimit -f 0")
    place.alive()
    assert "created" in place.say("file_write", path="g", content="x" * 100_000)
    assert "2" in place.say("code_execute", code="1 + 1")
    said = place.run("ulimit -n 1000000; ulimit -Hn; ulimit -u unlimited; ulimit -Hu; ulimit -Hc")
    assert "1000000" not in said and "unlimited" not in said.split("--- stderr")[0], said


@pytest.mark.parametrize("how", ["killed", "left", "asked"])
def test_leaving_nothing_behind_when_the_server_ends(where, start_place, how):
    place = start_place()
    runs = [unique_seconds() for _ in range(4)]
    place.run(f"(setsid sleep {runs[0]} &); (setsid setsid nohup sleep {runs[0]} >/dev/null 2>&1 &)"
              f"; python3 -c 'import os; os.fork() and os._exit(0); os.setsid(); os.fork() and "
              f"os._exit(0); os.execlp(\"sleep\", \"sleep\", \"{runs[0]}\")'", yield_s=1)
    place.run(f"sleep {runs[1]}", yield_s=0)
    place.run(f"sleep {runs[2]} & disown", session_id="s")
    place.say("code_execute", code=f"import subprocess; subprocess.Popen(['sleep', '{runs[3]}'])")
    for seconds in runs:
        wait_until(lambda: sleepers(seconds), what="a sleep")
    started = time.monotonic()
    if how == "killed":
        place.client.process.kill()
        place.client.process.wait()
    elif how == "left":
        assert place.client.close() == 0
    else:
        assert place.client.terminate() == 0
    for seconds in runs:
        all_gone(seconds, max(1, 10 - (time.monotonic() - started)))
    assert os.path.isdir(place.state_dir)


FORKS = """
import os, time
found = 0
try:
    while found < 3000:
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        found += 1
except OSError:
    pass
print("forked", found, flush=True)
time.sleep(60)
"""


@pytest.mark.isolated
def test_leaving_nothing_behind_of_a_crowd(start_place):
    place = start_place("--pids", "300")
    result = place.call("terminal_execute", command="python3 -", stdin=FORKS, yield_s=0)
    said = wait_until(lambda: (lambda text: "forked" in text and text)(place.say(
        "terminal_output", process_id=result["_meta"]["sandbox-mcp/process_id"], cursor="0-0")))
    assert int(said.split("forked ")[1].split()[0]) < 300
    below = descendants(place.pid)
    assert len(below) > 100
    place.client.process.kill()
    place.client.process.wait()
    assert_gone(below, 2)
