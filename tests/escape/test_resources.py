"""What is limited for a whole user or machine: taking all there is of it."""

import os
import subprocess
import time

import pytest

from escape.place import as_user, wait_until

PARK = """
import array, os, socket, sys, time
held, parked = [], 0
fd = os.open("/dev/null", os.O_RDONLY)
many = array.array("i", [fd] * 250)
try:
    while parked < 400_000:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        held.append(pair)
        for end in pair:
            end.setblocking(False)
            try:
                while True:
                    end.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, many)])
                    parked += len(many)
            except BlockingIOError:
                pass
except OSError as e:
    print(e.strerror)
print("parked", parked, flush=True)
time.sleep(60)
"""


def in_background(place, name, code, **more):
    """Starts a script and returns what it has printed when it says how far it came."""
    place.say("file_write", path=f"{name}.py", content=code)
    result = place.call("terminal_execute", command=f"exec python3 {name}.py", yield_s=0, **more)
    handle = result["_meta"]["sandbox-mcp/process_id"]

    def said():
        text = place.say("terminal_output", process_id=handle, cursor="0-0")
        return name in text.partition("--- stdout")[2] and text

    return wait_until(said, 20, f"{name} to have finished")


def use(place):
    """Everything that needs descriptors, pipes and processes still works."""
    start = time.monotonic()
    place.alive()
    assert place.call("file_write", path="used", content="x" * 200_000)["structuredContent"]
    assert "200000" in place.run("wc -c <used", stdin="y" * 100_000)
    assert "used" in place.say("file_list")
    assert "[3]" in place.say("code_execute", code="[1 + 2]", context_id="new")
    assert time.monotonic() - start < 10


@pytest.mark.isolated
def test_parking_descriptors(place):
    said = in_background(place, "parked", PARK)
    use(place)
    assert "parked" in said


@pytest.mark.isolated
def test_parking_descriptors_with_a_small_server(where, start_place):
    """In-flight descriptors count for the user: the server of the same user has 1024 of its own."""
    place = start_place(before=["prlimit", "--nofile=1024:1024"])
    in_background(place, "parked", PARK)
    use(place)


PIPES = """
import fcntl, os, time
held, size = [], 1 << 20
try:
    while len(held) < 1500:
        pair = os.pipe()
        held.append(pair)
        try:
            fcntl.fcntl(pair[1], 1031, size)
        except OSError:
            pass
        os.set_blocking(pair[1], False)
        try:
            while os.write(pair[1], bytes(65536)):
                pass
        except BlockingIOError:
            pass
except OSError as e:
    print(e.strerror)
print("pipes", len(held), flush=True)
time.sleep(60)
"""


@pytest.mark.isolated
def test_taking_all_pipe_buffers(place):
    in_background(place, "pipes", PIPES)
    use(place)
    said = place.run("head -c 3000000 /dev/zero | tr '\\0' 'z' | wc -c")
    assert "3000000" in said


INOTIFY = """
import ctypes, time
libc = ctypes.CDLL(None, use_errno=True)
found = 0
while found < 2000 and libc.inotify_init1(0) >= 0:
    found += 1
print("inotify", found, flush=True)
time.sleep(30)
"""


def inotify_works(uid):
    code = "import ctypes; raise SystemExit(ctypes.CDLL(None).inotify_init1(0) < 0)"
    return subprocess.run(as_user(uid, ["/usr/bin/python3", "-c", code])).returncode == 0


@pytest.mark.only("user")
def test_taking_all_inotify_instances(place):
    """They are counted for the user: others of his programs would find none left."""
    assert inotify_works(place.uid)
    said = in_background(place, "inotify", INOTIFY)
    place.expect(not inotify_works(place.uid), said)


# timer_create and sigqueue count alike, for the user; a sandbox' own user is still the server's.
SIGNALS = """
import ctypes, os, signal, time
libc = ctypes.CDLL(None, use_errno=True)
signal.pthread_sigmask(signal.SIG_BLOCK, range(40, 60))
found = 0
while found < 2_000_000 and libc.sigqueue(os.getpid(), 40, 0) == 0:
    found += 1
print("signals", found, flush=True)
time.sleep(30)
"""
TIMER = """
import ctypes
libc = ctypes.CDLL(None)
raise SystemExit(libc.timer_create(1, None, ctypes.byref(ctypes.c_void_p())) != 0)
"""


