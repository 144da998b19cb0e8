"""The browser's processes below a server, as the machine sees them."""

import os
import time

from lib import processes

NAMES = ("chrom", "headless")


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def browsers(server):
    """{(pid, start)} of all processes of browsers."""
    return {(pid, start) for pid, start in processes.descendants(server.pid)
            if any(name in command(pid).split(" ")[0] for name in NAMES)}


def main_process(server):
    """The pid of the one that runs."""
    found = [pid for pid, _ in browsers(server) if "--type=" not in command(pid)
             and "--remote-debugging-pipe" in command(pid)]
    assert len(found) == 1, [processes.describe(pid) for pid in found]
    return found[0]


def of_type(server, kind):
    return sorted(pid for pid, _ in browsers(server) if f"--type={kind}" in command(pid))


def parents(pid, count):
    """Its parent, the parent of that, and so on."""
    found = []
    for _ in range(count):
        with open(f"/proc/{pid}/stat") as f:
            pid = int(f.read().rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def wait_none(server, seconds=10):
    until = time.monotonic() + seconds
    while left := browsers(server):
        assert time.monotonic() < until, [processes.describe(pid) for pid, _ in left]
        time.sleep(0.05)


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")
