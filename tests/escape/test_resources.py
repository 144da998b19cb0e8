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
