"""The AIO Sandbox fake's files and language runtimes."""

import base64
import os
import uuid

import pytest

from lib.paths import NODE_MODULES
from remote.aio_fake import start_fake

HOME = "/home/gem"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    env = dict(os.environ, PATH=f"{NODE_MODULES}/.bin:{os.environ['PATH']}")
    with start_fake(tmp_path_factory.mktemp("aio"), env=env) as fake:
        yield fake


@pytest.fixture
def fake(shared):
    yield shared
    assert shared.violations() == []


@pytest.fixture
def folder(fake):
    """A fresh directory of the sandbox."""
    name = uuid.uuid4().hex
    os.mkdir(fake.path(name))
    return f"{HOME}/{name}"


def put(fake, path, data):
    real = fake.path(*path.removeprefix(HOME).split("/"))
    os.makedirs(os.path.dirname(real), exist_ok=True)
    with open(real, "wb") as file:
        file.write(data)
    return real


def failure(fake, path, /, **members):
    status, reply = fake.json("POST", path, members)
    assert status == 200 and reply["success"] is False and reply["message"]
    return reply["data"]


def editor(fake, path, command, **members):
    return fake.call("/v1/file/str_replace_editor", path=path, command=command, **members)


def test_write_makes_parents_and_counts_bytes(fake, folder):
    file = f"{folder}/x/y/z.txt"
    assert fake.call("/v1/file/write", file=file, content="äb")["bytes_written"] == 3
    fake.call("/v1/file/write", file=file, content="c", append=True, leading_newline=True,
              trailing_newline=True)
    assert fake.call("/v1/file/read", file=file)["content"] == "äb\nc\n"
    data = bytes(range(256))
    fake.call("/v1/file/write", file=file, content=base64.b64encode(data).decode(),
              encoding="base64")
    assert fake.request("GET", f"/v1/file/download?path={file}")[2] == data
    assert failure(fake, "/v1/file/read", file=file)["error_type"] == "decode_error"
    wrong = failure(fake, "/v1/file/write", file=file, content="*", encoding="base64")
    assert wrong["error_type"] == "decode_error"


def test_lines_of_read_are_half_open_from_zero(fake, folder):
    file = f"{folder}/l"
    put(fake, file, b"a\nb\nc\nd\n")
    assert fake.call("/v1/file/read", file=file, start_line=1, end_line=3)["content"] == "b\nc\n"
    assert fake.call("/v1/file/search", file=file, regex="[bc]") == {
        "file": file, "matches": ["b", "c"], "line_numbers": [2, 3]}


@pytest.mark.parametrize("path,wanted", [
    ("{}/none", ("not_found", "ENOENT")), ("{}", ("invalid_target", None)),
    ("/etc/passwd", ("permission_denied", "EACCES")), ("/none", ("not_found", "ENOENT")),
    ("{}/../../../etc/passwd", ("permission_denied", "EACCES")),
    ("relative", ("invalid_path", None)), ("{}/secret", ("permission_denied", "EACCES")),
    ("{}/out", ("permission_denied", "EACCES")), ("{}/pipe", ("invalid_target", None)),
    ("{}/loop", ("invalid_path", "ELOOP")), ("{}/a\0b", ("invalid_path", None)),
])
def test_failed_reads(fake, folder, path, wanted):
    os.chmod(put(fake, f"{folder}/secret", b"s"), 0)
    fake.call("/v1/bash/exec", exec_dir=folder,
              command="ln -s /etc/passwd out; mkfifo pipe; ln -s loop loop")
    found = failure(fake, "/v1/file/read", file=path.format(folder))
    assert (found["error_type"], found["errno_name"]) == wanted
    assert (found["operation"], found["path"]) == ("read", path.format(folder))
    assert found["retryable"] is False


def test_failed_writes(fake, folder):
    put(fake, f"{folder}/f", b"")
    for path, wanted in ((folder, "invalid_target"), (f"{folder}/f/g", "already_exists"),
                         (f"{folder}/f/g/h", "invalid_target"),
                         ("/etc/new", "permission_denied"),
                         (f"{folder}/{'n' * 300}", "invalid_path")):
        assert failure(fake, "/v1/file/write", file=path, content="")["error_type"] == wanted
    assert not os.path.exists("/etc/new")


def test_replace_counts(fake, folder):
    file = f"{folder}/r"
    put(fake, file, b"a a\r\na")
    call = {"file": file, "old_str": "a", "new_str": "bb"}
    assert fake.call("/v1/file/replace", **call)["replaced_count"] == 3
    assert fake.call("/v1/file/replace", **call)["replaced_count"] == 0
    assert fake.call("/v1/file/read", file=file)["content"] == "bb bb\r\nbb"


