#!/usr/bin/env python3
"""Commands, sessions, files, searches and cells, beside other MCP servers in the same run.

tests/bench/work.py SERVER [ROW...]    ROW: part of a row's name

Ours runs in its bubblewrap sandbox, the others without any isolation; sandbox-runtime, which is no
MCP server, is started once for each command. All are installed with npm beside the server. Figures
are medians of milliseconds, the 99th percentile behind them; "-": it cannot.
"""

import concurrent.futures
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PACKAGES = ["@agent-infra/mcp-server-commands@1.2.18", "@anthropic-ai/sandbox-runtime@0.0.83",
            "@modelcontextprotocol/server-filesystem@2026.8.31",
            "@wonderwhy-er/desktop-commander@0.2.52"]
TEN_MB = "yes 0123456789abcde | head -c 10485760"


class Failed(Exception):
    pass


class Peer:
    """A server on stdio. Calls may be made from several threads."""

    name, command = "", []

    def __init__(self, place):
        self.place = place
        began = time.perf_counter()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=place,
            stderr=subprocess.DEVNULL, env=os.environ | {"HOME": str(place)})
        self.lock, self.number, self.waiting = threading.Lock(), 0, {}
        threading.Thread(target=self.read, daemon=True).start()
        self.request("initialize", {"protocolVersion": "2025-06-18", "capabilities": {},
                                    "clientInfo": {"name": "bench", "version": "1"}})
        self.started = (time.perf_counter() - began) * 1000
        self.send({"method": "notifications/initialized"})

    def read(self):
        for line in self.process.stdout:
            if not line.startswith(b"{"):
                continue
            message = json.loads(line)
            future = self.waiting.pop(message.get("id"), None) if "method" not in message else None
            if future:
                future.set_result(message)

    def send(self, message):
        line = (json.dumps({"jsonrpc": "2.0"} | message) + "\n").encode()
        with self.lock:
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def post(self, method, params):
        future = concurrent.futures.Future()
        with self.lock:
            self.number += 1
            number = self.number
        self.waiting[number] = future
        self.send({"id": number, "method": method, "params": params})
        return future

    def request(self, method, params):
        return self.take(self.post(method, params))

    @staticmethod
    def take(future):
        message = future.result(120)
        if "error" in message:
            raise Failed(json.dumps(message["error"])[:300])
        return message["result"]

    def text(self, result):
        text = "\n".join(part.get("text", "") for part in result.get("content", []))
        if result.get("isError"):
            raise Failed(text[:300])
        return text

    def call(self, tool, **arguments):
        return self.text(self.request("tools/call", {"name": tool, "arguments": arguments}))

    def memory(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def contains(text, wanted):
    if wanted not in text:
        raise Failed(f"{wanted!r} is missing in {text[:200]!r}")


class Ours(Peer):
    name = "sandbox-mcp"

    def __init__(self, place, server):
        self.command = [server, "--state-dir", str(place / "state")]
        super().__init__(place)
        self.call("terminal_execute", command="true")

    def prepare(self, tree):
        contains(self.call("terminal_execute", command=tree, yield_s=50), "exit 0")

    def echo(self):
        contains(self.call("terminal_execute", command="echo hi"), "hi")

    def echo_many(self, count):
        for future in [self.post("tools/call", {"name": "terminal_execute", "arguments": {
                "command": "echo hi"}}) for _ in range(count)]:
            contains(self.text(self.take(future)), "hi")

    def session(self):
        contains(self.call("terminal_execute", command="echo $((6*7))", session_id="s"), "42")

    def ten_mb(self):
        contains(self.call("terminal_execute", command=TEN_MB), "stdout 10")

    def write_small(self):
        self.call("file_write", path="small.txt", content="x" * 1024)

    def write_large(self):
        self.call("file_write", path="large.txt", content="x" * 1048576)

    def read_small(self):
        contains(self.call("file_read", path="small.txt"), "xxxx")

    def tail(self):
        contains(self.call("file_read", path="big.log", offset=-40), "line")

    def content(self):
        contains(self.call("file_search", pattern="needle_[0-9]+", path="tree"), "needle_")

    def names(self):
        contains(self.call("file_search", pattern="**/*77.txt", path="tree", mode="name"), "77.txt")

    def cell(self):
        contains(self.call("code_execute", code="6*7"), "42")


class Commands(Peer):
    name = "mcp-server-commands"

    def __init__(self, place, modules):
        self.command = [str(modules / ".bin/mcp-server-commands")]
        super().__init__(place)

    def run(self, command):
        return self.call("run_command", command=command, cwd=str(self.place))

    def prepare(self, tree):
        self.run(tree)

    def echo(self):
        contains(self.run("echo hi"), "hi")

    def echo_many(self, count):
        for future in [self.post("tools/call", {"name": "run_command", "arguments": {
                "command": "echo hi"}}) for _ in range(count)]:
            contains(self.text(self.take(future)), "hi")

    def ten_mb(self):
        self.run(TEN_MB)

    def cell(self):
        contains(self.run("python3 -c 'print(6*7)'"), "42")


class Commander(Peer):
    name = "desktop-commander"

    def __init__(self, place, modules):
        self.command = [str(modules / ".bin/desktop-commander")]
        super().__init__(place)
        self.call("set_config_value", key="allowedDirectories", value=[str(place)])
        self.call("set_config_value", key="telemetryEnabled", value=False)
        self.python = None

    def run(self, command):
        return self.call("start_process", command=command, timeout_ms=30000)

    def prepare(self, tree):
        self.run(f"cd {self.place} && {tree}")

    def started_as(self, command):
        text = self.call("start_process", command=command, timeout_ms=2000)
        return int(text.split("PID ")[1].split()[0].rstrip("(,"))

    def tell(self, pid, line, wanted):
        contains(self.call("interact_with_process", pid=pid, input=line, timeout_ms=5000), wanted)

    def echo(self):
        if "hi" not in self.run("echo hi").split("Initial output")[-1]:
            self.note = "outputs lost"

    def echo_many(self, count):
        lost = 0
        for future in [self.post("tools/call", {"name": "start_process", "arguments": {
                "command": "echo hi", "timeout_ms": 30000}}) for _ in range(count)]:
            lost += "hi" not in self.text(self.take(future)).split("Initial output")[-1]
        if lost:
            self.note = "outputs lost"

    def ten_mb(self):
        self.run(TEN_MB)

    def write_small(self):
        self.call("write_file", path=f"{self.place}/small.txt", content="x" * 1024, mode="rewrite")

    def write_large(self):
        self.call("write_file", path=f"{self.place}/large.txt", content="x" * 1048576,
                  mode="rewrite")

    def read_small(self):
        contains(self.call("read_file", path=f"{self.place}/small.txt"), "xxxx")

    def tail(self):
        contains(self.call("read_file", path=f"{self.place}/big.log", offset=-40), "line")

    def search(self, **arguments):
        text = self.call("start_search", path=f"{self.place}/tree", **arguments)
        session = text.split("session: ")[1].split()[0]
        while "completed" not in text.lower() and "COMPLETED" not in text:
            text = self.call("get_more_search_results", sessionId=session)
        return text

    def content(self):
        contains(self.search(pattern="needle_[0-9]+", searchType="content"), "needle_")

    def names(self):
        contains(self.search(pattern="*77.txt", searchType="files"), "77.txt")

    def cell(self):
        self.python = self.python or self.started_as("python3 -i")
        self.tell(self.python, "6*7", "42")


class Filesystem(Peer):
    name = "server-filesystem"

    def __init__(self, place, modules):
        self.command = [str(modules / ".bin/mcp-server-filesystem"), str(place)]
        super().__init__(place)

    def prepare(self, tree):
        subprocess.run(["bash", "-c", tree], cwd=self.place, check=True)

    def write_small(self):
        self.call("write_file", path=f"{self.place}/small.txt", content="x" * 1024)

    def write_large(self):
        self.call("write_file", path=f"{self.place}/large.txt", content="x" * 1048576)

    def read_small(self):
        contains(self.call("read_text_file", path=f"{self.place}/small.txt"), "xxxx")

    def tail(self):
        contains(self.call("read_text_file", path=f"{self.place}/big.log", tail=40), "line")

    def names(self):
        contains(self.call("search_files", path=f"{self.place}/tree", pattern="**/*77.txt"), "77")


class Runtime:
    """sandbox-runtime: isolated, a process for each command."""

    name, started = "sandbox-runtime", None

    def __init__(self, place, modules):
        self.place, self.program = place, str(modules / ".bin/srt")

    def prepare(self, tree):
        pass

    def echo(self):
        done = subprocess.run([self.program, "-c", "echo hi"], capture_output=True, text=True,
                              cwd=self.place, env=os.environ | {"HOME": str(self.place)})
        contains(done.stdout, "hi")

    def close(self):
        pass


TREE = ("mkdir -p tree && cd tree && for d in $(seq 50); do mkdir -p d$d; for f in $(seq 100); do "
        "head -c 1900 /dev/zero | tr '\\0' 'a' | fold -w 70 >d$d/f$f.txt; "
        "[ $f = 77 ] && echo needle_$d >>d$d/f$f.txt; done; done; cd .. && "
        "seq -f 'line %.0f of the log' 500000 >big.log")

ROWS = [  # name, verb, how often
    ("`echo hi`", "echo", 60),
    ("32 `echo hi` at once, each", "echo_many", 8),
    ("a command in a kept shell", "session", 30),
    ("a command that prints 10 MB", "ten_mb", 10),
    ("write 1 kB", "write_small", 100),
    ("write 1 MB", "write_large", 15),
    ("read 1 kB", "read_small", 200),
    ("last 40 lines of 11 MB", "tail", 30),
    ("search the contents of 5,000 files", "content", 20),
    ("search their names", "names", 20),
    ("a warm python cell", "cell", 100),
]


def install(server):
    place = Path(server).resolve().parent / "bench-work"
    mark = place / "installed"
    if not mark.exists() or mark.read_text() != "\n".join(PACKAGES):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                        str(place), *PACKAGES], check=True,
                       env=os.environ | {"PUPPETEER_SKIP_DOWNLOAD": "1"})
        mark.write_text("\n".join(PACKAGES))
    return place / "node_modules"


