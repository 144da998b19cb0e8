"""Speaks backend/wire.h with an agent, bare (host) or as pid 1 of a bubblewrap sandbox."""

import array
import os
import platform
import re
import select
import shutil
import socket
import struct
import tempfile
import time
from pathlib import Path

from lib.paths import AGENT, ROOT

MAGIC, VERSION, MAX = 0x5342, 1, 65536


def enumerated(name):
    """The constants of an enum in wire.h, without their prefix."""
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "backend/wire.h").read_text(), flags=re.S)
    body, found, value = re.search(rf"enum {name} {{(.*?)}}", text, re.S)[1], {}, -1
    for word in filter(None, map(str.strip, body.split(","))):
        word, _, given = map(str.strip, word.partition("="))
        value = int(given) if given else value + 1
        found[word.split("_", 1)[1]] = value
    return found


TAGS = enumerated("wire_tag")
globals().update(enumerated("wire_kind"))
globals().update(enumerated("wire_frame"))
F_HOST, F_BROWSER, F_BARE = 1 << 11, 1 << 12, 1 << 13
BROWSER_DIR, TAIL, ARGS_MAX = "/run/browser", 2048, 64
NAMES = {number: name for name, number in TAGS.items()}
INVALID, NOT_FOUND, GONE, DENIED, QUOTA, BUSY, UNSUPPORTED = 1, 2, 3, 4, 6, 9, 10
SECONDS = 20


def env_block(env):
    return b"".join(os.fsencode(f"{k}={v}") + b"\0" for k, v in env.items())


def pack(op, tags=(), nfds=0):
    body = b""
    for name, value in (tags.items() if isinstance(tags, dict) else tags):
        data = struct.pack("<I", value) if isinstance(value, int) else \
            value.encode() if isinstance(value, str) else value
        body += struct.pack("<HI", TAGS.get(name, name), len(data)) + data
    return struct.pack("<HBBIB3x", MAGIC, VERSION, op, len(body), nfds) + body


class Frame:
    def __init__(self, data):
        magic, version, self.op, length, self.nfds, zero = struct.unpack_from("<HBBIB3s", data)
        assert (magic, version, length, zero) == (MAGIC, VERSION, len(data) - 12, bytes(3))
        self.tags, at = {}, 12
        while at < len(data):
            tag, n = struct.unpack_from("<HI", data, at)
            assert tag in NAMES and NAMES[tag] not in self.tags and at + 6 + n <= len(data)
            self.tags[NAMES[tag]] = data[at + 6:at + 6 + n]
            at += 6 + n

    def number(self, name):
        return int.from_bytes(self.tags[name], "little")

    def text(self, name):
        return self.tags[name].decode(errors="replace")

    def __repr__(self):
        return f"Frame({self.op}, {self.tags})"


def filter_program():
    """sock_filter[]: unshare, and prlimit64 on others, fail; all else passes."""
    unshare, prlimit = {"x86_64": (272, 302), "aarch64": (97, 261)}[platform.machine()]
    load, equal, ret = 0x20, 0x15, 0x06
    refuse = 0x50000 | 1
    program = [(load, 0, 0, 0), (equal, 4, 0, unshare), (equal, 0, 2, prlimit),
               (load, 0, 0, 16), (equal, 0, 1, 0), (ret, 0, 0, 0x7FFF0000), (ret, 0, 0, refuse)]
    return b"".join(struct.pack("<HBBI", *i) for i in program)


def poll_until(fds, seconds):
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    return [fd for fd, _ in poller.poll(max(0, seconds) * 1000)]


class Channel:
    """The server's end of an operation."""

    def __init__(self, sock):
        self.sock = sock

    def send(self, op, tags=(), fds=()):
        self.send_raw(pack(op, tags, len(fds)), fds)

    def send_raw(self, data, fds=()):
        more = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([data], more)

    def receive(self, seconds=SECONDS):
        """The next frame; None at the end."""
        if not poll_until([self.sock.fileno()], seconds):
            raise TimeoutError("no frame")
        try:
            data = self.sock.recv(MAX)
        except ConnectionResetError:
            return None
        return Frame(data) if data else None

    def expect(self, op, seconds=SECONDS):
        frame = self.receive(seconds)
        assert frame and frame.op == op, f"{frame}, not {op}"
        return frame

    def signal(self, number):
        self.send(SIGNAL, {"SIGNAL": number})

    def close(self):
        self.sock.close()

    def assert_closed(self, seconds=SECONDS):
        frame = self.receive(seconds)
        assert frame is None, f"{frame} instead of the end"


class Result:
    """What one command gave; code as a shell has it."""

    def __init__(self, frame, out, err):
        self.frame, self.out, self.err = frame, out, err
        self.status = frame.number("STATUS")
        self.code = os.waitstatus_to_exitcode(self.status)

    def __repr__(self):
        return f"Result({self.code}, {self.out[:300]!r}, {self.err[:300]!r}, {self.frame})"