def test_list(fake, folder):
    for name in ("b.py", "sub/c.txt", "sub/deep/d", ".hid"):
        put(fake, f"{folder}/{name}", b"12345")
    os.utime(fake.path(folder.removeprefix(HOME + "/"), "b.py"), (1000, 1000))
    found = fake.call("/v1/file/list", path=folder, include_permissions=True)
    assert [f["name"] for f in found["files"]] == [".hid", "b.py", "sub"]
    assert (found["total_count"], found["directory_count"], found["file_count"]) == (3, 1, 2)
    _, file, directory = found["files"]
    assert (file["size"], file["modified_time"], file["extension"]) == (5, "1000", ".py")
    assert file["permissions"] == "644" and file["path"] == f"{folder}/b.py"
    assert (directory["size"], directory["is_directory"]) == (None, True)
    deep = fake.call("/v1/file/list", path=folder, recursive=True, max_depth=2, show_hidden=False)
    assert [f["name"] for f in deep["files"]] == ["b.py", "c.txt", "deep", "sub"]
    assert failure(fake, "/v1/file/list", path=f"{folder}/b.py")["error_type"] == "invalid_target"


def test_find_and_glob(fake, folder):
    for name, size in (("a.py", 3), ("s/b.py", 1), ("s/t/c.py", 2), (".h/d.py", 9), ("e.txt", 5)):
        put(fake, f"{folder}/{name}", b"x" * size)
    found = fake.call("/v1/file/find", path=folder, glob="**/*.py")["files"]
    assert found == [f"{folder}/{n}" for n in ("a.py", "s/b.py", "s/t/c.py")]

    def names(**more):
        reply = fake.call("/v1/file/glob", path=folder, **more)
        return [f["path"].removeprefix(folder + "/") for f in reply["files"]]

    assert names(pattern="**/*.py") == ["a.py", "s/b.py", "s/t/c.py"]
    assert names(pattern="*") == ["a.py", "e.txt"]
    assert names(pattern="*", files_only=False) == ["a.py", "e.txt", "s"]
    assert names(pattern="**/*.py", exclude=["t"], include_hidden=True) == [
        ".h/d.py", "a.py", "s/b.py"]
    assert names(pattern="**/[a-c].py", sort_by="size", sort_desc=True) == [
        "a.py", "s/t/c.py", "s/b.py"]
    cut = fake.call("/v1/file/glob", path=folder, pattern="**/*.py", max_results=1)
    assert (cut["total_count"], cut["truncated"], len(cut["files"])) == (3, True, 1)


def test_grep(fake, folder):
    put(fake, f"{folder}/a.py", b"one\nTwo\nthree two\nfour\n")
    put(fake, f"{folder}/s/b.js", b"two\n")
    put(fake, f"{folder}/bin", b"two\0")

    def grep(**more):
        return fake.call("/v1/file/grep", path=folder, **more)

    found = grep(pattern="two", context_before=1, context_after=1)
    assert [(m["file"], m["line_number"]) for m in found["matches"]] == [
        (f"{folder}/a.py", 3), (f"{folder}/s/b.js", 1)]
    assert found["matches"][0]["context_before"] == ["Two"]
    assert found["matches"][0]["context_after"] == ["four"]
    assert (found["match_count"], found["files_matched"], found["truncated"]) == (2, 2, False)
    assert grep(pattern="TWO", case_insensitive=True)["match_count"] == 3
    assert grep(pattern="two", include=["*.js"])["match_count"] == 1
    assert grep(pattern="two", type="py")["match_count"] == 1
    assert grep(pattern="two", recursive=False)["match_count"] == 1
    assert grep(pattern="t.o", fixed_strings=True)["match_count"] == 0
    assert grep(pattern="two", max_file_size="2")["match_count"] == 0
    spanning = grep(pattern="Two.three", multiline=True)["matches"]
    assert [(m["line_number"], m["line_content"]) for m in spanning] == [(2, "Two\nthree two")]
    page = grep(pattern="o", max_results=1, offset=1)
    assert (page["matches"][0]["line_number"], page["truncated"]) == (2, True)


