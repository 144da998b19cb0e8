"""Files over an AIO Sandbox."""

import base64
import hashlib
import os
import re
import subprocess

import pytest

from remote.conftest import section


def body(text):
    """What follows the header line, without the line that says how to go on."""
    return re.sub(r"^Next: .*\n", "", text.partition("\n")[2], flags=re.M)


def header(text):
    return text.partition("\n")[0]


def sha(data):
    return hashlib.sha256(data).hexdigest()


# ---- reading


def test_read(aio, folder):
    path = folder.write("a.txt", "eins\nzwei ä\ndrei")
    os.chmod(folder.path("a.txt"), 0o640)
    text = aio.ok("file_read", path=path)
    assert header(text) == (f"{path} · lines 1-3 of 3 · 17 B · mode 0640 · utf-8 · sha256 "
                            + sha(folder.read("a.txt")))
    assert body(text) == "eins\nzwei ä\ndrei"
    for other in (path.removeprefix("/home/gem/"), "~" + path.removeprefix("/home/gem"),
                  f"{folder.there}/./x/../a.txt"):
        os.makedirs(folder.path("x"), exist_ok=True)
        assert header(aio.ok("file_read", path=other)) == header(text)


@pytest.mark.parametrize("offset, limit, lines, following", [
    (1, 2, [1, 2], 3), (3, 2, [3, 4], 5), (9, 5, [9, 10], None), (-2, None, [9, 10], None),
    (-4, 2, [7, 8], 9), (-100, 1, [1], 2), (11, None, [], None), (500, 3, [], None),
])
def test_ranges_of_lines(aio, folder, offset, limit, lines, following):
    path = folder.write("n", "".join(f"{n}\n" for n in range(1, 11)))
    more = {} if limit is None else {"limit": limit}
    text = aio.ok("file_read", path=path, offset=offset, **more)
    assert body(text) == "".join(f"{n}\n" for n in lines)
    found = re.search(r"^Next: file_read offset=(-?\d+)", text, re.M)
    assert (int(found[1]) if found else None) == following
    if lines:
        assert f"lines {lines[0]}-{lines[-1]} of 10" in header(text)


def test_walking_by_the_offsets_gives_every_line(aio, folder):
    data = "".join(f"line {n} {'x' * (n % 70)}\n" for n in range(3000))
    path, offset, found = folder.write("long", data), 1, ""
    while offset:
        text = aio.ok("file_read", path=path, offset=offset, max_bytes=9000)
        found += body(text)
        more = re.search(r"^Next: file_read offset=(\d+)", text, re.M)
        offset = int(more[1]) if more else None
    assert found == data


def test_a_line_that_is_longer_than_the_budget(aio, folder):
    text = aio.ok("file_read", path=folder.write("l", "a" * 5000 + "\nb\n"), max_bytes=100)
    assert body(text).rstrip("\n") == "a" * 100
    assert "offset=2" in text


@pytest.mark.parametrize("size", [0, 1, 1000, 600_000, 3_000_000])
def test_bytes(aio, folder, size):
    data = os.urandom(size)
    path = folder.write("b", data)
    text = aio.ok("file_read", path=path, encoding="base64", max_bytes=40000)
    got = base64.b64decode(body(text))
    assert got == data[:len(got)] and len(got) == min(size, 30000)
    if size > 700:
        text = aio.ok("file_read", path=path, encoding="base64", offset=500, limit=100)
        assert base64.b64decode(body(text)) == data[500:600] and "offset=600" in text


def test_bytes_are_exact(aio, folder):
    data = bytes(range(256)) * 3
    text = aio.ok("file_read", path=folder.write("b", data), encoding="base64")
    assert base64.b64decode(body(text)) == data
    assert "bytes replaced" not in text
    code, text = aio.refused("file_read", path=f"{folder.there}/b")
    assert code == "invalid_argument" and "encoding=base64" in text


def test_a_picture_is_shown(aio, folder):
    png = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhg"
                           "GAWjR9awAAAABJRU5ErkJggg==")
    result = aio.result("file_read", path=folder.write("p.png", png))
    image = [b for b in result["content"] if b["type"] == "image"][0]
    assert base64.b64decode(image["data"]) == png and image["mimeType"] == "image/png"


