"""One interactive bash on a pseudo terminal, whose commands and their ends are told apart.

The shell reports over the terminal itself, in control sequences that carry a secret: one when a
command starts, one at each prompt with the exit code and the working directory.
"""

import errno
import fcntl
import os
import re
import secrets
import signal
import struct
import subprocess
import termios
import threading
import time

from .procs import signal_group

ROWS, COLUMNS = 24, 80
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_=>]")
KILL_GRACE_S = 2


def clean(raw):
    """Terminal output as plain text."""
    text = ESCAPES.sub("", raw.decode("utf-8", "replace"))
    return text.replace("\r\n", "\n").replace("\r", "").replace("\x07", "").rstrip("\n")


class Record:
    """One command of a terminal, its output and how it stands."""

    def __init__(self, prompt, command):
        self.prompt, self.command = prompt, command
        self.raw = bytearray()
        self.status = "running"
        self.exit_code = None
        self.verdict = None
        self.changed_at = time.monotonic()

    def console(self):
        return {"ps1": self.prompt, "command": self.command, "output": clean(self.raw)}


class Terminal:
    def __init__(self, procs, cwd):
        self.changed = threading.Condition()
        self.secret = secrets.token_hex(8)
        self.marker = re.compile(rb"\x1b\]7777;%s;([SE]);(-?\d*);([^\x07]*)\x07"
                                 % self.secret.encode())
        self.records = []
        self.cwd = cwd
        self.ready = self.gone = False
        self.pending = b""
        self.scratch = f"{procs.scratch}/{self.secret}"
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        report = f"printf '\\033]7777;{self.secret};E;%d;%s\\007' \"$?\" \"$PWD\""
        env = {"PS1": "", "PS2": "", "PROMPT_COMMAND": report, "HISTFILE": "/dev/null"}
        self.echo(slave, False)
        self.process = procs.start(
            ["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"], cwd, env,
            stdin=slave, stdout=slave, stderr=slave,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        threading.Thread(target=self.read_all, daemon=True).start()

    @staticmethod
    def echo(fd, wanted):
        mode = termios.tcgetattr(fd)
        mode[3] = mode[3] | termios.ECHO if wanted else mode[3] & ~termios.ECHO
        termios.tcsetattr(fd, termios.TCSANOW, mode)

    @property
    def current(self):
        return self.records[-1] if self.records else None

    @property
    def busy(self):
        return bool(self.records) and self.records[-1].status == "running"

    def read_all(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError as error:
                if error.errno == errno.EINTR:
                    continue
                break
            if not data:
                break
            with self.changed:
                self.take(data)
                self.changed.notify_all()
        code = self.process.wait()
        with self.changed:
            self.gone = True
            if self.busy:
                self.settle(code, "terminated")
            self.changed.notify_all()
        os.close(self.master)
        try:
            os.unlink(self.scratch)
        except FileNotFoundError:
            pass

    def take(self, data):
        self.pending += data
        while found := self.marker.search(self.pending):
            self.add(self.pending[: found.start()])
            self.pending = self.pending[found.end() :]
            self.mark(found[1], found[2], found[3])
        start = self.pending.rfind(b"\x1b]7777;")
        tail = self.pending.rfind(b"\x1b")
        keep = start if start >= 0 else (tail if tail >= len(self.pending) - 7 else -1)
        if keep < 0:
            self.add(self.pending)
            self.pending = b""
        else:
            self.add(self.pending[:keep])
            self.pending = self.pending[keep:]

    def add(self, data):
        if data and self.current:
            self.current.raw += data
            self.current.changed_at = time.monotonic()

    def mark(self, kind, code, cwd):
        if kind == b"S":
            self.echo(self.master, True)
            return
        self.echo(self.master, False)
        self.cwd = cwd.decode("utf-8", "replace")
        self.ready = True
        if self.busy:
            self.settle(int(code), self.current.verdict or "completed")

    def settle(self, code, status):
        self.current.exit_code, self.current.status = code, status

    def prompt(self, shown_cwd):
        return f"gem@sandbox:{shown_cwd} $"

    def start(self, command, shown_cwd, exec_dir=None):
        """Hands a command to the idle shell. The caller holds `changed`."""
        self.changed.wait_for(lambda: self.ready or self.gone, 10)
        with open(self.scratch, "w", encoding="utf-8", errors="surrogatepass") as file:
            if exec_dir:
                quoted = exec_dir.replace("'", "'\\''")
                file.write(f"cd -- '{quoted}'\n")
            file.write(command)
        record = Record(self.prompt(shown_cwd), command)
        self.records.append(record)
        line = f" printf '\\033]7777;{self.secret};S;;\\007'; eval \"$(<{self.scratch})\"\n"
        os.write(self.master, line.encode())
        return record

    def type(self, text):
        os.write(self.master, text.encode("utf-8", "surrogatepass"))

    def foreground(self):
        try:
            return os.tcgetpgrp(self.master)
        except OSError:
            return self.process.pid

    def interrupt(self, number):
        """Signals what runs in the foreground; the shell itself is only interrupted."""
        group = self.foreground()
        try:
            os.killpg(group, signal.SIGINT if group == self.process.pid else number)
        except OSError:
            pass

    def stop(self, verdict):
        """Ends the running command, first asked, then forced; True when it is over."""
        with self.changed:
            record = self.current
            if not self.busy:
                return True
            record.verdict = verdict
        numbers = (signal.SIGKILL,) if verdict == "hard_timeout" else (signal.SIGTERM,
                                                                        signal.SIGKILL)
        for number in numbers:
            self.interrupt(number)
            with self.changed:
                if self.changed.wait_for(lambda: record.status != "running", KILL_GRACE_S):
                    return True
        return False

    def close(self):
        if not self.gone:
            self.interrupt(signal.SIGKILL)
            try:
                signal_group(self.process, signal.SIGKILL)
                self.process.wait(KILL_GRACE_S)
            except subprocess.TimeoutExpired:
                pass