def drain(ends, channel, seconds=SECONDS):
    """Read the pipes to their end, or to what is there once `channel` has told its last frame."""
    data, open_ends = {fd: [] for fd in ends}, set(ends)
    until, last = time.monotonic() + seconds, None
    sock = channel.sock.fileno()
    while True:
        ready = poll_until([*open_ends, *([] if last else [sock])],
                           0 if last else until - time.monotonic())
        if last and not ready:
            break
        if not ready:
            raise TimeoutError(f"still running; so far {data}")
        for fd in ready:
            if fd == sock:
                frame = channel.receive(0)
                assert frame, "the operation ended without a word"
                if frame.op != STARTED:
                    last = frame
                continue
            block = os.read(fd, 1 << 20)
            data[fd].append(block)
            if not block:
                open_ends.discard(fd)
        if last and not open_ends:
            break
    return last, [b"".join(data[fd]) for fd in ends], open_ends


class Running:
    """A command whose pipes nobody reads yet."""

    def __init__(self, agent, channel, ends):
        self.agent, self.channel, self.ends = agent, channel, ends
        self.held = set()

    def started(self):
        return self.channel.expect(STARTED).number("PID")

    def finish(self, seconds=SECONDS):
        frame, (out, err), self.held = drain(self.ends, self.channel, seconds)
        if frame.op == ERROR:
            return frame
        return Result(frame, out, err)

    def close(self):
        self.channel.close()
        self.close_pipes()

    def close_pipes(self):
        for fd in self.ends:
            os.close(fd)
        self.ends = []


class Session:
    def __init__(self, agent):
        self.agent, self.channel = agent, None
        self.ends = []

    def send(self, command, cwd=None, env=None):
        mine, theirs = zip(self.agent.pipe(), self.agent.pipe())
        for fd in self.ends:
            os.close(fd)
        self.ends = list(mine)
        theirs = list(theirs)
        tags = self.agent.request(command, cwd, env, theirs, 2 if self.channel else 3)
        if self.channel:
            self.channel.send(RUN, tags, theirs)
        else:
            self.channel = self.agent.open(SESSION, tags, theirs)
        for fd in theirs:
            os.close(fd)

    def finish(self, seconds=SECONDS):
        frame, (out, err), self.held = drain(self.ends, self.channel, seconds)
        return frame if frame.op == ERROR else Result(frame, out, err)

    def run(self, command, cwd=None, env=None, seconds=SECONDS):
        self.send(command, cwd, env)
        return self.finish(seconds)

    def close(self):
        for fd in self.ends:
            os.close(fd)
        self.ends = []
        if self.channel:
            self.channel.close()


