"""
The browser runs under a looser system call filter than commands: what commands do to get at it, at
the process that starts it, or at the files that it trusts.
"""

import re

import pytest
from browser.harness import chromium

from escape.place import wait_until
from lib.chromium import browsers, command, main_process, parents, status

pytestmark = pytest.mark.skipif(
    not chromium(), reason="no Chromium here: install chromium-headless-shell or chromium")


@pytest.fixture
def browsing(place):
    result = place.call("browser_navigate", url="about:blank")
    assert not result.get("isError"), result
    return place


def again(place):
    """The same browser goes on."""
    before = main_process(place)
    result = place.call("browser_navigate", url="about:blank")
    assert not result.get("isError"), result
    assert main_process(place) == before
    place.alive()


# What all attacks begin with: the browser's process and its parents, as the attacker sees them.
FIND = """
import ctypes, os, signal, sys, time

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4

def words(pid):
    try:
        return open(f"/proc/{pid}/cmdline").read().replace(chr(0), " ")
    except OSError:
        return ""

def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])

def below(pid, top):
    while pid > 1 and pid != top:
        pid = parent(pid)
    return pid == top

known = int(sys.argv[1])
found = [known] if known else [
    int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()
    and "--remote-debugging-pipe" in words(p) and "--type=" not in words(p)]
inside = [int(p) for p in os.listdir("/proc")
          if p.isdigit() and "--type=" in words(p) and found and below(int(p), found[0])]
above = [parent(p) for p in found]
above += [parent(p) for p in above]
wanted = above if sys.argv[2:] == ["above"] else found
print("targets", found, above, flush=True)
"""


def attack(place, script, *words):
    """
    Without isolation it is told which browser to go for, as there may be others on the machine; in
    a sandbox it finds it, as there is none else.
    """
    return place.python(script, main_process(place) if place.host else 0, *words)


TRACE = FIND + """
class iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]

buffer = ctypes.create_string_buffer(64)
here = iovec(ctypes.addressof(buffer), 64)
for pid in wanted + inside:
    try:
        maps = next(line for line in open(f"/proc/{pid}/maps") if " r" in line)
        open(f"/proc/{pid}/mem", "rb", 0).close()
        print("opened", pid)
    except OSError:
        maps = ""
    there = iovec(int(maps.split("-")[0], 16) if maps else 0x400000, 64)
    if libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0:
        print("read", pid)
    fd = libc.syscall(434, pid, 0)
    for number in range(3, 12):
        if fd >= 0 and libc.syscall(438, fd, number, 0) >= 0:
            print("took", pid, number)
    for what in ("fd/3", "fd/4", "cwd", "root", "exe"):
        try:
            print("linked", pid, os.readlink(f"/proc/{pid}/{what}"))
        except OSError:
            pass
    try:
        open(f"/proc/{pid}/environ", "rb").read(1)
        print("environ", pid)
    except OSError:
        pass
    if libc.ptrace(0x4206, pid, 0, 0) == 0:
        print("traced", pid)
"""


def test_tracing_it(browsing):
    said = attack(browsing, TRACE)
    assert re.search(r"targets \[\d+", said), said
    for word in ("opened", "read", "took", "linked", "environ", "traced"):
        browsing.expect(f"{word} " in said, said)
    if not browsing.host:
        again(browsing)


@pytest.mark.isolated
def test_tracing_what_starts_it(browsing):
    cell = f"import sys; sys.argv[1:] = ['0', 'above']\n{TRACE}"
    for said in (attack(browsing, TRACE, "above"), browsing.say("code_execute", code=cell)):
        assert re.search(r"targets \[\d+\] \[\d+, \d+\]", said), said
        for word in ("opened", "read", "took", "linked", "environ", "traced"):
            assert f"{word} " not in said, said
    again(browsing)


SIGNAL = FIND + """
for pid in wanted:
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
            print("signalled", pid)
        except OSError:
            pass
    fd = libc.syscall(434, pid, 0)  # pidfd_open
    if fd >= 0 and libc.syscall(424, fd, 9, None, 0) == 0:
        print("signalled", pid)
    try:
        os.killpg(os.getpgid(pid), signal.SIGKILL)
        print("signalled", pid)
    except OSError:
        pass
"""