def timers_work(uid):
    return subprocess.run(as_user(uid, ["/usr/bin/python3", "-c", TIMER])).returncode == 0


@pytest.mark.only("user")
def test_taking_all_queued_signals(place):
    assert timers_work(place.uid)
    said = in_background(place, "signals", SIGNALS)
    place.expect(not timers_work(place.uid), said)
    use(place)


# Of these there are as many as fs.aio-max-nr says, for the whole machine: the test takes few.
EVENTS = """
import ctypes, os, platform
number = {"x86_64": 206, "aarch64": 0}[platform.machine()]
context = ctypes.c_ulong(0)
print("events", ctypes.CDLL(None).syscall(number, 16, ctypes.byref(context)), flush=True)
"""


def test_taking_events_of_asynchronous_input(place):
    said = place.python(EVENTS)
    place.expect("events 0" in said, said)


FORKS = """
import os, time
found = 0
try:
    while found < 5000:
        if os.fork() == 0:
            time.sleep(60)
        found += 1
except OSError:
    pass
print("forks", found, flush=True)
time.sleep(60)
"""


@pytest.mark.isolated
@pytest.mark.options("--pids", "120")
def test_taking_all_processes(place):
    said = in_background(place, "forks", FORKS)
    assert int(said.split("forks ")[1].split()[0]) <= 120
    # of the same user, and of the machine
    for uid in {place.uid, os.geteuid()}:
        subprocess.run(as_user(uid, ["true"]), check=True)
    start = time.monotonic()
    said = place.run("echo perhaps", timeout_s=3)
    assert time.monotonic() - start < 8, said
    assert "forks.py" in place.say("file_list")


@pytest.mark.isolated
@pytest.mark.options("--pids", "200")
def test_a_fork_bomb(place):
    """Who made it can be rid of it, be it with the sandbox; and then everything works again."""
    start = time.monotonic()
    result = place.call("terminal_execute", command=":(){ :|:& };:; sleep 9", timeout_s=1)
    subprocess.run(as_user(place.uid, ["true"]), check=True, timeout=5)
    place.say("terminal_kill", id=result["_meta"]["sandbox-mcp/process_id"], signal="KILL")
    said = "many"
    while "running: few" not in said:
        assert time.monotonic() - start < 25, said
        said = place.run("n=(/proc/[0-9]*); echo running: $((${#n[@]} < 20)) | "
                         "sed 's/1/few/'", timeout_s=2)
    use(place)


@pytest.mark.isolated
@pytest.mark.options("--pids", "120")
def test_one_sandbox_full_of_processes_and_another(start_place):
    first, second = start_place("--pids", "120"), start_place("--pids", "120")
    in_background(first, "forks", FORKS)
    use(second)


FILES = """
import os
found = []
try:
    while len(found) < 100_000:
        found.append(os.open("/dev/null", os.O_RDONLY))
except OSError as e:
    pass
for fd in found[:100]:
    os.close(fd)
print("files", len(found), flush=True)
import time
time.sleep(60)
"""


@pytest.mark.isolated
def test_taking_all_descriptors(place):
    said = in_background(place, "files", FILES)
    assert int(said.split("files ")[1].split()[0]) < 10_000
    use(place)


@pytest.mark.isolated
@pytest.mark.options("--memory", "512")
def test_filling_what_lies_in_memory(place):
    for folder in ("/tmp", "/dev/shm"):
        said = place.run(f"head -c 2G /dev/zero >{folder}/full; ls -l {folder}/full")
        assert "No space left" in said, said
        use(place)
        place.run(f"rm {folder}/full")
    for folder in ("/dev", "/run", "/", "/etc", "/var", "/home"):
        assert "exit 0 " not in place.run(f"head -c 1 /dev/zero >{folder}/full"), folder


