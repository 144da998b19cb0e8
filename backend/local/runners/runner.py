"""Interpreter of one code context, run inside the sandbox; and the protocol both runners speak.

    python3 runner.py REQ_FD RESP_FD          node runner.js REQ_FD RESP_FD
    python3 -c "$(cat runner.py)" REQ RESP    node -e "$(cat runner.js)" REQ RESP

REQ_FD and RESP_FD are the inherited ends of two pipes. fd 0 is /dev/null, 1 and 2 carry what the
code prints and nothing else. The descriptors given to node must be 15 or lower, so that node
itself marks them close-on-exec. Python moves them to 1100 or above (512, 256 or 100 when
RLIMIT_NOFILE is low), close-on-exec too. Needed: python 3.10, node 18 with its inspector.

Both directions are JSON, one object per line, UTF-8, no line above 8 MiB. Strings may hold
\\u0000; unpaired surrogates are never sent (they become the six characters \\udXXX).

At start, once:   {"hello":1,"language":"python"|"javascript","version":"3.11.2","engine":"plain"}
Request:          {"id":N,"token":"hex","op":"exec","code":"...","cwd":"/..."?,"env":{..}?}
  cwd   chdir before the cell; it stays changed.
  env   string map, set for this cell only.
Response, exactly one line per request line, in order:
  {"id":N,"token":same,"status":"ok"|"error","results":[...],"text":S|null,"error":E|null,
   "execution_count":K}
  text     repr (python) or util.inspect (javascript) of the value of the last expression; at most
           100,000 characters, then "text_truncated":true stands beside it. null: no value.
  results  what was shown besides: display(...) calls, then the other representations of the last
           value, then open matplotlib figures. text/plain of the last value is only in `text`.
           Each {"mime":M,"data":S}; images (but SVG) and PDF as base64. Data over 1 MiB
           (base64: over what is left of the line) is cut, base64 to nothing, and flagged
           "truncated":true. At most 200 results; "results_dropped":N counts the rest. Always []
           for javascript.
  error    {"name","value","traceback"}; value at most 4,000 characters, traceback 10,000. Only
           frames of the user's code, whose files are called <cell K>.
  files    only when there are any: absolute paths of regular files that the cell created through
           Python's own calls, outside of /tmp, /proc and /dev; at most 200. Not those of programs
           it ran. Python only.
  A cell that calls exit(0) is "ok"; any other exit code is the error SystemExit, value = code. A
  cell ended by SIGINT has the error name KeyboardInterrupt; variables are kept. SIGINT between
  cells is ignored. Code may catch or ignore SIGINT: the server needs a second means.
  Errors of the runner itself: BadRequest (id and token null when the line was not understood),
  RequestTooLarge (line above 8 MiB, skipped, id and token null), InternalError.
End: EOF on the request pipe runs exit handlers for 2 s at most, then exit status 0. EOF on the
response pipe means that the interpreter is gone, whatever was the reason.

The token and the checks of the pid protect against accidents (forked children that go on, code
that writes to wild descriptors). The code of a cell can forge a response: treat it as untrusted.
Threads, sockets, timers and asyncio tasks of one cell go on between cells.

Differences of javascript. A promise as the last value is awaited. What an interrupted cell was
waiting for stays scheduled. After an `await`, and in callbacks, a synchronous endless loop cannot
be interrupted by SIGINT; and within about 0.1 ms of the begin and end of a cell's synchronous part
node has no handler for SIGINT and dies of it (node swaps the handlers itself).
"""

import builtins
import sys

__builtins__ = dict(vars(builtins))  # what follows survives cells that damage builtins

import _ast
import _signal
import faulthandler
import linecache
import os
from binascii import a2b_base64, b2a_base64
from fcntl import F_DUPFD_CLOEXEC, fcntl
from json import JSONDecoder, JSONEncoder
from json.encoder import encode_basestring as quote
from types import ModuleType

MAX_LINE = 8 << 20
MAX_DATA = 1 << 20
MAX_RESULTS_SIZE = 7 << 20
MAX_RESULTS = 200
MAX_TEXT = 100_000
MAX_VALUE = 4_000
MAX_TRACE = 10_000
MAX_SOURCES = 16 << 20
MAX_FILES = 200

ALLOW_AWAIT = getattr(_ast, "PyCF_ALLOW_TOP_LEVEL_AWAIT", 0x2000)
ONLY_AST = _ast.PyCF_ONLY_AST
CO_COROUTINE = 0x80

