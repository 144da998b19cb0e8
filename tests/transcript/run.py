#!/usr/bin/env python3
"""Plays transcripts to a server over stdio and compares what it says.

    tests/transcript/run.py BINARY [--update] [NAME...]      NAME: a part of a path below here

A transcript is a text file, read as bytes, one server each, started as BINARY --backend fake:

    # a comment
    ! --toolsets core               further arguments of the server, before the first message
    > {"jsonrpc":"2.0",...}         sent as it stands
    >\\ {"x":"\\xff"}                 sent with \\xNN, \\\\, \\r and \\n read as escapes
    >* 70 [                         sent: that text 70 times
    >+ ]  and  >+* 70 ]             continue the line before
    < {"jsonrpc":"2.0",...}         the next message of the server, compared as JSON
    <~ {...}                        the same, but a group of these may come in any order
    <+ ...                          continues the line before
    . 0.5                           wait so many seconds: nothing may come

In what is expected: "$any" is any value, "$int", "$number", "$string", "$object" and "$array" any of
that type, "$name" any value the first time and the same afterwards (in sent lines ${name}), and a
string that begins with "$~" is a regular expression for the whole of a string. "$ms" inside of a
string is a duration such as "0 ms" or "1.2 s". A member "$more" in an object allows others beside
the ones named.

When all lines are played, stdin is closed: the server must say nothing more and exit with 0. A
structuredContent is held against the outputSchema that tools/list gives for the tool.

--update, or UPDATE=1 in the environment, replaces what differs by what came.
"""

import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import conforms  # noqa: E402

SECONDS = 20
QUIET = 0.4
LONG = 4000
TYPES = {"$int": int, "$number": (int, float), "$string": str, "$object": dict, "$array": list}


class Failed(Exception):
    pass


# ---- comparing ----

def placeholder(want, got, names):
    """None when `want` is no placeholder, else whether it takes `got`."""
    if isinstance(want, str) and "$ms" in want:
        pattern = r"[0-9.]+ m?s".join(map(re.escape, want.split("$ms")))
        return isinstance(got, str) and re.fullmatch(pattern, got) is not None
    if not isinstance(want, str) or not want.startswith("$") or want == "$":
        return None
    if want == "$any":
        return True
    if want in TYPES:
        return isinstance(got, TYPES[want]) and not isinstance(got, bool)
    if want.startswith("$~"):
        return isinstance(got, str) and re.fullmatch(want[2:], got, re.DOTALL) is not None
    return names.setdefault(want[1:], got) == got


def same(want, got, names):
    taken = placeholder(want, got, names)
    if taken is not None:
        return taken
    if type(want) is not type(got):
        return False
    if isinstance(want, list):
        return len(want) == len(got) and all(same(w, g, names) for w, g in zip(want, got))
    if not isinstance(want, dict):
        return want == got
    keys = set(want) - {"$more"}
    if not keys <= set(got) or ("$more" not in want and keys != set(got)):
        return False
    return all(same(want[key], got[key], names) for key in sorted(keys))


# ---- one server ----

class Server:
    def __init__(self, binary, args):
        self.state = tempfile.TemporaryDirectory(prefix="smcp-")
        self.process = subprocess.Popen(
            [str(binary), "--backend", "fake", *args], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"SANDBOX_MCP_STATE_DIR": self.state.name})
        self.lines, self.log = queue.Queue(), []
        self.threads = [threading.Thread(target=self._stdout, daemon=True),
                        threading.Thread(target=self._stderr, daemon=True)]
        for thread in self.threads:
            thread.start()

    def _stdout(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _stderr(self):
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace"))

    def send(self, data):
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def recv(self, seconds):
        """The next message, None when none comes in time."""
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line is None:
            raise Failed("the server closed its stdout; " + "".join(self.log)[-500:])
        if not line.endswith(b"\n"):
            raise Failed(f"a line without an end: {line[-100:]!r}")
        return json.loads(line)

    def end(self):
        try:
            self.process.stdin.close()
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed("the server does not end after its input") from None
        finally:
            self.kill()
        rest = self.lines.get(timeout=SECONDS)
        if rest is not None:
            raise Failed(f"said although nothing was asked: {rest.decode(errors='replace')[:500]}")
        if status:
            raise Failed(f"exit status {status}; " + "".join(self.log)[-2000:])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.threads[1].join(SECONDS)


# ---- one transcript ----

ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[\\rn])")


def unescape(data):
    def one(found):
        what = found[1]
        return bytes([int(what[1:], 16)]) if what[:1] == b"x" else \
            {b"\\": b"\\", b"r": b"\r", b"n": b"\n"}[what]
    return ESCAPE.sub(one, data)


def groups(lines):
    """(number of its first line, kind, lines): consecutive lines of one kind."""
    found = []
    for number, line in enumerate(lines, 1):
        kind = next((k for k in (b">", b"<~", b"<", b".", b"!") if line.startswith(k)), b"#")
        if line.startswith(b"<+") or (found and found[-1][1] == kind and kind != b"."):
            found[-1][2].append(line)
        else:
            found.append((number, kind, [line]))
    return found


