"""IPython's syntax in cells of Python, and what becomes of it."""

import os
import tempfile
import time

import pytest

from harness import Runner


@pytest.fixture(scope="module")
def shared():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        runner = Runner("python", folder, env={"HOME": folder})
        runner.folder = folder
        yield runner
        runner.close()


@pytest.fixture
def py(shared):
    if shared.text("import importlib.util; importlib.util.find_spec('IPython') is None") == "True":
        pytest.skip("no IPython")
    shared.out(timeout=0)
    return shared


def test_plain_cells_do_not_load_it(start, tmp_path):
    plain = start("python")
    got = plain.exec("import sys; 'IPython' in sys.modules")
    assert got["text"] == "False" and "engine" not in got
    assert "IPython" not in plain.text("str([m for m in sys.modules if 'ython' in m])")
    plain.error("x = = 1")
    (tmp_path / "library.py").write_text("def is_notebook():\n    return get_ipython() is not None\n")
    assert plain.text("import library; library.is_notebook()") == "False"
    assert plain.text("'IPython' in sys.modules") == "False"


@pytest.mark.parametrize("code, text", [
    ("x = !printf 'a\\nb'\nx", "['a', 'b']"),
    ("%time 6 * 7", "42"),
    ("%%time\ny = 5\ny + 1", "6"),
    ("y", "5"),
    ("!!echo q", "['q']"),
    ("%pwd", None),
    ("await __import__('asyncio').sleep(0, 7)", "7"),
    ("!exit 3\n_exit_code", "3"),
    ("z = 4\n%time z2 = z + 1\nz2", "5"),
    ("get_ipython() is __import__('IPython').get_ipython()", "True"),
    ("get_ipython().ask_exit if 0 else exit.__class__.__name__", "'Quitter'"),
])
def test_values(py, code, text):
    got = py.exec(code)
    assert got["error"] is None and got["engine"] == "ipython"
    assert got["text"] == (text or repr(os.path.realpath(py.folder)))


@pytest.mark.parametrize("code, printed", [
    ("!echo hi", "hi\n"),
    ("n = 'val'\n!echo $n {n * 2}", "val valval\n"),
    ("for i in range(2):\n    !echo loop $i", "loop 0\nloop 1\n"),
    ("%%bash\necho from bash", "from bash\n"),
    ("%%writefile w.py\nprint(99)", "Writing w.py\n"),
    ("%run w.py", "99\n"),
    ("len?", "Return the number of items"),
    ("%timeit -n 10 -r 2 1", "per loop"),
    ("print('before')\n!echo middle\nprint('after')", "before\nmiddle\nafter\n"),
])
def test_output(py, code, printed):
    assert py.exec(code)["error"] is None
    assert printed in py.out(until=printed)


def test_capture(py):
    got = py.exec("%%capture cap\nprint('x'); display(3)\n!echo program")
    assert got["results"] == []
    assert py.text("cap.stdout") == r"'x\nprogram\n'"
    assert py.text("len(cap.outputs)") == "1"


def test_errors_show_the_cell_only(py):
    error = py.error("x = 1\n%time 1/0")
    assert error["name"] == "ZeroDivisionError"
    assert "line 2" in error["traceback"] and "%time 1/0" in error["traceback"]
    for ours in "/IPython/", "runner", "decorator":
        assert ours not in error["traceback"]
    assert py.error("%nosuchmagic")["name"] == "UsageError"
    assert py.error("%%bash\nexit 4")["name"] == "CalledProcessError"
    assert py.text("1") == "1"


def test_created_files(py):
    got = py.exec("!mkdir -p sub; touch made.txt sub/inner.txt")
    assert got["files"] == [os.path.join(os.path.realpath(py.folder), name)
                            for name in ("made.txt", "sub/inner.txt")]
    assert "files" not in py.exec("!touch made.txt")


def test_a_program_is_ended_with_its_cell(py):
    sent = py.send("!echo $$; sleep 1000 & sleep 1000")
    pid = int(py.out(until="\n"))
    time.sleep(0.1)
    py.interrupt()
    assert py.answer(sent)["error"]["name"] == "KeyboardInterrupt"
    deadline = time.monotonic() + 10
    while os.path.exists("/proc/%d" % pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not os.path.exists("/proc/%d" % pid)
    assert py.text("n") == "'val'"


def test_display_of_its_module(py):
    got = py.exec(
        "from IPython.display import display, HTML, Markdown, SVG, JSON, Latex, clear_output\n"
        "clear_output(); display(HTML('<b>x</b>')); display({'text/latex': 'r'}, raw=True)\n"
        "h = display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'), display_id=True)\n"
        "h.update(JSON({'a': 1})); Markdown('# h')")
    assert got["error"] is None
    assert [item["mime"] for item in got["results"] if item["mime"] != "text/plain"] == [
        "text/html", "text/latex", "image/svg+xml", "application/json", "text/markdown"]
    assert py.out(timeout=0.1) == ""


def test_nothing_is_left_in_the_home(py):
    assert not os.path.exists(os.path.join(py.folder, ".ipython"))


def test_its_folder_goes_with_it(start):
    one = start("python")
    folder = one.text("%time get_ipython().ipython_dir")
    folder = folder.strip("'")
    assert os.path.isdir(folder)
    one.end()
    assert not os.path.exists(folder)


def test_modules_of_the_runner_are_found_below_their_package(start):
    plain = start("python")
    plain.text("import sys; sys.modules.pop('importlib.util', None)")
    assert plain.error("%nonsense")["name"] in ("UsageError", "SyntaxError")


def test_without_it(start):
    plain = start("python")
    plain.text("import sys; sys.modules['IPython'] = None")
    assert plain.error("get_ipython()")["name"] == "NameError"
    assert plain.error("%time 1")["name"] == "SyntaxError"