def scoped(place):
    """The kernel can keep signals within a Landlock domain."""
    layers = place.call("sandbox_info")["structuredContent"]["isolation"]
    abi = next((re.search(r"ABI (\d+)", line) for line in layers if "Landlock" in line), None)
    return abi and int(abi[1]) >= 6


def test_killing_it(browsing):
    if not browsing.host and not scoped(browsing):
        pytest.skip("this kernel's Landlock does not scope signals")
    before = main_process(browsing)
    said = attack(browsing, SIGNAL)
    browsing.expect("signalled " in said, said)
    if browsing.host:
        wait_until(lambda: not any(pid == before for pid, _ in browsers(browsing)))
    else:
        again(browsing)


@pytest.mark.isolated
def test_killing_what_starts_it(browsing):
    if not scoped(browsing):
        pytest.skip("this kernel's Landlock does not scope signals")
    said = attack(browsing, SIGNAL, "above")
    assert "targets" in said and "signalled " not in said, said
    browsing.run("kill -9 -1; kill -STOP -1", timeout_s=3)
    again(browsing)


FILES = FIND + """
import glob, shutil
place = [w.split("=", 1)[1] for w in words(found[0]).split() if w.startswith("--user-data-dir=")][0]
base = os.path.dirname(place)

def attempt(name, what):
    try:
        what()
        print("did", name)
    except OSError as e:
        print("failed:", name, e.errno)

def first_file():
    for at, _, names in os.walk(place):
        for name in names:
            path = os.path.join(at, name)
            if os.path.isfile(path) and not os.path.islink(path):
                return path
    raise OSError(2, "no file")

manifest = '{"name": "x", "path": "/workspace/evil", "type": "stdio", "allowed_origins": []}'
def put(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write(manifest)

attempt("read", lambda: open(first_file(), "rb").read(1))
attempt("change", lambda: open(first_file(), "r+b").write(b"x"))
attempt("truncate", lambda: os.truncate(first_file(), 0))
attempt("manifest", lambda: put(place + "/NativeMessagingHosts/x.json"))
attempt("file", lambda: put(place + "/Default/Preferences2"))
attempt("directory", lambda: os.mkdir(base + "/new"))
attempt("link", lambda: os.symlink("/workspace", base + "/elsewhere"))
attempt("hard", lambda: os.link(first_file(), "hard"))
attempt("remove", lambda: os.unlink(first_file()))
attempt("rename", lambda: os.rename(place, base + "/moved"))
attempt("temporary", lambda: put(base + "/tmp/evil.so"))
beside = base + "-beside"
attempt("beside", lambda: os.mkdir(beside))
attempt("unnamed", lambda: os.open(base, os.O_TMPFILE | os.O_WRONLY))
shutil.rmtree(beside, ignore_errors=True)
"""


def test_its_files(browsing):
    said = attack(browsing, FILES)
    assert "targets" in said and "read" in said, said
    for name in ("read", "change", "truncate", "manifest", "file", "directory", "link", "rename",
                 "remove", "temporary", "beside"):
        browsing.expect(f"did {name}\n" in said, said)
    if not browsing.host:
        assert "did " not in said, said
        again(browsing)


@pytest.mark.isolated
@pytest.mark.options("--toolsets", "all")
def test_taking_rights_to_its_files_away(browsing):
    """Which Landlock does not keep commands from: the next browser starts, nothing is left."""
    for what in ("/run/browser/*/*", "/run/browser/*", "/run/browser"):
        browsing.run(f"chmod 000 {what}")
    browsing.call("browser_close")
    result = browsing.call("browser_navigate", url="about:blank")
    assert not result.get("isError"), result
    assert browsing.run("ls /run/browser | wc -l").split()[-1] == "1"