def messages(lines):
    """The lines to send, put together."""
    out = []
    for line in lines:
        mark, _, text = line.partition(b" ")
        if mark in (b">*", b">+*"):
            times, _, text = text.partition(b" ")
            text *= int(times)
        elif mark == b">\\":
            text = unescape(text)
        if mark.startswith(b">+"):
            out[-1] += text
        else:
            out.append(text)
    return out


def shown(value):
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)[:3000]


def expected(lines):
    """[(the lines of one message, its value)]"""
    out = []
    for line in lines:
        if line.startswith(b"<+"):
            out[-1].append(line)
        else:
            out.append([line])
    return [(part, json.loads(b" ".join(line.partition(b" ")[2] for line in part)))
            for part in out]


def written(message, mark):
    """The lines of one message; a long one is spread over several, so that a diff can be read."""
    short = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    if len(short) < LONG:
        return [mark + b" " + short.encode()]
    lines = json.dumps(message, ensure_ascii=False, indent=1).split("\n")
    return [mark + b" " + lines[0].encode()] + [b"<+ " + line.encode() for line in lines[1:]]


class Player:
    def __init__(self, binary, path, update):
        self.binary, self.path, self.update = binary, path, update
        self.names, self.output, self.server = {}, [], None
        self.calls, self.args = {}, []

    def play(self):
        source = self.path.read_bytes()
        parts = groups(source.split(b"\n"))
        args = [word.decode() for _, kind, lines in parts if kind == b"!"
                for line in lines for word in line[1:].split()]
        self.args, self.server = args, Server(self.binary, args)
        try:
            for number, kind, lines in parts:
                self.step(number, kind, lines)
            self.server.end()
        finally:
            self.server.kill()
        if self.update and b"\n".join(self.output) != source:
            self.path.write_bytes(b"\n".join(self.output))

    def step(self, number, kind, lines):
        if kind == b">":
            for text in messages(lines):
                text = re.sub(rb"\$\{(\w+)\}", lambda m: str(self.names[m[1].decode()]).encode(),
                              text)
                self.note_call(text)
                self.server.send(text)
        elif kind == b".":
            got = self.server.recv(float(lines[0][1:]))
            if got is not None:
                raise Failed(f"line {number}: nothing was expected, but {json.dumps(got)[:500]}")
        elif kind in (b"<", b"<~"):
            lines = self.receive(number, lines, kind == b"<~")
        self.output += lines

    def receive(self, number, lines, any_order):
        wants = expected(lines)
        gots = [self.server.recv(SECONDS) for _ in wants]
        if self.update:
            while (more := self.server.recv(QUIET)) is not None:
                gots.append(more)
            gots = [got for got in gots if got is not None]
        for got in gots:
            self.check_schema(number, got)
        kept = []
        for part, want in wants:
            fitting = [g for g in gots if same(want, g, dict(self.names))] if any_order else gots[:1]
            if fitting and same(want, fitting[0], self.names):
                gots.remove(fitting[0])
                kept += part
                number += len(part)
            elif not self.update:
                got = gots[0] if gots else None
                raise Failed(f"line {number}: expected {shown(want)}, got {shown(got)}")
            elif not any_order:
                break
        mark = b"<~" if any_order else b"<"
        return kept + [line for got in gots for line in written(got, mark)]

    def note_call(self, text):
        try:
            message = json.loads(text)
            if message["method"] == "tools/call":
                params = message["params"]
                modern = "io.modelcontextprotocol/protocolVersion" in params.get("_meta", ())
                self.calls[json.dumps(message["id"])] = params["name"], modern
        except (ValueError, KeyError, TypeError, RecursionError):
            pass

    def check_schema(self, number, got):
        result = got.get("result") if isinstance(got, dict) else None
        if not isinstance(result, dict) or "content" not in result:
            return
        tool, modern = self.calls.get(json.dumps(got.get("id")), (None, False))
        schema = output_schemas(self.binary, self.args).get(tool)
        if schema and modern and not result.get("isError") and "structuredContent" not in result:
            raise Failed(f"line {number}: no structuredContent, although {tool} has a schema for it")
        if "structuredContent" in result:
            if schema is None:
                raise Failed(f"line {number}: structuredContent without an outputSchema")
            wrong = conforms.why_not(result["structuredContent"], schema)
            if wrong:
                raise Failed(f"line {number}: against the outputSchema of {tool}: {wrong}")


SCHEMAS = {}


def output_schemas(binary, args):
    """By the name of a tool, as a server with these arguments lists them."""
    found = SCHEMAS.get(tuple(args))
    if found is None:
        found = SCHEMAS[tuple(args)] = {}
        server = Server(binary, args)
        try:
            server.send(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
            for tool in server.recv(SECONDS)["result"]["tools"]:
                found[tool["name"]] = tool.get("outputSchema")
            server.end()
        finally:
            server.kill()
    return found


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if not words:
        sys.exit(__doc__)
    update = "--update" in sys.argv or os.environ.get("UPDATE") == "1"
    binary, wanted, failed = Path(words[0]).resolve(), words[1:], False
    for path in sorted(HERE.rglob("*.txt")):
        name = str(path.relative_to(HERE).with_suffix(""))
        if wanted and not any(word in name for word in wanted):
            continue
        try:
            Player(binary, path, update).play()
            print(f"ok {name}", flush=True)
        except (Failed, OSError, ValueError) as e:
            failed = True
            print(f"not ok {name}: {e}".replace("\n", " "), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
