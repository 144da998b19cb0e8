"""System calls that would leave the sandbox, and files that would carry its user's rights."""

import os
import stat
import subprocess

import pytest

from escape.place import as_user

# Each call in a child of its own, by number: name -> (x86_64, aarch64), arguments, wants privilege.
CALLS = """
import ctypes, os, platform, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
column = {"x86_64": 0, "aarch64": 1}[platform.machine()]
NEWNS, NEWUSER, NEWNET, NEWPID = 0x20000, 0x10000000, 0x40000000, 0x20000000

def call(numbers, *arguments):
    result = libc.syscall(ctypes.c_long(numbers[column]), *[
        a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def unshare(flags):
    call((272, 97), flags)

def mount():
    unshare(NEWUSER | NEWNS)
    os.mkdir("m")
    call((165, 40), b"none", b"m", b"tmpfs", 0, 0)

def new_mount_api():
    unshare(NEWUSER | NEWNS)
    call((430, 430), b"tmpfs", 0)

def bind_over():
    unshare(NEWUSER | NEWNS)
    os.mkdir("b")
    call((165, 40), b"/tmp", b"b", b"", 4096, 0)

def remount():
    call((165, 40), b"", b"/usr", b"", 32 | 4096, 0)

def chroot():
    unshare(NEWUSER)
    call((161, 51), b".")

def setns():
    unshare(NEWUSER | NEWNS)
    call((308, 268), os.open("/proc/self/ns/mnt", os.O_RDONLY), 0)

def clone_user():
    child = call((56, 220), NEWUSER | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def clone3_user():
    arguments = struct.pack("8Q", NEWUSER, 0, 0, 0, 17, 0, 0, 0)
    child = call((435, 435), arguments, len(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def clone_with(flags):
    child = call((56, 220), flags | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def tiocsti(request):
    import pty
    master, slave = pty.openpty()
    if libc.ioctl(slave, ctypes.c_ulong(request), b"x") < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def own_name():
    unshare(0x4000000)
    call((170, 161), b"escape", 6)

def device(kind):
    import stat
    os.mknod("device", kind | 0o666, os.makedev(1, 5))

def io_uring():
    call((425, 425), 4, bytes(120))

calls = {
    "unshare a user namespace": lambda: unshare(NEWUSER),
    "unshare a network": lambda: unshare(NEWUSER | NEWNET),
    "clone a user namespace": clone_user,
    "clone3 a user namespace": clone3_user,
    "mount": mount,
    "mount by the new calls": new_mount_api,
    "bind": bind_over,
    "chroot": chroot,
    "setns": setns,
    "add a key": lambda: call((248, 217), b"user", b"escape", b"x", 1, -2),
    "read a keyring": lambda: call((250, 219), 0, -4, 1),
    "io_uring": io_uring,
    "userfaultfd": lambda: call((323, 282), 1),
    # these want privilege
    "bpf": lambda: call((321, 280), 0, struct.pack("4I", 2, 4, 4, 1) + bytes(56), 72),
    "name to handle": lambda: call((304, 265), -100, struct.pack("IiQ", 8, 1, 2), 0),
    "fanotify": lambda: call((300, 262), 0, 0),
    # these are tried inside alone
    "remount": remount,
    "umount": lambda: call((166, 39), b"/usr", 2),
    "pivot_root": lambda: call((155, 41), b".", b"."),
    "perf": lambda: call((298, 241), struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0),
    "swapon": lambda: call((167, 224), b"f", 0),
    "reboot": lambda: call((169, 142), 0, 0, 0, 0),
    "init_module": lambda: call((175, 105), b"", 0, b""),
    "kexec": lambda: call((246, 104), 0, 0, 0, 0),
    "settimeofday": lambda: call((164, 170), bytes(16), 0),
    "sethostname": lambda: call((170, 161), b"x", 1),
    "acct": lambda: call((163, 89), b"f"),
    "syslog": lambda: call((103, 116), 10, 0, 0),
    "quotactl": lambda: call((179, 60), 0, b"/dev/vda", 0, 0),
    "openat2": lambda: call((437, 437), -100, b"g", struct.pack("3Q", 0o101, 0o644, 0), 24),
    "TIOCSTI": lambda: tiocsti(0x5412),
    "TIOCSTI with more bits": lambda: tiocsti(0x5412 | 1 << 32),
    "TIOCLINUX": lambda: tiocsti(0x541c),
    "open_tree": lambda: call((428, 428), -100, b"/", 1),
    "open_tree with attributes": lambda: call((467, 467), -100, b"/", 1, 0, 0),
    "fsopen": lambda: call((430, 430), b"tmpfs", 0),
    "personality": lambda: call((135, 92), 0x0400000),
    "name a machine": own_name,
    "a character device": lambda: device(0o020000),
    "a block device": lambda: device(0o060000),
    "vmsplice": lambda: call((278, 75), os.pipe()[1], struct.pack("QQ", id(b"x"), 1), 1, 0),
    "userfaultfd from a device": lambda: os.open("/dev/userfaultfd", os.O_RDWR),
    "kcmp": lambda: call((312, 272), os.getpid(), os.getpid(), 0, 0, 0),
    "join a new session keyring": lambda: call((250, 219), 1, 0),
    "request a key": lambda: call((249, 218), b"user", b"escape", 0, -2),
    "chown to root": lambda: os.chown("f", 0, 0) or os.chown("f", 1, 1),
    "setuid": lambda: os.setuid(0) or os.setuid(1),
    "nice": lambda: os.nice(-5),
    "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "iopl": lambda: call((172, -1), 3),
    "clone a mount namespace": lambda: clone_with(NEWNS),
    "clone a pid namespace": lambda: clone_with(NEWUSER | NEWPID),
}
open("f", "w").close()
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            calls[name]()
            print(name, "did", "it", flush=True)
        except OSError as e:
            print(name, "refused:", e.strerror, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""

PLAIN = ["unshare a user namespace", "unshare a network", "clone a user namespace",
         "clone3 a user namespace", "mount", "mount by the new calls", "bind", "chroot", "setns",
         "add a key", "read a keyring", "io_uring", "userfaultfd", "openat2", "personality",
         "join a new session keyring", "vmsplice", "clone a pid namespace"]
PRIVILEGED = ["bpf", "fanotify", "perf", "open_tree", "fsopen", "TIOCSTI", "name a machine",
              "TIOCSTI with more bits", "a character device", "a block device", "chown to root",
              "setuid", "nice", "clone a mount namespace"]
INSIDE = ["remount", "umount", "pivot_root", "swapon", "reboot", "init_module", "kexec",
          "settimeofday", "sethostname", "acct", "syslog", "quotactl", "TIOCLINUX", "real time",
          "open_tree with attributes", "name to handle", "userfaultfd from a device", "kcmp",
          "request a key", "iopl"]


@pytest.fixture(autouse=True)
def script(request):
    request.getfixturevalue("place").say("file_write", path="c.py", content=CALLS)


@pytest.mark.parametrize("name", PLAIN)
def test_calls_anyone_may_make(place, name):
    said = place.run(f"python3 c.py '{name}'")
    place.expect("did it" in said, said)


@pytest.mark.only("root")
@pytest.mark.parametrize("name", PRIVILEGED)
def test_calls_of_root(place, name):
    said = place.run(f"python3 c.py '{name}'")
    place.expect("did it" in said, said)


@pytest.mark.isolated
def test_calls_that_would_harm_the_machine(place):
    names = INSIDE + PRIVILEGED
    said = place.run("python3 c.py " + " ".join(f"'{name}'" for name in names))
    assert "did it" not in said and "Error" not in said, said
    for name in names:
        assert f"\n{name} refused: " in said, (name, said)
    place.alive()


@pytest.mark.isolated
def test_calls_from_a_code_cell(place):
    for name in ("unshare a user namespace", "mount", "io_uring"):
        said = place.say("code_execute", code=(
            f"import subprocess\nsubprocess.run(['python3', 'c.py', '{name}'], "
            "capture_output=True, text=True).stdout"))
        assert "did it" not in said and "--- result" in said, said


@pytest.mark.isolated
def test_calls_of_another_architecture(place):
    """int 0x80 and the x32 calls do not pass by the filter."""
    if os.uname().machine != "x86_64":
        said = place.run("python3 c.py mount")
        assert "did it" not in said
        return
    code = bytes.fromhex("53b81400000031dbcd805bc3")  # push rbx; eax = getpid of i386; int 0x80
    said = place.python(f"""
