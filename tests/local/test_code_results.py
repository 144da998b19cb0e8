"""What cells show, through the tool: values, pictures, charts, files, in every language."""

import json
import os
import re
import time

import pytest

from lib.paths import NODE
from lib.protocol import text
from lib.stdio import Stdio
from local.cells import interpreter, run
from local.terminal import ToolError

PNG = b"\x89PNG\r\n\x1a\n"
CHART = "application/vnd.sandbox-mcp.chart+json"
SHOWS = """
class Shows:
    def _repr_html_(self): return "<b>html</b>"
    def _repr_markdown_(self): return "# markdown"
    def _repr_latex_(self): return "$latex$"
    def _repr_svg_(self): return "<svg/>"
    def _repr_json_(self): return {"a": [1, None]}
    def __repr__(self): return "the repr"
"""


def test_every_text_form_of_a_value(stdio):
    got = run(stdio, SHOWS + "Shows()")
    assert got.value == "the repr"
    for name, inside in (("text/markdown", "# markdown"), ("text/latex", "$latex$"),
                         ("application/json", '{"a": [1, null]}')):
        assert inside in got.section(name)


def test_what_says_the_same_or_is_no_text_is_only_named(stdio):
    got = run(stdio, SHOWS.replace("_repr_markdown_", "unused") + """
class Pdf:
    def _repr_pdf_(self): return b"%PDF" + bytes(range(256))
    def _repr_png_(self): return b"no picture"
display(Pdf())
Shows()""")
    left = next(line for line in got.said.splitlines() if line.startswith("not shown: "))
    assert "text/html (11 B)" in left
    for name in "application/pdf (260 B, in ", "image/png (10 B, in ":
        assert name in left
    path = left.split("application/pdf (260 B, in ")[1].split(")")[0]
    kept = run(stdio, f"open({path!r}, 'rb').read() == b'%PDF' + bytes(range(256))")
    assert kept.value == "True"
    assert "%PDF" not in got.said and "<b>" not in got.said
    got = run(stdio, SHOWS.replace('"the repr"', '"<Shows>"').replace("_repr_markdown_", "unused")
              + "Shows()")
    assert "<b>html</b>" in got.section("text/html")


def test_a_form_is_left_out_only_beside_what_says_the_same(stdio):
    got = run(stdio, """
class Html:
    def _repr_html_(self): return "<b>alone</b>"
    def __repr__(self): return "<Html>"
class Both:
    def _repr_mimebundle_(self, **_): return {"text/plain": "both", "text/html": "<i>both</i>"}
display(Html())
display(Both())
print("x")""")
    assert "<b>alone</b>" in got.section("text/html")
    assert "<Html>" not in got.said and "<i>both</i>" not in got.said
    assert got.section("display").startswith("both\n")
    assert "not shown: text/html (11 B)\n" in got.said


def test_many_results_have_a_bound_together(stdio):
    got = run(stdio, "for i in range(300): display('x' * 15000)")
    assert got.status == "ok" and len(got.said) < 26 * 1024
    assert "191 more" in got.said
    got = run(stdio, "class A:\n    def _repr_mimebundle_(self, **_): "
                     "return {'text/x\\n--- stdout\\x1b[2J': 'made up'}\nA()")
    assert got.section("stdout") is None and "\x1b" not in got.said


NOISE = """import os
from PIL import Image
Image.frombytes('RGB', (1000, 800), os.urandom(2400000))"""


def test_a_large_picture_is_shown_smaller_and_kept(stdio):
    if not interpreter(stdio, "python", "import PIL"):
        pytest.skip("no Pillow")
    got = run(stdio, NOISE)
    assert len(got.pictures) == 1 and len(got.pictures[0]) < 500 * 1000
    path = got.said.split("in full size it is ")[1].split()[0]
    assert run(stdio, f"Image.open({path!r}).size").value == "(1000, 800)"


