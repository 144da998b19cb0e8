"""/v1/bash: one process per command, pipes, a session-wide stream read by byte offsets."""

import codecs
import os
import signal
import subprocess
import threading
import time
import uuid
from datetime import datetime, timezone

from .procs import signal_group
from .reply import Failed, HttpError
from .tree import HOME

SIGNALS = {name: getattr(signal, name) for name in
           ("SIGTERM", "SIGKILL", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")}
DRAIN_S = 0.2
READ_SIZE = 65536


def timestamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None).isoformat()


def middle_cut(text, limit):
    """Head and tail of a text over the limit, with a marker in between."""
    if limit <= 0 or len(text) <= limit:
        return text
    head = limit // 2
    tail = limit - head
    return f"{text[:head]}\n... [{len(text) - limit} characters truncated] ...\n{text[-tail:]}"


class Stream:
    """Every byte a session wrote to one of its outputs."""

    def __init__(self):
        self.data = bytearray()

    def text(self, start, whole):
        """(text, next offset) from an offset; a character cut at the end waits unless `whole`."""
        raw = bytes(self.data[max(start, 0):])
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(raw, final=whole)
        held = 0 if whole else len(decoder.getstate()[0])
        return text, max(start, 0) + len(raw) - held


class Command:
    def __init__(self, text):
        self.command_id = str(uuid.uuid4())
        self.text = text
        self.status = "running"
        self.exit_code = None
        self.process = None
        self.killed = self.overdue = False
        self.started = time.monotonic()
        self.pumps = []

    def info(self):
        return {"command_id": self.command_id, "command": self.text, "status": self.status,
                "exit_code": self.exit_code}


class Session:
    def __init__(self, session_id, cwd, snapshot=None):
        self.session_id, self.cwd, self.snapshot = session_id, cwd, snapshot
        self.changed = threading.Condition()
        self.out, self.err = Stream(), Stream()
        self.commands = {}
        self.last = None
        self.closed = False
        self.created_at = self.last_used_at = time.time()
        self.submitted = time.monotonic()

    def running(self):
        return [c for c in self.commands.values() if c.status == "running"]

    def info(self, tree):
        current = self.running()
        return {
            "session_id": self.session_id,
            "status": "closed" if self.closed else "ready",
            "working_dir": tree.shown(self.cwd),
            "created_at": timestamp(self.created_at),
            "last_used_at": timestamp(self.last_used_at),
            "current_command": current[-1].text if current else None,
            "command_count": len(self.commands),
        }

    def pump(self, pipe, stream):
        with pipe:
            while data := os.read(pipe.fileno(), READ_SIZE):
                with self.changed:
                    stream.data += data
                    self.changed.notify_all()

    def wait_for(self, ready, seconds):
        with self.changed:
            self.changed.wait_for(ready, seconds)


def supervise(session, command, hard_timeout):
    """Waits for the process, enforces the hard limit, settles the final status."""
    process = command.process
    try:
        code = process.wait(hard_timeout)
    except subprocess.TimeoutExpired:
        command.overdue = True
        signal_group(process, signal.SIGKILL)
        code = process.wait()
    until = time.monotonic() + DRAIN_S
    for pump in command.pumps:
        pump.join(max(0, until - time.monotonic()))
    with session.changed:
        if command.overdue:
            command.status, command.exit_code = "timed_out", -1
        else:
            command.status = "killed" if command.killed else "completed"
            command.exit_code = code
        session.changed.notify_all()


class Bash:
    def __init__(self, tree, procs, max_sessions=50, session_timeout=3600):
        self.tree, self.procs = tree, procs
        self.max_sessions, self.session_timeout = max_sessions, session_timeout
        self.lock = threading.Lock()
        self.sessions = {}

    def find(self, session_id):
        with self.lock:
            session = self.sessions.get(session_id)
        if session is None:
            raise HttpError(404, f"Session {session_id} not found")
        return session

    def working_dir(self, path):
        real = self.tree.directory(path)
        if real is None:
            raise Failed(f"Working directory does not exist: {path}")
        return real

    def obtain(self, session_id, exec_dir, snapshot=None):
        cwd = self.working_dir(exec_dir or HOME)
        evicted = None
        with self.lock:
            session = self.sessions.get(session_id) if session_id else None
            if session is None:
                if len(self.sessions) >= self.max_sessions:
                    oldest = min(self.sessions.values(), key=lambda s: s.last_used_at)
                    evicted = self.sessions.pop(oldest.session_id)
                session = Session(session_id or str(uuid.uuid4()), cwd, snapshot)
                self.sessions[session.session_id] = session
            elif exec_dir:
                session.cwd = cwd
        if evicted:
            self.end(evicted)
        return session

    def end(self, session):
        with session.changed:
            session.closed = True
            for command in session.running():
                command.killed = True
                signal_group(command.process, signal.SIGKILL)
            session.changed.notify_all()

    def reap_idle(self):
        """Ends sessions whose last command was submitted too long ago, even if it still runs."""
        before = time.monotonic() - self.session_timeout
        with self.lock:
            old = [s for s in self.sessions.values() if s.submitted < before]
            for session in old:
                del self.sessions[session.session_id]
        for session in old:
            self.end(session)

    def start(self, session, command, env, hard_timeout):
        extra = dict(env or {})
        if session.snapshot:
            extra["BASH_ENV"] = self.tree.host(session.snapshot)
        try:
            command.process = self.procs.start(
                ["/bin/bash", "-c", command.text], session.cwd, extra,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            )
        except (OSError, ValueError) as cause:
            raise Failed(f"Cannot start command: {cause}") from cause
        pairs = ((command.process.stdout, session.out), (command.process.stderr, session.err))
        command.pumps = [threading.Thread(target=session.pump, args=p, daemon=True) for p in pairs]
        for thread in command.pumps:
            thread.start()
        threading.Thread(
            target=supervise, args=(session, command, hard_timeout), daemon=True
        ).start()

    def exec(self, a):
        session = self.obtain(a["session_id"], a["exec_dir"])
        command = Command(a["command"])
        with session.changed:
            if session.closed:
                raise HttpError(404, f"Session {session.session_id} not found")
            start = (len(session.out.data), len(session.err.data))
            session.last_used_at, session.submitted = time.time(), time.monotonic()
            self.start(session, command, a["env"], a["hard_timeout"])
            session.commands[command.command_id] = command
            session.last = command
        reply = {"session_id": session.session_id, **command.info(), "stdout": None,
                 "stderr": None, "offset": start[0], "stderr_offset": start[1]}
        if a["async_mode"]:
            return reply
        session.wait_for(lambda: command.status != "running", a["timeout"])
        with session.changed:
            done = command.status != "running"
            out, out_end = session.out.text(start[0], done)
            err, err_end = session.err.text(start[1], done)
            reply.update(command.info())
        limit = a["max_output_length"]
        return {**reply, "stdout": middle_cut(out, limit), "stderr": middle_cut(err, limit),
                "offset": out_end, "stderr_offset": err_end}

    def chosen(self, session, command_id):
        if not command_id:
            return session.last
        command = session.commands.get(command_id)
        if command is None:
            raise HttpError(404, f"Command {command_id} not found")
        return command

    def output(self, a):
        session = self.find(a["session_id"])
        command = self.chosen(session, a["command_id"])
        at = (a["offset"], a["stderr_offset"])

        def news():
            if session.closed or command is None or command.status != "running":
                return True
            return len(session.out.data) > at[0] or len(session.err.data) > at[1]

        if a["wait"]:
            session.wait_for(news, a["wait_timeout"])
        with session.changed:
            if session.closed:
                raise HttpError(404, f"Session {session.session_id} not found")
            settled = not session.running()
            out, out_end = session.out.text(at[0], settled)
            err, err_end = session.err.text(at[1], settled)
            info = command.info() if command else None
        return {"session_id": session.session_id, "stdout": out, "stderr": err,
                "offset": out_end, "stderr_offset": err_end, "command": info}

    def write(self, a):
        command = self.chosen(self.find(a["session_id"]), a["command_id"])
        if command is None or command.status != "running":
            raise Failed("No running command in this session")
        try:
            command.process.stdin.write(a["input"].encode("utf-8", "surrogatepass"))
        except OSError as cause:
            raise Failed(f"Cannot write to stdin: {cause}") from cause

    def kill(self, a):
        session = self.find(a["session_id"])
        number = SIGNALS.get(a["signal"])
        if number is None:
            raise Failed(f"Unsupported signal: {a['signal']}")
        running = session.running()
        if not running:
            raise Failed("No running command in this session")
        for command in running:
            command.killed = True
            signal_group(command.process, number)

    def listed(self):
        with self.lock:
            return [s.info(self.tree) for s in self.sessions.values()]

    def create(self, a):
        return self.obtain(a["session_id"], a["exec_dir"], a["snapshot_path"]).info(self.tree)

    def close(self, session_id):
        session = self.find(session_id)
        with self.lock:
            self.sessions.pop(session_id, None)
        self.end(session)