import ctypes, mmap
m = mmap.mmap(-1, 4096, prot=7)
m.write({code!r})
f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))
print("i386:", f())
libc = ctypes.CDLL(None, use_errno=True)
print("x32:", libc.syscall(ctypes.c_long(0x40000000 + 272), ctypes.c_long(0x10000000)))
""")
    assert "i386: -38\n" in said or "Bad system call" in said, said
    assert "x32: 0" not in said, said


SETID = {
    "chmod": "cp /usr/bin/id f && chmod 4755 f",
    "chmod of a group": "cp /usr/bin/id f && chmod 2755 f",
    "fchmod": "python3 -c 'import os; os.fchmod(os.open(\"f\", os.O_CREAT), 0o4755)'",
    "fchmod of a group": "python3 -c 'import os; os.fchmod(os.open(\"f\", os.O_CREAT), 0o2755)'",
    "fchmodat": "python3 -c 'import os; open(\"f\", \"w\"); "
                "os.chmod(\"f\", 0o4755, dir_fd=os.open(\".\", 0))'",
    "more bits": "python3 -c 'import ctypes, os; open(\"f\", \"w\"); "
                 "ctypes.CDLL(None).chmod(b\"f\", ctypes.c_ulong(0o4755 | 1 << 40))'",
    "open of a group": "python3 -c 'import os; os.open(\"f\", os.O_CREAT | os.O_WRONLY, 0o2755)'",
    "creat of a group": "python3 -c 'import ctypes; ctypes.CDLL(None).creat(b\"f\", 0o2755)'",
    "a folder of a group": "mkdir f; chmod g+s f",
    "a pipe": "python3 -c 'import os, stat; os.mknod(\"f\", stat.S_IFIFO | 0o4755)'",
    "fchmodat2 of a group": "cp /usr/bin/id f; python3 -c 'import ctypes; "
                            "ctypes.CDLL(None).syscall(452, -100, b\"f\", 0o2755, 0)'",
    "install": "install -m 4755 /usr/bin/id f",
    "open": "python3 -c 'import os; os.open(\"f\", os.O_CREAT | os.O_WRONLY, 0o4755)'",
    "creat": "python3 -c 'import ctypes; ctypes.CDLL(None).creat(b\"f\", 0o4755)'",
    "mknod": "python3 -c 'import os, stat; os.mknod(\"f\", stat.S_IFREG | 0o4755)'",
    "tar": "python3 -c 'import tarfile, io; t = tarfile.open(\"t.tar\", \"w\"); "
           "i = tarfile.TarInfo(\"f\"); i.mode = 0o6755; t.addfile(i, io.BytesIO(b\"\"))'; "
           "tar xpf t.tar",
    "fchmodat2": "cp /usr/bin/id f; python3 -c 'import ctypes; "
                 "ctypes.CDLL(None).syscall(452, -100, b\"f\", 0o4755, 0)'",
    "openat2": "python3 -c 'import ctypes, struct; ctypes.CDLL(None).syscall(437, -100, b\"f\", "
               "struct.pack(\"3Q\", 0o101, 0o4755, 0), 24)'",
    "without a name": "python3 -c 'import ctypes, os; "
                      "fd = os.open(\".\", os.O_TMPFILE | os.O_RDWR, 0o4755); "
                      "ctypes.CDLL(None).linkat(-100, b\"/proc/self/fd/%d\" % fd, -100, b\"f\", "
                      "1024)'",
}


def workspaces(place):
    """Every file below the state directory, with its mode."""
    for folder, folders, names in os.walk(place.state_dir):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            yield path, os.lstat(path).st_mode


def set_id_files(place):
    return [path for path, mode in workspaces(place) if mode & (stat.S_ISUID | stat.S_ISGID)]


@pytest.mark.parametrize("way", SETID)
def test_leaving_a_set_id_file(place, way):
    said = place.run(f"umask 0; {SETID[way]}")
    place.expect(bool(set_id_files(place)), said)


@pytest.mark.isolated
def test_leaving_a_set_id_file_by_a_tool(place):
    for mode in ("4755", "2755", "6777"):
        said = place.say("file_write", path=f"f{mode}", content="#!/bin/sh\n", permissions=mode)
        assert not set_id_files(place), said


@pytest.mark.isolated
@pytest.mark.only("root")
def test_another_user_does_not_come_to_the_files(place):
    place.run("cp /usr/bin/id f; chmod 777 f . ..; chmod 777 /home/user; echo x >~/x; chmod 666 ~/x")
    found = [path for path, _ in workspaces(place) if path.endswith(("/f", "/x"))]
    assert len(found) == 2
    for path in found:
        done = subprocess.run(as_user(60001, ["cat", path]), capture_output=True)
        assert done.returncode != 0 and b"denied" in done.stderr
        assert os.stat(path).st_uid not in (0, 60001)
