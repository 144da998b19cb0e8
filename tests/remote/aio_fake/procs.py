"""Real processes: how they are started, ended, and found again when the service stops."""

import os
import secrets
import signal
import subprocess
import threading

from .tree import HOME

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TOKEN_NAME = "AIO_FAKE_ID"
PASSED_ON = ("LANG", "LC_ALL", "TZ", "PATH")


def signal_group(process, number):
    """True when the group of a process we started, and have not yet reaped, got the signal."""
    if process.poll() is not None:
        return False
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class Procs:
    def __init__(self, tree, scratch):
        """`scratch`: a directory for the service's own files, which ends with the service."""
        self.tree, self.scratch = tree, scratch
        self.token = secrets.token_hex(8)
        self.lock = threading.Lock()
        self.live = set()

    def environment(self, extra=None):
        env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        env.setdefault("PATH", PATH)
        env.setdefault("LANG", "C.UTF-8")
        env.update(
            HOME=self.tree.host(HOME), USER="gem", LOGNAME="gem", SHELL="/bin/bash",
            TERM="xterm-256color", **{TOKEN_NAME: self.token}
        )
        env.update(extra or {})
        return env

    def start(self, argv, cwd, env=None, **options):
        """A child that leads its own session, and so its own process group."""
        process = subprocess.Popen(
            argv, cwd=cwd, env=self.environment(env), start_new_session=True, **options
        )
        with self.lock:
            self.live = {p for p in self.live if p.returncode is None}
            self.live.add(process)
        return process

    def strays(self):
        """Pids that still carry our token: also those which left their group."""
        wanted = f"{TOKEN_NAME}={self.token}".encode()
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        yield int(entry)
            except OSError:
                continue

    def kill_all(self):
        with self.lock:
            live = list(self.live)
        for process in live:
            signal_group(process, signal.SIGKILL)
        for _ in range(3):
            found = list(self.strays())
            for pid in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if not found:
                break