def test_a_large_file_has_no_totals(aio, folder):
    with open(folder.path("big"), "wb") as f:
        f.truncate(70 << 20)
        f.write(b"first\nsecond\n")
    text = aio.ok("file_read", path=f"{folder.there}/big", encoding="utf-8", limit=2)
    assert "sha256" not in text and " of " not in header(text)
    os.truncate(folder.path("big"), 0)


@pytest.mark.parametrize("make, code", [
    (lambda f: None, "not_found"),
    (lambda f: os.mkdir(f.path("x")), "invalid_argument"),
    (lambda f: os.mkfifo(f.path("x")), "invalid_argument"),
    (lambda f: os.symlink("nowhere", f.path("x")), "not_found"),
    (lambda f: os.symlink("x", f.path("x")), "invalid_argument"),
])
def test_what_cannot_be_read(aio, folder, make, code):
    make(folder)
    assert aio.refused("file_read", path=f"{folder.there}/x")[0] == code


@pytest.fixture
def locked(folder):
    """A file and a directory that even their owner may not use, unless he is root."""
    folder.write("f", "secret")
    os.mkdir(folder.path("d"))
    folder.write("d/inner", "")
    os.chmod(folder.path("f"), 0)
    os.chmod(folder.path("d"), 0)
    yield folder
    os.chmod(folder.path("f"), 0o644)
    os.chmod(folder.path("d"), 0o755)


def needs_an_ordinary_user(aio):
    if section(aio.run("id -u"), "stdout") == "0\n":
        pytest.skip("the service runs as root here, whom no mode stops")


def test_what_may_not_be_used(aio, locked):
    needs_an_ordinary_user(aio)
    for tool, more in (("file_read", {"path": "f"}), ("file_read", {"path": "d/inner"}),
                       ("file_list", {"path": "d"}), ("file_write", {"path": "d/new", "content": ""}),
                       ("file_write", {"path": "d/x/new", "content": ""})):
        more = more | {"path": f"{locked.there}/{more['path']}"}
        assert aio.refused(tool, **more)[0] == "denied", (tool, more)


@pytest.mark.parametrize("name", ["a b", "ü€", "it's", "-n", "$(id)", "a\\b", "`x`", "*", "new\nline"])
def test_names_of_any_kind(aio, folder, name):
    path = f"{folder.there}/{name}"
    aio.ok("file_write", path=path, content="in " + name)
    assert folder.read(name).decode() == "in " + name
    assert body(aio.ok("file_read", path=path)) == "in " + name
    shown = name.replace("\n", "\\x0a")
    assert shown in aio.ok("file_list", path=folder.there)
    aio.ok("file_replace", path=path, edits=[{"old": "in ", "new": "of "}])
    assert folder.read(name).decode() == "of " + name


# ---- writing


def write(aio, path, content, **more):
    result = aio.result("file_write", path=path, content=content, **more)
    assert not result.get("isError"), result
    return result["structuredContent"]


def test_write(aio, folder):
    done = write(aio, f"{folder.there}/new/deep/a", "hällo\n")
    assert done == {"path": f"{folder.there}/new/deep/a", "bytes_written": 7, "size": 7,
                    "created": True, "sha256": sha("hällo\n".encode()), "mode": "0644"}
    assert folder.read("new/deep/a").decode() == "hällo\n"
    done = write(aio, f"{folder.there}/new/deep/a", "")
    assert (done["created"], done["size"]) == (False, 0) and folder.read("new/deep/a") == b""


@pytest.mark.parametrize("size", [0, 1, 49152, 49153, 5_000_000])
@pytest.mark.parametrize("mode", ["overwrite", "create", "append"])
def test_any_size_in_any_mode(aio, folder, size, mode):
    data = os.urandom(size)
    before = b"before" if mode != "create" else b""
    if mode != "create":
        folder.write("f", before)
    done = write(aio, f"{folder.there}/f", base64.b64encode(data).decode(), encoding="base64",
                 mode=mode)
    wanted = before + data if mode == "append" else data
    assert folder.read("f") == wanted
    assert (done["size"], done["sha256"]) == (len(wanted), sha(wanted))
    assert sorted(os.listdir(folder.here)) == ["f"]


