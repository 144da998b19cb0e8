"""Processes, as /proc shows them."""

import os
import time


def started(pid):
    """When it started, in ticks since boot: with the pid it names a process for good. None: gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def alive(process):
    pid, start = process
    return started(pid) == start


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                found += map(int, f.read().split())
    except OSError:
        pass
    return found


def descendants(pid):
    """{(pid, start)} of everything below pid that is not a zombie."""
    found, todo = set(), [pid]
    while todo:
        for child in children(todo.pop()):
            todo.append(child)
            if (start := started(child)) is not None:
                found.add((child, start))
    return found


def running_from(binaries):
    """{(pid, start)} of the processes that run one of these files, in whatever namespace."""
    files = set()
    for path in binaries:
        try:
            st = os.stat(path)
        except OSError:
            continue
        files.add((st.st_dev, st.st_ino))
    found = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            st = os.stat(f"/proc/{name}/exe")
        except OSError:
            continue
        if (st.st_dev, st.st_ino) in files and (start := started(name)) is not None:
            found.add((int(name), start))
    return found


def descriptors(pid):
    """{fd: what it is} of a process."""
    found = {}
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                pass
    except OSError:
        pass
    return found


def assert_gone(found, seconds=3):
    """Fails, naming them, when some of these are alive after that time."""
    until = time.monotonic() + seconds
    while left := [process for process in found if alive(process)]:
        if time.monotonic() > until:
            raise AssertionError(f"left behind: {[describe(pid) for pid, _ in left]}")
        time.sleep(0.02)


def describe(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        return f"{pid} {words[:120]}"
    except OSError:
        return str(pid)