class Agent:
    """A running agent that has said READY. host: bare; else pid 1 of a bubblewrap sandbox."""

    uids = iter(range(230000, 260000))

    def __init__(self, host, nproc=0, nofile=256, egress=0, env=None, config=None, browser=False):
        self.host, self.channel, self.listener, self.browser = host, None, None, browser
        self.dir = Path(tempfile.mkdtemp(prefix="agent-"))
        self.uid = None if host or os.getuid() else next(self.uids)
        self.workspace = self.dir / "workspace"
        self.workspace.mkdir()
        self.dir.chmod(0o711)
        if self.uid:
            os.chown(self.workspace, self.uid, self.uid)
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [AGENT] if host else self.bwrap()
        self.pid = os.posix_spawn(shutil.which(argv[0]), argv, {}, setsid=True, file_actions=[
            (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
        theirs.close()
        self.channel = Channel(mine)
        self.env = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"} | (env or {})
        if config is not None:
            self.channel.send_raw(config)
            return
        self.channel.send(CONFIG, self.config(nproc, nofile, egress))
        self.ready = self.take_ready()

    def config(self, nproc=0, nofile=256, egress=0):
        flags = (F_HOST if self.host else 0) | (F_BROWSER if self.browser else 0)
        tags = {"FLAGS": flags, "NPROC": nproc, "NOFILE": nofile,
                "EGRESS_PORT": egress, "CWD": self.cwd, "HOME": "/tmp", "ENV": env_block(self.env)}
        return tags if self.host else tags | {"FILTER": filter_program()}

    @property
    def cwd(self):
        return str(self.workspace) if self.host else "/workspace"

    def bwrap(self):
        links = [word for name in ("bin", "sbin", "lib", "lib64") if os.path.islink(f"/{name}")
                 for word in ("--symlink", os.readlink(f"/{name}"), f"/{name}")]
        become = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"] \
            if self.uid else []
        return [*become, "bwrap", "--unshare-all", "--unshare-user", "--die-with-parent",
                "--new-session", "--as-pid-1", "--cap-drop", "ALL", "--clearenv", "--uid", "1000",
                "--gid", "1000", "--ro-bind", "/usr", "/usr", *links, "--ro-bind-try",
                "/etc/alternatives", "/etc/alternatives", "--proc", "/proc", "--dev", "/dev",
                "--perms", "1777", "--size", str(64 << 20), "--tmpfs", "/tmp",
                "--bind", str(self.workspace), "/workspace", "--ro-bind", AGENT, "/run/agent",
                *(["--perms", "0700", "--tmpfs", BROWSER_DIR] if self.browser else []),
                "--remount-ro", "/", "--chdir", "/workspace", "--", "/run/agent"]

    def take_ready(self):
        assert poll_until([self.channel.sock.fileno()], SECONDS), "no READY"
        data, more, _, _ = self.channel.sock.recvmsg(MAX, socket.CMSG_SPACE(16))
        assert data, "the agent ended"
        for _, _, fds in more:
            self.listener, = array.array("i", fds)
        frame = Frame(data)
        assert frame.op == READY and frame.nfds == (self.listener is not None)
        self.facts = dict(line.split("=", 1) for line in frame.text("FACTS").splitlines())
        return frame

    def pipe(self):
        """(our reading end, the sandbox's writing end)"""
        reader, writer = os.pipe()
        if self.uid:
            os.fchown(reader, self.uid, self.uid)
        return reader, writer

    def pipe_in(self):
        """(our writing end, the sandbox's reading end)"""
        return tuple(reversed(self.pipe()))

    def open(self, kind, tags=None, fds=()):
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = Channel(mine)
        if tags is not None:
            channel.send(START, tags)
        self.channel.send(kind, (), [theirs.fileno(), *fds])
        theirs.close()
        return channel

    def request(self, command, cwd, env, fds, index):
        """The tags of a START or RUN; a long command's descriptor is added to fds."""
        tags = {}
        if cwd is not None:
            tags["CWD"] = cwd
        if env:
            tags["ENV"] = env_block(env)
        data = command.encode("utf-8", "surrogateescape") if isinstance(command, str) else command
        if len(data) <= 32768:
            return tags | {"COMMAND": data}
        fd = os.memfd_create("command")
        os.write(fd, data)
        os.lseek(fd, 0, 0)
        fds.append(fd)
        return tags | {"COMMAND_FD": index}

    def start(self, command, cwd=None, env=None, stdin=None):
        """An exec; its output is to be read by finish()."""
        reader = os.open("/dev/null", os.O_RDONLY) if stdin is None else None
        if stdin is not None:
            reader, writer = os.pipe()
            os.write(writer, stdin)
            os.close(writer)
        mine, theirs = zip(self.pipe(), self.pipe())
        fds = [reader, *theirs]
        tags = self.request(command, cwd, env, fds, 4)
        channel = self.open(EXEC, tags, fds)
        for fd in fds:
            os.close(fd)
        return Running(self, channel, list(mine))

    def run(self, command, cwd=None, env=None, stdin=None, seconds=SECONDS):
        running = self.start(command, cwd, env, stdin)
        try:
            return running.finish(seconds)
        finally:
            running.close()

    def query(self):
        """[(name, value)] of WIRE_QUERY."""
        mine, theirs = self.pipe()
        channel = self.open(QUERY, {}, [theirs])
        os.close(theirs)
        data = b""
        while block := os.read(mine, 65536):
            data += block
        os.close(mine)
        channel.expect(REPLY)
        channel.assert_closed()
        channel.close()
        found, at = [], 0
        while at < len(data):
            length, kind, n = struct.unpack_from("<IcI", data, at)
            name = data[at + 9:at + 9 + n].decode()
            v, = struct.unpack_from("<I", data, at + 9 + n)
            assert kind == b"p" and length == 9 + n + v
            found.append((name, data[at + 13 + n:at + 13 + n + v].decode(errors="replace")))
            at += 4 + length
        return found

    def facts_now(self):
        return dict(self.query())

    def processes(self):
        """[(pid, ppid, state, rss_kb, command)] as the agent tells."""
        return [(int(p), int(pp), s, int(r), c) for p, pp, s, r, c in
                ((value.split(" ", 4) + [""])[:5] for name, value in self.query()
                 if name == "process")]

    def kill(self, pid, number):
        channel = self.open(KILL_PID, {"PID": pid, "SIGNAL": number})
        try:
            return channel.receive()
        finally:
            channel.close()

    def wait_alone(self, seconds=5):
        """Until no process of any command is left."""
        until = time.monotonic() + seconds
        while left := self.processes():
            assert time.monotonic() < until, f"left behind: {left}"
            time.sleep(0.02)

    def ended(self, seconds=5):
        """The wait status once the agent is over; None when it is not."""
        until = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return status
            if time.monotonic() > until:
                return None
            time.sleep(0.01)

    def close(self):
        self.channel.close()
        if self.listener is not None:
            os.close(self.listener)
            self.listener = None
        if self.pid:
            assert self.ended() is not None, "the agent does not end at EOF"
        shutil.rmtree(self.dir, ignore_errors=True)