def test_modes_and_links(aio, folder):
    folder.write("f", "x")
    os.chmod(folder.path("f"), 0o751)
    assert write(aio, f"{folder.there}/f", "y")["mode"] == "0751"
    assert write(aio, f"{folder.there}/f", "y", permissions="0600")["mode"] == "0600"
    assert write(aio, f"{folder.there}/g", "y", permissions="0755")["mode"] == "0755"
    os.symlink("f", folder.path("link"))
    assert write(aio, f"{folder.there}/link", "through")["path"] == f"{folder.there}/f"
    assert os.path.islink(folder.path("link")) and folder.read("f") == b"through"
    os.symlink("later", folder.path("dangling"))
    write(aio, f"{folder.there}/dangling", "made")
    assert folder.read("later") == b"made"


def test_conditions(aio, folder):
    path = folder.write("f", "one")
    for size in (3, 60_000):
        content = "x" * size
        assert aio.refused("file_write", path=path, content=content, mode="create")[0] == "conflict"
        assert aio.refused("file_write", path=path, content=content,
                           expect_sha256="")[0] == "conflict"
        code, text = aio.refused("file_write", path=path, content=content,
                                 expect_sha256=sha(b"other"))
        assert code == "conflict" and sha(b"one") in text
        assert aio.refused("file_write", path=f"{folder.there}/none", content=content,
                           expect_sha256=sha(b"one"))[0] == "conflict"
    assert folder.read("f") == b"one" and os.listdir(folder.here) == ["f"]
    write(aio, path, "two", expect_sha256=sha(b"one"))
    write(aio, f"{folder.there}/new", "n", expect_sha256="")
    assert (folder.read("f"), folder.read("new")) == (b"two", b"n")


@pytest.mark.parametrize("size", [1, 60_000])
@pytest.mark.parametrize("name, code", [
    ("d", "invalid_argument"), ("fifo", "invalid_argument"), ("f/x", "invalid_argument"),
    ("d/", "invalid_argument"), ("n" * 300, "invalid_argument"),
])
def test_what_cannot_be_written(aio, folder, name, code, size):
    os.mkdir(folder.path("d"))
    os.mkfifo(folder.path("fifo"))
    folder.write("f", "x")
    assert aio.refused("file_write", path=f"{folder.there}/{name}", content="y" * size)[0] == code
    assert sorted(os.listdir(folder.here)) == ["d", "f", "fifo"]


def test_a_file_of_a_directory_that_may_not_be_written(aio, folder):
    needs_an_ordinary_user(aio)
    aio.run(f"cd {folder.there}; mkdir d; echo x >d/f; chmod 555 d")
    write(aio, f"{folder.there}/d/f", "y")
    assert folder.read("d/f") == b"y"
    assert aio.refused("file_write", path=f"{folder.there}/d/g", content="y")[0] == "denied"
    aio.run(f"chmod 755 {folder.there}/d")


def test_writers_at_once_never_mix(aio, folder):
    path = f"{folder.there}/f"
    ids = [aio.stdio.start("tools/call", {"name": "file_write", "arguments": {
        "path": path, "content": c * 200_000}}) for c in "abcdefgh"]
    for id in ids:
        assert not aio.stdio.response(id)["result"].get("isError")
    assert len(set(folder.read("f"))) == 1 and len(folder.read("f")) == 200_000


# ---- editing


def test_edit(aio, folder):
    path = folder.write("f", "one\ntwo\ntwo\n")
    text = aio.ok("file_replace", path=path, edits=[{"old": "one", "new": "1"},
                                                    {"old": "two", "new": "2", "count": 2}])
    assert folder.read("f") == b"1\n2\n2\n" and "-one" in text and "+1" in text
    code, text = aio.refused("file_replace", path=path, edits=[{"old": "nothing", "new": "x"}])
    assert code == "not_found"
    assert aio.refused("file_replace", path=path, edits=[{"old": "2", "new": "x"}])[0] == "conflict"
    assert folder.read("f") == b"1\n2\n2\n"
    aio.ok("file_replace", path=path, edits=[{"old": r"(\d)\n", "new": "<$1>", "count": 0,
                                              "regex": True}], dry_run=True)
    assert folder.read("f") == b"1\n2\n2\n"


def test_edit_a_large_binary_file(aio, folder):
    data = os.urandom(2_000_000).replace(b"needle", b"") + b"needle" + bytes(range(256))
    path = folder.write("f", data)
    aio.ok("file_replace", path=path, edits=[{"old": "needle", "new": "thread"}])
    assert folder.read("f") == data.replace(b"needle", b"thread")
    with open(folder.path("f"), "wb") as f:
        f.truncate(9 << 20)
    assert aio.refused("file_replace", path=path, edits=[{"old": "a", "new": "b"}])[0] == "too_large"