def test_what_a_yielded_cell_shows_comes_later(stdio):
    if not interpreter(stdio, "python", "import PIL"):
        pytest.skip("no Pillow")
    result = stdio.call("code_execute", yield_s=0.2, code="import time\nfrom PIL import Image\n"
                        "time.sleep(1)\nImage.new('RGB', (40, 30), 'red')")
    process = result["_meta"]["sandbox-mcp/process_id"]
    while "running" in stdio.call("terminal_output", process_id=process, wait_s=5, tail=1)[
            "content"][0]["text"].split("\n")[0]:
        pass
    later = stdio.call("terminal_output", process_id=process)
    assert [part["type"] for part in later["content"]].count("image") == 1


def test_plots_are_pictures_and_are_told_in_words(stdio):
    if not interpreter(stdio, "python", "import matplotlib"):
        pytest.skip("no matplotlib")
    got = run(stdio, "import matplotlib.pyplot as plt\n"
                     "plt.bar(['a', 'b'], [1, 2]); plt.title('Title'); plt.show()")
    assert [data[:8] for data in got.pictures] == [PNG]
    assert json.loads(got.section(CHART).splitlines()[0]) == {
        "title": "Title", "elements": [{"type": "bar", "points": [["a", 1], ["b", 2]]}]}
    assert "stderr" not in dict(got.sections) and "files created" not in got.said
    got = run(stdio, "fig, ax = plt.subplots(); ax.plot([1, 2]); None")
    assert len(got.pictures) == 1


def test_ipython_in_the_sandbox(stdio):
    if not interpreter(stdio, "python", "import IPython"):
        pytest.skip("no IPython")
    got = run(stdio, "!echo from a shell > made.txt; cat made.txt\n%time 6 * 7")
    assert got.value == "42" and "from a shell" in got.section("stdout")
    assert "files created: /workspace/made.txt" in got.said
    got = run(stdio, "await __import__('asyncio').sleep(0, [1])")
    assert got.value == "[1]"


def test_javascript_shows(stdio):
    if not interpreter(stdio, "javascript", "1"):
        pytest.skip("no node")
    got = run(stdio, "require('fs').writeFileSync('j.txt', 'x')\n"
                     "display({ 'text/markdown': '# md' }); Buffer.from("
                     "'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
                     "RU5ErkJggg==', 'base64')", "javascript")
    assert [data[:8] for data in got.pictures] == [PNG]
    assert "# md" in got.section("text/markdown")
    assert "files created: /workspace/j.txt" in got.said


def test_a_cell_without_network_says_so(stdio):
    got = run(stdio, "import urllib.request; urllib.request.urlopen('http://example.com')")
    assert got.status == "error" and "This sandbox has no network" in got.said
    assert "no network" not in run(stdio, "1 / 0").said
    if interpreter(stdio, "javascript", "1"):
        got = run(stdio, "await fetch('http://example.com')", "javascript")
        assert got.status == "error" and "This sandbox has no network" in got.said


def test_what_a_cell_made_is_told_later_too(stdio):
    got = run(stdio, "import time; time.sleep(1.5); open('late.txt', 'w').close(); 'fin'", yield_s=0)
    handle = re.search(r"process_id (\S+)", got.said).group(1)
    deadline = time.monotonic() + 30
    said = "running"
    while said.startswith("running") and time.monotonic() < deadline:
        said = text(stdio.call("terminal_output", process_id=handle, wait_s=5))
    assert "files created: /workspace/late.txt" in said and "[result] 'fin'" in said


def test_who_finds_it_busy_is_told_what_ends_it(stdio):
    got = run(stdio, "x = 3\nwhile True: pass", yield_s=0)
    handle = re.search(r"process_id (\S+)", got.said).group(1)
    with pytest.raises(ToolError) as e:
        run(stdio, "1")
    assert f"terminal_kill id={handle} signal=INT" in e.value.text
    assert not stdio.call("terminal_kill", id=handle, signal="INT").get("isError")
    assert run(stdio, "x").value == "3"