def test_upload_and_download(fake, folder):
    data = os.urandom(300_000)
    body = (b'--B\r\nContent-Disposition: form-data; name="path"\r\n\r\n' + folder.encode()
            + b'/up.bin\r\n--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--B--\r\n")
    status, _, _ = fake.request("POST", "/v1/file/upload", raw=body,
                                headers={"Content-Type": "multipart/form-data; boundary=B"})
    assert status == 200
    status, headers, got = fake.request("GET", f"/v1/file/download?path={folder}/up.bin")
    assert (status, got) == (200, data) and headers["Transfer-Encoding"] == "chunked"
    put(fake, f"{folder}/small", b"abc")
    status, headers, got = fake.request("GET", f"/v1/file/download?path={folder}/small")
    assert (headers["Content-Length"], got) == ("3", b"abc")
    for path, wanted in ((f"{folder}/none", 404), (folder, 400), ("/etc/passwd", 403)):
        assert fake.json("GET", f"/v1/file/download?path={path}")[0] == wanted


def test_editor(fake, folder):
    file = f"{folder}/e"
    assert editor(fake, file, "create", file_text="a\nb\na\n")["prev_exist"] is False
    assert "     2\tb\n     3\ta" in editor(fake, file, "view", view_range=[2, 3])["output"]
    assert "Multiple occurrences" in editor(fake, file, "str_replace", old_str="a",
                                            new_str="x")["error"]
    assert "did not appear" in editor(fake, file, "str_replace", old_str="zz")["error"]
    done = editor(fake, file, "str_replace", old_str="a", new_str="x", replace_mode="LAST")
    assert (done["old_content"], done["new_content"]) == ("a\nb\na\n", "a\nb\nx\n")
    assert editor(fake, file, "insert", insert_line=1, new_str="i")["new_content"] == "a\ni\nb\nx\n"
    assert editor(fake, file, "insert", insert_line=9, new_str="i")["error"]
    for _ in range(2):
        editor(fake, file, "undo_edit")
    assert fake.call("/v1/file/read", file=file)["content"] == "a\nb\na\n"
    editor(fake, file, "undo_edit")
    missing = failure(fake, "/v1/file/str_replace_editor", command="view", path=file)
    assert missing["error_type"] == "not_found"


# Language runtimes.

def test_python_state_lives_on_in_its_session(fake):
    def cell(code, **more):
        return fake.call("/v1/code/execute", language="python", code=code, stateful=True,
                         session_id="py", **more)

    done = cell("import threading, time\nx = []\n"
                "def work():\n    while True:\n        x.append(1); time.sleep(0.01)\n"
                "threading.Thread(target=work, daemon=True).start()\nlen(x) >= 0")
    assert done["outputs"][-1]["data"]["text/plain"] == "True"
    assert cell("time.sleep(0.2)\nlen(x) > 5")["outputs"][0]["data"]["text/plain"] == "True"
    failed = cell("print('out')\nraise ValueError('bad')")
    assert (failed["status"], failed["exit_code"], failed["stdout"]) == ("error", 1, "out\n")
    assert failed["traceback"][-1].endswith("ValueError\x1b[0m: bad")
    assert cell("while True: pass", timeout=1)["status"] == "timeout"
    assert cell("len(x) > 5")["outputs"][0]["data"]["text/plain"] == "True"
    other = fake.call("/v1/code/execute", language="python", code="x")
    assert other["status"] == "error" and other["session_id"] is None


def test_python_outputs_are_in_nbformat(fake):
    code = ("import os, sys\nfrom IPython.display import Image, display\nprint('a')\nprint('b')\n"
            "print('e', file=sys.stderr)\ndisplay(Image(b'\\x89PNG\\r\\n'))\n"
            "os.system('echo raw')\n{'k': 1}")
    done = fake.call("/v1/jupyter/execute", code=code)
    found = {o["output_type"]: o for o in done["outputs"]}
    texts = {o["name"]: o["text"] for o in done["outputs"] if o["output_type"] == "stream"}
    written = "".join(o["text"] for o in done["outputs"] if o["name"] == "stdout")
    assert sorted(written.split()) == ["a", "b", "raw"] and texts["stderr"] == "e\n"
    assert base64.b64decode(found["display_data"]["data"]["image/png"]) == b"\x89PNG\r\n"
    assert found["execute_result"]["data"]["text/plain"] == "{'k': 1}"
    assert (done["status"], done["execution_count"]) == ("ok", 1)
    again = fake.call("/v1/jupyter/execute", code="_", session_id=done["session_id"])
    assert again["execution_count"] == 2
    syntax = fake.call("/v1/jupyter/execute", code="1 +", session_id=done["session_id"])
    assert syntax["outputs"][0]["ename"] == "SyntaxError"


def test_a_dead_kernel_is_said_and_replaced(fake):
    done = fake.call("/v1/jupyter/execute", code="x = 1\nimport os; os._exit(3)", session_id="d")
    assert done["status"] == "error" and "exit code 3" in done["outputs"][-1]["evalue"]
    done = fake.call("/v1/jupyter/execute", code="'x' in globals()", session_id="d")
    assert done["outputs"][0]["data"]["text/plain"] == "False"


def test_node_stateful_and_once(fake):
    def cell(code, **more):
        return fake.call("/v1/nodejs/execute", code=code, stateful=True, session_id="n", **more)

    assert cell("const q = await Promise.resolve(5); console.log('x'); q")["stdout"] == "x\n"
    assert cell("q + 1")["outputs"][0]["data"]["text/plain"] == "6"
    failed = cell("throw new TypeError('bad')")
    assert (failed["status"], failed["outputs"][0]["ename"]) == ("error", "TypeError")
    assert cell("for (;;);", timeout=1)["status"] == "timeout"
    once = fake.call("/v1/nodejs/execute", stdin="in", files={"d/m.cjs": "module.exports = 7"},
                     code="console.log(require('./d/m.cjs'), require('fs').readFileSync(0) + '')")
    assert (once["stdout"], once["exit_code"]) == ("7 in\n", 0)
    module = fake.call("/v1/code/execute", language="javascript",
                       code="import fs from 'fs'; console.log(await Promise.resolve(1))")
    assert module["stdout"] == "1\n"
    failed = fake.call("/v1/code/execute", language="javascript", code="throw new RangeError('r')")
    assert (failed["status"], failed["exit_code"]) == ("error", 1)
    assert fake.call("/v1/nodejs/execute", code="for(;;);", timeout=1)["status"] == "timeout"