REPRS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
    "_repr_latex_": "text/latex",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
}
BINARY = ("image/", "application/pdf")
PLAIN = frozenset((bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, type))
HINTS = (
    ("!pip", "install packages with terminal_execute: python3 -m pip install ..."),
    ("%pip", "install packages with terminal_execute: python3 -m pip install ..."),
    ("pip install", "install packages with terminal_execute: python3 -m pip install ..."),
    ("!", "this is plain Python: run shell commands with terminal_execute"),
    ("%", "this is plain Python without magics: use terminal_execute or the standard library"),
)

scan = JSONDecoder().scan_once
os_read, os_write, getpid = os.read, os.write, os.getpid


class TooLong(Exception):
    pass


def encode(value):
    """JSON of what a response is made of; needs no builtins but those kept above."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "{%s}" % ",".join(quote(k) + ":" + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ",".join(map(encode, value))
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else int.__repr__(value)


def decode(text):
    text = text.strip()
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError("no JSON") from None
    if end != len(text):
        raise ValueError("more than one value")
    return value


def clean_text(text):
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()


def shorten(text, limit):
    if len(text) <= limit:
        return text
    head = limit * 2 // 5
    tail = limit - head - 40
    note = "\n... [%d characters cut] ...\n" % (len(text) - head - tail)
    return text[:head] + note + text[-tail:]


def std_import(name):
    """The standard module, even when the workspace has a file of that name."""
    module = sys.modules.get(name)
    if module is None:
        saved = list(sys.path)
        sys.path[:] = [p for p in saved if p not in ("", os.getcwd())]
        try:
            module = __import__(name)
        finally:
            sys.path[:] = saved
    return module


def guarded(fn, *args):
    """The one place below which SIGINT raises KeyboardInterrupt."""
    return fn(*args)


GUARD = guarded.__code__


def on_sigint(signum, frame):
    while frame is not None:
        if frame.f_code is GUARD or frame.f_code.co_filename.startswith("<cell "):
            raise KeyboardInterrupt
        frame = frame.f_back


class Wire:
    """Lines over two pipes."""

    def __init__(self, req, resp):
        self.req, self.resp = move_high(req), move_high(resp)
        os.set_blocking(self.req, True)
        os.set_blocking(self.resp, True)
        self.buf = bytearray()

    def close(self):
        for fd in (self.req, self.resp):
            try:
                os.close(fd)
            except OSError:
                pass

    def read(self, wait):
        scanned, skipping = 0, False
        while True:
            end = self.buf.find(b"\n", scanned)
            if end >= 0:
                line = bytes(self.buf[:end])
                del self.buf[: end + 1]
                if skipping or end > MAX_LINE:
                    raise TooLong
                return line
            if len(self.buf) > MAX_LINE:
                skipping = True
                self.buf.clear()
            scanned = len(self.buf)
            wait(self.req)
            chunk = os_read(self.req, 1 << 16)
            if not chunk:
                return None
            self.buf += chunk

    def write(self, line):
        data = memoryview(line.encode() + b"\n")
        while data:
            data = data[os_write(self.resp, data) :]


def move_high(fd, keep=False):
    """fd moved, or copied, out of the reach of loops that close descriptors; -1: no copy."""
    for base in (1100, 512, 256, 100):
        try:
            high = fcntl(fd, F_DUPFD_CLOEXEC, base)
            break
        except OSError:
            high = -1
    if high < 0 and not keep:
        os.set_inheritable(fd, False)
        return fd
    if not keep:
        os.close(fd)
    return high


class Results:
    """The bounded list of what one cell shows, already encoded."""

    def __init__(self):
        self.items, self.room, self.dropped = [], MAX_RESULTS_SIZE, 0

    def add(self, mime, data):
        if len(self.items) >= MAX_RESULTS or self.room < 4096:
            self.dropped += 1
            return
        mime = clean_text(str(mime)).encode()[:100].decode("utf-8", "ignore")
        binary = mime.startswith(BINARY) and mime != "image/svg+xml"
        if binary and isinstance(data, str):
            try:
                data = a2b_base64(data)
            except ValueError:
                data = b""
        if isinstance(data, (bytes, bytearray, memoryview)):
            data = b2a_base64(data, newline=False).decode()
        elif not isinstance(data, str):
            data = json_text(data)
        raw = clean_text(data).encode()
        limit = self.room - 4096 if binary else MAX_DATA
        item = {"mime": mime, "data": data}
        if len(raw) > limit:
            raw = b"" if binary else raw[:limit]
            item["truncated"] = True
        item["data"] = raw.decode("utf-8", "ignore")
        line = encode(item)
        size = len(line.encode())
        if size > self.room:
            item.update(data="", truncated=True)
            line = encode(item)
            size = len(line)
        self.room -= size
        self.items.append(line)


class Created:
    """Which files a cell makes, told by Python's audit events; a set of candidates per cell."""

    SKIPPED = ("/tmp/", "/proc/", "/dev/")

    def __init__(self):
        self.paths = None
        sys.addaudithook(self.hook)

    def hook(self, event, args):
        paths = self.paths
        if paths is None or event not in ("open", "os.rename") or len(paths) >= MAX_FILES:
            return
        try:
            path = args[1] if event == "os.rename" else args[0]
            if event == "open" and not args[2] & os.O_CREAT:
                return
            full = os.path.abspath(os.fsdecode(path))
            if not full.startswith(self.SKIPPED) and not os.path.lexists(full):
                paths[full] = None
        except BaseException:
            pass

    def take(self):
        paths, self.paths = self.paths or (), None
        return [p for p in paths if "/__pycache__/" not in p and os.path.isfile(p)]