# Where browsers and their libraries look for what they load or run. A library that is loaded says
# so; it is compiled there, as it has to fit.
TRAPS = r"""
cat >t.c <<'END'
#include <stdio.h>
#include <sys/stat.h>
__attribute__((constructor)) static void loaded(void)
{ mkdir("/tmp/loaded", 0777); mkdir("/workspace/loaded", 0777); }
int vk_icdNegotiateLoaderICDInterfaceVersion(void) { return 0; }
int C_GetFunctionList(void) { return 5; }
END
gcc -shared -fPIC -o trap.so t.c || exit 9
here=$PWD/trap.so
LD_PRELOAD=$here /bin/true; [ -d /tmp/loaded ] && rmdir /tmp/loaded loaded || exit 8
printf '#!/bin/sh\nmkdir /tmp/loaded /workspace/loaded\n' >w; chmod +x w
for d in ~ /tmp /workspace; do
  mkdir -p $d/.pki/nssdb $d/.config/chromium $d/.config/fontconfig $d/.local/bin \
    $d/.local/share/vulkan/icd.d
  printf 'library=%s\nname=x\nparameters=configdir=sql:/tmp\n\n' $here >$d/.pki/nssdb/pkcs11.txt
  echo "{\"file_format_version\":\"1.0.0\",\"ICD\":{\"library_path\":\"$here\"}}" \
    >$d/.local/share/vulkan/icd.d/x.json
  echo "--renderer-cmd-prefix=$PWD/w --utility-cmd-prefix=$PWD/w --no-sandbox" |
    tee $d/.config/chromium-flags.conf $d/.chromium-browser.init >$d/.config/chrome-flags.conf
  echo "export LD_PRELOAD=$here" | tee $d/.chromiumrc $d/.profile >$d/.config/chromium/default
  for n in chromium chrome chromium-headless-shell dbus-launch xdg-open xdg-settings lsb_release
  do cp w $d/.local/bin/$n; done
done
echo ready
"""
CLEAN = "unset LD_PRELOAD BASH_ENV; "


@pytest.mark.isolated
@pytest.mark.options("--env", "LD_PRELOAD=/workspace/trap.so", "--env", "BASH_ENV=/workspace/w",
                     "--env", "VK_ICD_FILENAMES=/tmp/.local/share/vulkan/icd.d/x.json",
                     "--env", "CHROMIUM_FLAGS=--no-sandbox", "--env", "GCONV_PATH=/workspace")
def test_what_it_would_load(place):
    """Files that commands leave where a browser of the same user would look for them."""
    said = place.run(CLEAN + TRAPS, timeout_s=60)
    assert "ready" in said, said
    place.run(CLEAN + "mkdir -p www; cd www; echo hi >index.html; "
                      "python3 -m http.server 3000 >/dev/null 2>&1 & sleep 1")
    place.run(CLEAN + "rm -rf /tmp/loaded /workspace/loaded")
    result = place.call("browser_navigate", url="http://localhost:3000/")
    assert not result.get("isError"), result
    place.call("browser_navigate", url="https://localhost:3000/")
    browser = main_process(place)
    assert "--no-sandbox " not in command(browser) and "cmd-prefix" not in command(browser)
    with open(f"/proc/{browser}/maps") as f:
        assert "trap.so" not in f.read()


@pytest.mark.isolated
def test_commands_stay_under_the_strict_filter(browsing):
    """With a browser beside them, too: no namespaces, the filters of old, no place of its."""
    said = browsing.run("unshare -Ur true; echo unshare $?; grep ^Seccomp /proc/self/status; "
                        "mkdir /run/browser/x; echo mkdir $?; mkdir /nonexistent; echo home $?")
    for line in ("unshare 1", "Seccomp:\t2", "Seccomp_filters:\t2", "mkdir 1", "home 1"):
        assert f"\n{line}\n" in said + "\n", said
    for pid in [main_process(browsing), *parents(main_process(browsing), 2)]:
        assert status(pid)["Seccomp_filters"] == "1" and int(status(pid)["CapEff"], 16) == 0


HAND_OVER = r"""
import glob, os, re, socket, sys, time
paths = [l.split()[-1] for l in open("/proc/net/unix") if "/run/browser/" in l]
print("sockets", paths)
words = ["chromium", "http://localhost:3000/handed-over", "--new-window"]
for path in paths:
    try:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(path)
        s.sendall(b"START\0/\0" + "\0".join(words).encode())
        s.shutdown(socket.SHUT_WR)
        print("said", s.recv(64))
    except OSError as e:
        print("failed", e)
time.sleep(1)
"""


@pytest.mark.isolated
def test_what_another_start_of_it_would_hand_over(browsing):
    """chromium listens for that on a socket; headless-shell does not."""
    browsing.run("mkdir www; cd www; python3 -m http.server 3000 >/dev/null 2>log & sleep 1")
    said = browsing.python(HAND_OVER)
    assert "sockets" in said, said
    tabs = browsing.call("browser_tabs", action="list")["structuredContent"]["pages"]
    assert len(tabs) == 1, (said, tabs)
    assert "handed-over" not in browsing.run("cat www/log"), said
    again(browsing)