@pytest.mark.isolated
def test_what_comes_without_end(place):
    """Output, names, deep folders, endless answers of a runner: bounded in the server."""
    place.run("exec yes", yield_s=0, timeout_s=3)
    place.run("mkdir /tmp/m; cd /tmp/m; mkdir -p $(python3 -c 'print(\"d/\" * 1500)'); "
              "touch $(seq -f n%.0f 5000)")
    said = place.say("file_list", path="/tmp/m", depth=64, limit=10000)
    assert len(said.encode()) < 100_000 and "n1\n" in said
    said = place.say("file_search", path="/tmp/m", pattern="n*", mode="name")
    assert len(said.encode()) < 100_000 and "n1\n" in said
    said = place.say("code_execute", code="'x' * 50_000_000")
    assert len(said.encode()) < 100_000
    said = place.say("code_execute", code="print('y' * 20_000_000)")
    assert len(said.encode()) < 100_000
    said = place.say("code_execute", code=(
        "import os\nfor fd in range(3, 64):\n  try: os.write(fd, b'{\"garbage\": ' * 9000)\n"
        "  except OSError: pass"), timeout_s=3)
    assert said
    use(place)


ALLOCATE = {
    "private": "x = bytearray({size})",
    "shared": "import mmap; m = mmap.mmap(-1, {size}); m.write(bytes({size} // 2)); "
              "m.write(bytes({size} // 2))",
    "file in memory": "import os; f = os.memfd_create('x'); "
                      "[os.write(f, bytes(1 << 20)) for _ in range({size} >> 20)]",
    "several": "import os, time; os.fork(); os.fork(); x = bytearray({size} // 4); "
               "time.sleep(0.5); print('al' + 'located', flush=True); time.sleep(1)",
}


@pytest.mark.only("root")
@pytest.mark.options("--memory", "128")
@pytest.mark.parametrize("kind", ALLOCATE)
def test_allocating_more_than_there_is(place, kind):
    """Without control groups, as for an ordinary user, sandbox_info says that it is not limited."""
    code = ALLOCATE[kind].format(size=300 << 20) + "; print('al' + 'located')"
    said = place.python(code, timeout_s=20)
    place.expect(said.count("allocated") >= (4 if kind == "several" else 1), said)
    if not place.host:
        assert "out of memory" in said.split("\n")[0] or kind == "several", said
        use(place)
        said = place.say("code_execute", code=ALLOCATE["private"].format(size=300 << 20))
        assert "signal 9" in said or "MemoryError" in said, said
        use(place)


@pytest.mark.isolated
@pytest.mark.options("--memory", "128")
def test_whether_memory_is_limited_is_said(place):
    degraded = "\n".join(place.call("sandbox_info")["structuredContent"].get("degraded", []))
    said = place.python(ALLOCATE["private"].format(size=300 << 20) + "; print('al' + 'located')")
    assert ("no memory limit" in degraded) == ("allocated" in said), (degraded, said)


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(f.read().split("VmRSS:")[1].split()[0]) >> 10


@pytest.mark.isolated
def test_output_without_end_does_not_fill_the_server(place):
    """256 MB or more from each of four commands, while nobody reads, and from one that is read."""
    place.alive()
    before = resident_mb(place.pid)
    for _ in range(4):
        place.run("exec head -c 256M /dev/zero", yield_s=0)
    said = place.run("head -c 256M /dev/zero | tr '\\0' y", timeout_s=20)
    assert "256" in said or "268" in said, said[:200]
    most = resident_mb(place.pid)
    assert most < before + 64 and len(said) < 100_000, (before, most)
    use(place)


CRASHES = """
mkdir core; cd core; ulimit -c unlimited
for s in ABRT SEGV QUIT; do sh -c 'kill -'$s' $$'; done
python3 -c 'import resource; resource.setrlimit(resource.RLIMIT_CORE, (1 << 40, 1 << 40))'
python3 -c 'import os; os.abort()'; (cd /tmp; sh -c 'kill -SEGV $$'; ls -A)
echo of: $(ls -A) $(ulimit -Hc)
"""


@pytest.mark.isolated
def test_crashing_leaves_no_core(place):
    said = place.run(CRASHES)
    assert "of: 0\n" in said and said.count("dumped") == 0, said