def measure(peer, verb, count):
    run = getattr(peer, verb, None)
    if not run:
        return "-"
    arguments, each = ((32,), 32) if verb == "echo_many" else ((), 1)
    try:
        for _ in range(2):
            run(*arguments)
        times, until = [], time.perf_counter() + 15
        while len(times) < count and time.perf_counter() < until:
            began = time.perf_counter()
            run(*arguments)
            times.append((time.perf_counter() - began) * 1000 / each)
    except Failed as e:
        print(f"  {peer.name}, {verb}: {e}", file=sys.stderr)
        return "failed"
    times.sort()
    shown = f"{statistics.median(times):.2f} ({times[min(len(times) - 1, len(times) * 99 // 100)]:.2f})"
    note = peer.__dict__.pop("note", None)
    return shown + (f" {note}" if note else "")


def starts(make):
    found = []
    for _ in range(5):
        peer = make()
        found.append(peer.started)
        peer.close()
    return "-" if found[0] is None else f"{statistics.median(found):.0f}"


def main():
    server, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    modules = install(server)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir="/var/tmp"))
    kinds = [(Ours, server), (Commands, modules), (Commander, modules), (Filesystem, modules),
             (Runtime, modules)]
    table = {"start to `initialize` answered": []} | {row[0]: [] for row in ROWS} | {
        "memory after all that, MB": []}
    work.chmod(0o711)
    names = []
    try:
        for kind, argument in kinds:
            place = work / kind.__name__
            place.mkdir()
            names.append(kind.name)
            print(f"  {kind.name}", file=sys.stderr, flush=True)
            table["start to `initialize` answered"].append(starts(lambda: kind(place, argument)))
            peer = kind(place, argument)
            try:
                peer.prepare(TREE)
                for row, verb, count in ROWS:
                    if not only or any(part in row for part in only):
                        table[row].append(measure(peer, verb, count))
                table["memory after all that, MB"].append(
                    f"{peer.memory():.0f}" if hasattr(peer, "memory") else "-")
            finally:
                peer.close()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("| ms: median (p99) | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * len(names))
    for row, values in table.items():
        if values:
            print(f"| {row} | " + " | ".join(values) + " |")


if __name__ == "__main__":
    main()