# ---- listing


def names(text):
    return [line.split(maxsplit=4)[4] for line in text.splitlines()[1:] if line[0] in "-dlps"]


def test_list(aio, folder):
    os.makedirs(folder.path("sub/deep"))
    folder.write("b.py", "12345")
    folder.write(".hidden", "")
    folder.write("sub/c.py", "1")
    folder.write("sub/deep/d.txt", "123")
    os.symlink("b.py", folder.path("link"))
    os.mkfifo(folder.path("pipe"))
    os.chmod(folder.path("b.py"), 0o755)
    text = aio.ok("file_list", path=folder.there)
    assert header(text) == f"{folder.there} · 4 entries"
    assert names(text) == ["b.py", "link -> b.py", "pipe", "sub/"]
    assert re.search(r"^-rwxr-xr-x +5 \d{4}-\d\d-\d\d \d\d:\d\d b.py$", text, re.M)
    assert re.search(r"^lrwxrwxrwx ", text, re.M) and re.search(r"^prw", text, re.M)
    assert ".hidden" in aio.ok("file_list", path=folder.there, hidden=True)
    assert names(aio.ok("file_list", path=folder.there, depth=9)) == [
        "b.py", "link -> b.py", "pipe", "sub/", "sub/c.py", "sub/deep/", "sub/deep/d.txt"]
    assert names(aio.ok("file_list", path=folder.there, depth=2, glob="*.py")) == \
        ["b.py", "sub/c.py"]
    assert names(aio.ok("file_list", path=folder.there, depth=9, glob="sub/**/*.txt")) == \
        ["sub/deep/d.txt"]
    assert names(aio.ok("file_list", path=folder.there, depth=9, sort="size", glob="*.*")) == \
        ["b.py", "sub/deep/d.txt", "sub/c.py"]


def test_list_by_time_and_by_cursor(aio, folder):
    for n in range(25):
        folder.write(f"f{n:02}", "")
        os.utime(folder.path(f"f{n:02}"), (1000 + n, 1000 + n))
    assert names(aio.ok("file_list", path=folder.there, sort="mtime", limit=2)) == ["f24", "f23"]
    found, cursor = [], {}
    while True:
        text = aio.ok("file_list", path=folder.there, limit=10, **cursor)
        found += names(text)
        more = re.search(r"cursor=(\S+) lists on", text)
        if not more:
            break
        cursor = {"cursor": more[1]}
    assert found == [f"f{n:02}" for n in range(25)]
    assert aio.refused("file_list", path=folder.there, cursor="x")[0] == "invalid_argument"


def test_list_honours_gitignore(aio, folder):
    subprocess.run(["git", "init", "-q", folder.here], check=True)
    aio.run(f"git config --global --add safe.directory {folder.there}")
    folder.write(".gitignore", "*.o\nbuild/\n")
    os.mkdir(folder.path("build"))
    for name in ("a.c", "a.o", "build/x"):
        folder.write(name, "")
    assert names(aio.ok("file_list", path=folder.there, depth=3)) == ["a.c"]
    assert names(aio.ok("file_list", path=folder.there, depth=3, ignore=False)) == \
        ["a.c", "a.o", "build/", "build/x"]


@pytest.mark.parametrize("path, code", [("none", "not_found"), ("f", "invalid_argument")])
def test_what_cannot_be_listed(aio, folder, path, code):
    folder.write("f", "")
    assert aio.refused("file_list", path=f"{folder.there}/{path}")[0] == code


def test_an_empty_directory(aio, folder):
    assert header(aio.ok("file_list", path=folder.there)) == f"{folder.there} · 0 entries"


# ---- searching


@pytest.fixture
def tree(folder):
    os.makedirs(folder.path("src/lib"))
    folder.write("src/a.py", "def one():\n    return 1\n\ndef two():\n    return 2\n")
    folder.write("src/lib/b.py", "# Two (2)\ndef three(): pass\n")
    folder.write("README.md", "def ine it: two\n")
    folder.write("bin", b"def two\0")
    return folder


def hits(text):
    return [line for line in text.splitlines()[1:] if not line.startswith("Next")]