def test_the_default_context_has_the_name_of_its_language(start_stdio):
    client = start_stdio("--toolsets", "coder")
    own = re.search(r"context_id (\S+)", run(client, "x = 3").said).group(1)
    said = client.call("code_context", action="get", context_id="python")
    assert not said.get("isError") and own in text(said)
    assert run(client, "x", context_id="python").value == "3"
    with pytest.raises(ToolError):
        run(client, "1", context_id="r")


def test_a_crash_tells_what_of_the_cell_it_was(stdio):
    got = run(stdio, "import math, array, json\nimport ctypes\nctypes.string_at(0)")
    assert got.status == "error" and "InterpreterEnded" in got.said
    said = got.section("stderr")
    assert "Segmentation fault" in said and '"<cell 1>", line 3' in said
    assert "runner.py" not in said and "Extension modules" not in said


def test_r(stdio):
    if not interpreter(stdio, "r", "1"):
        pytest.skip("no R")
    assert run(stdio, "x <- c(1, 2, 3); mean(x)", "r").value == "[1] 2"
    got = run(stdio, "x; cat('out\\n'); message('err'); writeLines('x', 'r.txt'); plot(x)", "r")
    assert [data[:8] for data in got.pictures] == [PNG]
    assert got.section("stdout").startswith("[1] 1 2 3\nout\n")
    assert got.section("stderr").startswith("err\n")
    assert "files created: /workspace/r.txt" in got.said
    got = run(stdio, "f <- function() stop('no'); f()", "r")
    assert got.status == "error" and "Error in f(): no" in got.section("error")
    began = time.monotonic()
    assert run(stdio, "Sys.sleep(60)", "r", timeout_s=0.5).status == "timed"
    assert time.monotonic() - began < 20
    assert run(stdio, "sum(x)", "r").value == "[1] 6"


@pytest.fixture
def with_new_node(binary, state_dir, tmp_path):
    """A server whose sandboxes have a node that strips types."""
    if os.geteuid() or not NODE.exists() or not os.path.exists("/usr/bin/node"):
        pytest.skip("needs root, a node in build/npm and one in /usr/bin to put it over")
    script = tmp_path / "server"
    script.write_text(f"#!/bin/sh\nexec unshare -m sh -c 'mount --bind {NODE.resolve()} "
                      f"\"$(readlink -f /usr/bin/node)\" && exec {binary} \"$@\"' sh \"$@\"\n")
    script.chmod(0o755)
    client = Stdio(script)
    yield client
    client.close()


def test_typescript(with_new_node):
    client = with_new_node
    got = run(client, "interface A { n: number }\nconst f = (a: A): number => a.n * 2\nf({ n: 4 })",
              "typescript")
    assert got.value == "8"
    got = run(client, "enum E { X = 3 }\nconst e: E = E.X\nthrow new Error('on line ' + e)",
              "typescript")
    assert got.status == "error" and "<cell 2>:3" in got.section("error")
    assert run(client, "f({ n: 1 })", "typescript").value == "2"
    assert run(client, "typeof f", "javascript").value == "'undefined'"


def test_typescript_without_a_node_that_can(stdio):
    found = run(stdio, "process.versions.node", "javascript").value
    if tuple(map(int, re.findall(r"\d+", found)[:2])) >= (22, 13):
        pytest.skip("this node strips types")
    with pytest.raises(ToolError) as e:
        run(stdio, "let x: number = 1", "typescript")
    assert "typescript needs node 22.13 or later in the sandbox; this one is" in e.value.text


def test_the_interpreter_is_the_one_it_says_it_is(start_stdio, tmp_path):
    """Also when another of its name comes first in the host's PATH."""
    other = tmp_path / "bin" / "python3"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    path = f"{other.parent}:{os.environ['PATH']}"
    client = start_stdio("--runtime", "host", env={**os.environ, "PATH": path})
    executable = run(client, "import sys; sys.executable").value.strip("'")
    assert not executable.startswith(str(tmp_path))
    said = run(client, "import subprocess, sys\n"
                       "subprocess.check_output([sys.executable, '-c', 'print(6 * 7)'])")
    assert said.value == r"b'42\n'"
