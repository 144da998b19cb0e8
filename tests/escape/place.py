"""
Where an attack is tried: a server as some user, with one runtime, and things of the test's own
outside of the sandbox to go for.

An attack is a small script. The same one must succeed with --runtime host, which shows that it
works, and fail in bubblewrap: `expect(succeeded)` says so.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from lib import processes, protocol
from lib.paths import BROWSER_ENV
from lib.stdio import Stdio

USER = 54321
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def as_user(uid, command):
    """The command, run as that user, without supplementary groups."""
    if uid == os.geteuid():
        return [*map(str, command)]
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *map(str, command)]


class Place:
    """
    host: no isolation here, the attack must succeed. uid: the server's, root if it is 0.
    outside: a folder of that user with a file `secret` that holds .token, which is also in the
    server's environment, as ESCAPE. before: words in front of the server's command line.
    """

    def __init__(self, binary, runtime, uid, state_dir, *args, before=()):
        self.host, self.uid, self.root = runtime == "host", uid, uid == 0
        self.state_dir, self.token = state_dir, secrets.token_hex(16)
        self.outside = Path(tempfile.mkdtemp(prefix="escape-"))
        self.outside.chmod(0o755)
        self.secret = self.outside / "secret"
        self.secret.write_text(self.token)
        for path in (self.outside, self.secret, state_dir):
            os.chown(path, uid, uid)
        state_dir.chmod(0o711)
        self.env = {"PATH": PATH, "HOME": str(self.outside), "ESCAPE": self.token,
                    "SANDBOX_MCP_STATE_DIR": str(state_dir), **BROWSER_ENV}
        self.args = ["--runtime", runtime, *args]
        first, *rest = [*before, *as_user(uid, [binary, *self.args])]
        self.client = Stdio(first, *rest, env=self.env, cwd="/")
        self._started = []

    @property
    def pid(self):
        """Of the server."""
        return self.client.pid

    def call(self, tool, **arguments):
        return self.client.call(tool, **arguments)

    def say(self, tool, **arguments):
        """All text of a result, be it an error."""
        return protocol.text(self.call(tool, **arguments))

    def run(self, command, **more):
        return self.say("terminal_execute", command=command, **more)

    def python(self, code, *words, **more):
        """A script in a fresh interpreter; words are its arguments."""
        arguments = " ".join(f"'{word}'" for word in words)
        return self.run(f"python3 - {arguments}", stdin=code, **more)

    def expect(self, succeeded, why=""):
        """Says whether the attack did what it wanted."""
        if self.host:
            assert succeeded, f"the attack does not work even without isolation: {why}"
        else:
            assert not succeeded, f"it got out: {why}"

    def start(self, *command, **more):
        """A process of the test's, of the same user; ended with the place."""
        self._started.append(subprocess.Popen(
            as_user(self.uid, command), stdin=subprocess.DEVNULL, cwd="/", **more))
        return self._started[-1]

    def alive(self):
        """The sandbox can still be used."""
        said = self.run("echo alive $((6 * 7))")
        assert "alive 42" in said, said

    def end(self):
        try:
            if self.client.process.poll() is None:
                assert self.client.close() == 0, self.client.stderr
        finally:
            self.client.kill()
            for process in self._started:
                process.kill()
                process.wait()
            shutil.rmtree(self.outside, ignore_errors=True)


def unique_seconds():
    """An argument for sleep by which its processes are found on the machine."""
    return f"3700.{secrets.randbelow(10**12):012}"


def sleepers(seconds):
    """{(pid, start)} of `sleep SECONDS`, in whatever namespace."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as f:
                here = f.read() == b"sleep\0" + seconds.encode() + b"\0"
        except OSError:
            continue
        if here and (start := processes.started(int(name))) is not None:
            found.add((int(name), start))
    return found


def wait_until(true, seconds=5, what="it"):
    """Until true() is; returns its value."""
    until = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < until, f"not in {seconds} s: {what}"
        time.sleep(0.02)
    return value


def all_gone(seconds, within=2):
    wait_until(lambda: not sleepers(seconds), within, f"no sleep {seconds} left")
