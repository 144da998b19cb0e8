"""Interpreter of one code context, run inside the sandbox; and the protocol the runners speak.

    python3 runner.py [LANGUAGE] REQ_FD RESP_FD          the same with node and Rscript
    python3 -c "$(cat runner.py)" [LANGUAGE] REQ RESP    the same with node -e

REQ_FD and RESP_FD are the inherited ends of two pipes. fd 0 is /dev/null, 1 and 2 carry what the
code prints and nothing else. The descriptors given to node must be 15 or lower, so that node
itself marks them close-on-exec. Python moves them to 1100 or above (512, 256 or 100 when
RLIMIT_NOFILE is low), close-on-exec too; children of R inherit the pipes. Needed: python 3.10, node
18 with its inspector (typescript: 22.13), R 4.

Both directions are JSON, one object per line, UTF-8, no line above 8 MiB. Strings may hold
\\u0000; unpaired surrogates are never sent (they become the six characters \\udXXX).

LANGUAGE is "python", "javascript", "typescript" (node as well) or "r".

At start, once:   {"hello":1,"language":L,"version":"3.11.2","engine":"plain"}
  and, when it cannot serve, "missing":"typescript needs node 22.13 ...": it ends then.
Request:          {"id":N,"token":"hex","op":"exec","code":"...","cwd":"/..."?,"env":{..}?}
  cwd   chdir before the cell; it stays changed.
  env   string map, set for this cell only.
Response, exactly one line per request line, in order:
  {"id":N,"token":same,"status":"ok"|"error","results":[...],"text":S|null,"error":E|null,
   "execution_count":K}
  text     repr (python) or util.inspect (javascript) of the value of the last expression; at most
           100,000 characters, then "text_truncated":true stands beside it. null: no value.
  results  what was shown besides: display(...) calls, then the other representations of the last
           value (javascript: js/display.js says which), then open figures. The forms of one value
           stand together, text/plain last; that of the last value is only in `text`. Each {"mime":M,"data":S}; images (but SVG) and PDF as base64.
           Data over 1 MiB (base64: over what is left of the line) is cut, base64 to nothing, and
           flagged "truncated":true. At most 200 results; "results_dropped":N counts the rest.
           Charts of matplotlib and plotly are told in words besides, in 4,000 characters of
           application/vnd.sandbox-mcp.chart+json: {"title","x_label","y_label","x_scale",
           "y_scale","elements":[{"type","label","n","points":[[x,y],..]}]}, or {"title",
           "charts":[..]}. Where n stands, points are a sample of n.
  error    {"name","value","traceback"}; value at most 4,000 characters, traceback 10,000. Only
           frames of the user's code, whose files are called <cell K>.
  files    only when there are any: absolute paths of regular files that the cell created, outside
           of /tmp, /proc, /dev and hidden folders; at most 200. What programs and native libraries
           made is found by listing the current directory, and not when that holds more than 4,000
           names or takes over 10 ms. In R only what is new in the current directory itself.
  engine   "ipython" once the context has used it, absent before.
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

Python cells may use IPython's syntax where it is importable (magics, !commands, `x?`): it is loaded
by the first cell that needs it, since it takes 0.3 s, and translates; the cells run as others do.
Its In, Out and history are not offered.

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
from re import compile as pattern
from time import monotonic
from types import ModuleType

MAX_LINE = 8 << 20
USER_SITE = os.path.expanduser("~/.local/lib/python%d.%d/site-packages" % sys.version_info[:2])
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
IPYTHON = pattern(r"(?m)^\s*(?:%%?|!!?|\?\??)\s*\S|=\s*[!%]\s*\S|\?\s*$")  # its syntax, maybe
HINTS = (
    ("!pip", "install packages with terminal_execute: python3 -m pip install ..."),
    ("%pip", "install packages with terminal_execute: python3 -m pip install ..."),
    ("pip install", "install packages with terminal_execute: python3 -m pip install ..."),
    ("!", "without IPython in the sandbox this is plain Python: use terminal_execute"),
    ("%", "without IPython in the sandbox there are no magics: use the standard library"),
)

scan = JSONDecoder().scan_once
os_read, os_write, getpid = os.read, os.write, os.getpid

GLOBALS = globals()
