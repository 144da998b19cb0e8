"""/v1/shell: stateful terminal sessions, merged output."""

import threading
import time
import uuid

from .bash import middle_cut, timestamp
from .reply import Failed, HttpError
from .terminal import Terminal, clean
from .tree import HOME

NO_CHANGE_S = 120
WAIT_MAX_S = 60
TRUNCATE_AT = 30000
SESSION_TIMEOUT_S = 3600
MAX_SESSIONS = 50
ACTIVE_S = 300


class Session:
    def __init__(self, session_id, terminal, no_change):
        self.session_id, self.terminal, self.no_change = session_id, terminal, no_change
        self.created_at = self.last_used_at = time.time()


class Shell:
    def __init__(self, tree, procs):
        self.tree, self.procs = tree, procs
        self.lock = threading.Lock()
        self.sessions = {}

    def find(self, session_id):
        with self.lock:
            session = self.sessions.get(session_id)
        if session is None:
            raise HttpError(404, f"Session {session_id} not found")
        session.last_used_at = time.time()
        return session

    def obtain(self, session_id, cwd, no_change=None):
        with self.lock:
            session = self.sessions.get(session_id) if session_id else None
            if session is None or session.terminal.gone:
                name = session_id or str(uuid.uuid4())
                session = Session(name, Terminal(self.procs, cwd), no_change or NO_CHANGE_S)
                self.sessions[name] = session
        session.last_used_at = time.time()
        return session

    def exec_dir(self, a):
        """The directory to run in, or None to stay where the session is."""
        wanted = a["exec_dir"]
        if not wanted:
            return None
        real = self.tree.directory(wanted)
        if real is None and a.get("strict"):
            raise Failed(f"Working directory does not exist: {wanted}")
        return real

    def result(self, session, record, status, truncate):
        over = status != "running"
        output = clean(record.raw) if over else None
        if truncate and output:
            output = middle_cut(output, TRUNCATE_AT)
        return {
            "session_id": session.session_id, "command": record.command, "status": status,
            "output": output, "console": [record.console()] if over else None,
            "exit_code": record.exit_code if over else None,
        }

    def exec(self, a):
        target = self.exec_dir(a)
        session = self.obtain(a["id"], target or self.tree.host(HOME))
        terminal = session.terminal
        with terminal.changed:
            if terminal.busy:
                raise Failed("A command is still running in this session")
            shown = self.tree.shown(terminal.cwd)
            record = terminal.start(a["command"], shown, target)
        if a["hard_timeout"] is not None:
            threading.Thread(
                target=self.enforce, args=(terminal, record, a["hard_timeout"]), daemon=True
            ).start()
        if a["async_mode"]:
            return self.result(session, record, "running", a["truncate"])
        status = self.follow(terminal, record, a["timeout"],
                             a["no_change_timeout"] or session.no_change)
        return self.result(session, record, status, a["truncate"])

    @staticmethod
    def enforce(terminal, record, seconds):
        with terminal.changed:
            if terminal.changed.wait_for(lambda: record.status != "running", seconds):
                return
        if terminal.current is record:
            terminal.stop("hard_timeout")

    @staticmethod
    def follow(terminal, record, timeout, no_change):
        """The status to report once the command ended or a patience ran out."""
        until = None if timeout is None else time.monotonic() + timeout
        with terminal.changed:
            while record.status == "running":
                now = time.monotonic()
                quiet = record.changed_at + no_change
                if until is not None and now >= until:
                    return "running"
                if now >= quiet:
                    return "no_change_timeout"
                terminal.changed.wait(min(quiet, until or quiet) - now)
        return record.status

    def view(self, a):
        session = self.find(a["id"])
        terminal = session.terminal
        with terminal.changed:
            record = terminal.current
            console = [r.console() for r in terminal.records]
            shown = self.tree.shown(terminal.cwd)
            status = record.status if record else "completed"
        lines = [f"{c['ps1']} {c['command']}\n{c['output']}".rstrip("\n") for c in console]
        if status != "running":
            lines.append(terminal.prompt(shown))
        return {
            "output": "\n".join(lines), "session_id": session.session_id, "console": console,
            "status": status, "command": record.command if record else None,
            "exit_code": record.exit_code if record else None,
        }

    def wait(self, a):
        terminal = self.find(a["id"]).terminal
        seconds = a["seconds"] if a["seconds"] is not None else a["max_wait_seconds"]
        with terminal.changed:
            terminal.changed.wait_for(
                lambda: not terminal.busy, WAIT_MAX_S if seconds is None else seconds
            )
            return {"status": terminal.current.status if terminal.current else "completed"}

    def write(self, a):
        terminal = self.find(a["id"]).terminal
        if not terminal.busy:
            raise Failed("No running command in this session")
        terminal.type(a["input"] + ("\n" if a["press_enter"] else ""))
        return {"status": terminal.current.status}

    def kill(self, a):
        terminal = self.find(a["id"]).terminal
        code = terminal.current.exit_code if terminal.current else None
        terminal.stop("terminated")
        return {"status": "terminated", "exit_code": code, "returncode": code}

    def create(self, a):
        cwd = self.exec_dir(a) or self.tree.host(HOME)
        session = self.obtain(a["id"], cwd, a["no_change_timeout"])
        return {"session_id": session.session_id,
                "working_dir": self.tree.shown(session.terminal.cwd)}

    def update(self, a):
        session = self.find(a["id"])
        session.no_change = a["no_change_timeout"] or session.no_change

    def listed(self):
        now = time.time()
        with self.lock:
            return {"sessions": {s.session_id: {
                "working_dir": self.tree.shown(s.terminal.cwd),
                "created_at": timestamp(s.created_at),
                "last_used_at": timestamp(s.last_used_at),
                "age_seconds": int(now - s.created_at),
                "status": "running" if s.terminal.busy else "ready",
                "current_command": s.terminal.current.command if s.terminal.busy else None,
            } for s in self.sessions.values()}}

    def stats(self):
        now = time.time()
        with self.lock:
            total = len(self.sessions)
            active = sum(now - s.last_used_at < ACTIVE_S for s in self.sessions.values())
        return {"total_sessions": total, "active_sessions": active,
                "idle_sessions": total - active, "max_sessions": MAX_SESSIONS,
                "session_timeout": SESSION_TIMEOUT_S, "usage_ratio": total / MAX_SESSIONS}

    def delete(self, session_id):
        session = self.find(session_id)
        with self.lock:
            self.sessions.pop(session_id, None)
        session.terminal.close()

    def delete_all(self):
        with self.lock:
            sessions, self.sessions = list(self.sessions.values()), {}
        for session in sessions:
            session.terminal.close()