def json_text(data):
    try:
        return JSONEncoder(ensure_ascii=False, default=repr).encode(data)
    except Exception:
        return repr(data)


def figure_png(figure):
    out = std_import("io").BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    return out.getvalue()


def is_figure(obj):
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(obj, getattr(module, "Figure", ()))


def bundle(obj):
    """{mime: data} of the rich representations of obj; text/plain only if obj gives it."""
    kind = type(obj)
    if kind in PLAIN:
        return {}
    if is_figure(obj):
        png = figure_png(obj)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close(obj)
        return {"image/png": png}
    out = {}
    method = getattr(kind, "_repr_mimebundle_", None)
    if method is not None:
        try:
            found = method(obj)
            found = found[0] if isinstance(found, tuple) else found
            out.update(found or {})
        except Exception:
            pass
    for name, mime in REPRS.items():
        method = getattr(kind, name, None)
        if method is None or mime in out:
            continue
        try:
            data = method(obj)
        except Exception:
            continue
        data = data[0] if isinstance(data, tuple) and data else data
        if data is not None:
            out[mime] = data
    return out


def clean_traceback(tb, first):
    """tb without the frames of the runner and, if first, those before the first cell frame."""
    kept = []
    while tb is not None:
        if tb.tb_frame.f_globals is not GLOBALS:
            kept.append(tb)
        tb = tb.tb_next
    if first:
        cell = (i for i, t in enumerate(kept) if t.tb_frame.f_code.co_filename.startswith("<cell "))
        kept = kept[next(cell, 0) :]
    if len(kept) > 1500:
        kept = kept[:750] + kept[-750:]
    out = None
    for t in reversed(kept):
        out = type(t)(out, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return out


GLOBALS = globals()


def clean_chain(exc):
    todo, seen, first = [exc], set(), True
    while todo and len(seen) < 1000:
        exc = todo.pop()
        if exc is None or id(exc) in seen:
            continue
        seen.add(id(exc))
        exc.__traceback__ = clean_traceback(exc.__traceback__, first)
        first = False
        todo += (exc.__cause__, exc.__context__)
        todo += getattr(exc, "exceptions", None) or ()


def hint_for(exc, code):
    if type(exc) is not SyntaxError or type(exc.lineno) is not int:
        return None
    lines = code.split("\n")
    at = exc.lineno - 1
    line = lines[at].strip() if 0 <= at < len(lines) else ""
    for start, hint in HINTS:
        if line.startswith(start):
            return hint
    return None


def describe(exc, code):
    """The error object of the protocol; never raises."""
    name, value, trace = type(exc).__name__, "", ""
    try:
        value = str(exc)
    except Exception as broken:
        value = "<str() of this %s failed: %s>" % (name, type(broken).__name__)
    try:
        clean_chain(exc)
        trace = "".join(std_import("traceback").format_exception(type(exc), exc, exc.__traceback__))
    except Exception as broken:
        trace = "%s: %s\n<traceback failed: %s>" % (name, value, type(broken).__name__)
    hint = hint_for(exc, code)
    if hint:
        value += ". Hint: " + hint
        trace = trace.rstrip("\n") + ". Hint: " + hint + "\n"
    return error(name, clean_text(value), clean_text(trace))


def report(exc):
    """An exception outside any cell goes to stderr."""
    try:
        os_write(2, describe(exc, "")["traceback"].encode())
    except OSError:
        pass


def error(name, value, trace=None):
    if trace is None:
        trace = "%s: %s\n" % (name, value)
    value, trace = shorten(value, MAX_VALUE), shorten(trace, MAX_TRACE)
    return {"name": shorten(clean_text(name), 200), "value": value, "traceback": trace}


class Interpreter:
    """One __main__ namespace and what a cell needs around it."""

    def __init__(self):
        self.pid = getpid()
        self.count = 0
        self.flags = 0
        self.loop = None
        self.user_sigint = None
        self.sources = []
        self.sources_size = 0
        self.results = Results()
        self.created = Created()
        self.main = ModuleType("__main__")
        self.ns = self.main.__dict__
        self.ns.update(__builtins__=builtins, __annotations__={})
        sys.modules["_sandbox_runner"] = sys.modules["__main__"]
        sys.modules["__main__"] = self.main
        self.keep = [move_high(fd, keep=True) for fd in (0, 1, 2)]
        self.stdin, self.input = sys.stdin, builtins.input
        self.streams = {}
        for name in ("stdout", "stderr"):
            self.open_stream(name)
        builtins.display = self.display
        builtins.input = self.read_input
        os.environ.setdefault("MPLBACKEND", "Agg")
        _signal.signal(_signal.SIGINT, on_sigint)
        faulthandler.enable(2, all_threads=False)

    def open_stream(self, name):
        stream = getattr(sys, "__%s__" % name)
        if stream is None or stream.closed:
            fd = 1 if name == "stdout" else 2
            stream = open(fd, "w", closefd=False)
            setattr(sys, "__%s__" % name, stream)
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        self.streams[name] = stream
        setattr(sys, name, stream)

    def read_input(self, prompt="", /):
        if sys.stdin is not self.stdin:
            return self.input(prompt)
        raise EOFError("stdin is not connected; pass values in code")

    def display(self, *objects, **ignored):
        """Show objects beside the output: rich representations, else their repr."""
        for obj in objects:
            found = bundle(obj)
            if "text/plain" not in found and not is_figure(obj):
                found["text/plain"] = repr(obj)
            for mime, data in found.items():
                self.results.add(mime, data)

    def remember(self, name, code):
        lines = [line + "\n" for line in code.split("\n")]
        linecache.cache[name] = (len(code), None, lines, name)
        self.sources.append((name, len(code)))
        self.sources_size += len(code)
        while self.sources_size > MAX_SOURCES and len(self.sources) > 1:
            old, size = self.sources.pop(0)
            self.sources_size -= size
            linecache.cache.pop(old, None)

    def compile(self, code, name):
        """The statements, the last expression, and whether its value is to be shown."""
        flags = self.flags | ALLOW_AWAIT
        tree = compile(code, name, "exec", flags | ONLY_AST, True)
        last = None
        if tree.body and isinstance(tree.body[-1], _ast.Expr):
            last = tree.body.pop()
        body = compile(tree, name, "exec", flags, True) if tree.body else None
        if body is not None and "__future__" in code:
            future = std_import("__future__")
            for feature in future.all_feature_names:
                flags |= body.co_flags & getattr(future, feature).compiler_flag
            self.flags = flags & ~ALLOW_AWAIT
        if last is not None:
            last = compile(_ast.Expression(last.value), name, "eval", flags, True)
        return body, last, not code.rstrip().endswith(";")

    def execute(self, body, last):
        if any(code is not None and code.co_flags & CO_COROUTINE for code in (body, last)):
            return self.wait(self.execute_async(body, last))
        if body is not None:
            eval(body, self.ns)
        return None if last is None else eval(last, self.ns)

    async def execute_async(self, body, last):
        value = None
        for code in (body, last):
            value = None if code is None else eval(code, self.ns)
            if code is not None and code.co_flags & CO_COROUTINE:
                value = await value
        return value

    def wait(self, coroutine):
        asyncio = std_import("asyncio")
        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        task = self.loop.create_task(coroutine)
        try:
            return self.loop.run_until_complete(task)
        except BaseException as exc:
            if not task.done():
                task.cancel()
                self.loop.run_until_complete(asyncio.wait({task}, timeout=1))
                if task.cancelled():
                    try:
                        task.result()
                    except asyncio.CancelledError as cancelled:
                        exc.__traceback__ = cancelled.__traceback__
            raise

    def run(self, code, name):
        body, last, shown = self.compile(code, name)
        value = self.execute(body, last)
        if value is None or not shown or getpid() != self.pid:
            return None, False
        builtins._ = value
        return self.show(value)

    def show(self, value):
        found = bundle(value)
        text = found.pop("text/plain", None)
        for mime, data in found.items():
            self.results.add(mime, data)
        text = text if isinstance(text, str) else repr(value)
        text = clean_text(text[: MAX_TEXT + 1])
        return text[:MAX_TEXT], len(text) > MAX_TEXT

    def figures(self):
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None or not hasattr(pyplot, "get_fignums"):
            return
        try:
            for number in pyplot.get_fignums():
                self.results.add("image/png", figure_png(pyplot.figure(number)))
        finally:
            pyplot.close("all")

    def flush(self):
        for name, stream in self.streams.items():
            current = getattr(sys, name, None)
            for each in {current, stream}:
                try:
                    each.flush()
                except Exception:
                    pass

    def repair(self):
        """Undo accidents that would leave the next cell without output."""
        for fd, high in enumerate(self.keep):
            try:
                os.fstat(fd)
            except OSError:
                try:
                    os.dup2(high, fd)
                except OSError:
                    pass
        for name, stream in list(self.streams.items()):
            if stream.closed:
                self.open_stream(name)
            current = getattr(sys, name, None)
            if current is None or getattr(current, "closed", False) is True:
                setattr(sys, name, self.streams[name])
        if sys.getrecursionlimit() < 500:
            sys.setrecursionlimit(1000)

    def forked(self, exc):
        """End of the cell in a child that user code has forked: no way back into the protocol."""
        status = int(exc is not None)
        try:
            if exc is not None:
                if issubclass(type(exc), SystemExit) and not isinstance(exc.code, str):
                    status = exc.code if isinstance(exc.code, int) else 0
                else:
                    report(exc)
            self.flush()
        finally:
            os._exit(status & 0xFF)

    def attempt(self, outcome, fn, *args):
        """fn below the guard; its exception is the error of the cell unless there is one."""
        exc = None
        try:
            return guarded(fn, *args)
        except BaseException as caught:
            exc = caught
        finally:
            if getpid() != self.pid:
                self.forked(exc)
        if issubclass(type(exc), SystemExit) and exc.code in (None, 0):
            return None
        try:
            described = guarded(describe, exc, outcome["code"])
        except BaseException:
            described = error(type(exc).__name__, "<interrupted while it was described>")
        if outcome["error"] is None:
            outcome["error"] = described
        return None

    def cell(self, code, cwd, env):
        outcome = {"code": code, "error": None, "text": None, "cut": False}
        self.count += 1
        name = "<cell %d>" % self.count
        self.results = Results()
        self.ns["__builtins__"] = builtins
        saved = {}
        if self.user_sigint is not None:
            _signal.signal(_signal.SIGINT, self.user_sigint)
        try:
            if cwd is not None:
                os.chdir(cwd)
            for key, value in (env or {}).items():
                saved.setdefault(key, os.environ.get(key))
                os.environ[key] = value
            self.remember(name, clean_text(code))
        except (OSError, ValueError) as exc:
            outcome["error"] = describe(exc, code)
        else:
            self.created.paths = {}
            outcome["text"], outcome["cut"] = self.attempt(outcome, self.run, code, name) or (
                None,
                False,
            )
            self.attempt(outcome, self.figures)
            self.attempt(outcome, self.flush)
            outcome["files"] = self.created.take()
            self.after()
        for key, value in saved.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        return outcome

    def after(self):
        handler = _signal.getsignal(_signal.SIGINT)
        self.user_sigint = None if handler is on_sigint else handler
        if self.user_sigint is not None:
            _signal.signal(_signal.SIGINT, on_sigint)
        self.repair()

    def idle(self, fd):
        """Let asyncio tasks of earlier cells go on until fd is readable."""
        loop = self.loop
        if loop is None or loop.is_closed() or loop.is_running():
            return
        ready = loop.create_future()
        try:
            loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
        except (OSError, ValueError):
            return
        try:
            while not ready.done():
                try:
                    loop.run_until_complete(ready)
                except RuntimeError:
                    return
                except BaseException as exc:
                    if getpid() != self.pid:
                        self.forked(exc)
                    report(exc)
        finally:
            loop.remove_reader(fd)


def bad_request(request):
    """What is wrong with a decoded request, or None."""
    if type(request.get("id")) not in (int, str) or not isinstance(request.get("token"), str):
        return "a request is an object with id, token, op and code"
    if request.get("op") != "exec":
        return "unknown op; known: exec"
    if not isinstance(request.get("code"), str):
        return "code must be a string"
    if not isinstance(request.get("cwd"), (str, type(None))):
        return "cwd must be a string"
    env = request.get("env")
    if env is not None and not (
        isinstance(env, dict) and all(isinstance(v, str) for v in env.values())
    ):
        return "env must be a map of strings"
    return None


def response(request, status, text=None, cut=False, err=None, results=None, count=0,
             files=None):
    head = {"id": request.get("id"), "token": request.get("token"), "status": status, "text": text}
    if cut:
        head["text_truncated"] = True
    if results is not None and results.dropped:
        head["results_dropped"] = results.dropped
    head.update(error=err, execution_count=count)
    if files:
        head["files"] = [clean_text(path) for path in files]
    items = results.items if results is not None else ()
    return '%s,"results":[%s]}' % (encode(head)[:-1], ",".join(items))


def answer(interpreter, line):
    request = {}
    try:
        decoded = decode(line.decode())
        decoded = decoded if isinstance(decoded, dict) else {}
        wrong = bad_request(decoded)
        known = ((key, decoded.get(key)) for key in ("id", "token"))
        request = {key: value for key, value in known if type(value) in (int, str)}
        if wrong:
            return response(request, "error", err=error("BadRequest", wrong))
    except (ValueError, RecursionError):
        return response(request, "error", err=error("BadRequest", "the line is not JSON"))
    try:
        out = interpreter.cell(decoded["code"], decoded.get("cwd"), decoded.get("env"))
        status = "error" if out["error"] else "ok"
        return response(
            request, status, out["text"], out["cut"], out["error"], interpreter.results,
            interpreter.count, out.get("files"),
        )
    except BaseException as exc:
        wrong = error("InternalError", "the runner failed: " + type(exc).__name__)
        return response(request, "error", err=wrong, count=interpreter.count)


def serve(interpreter, wire):
    while True:
        try:
            line = wire.read(interpreter.idle)
        except TooLong:
            reply = error("RequestTooLarge", "a request line may have 8 MiB")
            wire.write(response({}, "error", err=reply))
            continue
        except BaseException as exc:
            if getpid() != interpreter.pid:
                interpreter.forked(exc)
            if issubclass(type(exc), OSError) and exc.errno is not None:
                return
            report(exc)
            continue
        if getpid() != interpreter.pid:
            interpreter.forked(None)
        if line is None:
            return
        if line.strip():
            wire.write(answer(interpreter, line))


def finish(interpreter):
    """Exit handlers, but neither threads nor handlers that hang may keep the process."""
    try:
        _signal.signal(_signal.SIGALRM, lambda *_: os._exit(0))
        _signal.setitimer(_signal.ITIMER_REAL, 2)
        __import__("atexit")._run_exitfuncs()
        interpreter.flush()
    finally:
        os._exit(0)


def main():
    wire = Wire(int(sys.argv[-2]), int(sys.argv[-1]))
    here = os.path.dirname(os.path.abspath(GLOBALS.get("__file__") or "/"))
    if sys.path and sys.path[0] in (here, ""):
        sys.path[0] = ""
    else:
        sys.path.insert(0, "")
    sys.argv = [""]
    interpreter = Interpreter()

    def in_child():
        wire.close()
        for fd in interpreter.keep:
            try:
                os.close(fd)
            except OSError:
                pass

    os.register_at_fork(after_in_child=in_child)
    version = sys.version.split()[0]
    wire.write(encode({"hello": 1, "language": "python", "version": version, "engine": "plain"}))
    try:
        serve(interpreter, wire)
    except BrokenPipeError:
        pass
    finish(interpreter)


if __name__ == "__main__":
    main()