def test_search(aio, tree):
    text = aio.ok("file_search", path=tree.there, pattern=r"def \w+\(")
    assert hits(text) == ["src/a.py:1:1: def one():", "src/a.py:4:1: def two():",
                          "src/lib/b.py:2:1: def three(): pass"]
    assert header(text).startswith(f"3 matches below {tree.there} · ")
    text = aio.ok("file_search", path=tree.there, pattern="TWO", ignore_case=True)
    assert hits(text) == ["README.md:1:13: def ine it: two", "src/a.py:4:5: def two():",
                          "src/lib/b.py:1:3: # Two (2)"]
    assert hits(aio.ok("file_search", path=tree.there, pattern="(2)", literal=True)) == \
        ["src/lib/b.py:1:7: # Two (2)"]
    assert hits(aio.ok("file_search", path=tree.there, pattern="two", include=["*.md"])) == \
        ["README.md:1:13: def ine it: two"]
    assert hits(aio.ok("file_search", path=tree.there, pattern="two", exclude=["*.md"])) == \
        ["src/a.py:4:5: def two():"]
    assert hits(aio.ok("file_search", path=f"{tree.there}/src/a.py", pattern="return")) == \
        [f"{tree.there}/src/a.py:2:5:     return 1", f"{tree.there}/src/a.py:5:5:     return 2"]
    assert hits(aio.ok("file_search", path=tree.there, pattern="nothing")) == []


def test_search_with_context_and_over_lines(aio, tree):
    text = aio.ok("file_search", path=f"{tree.there}/src", pattern="return 1", context=1)
    assert hits(text) == ["a.py-1- def one():", "a.py:2:5:     return 1", "a.py-3- "]
    text = aio.ok("file_search", path=tree.there, pattern=r"one\(\):\n    return", multiline=True)
    assert hits(text) == ["src/a.py:1:5: def one():"]
    assert "20 lines" in aio.ok("file_search", path=tree.there, pattern="one", context=50)


def test_search_by_cursor(aio, tree):
    tree.write("many", "".join(f"hit {n}\n" for n in range(50)))
    found, cursor = [], {}
    while True:
        text = aio.ok("file_search", path=tree.there, pattern="^hit", limit=20, **cursor)
        found += [line for line in hits(text)]
        more = re.search(r"cursor=(\S+) finds more", text)
        if not more:
            break
        cursor = {"cursor": more[1]}
    assert found == [f"many:{n + 1}:1: hit {n}" for n in range(50)]
    assert aio.refused("file_search", pattern="a", cursor="-1")[0] == "invalid_argument"


def test_search_for_names(aio, tree):
    assert hits(aio.ok("file_search", path=tree.there, mode="name", pattern="*.py")) == \
        ["src/a.py", "src/lib/b.py"]
    assert hits(aio.ok("file_search", path=tree.there, mode="name", pattern="src/*.py")) == \
        ["src/a.py"]
    assert hits(aio.ok("file_search", path=tree.there, mode="name", pattern="readme*",
                       ignore_case=True)) == ["README.md"]
    assert hits(aio.ok("file_search", path=tree.there, mode="name", pattern="lib")) == ["src/lib"]
    assert hits(aio.ok("file_search", path=tree.there, mode="name", pattern="*.py",
                       exclude=["lib"])) == ["src/a.py"]
    text = aio.ok("file_search", path=tree.there, mode="name", pattern="*.py", limit=1)
    cursor = re.search(r"cursor=(\S+) finds more", text)[1]
    assert hits(aio.ok("file_search", path=tree.there, mode="name", pattern="*.py", limit=1,
                       cursor=cursor)) == ["src/lib/b.py"]


@pytest.mark.parametrize("more, code", [
    ({"pattern": "("}, "invalid_argument"),
    ({"pattern": "a", "path": "/home/gem/none"}, "not_found"),
    ({"pattern": "a", "path": "/home/gem/none", "mode": "name"}, "not_found"),
])
def test_what_cannot_be_searched(aio, more, code):
    assert aio.refused("file_search", **more)[0] == code


def test_older_images_give_reasons_in_words_only(aio, fake):
    fake.configure(file_errors=False)
    try:
        assert aio.refused("file_search", pattern="a", path="/home/gem/none")[0] == "not_found"
        assert aio.refused("file_search", pattern="(")[0] == "invalid_argument"
    finally:
        fake.configure(file_errors=True)
