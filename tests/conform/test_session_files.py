"""Files that are no ordinary text files, and what the file tools say about them."""

import base64
import hashlib
import time

import pytest

from conform.checks import PNG
from conform.session import section
from lib.protocol import text

READERS = ["file_read", "file_replace", "file_search", "file_list", "file_write"]


@pytest.fixture
def client(connect):
    return connect("python", "stdio")


def run(client, command):
    said = client.text("terminal_execute", command=command)
    assert said.startswith("exit 0 "), said
    return section(said, "stdout")


def arguments(tool, path):
    return {"path": path} | {
        "file_replace": {"edits": [{"old": "a", "new": "b"}]},
        "file_search": {"pattern": "a"},
        "file_write": {"content": "x"}}.get(tool, {})


@pytest.mark.parametrize("tool", READERS)
@pytest.mark.parametrize("make, word", [
    ("mkfifo odd", "FIFO"),
    ("ln -s /dev/zero odd", "device"),
    ("ln -s /dev/tty odd", "device"),
    ("python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('odd')\"", "socket"),
    ("ln -s odd odd", "link"),
], ids=["fifo", "zero", "tty", "socket", "loop"])
def test_what_is_no_regular_file(client, tool, make, word):
    run(client, make)
    start = time.monotonic()
    result = client.call(tool, timeout=20, **arguments(tool, "odd"))
    assert time.monotonic() - start < 5
    if tool == "file_search" and not result.get("isError"):
        assert "no match" in text(result).lower()
        return
    word = "not a folder" if tool == "file_list" and word != "link" else word
    assert result["isError"] and word.lower() in text(result).lower(), text(result)
    assert text(result).startswith(("invalid_argument: ", "denied: ", "not_found: "))


def test_a_folder_where_a_file_is_expected(client):
    run(client, "mkdir d; echo inside >d/f")
    for tool in ("file_read", "file_write", "file_replace"):
        said = client.error(tool, **arguments(tool, "d"))
        assert "folder" in said, said
    said = client.error("file_write", path="d/f/below", content="x")
    assert "folder" in said, said
    assert "d/f" in client.text("file_list", path=".", depth=2)


def test_what_is_not_there(client):
    for tool in ("file_read", "file_replace", "file_search", "file_list"):
        assert client.error(tool, **arguments(tool, "none/at/all")).startswith("not_found: "), tool
    client.text("file_write", path="none/at/all", content="now\n")
    assert run(client, "cat none/at/all") == "now\n"


def test_what_may_not_be_touched(client):
    run(client, "echo secret >shut; chmod 0 shut; mkdir closed; touch closed/f; chmod 0 closed; "
                "mkdir fixed; chmod 555 fixed")
    for tool in ("file_read", "file_replace"):
        assert client.error(tool, **arguments(tool, "shut")).startswith("denied: ")
    assert client.error("file_list", path="closed").startswith("denied: ")
    for path in ("fixed/new", "closed/f", "/usr/x", "/etc/passwd", "/proc/1/environ", "/x"):
        assert client.error("file_write", path=path, content="x").startswith("denied: "), path


def test_bytes_that_are_no_text(client):
    data = bytes(range(256)) * 40
    client.text("file_write", path="b.bin", content=base64.b64encode(data).decode(),
                encoding="base64")
    said = client.error("file_read", path="b.bin")
    assert "binary file of 10240 bytes" in said and "encoding=base64" in said
    result = client.call("file_read", path="b.bin", encoding="base64", offset=100, limit=300)
    encoded = text(result).split("\n", 1)[1].strip().split("\n")[0]
    assert base64.b64decode(encoded) == data[100:400]
    assert run(client, "sha256sum <b.bin").split()[0] == hashlib.sha256(data).hexdigest()
    said = client.text("file_search", pattern="a", path=".")
    assert "b.bin" not in said.split("\n", 1)[1]


def test_pictures_and_what_claims_to_be_one(client):
    client.text("file_write", path="p.PNG", content=PNG, encoding="base64")
    result = client.call("file_read", path="p.PNG")
    assert [b["mimeType"] for b in result["content"] if b["type"] == "image"] == ["image/png"]
    client.text("file_write", path="fake.png", content="no picture\n")
    result = client.call("file_read", path="fake.png")
    assert "no picture" in text(result)
    assert not [b for b in result["content"] if b["type"] == "image"]
    run(client, "(base64 -d <<<'" + PNG + "'; head -c 3M /dev/zero) >large.png")
    result = client.call("file_read", path="large.png")
    assert len(str(result)) < 1_000_000


def test_large_files(client):
    run(client, "seq -f 'line %.0f' 3000000 >big; truncate -s 2G sparse")
    said = client.text("file_read", path="big", offset=2_999_999)
    assert "line 2999999\nline 3000000\n" in said
    assert "line 3000000\n" in client.text("file_read", path="big", offset=-1)
    said = client.text("file_read", path="big")
    assert len(said.encode()) < 30_000 and "line 1\n" in said and "offset" in said
    assert "big:1234567:1: line 1234567" in client.text("file_search", pattern="^line 1234567$") \
        or "skipped" in client.text("file_search", pattern="^line 1234567$")
    start = time.monotonic()
    client.call("file_read", path="sparse", offset=-3)
    assert time.monotonic() - start < 5
    content = "x" * (8 << 20)
    assert client.call("file_write", path="w", content=content)["structuredContent"][
        "bytes_written"] == 8 << 20
    said = client.error("file_write", path="w", content=content + "y")
    assert "8" in said and said.startswith(("invalid_argument: ", "too_large: "))


def test_lines_of_every_kind(client):
    for ending in ("\n", "\r\n"):
        body = ending.join(["one", "two", "thr\u00e9\u00e9", ""])
        client.text("file_write", path="t", content=body)
        client.text("file_replace", path="t", edits=[{"old": "two", "new": "2"}])
        assert run(client, "sha256sum <t").split()[0] == hashlib.sha256(
            body.replace("two", "2").encode()).hexdigest()
    client.text("file_write", path="latin", content=base64.b64encode(b"caf\xe9\n").decode(),
                encoding="base64")
    assert "caf\u00e9" in client.text("file_read", path="latin", encoding="latin1")
    client.text("file_write", path="none", content="")
    assert "0" in client.text("file_read", path="none")


def test_nobody_overwrites_what_another_changed(client):
    first = client.call("file_write", path="f", content="1")["structuredContent"]["sha256"]
    run(client, "echo other >f")
    said = client.error("file_write", path="f", content="2", expect_sha256=first)
    assert said.startswith("conflict: ")
    assert client.error("file_write", path="f", content="2", mode="create").startswith("conflict: ")
    assert run(client, "cat f") == "other\n"
    said = client.error("file_replace", path="f", edits=[{"old": "o", "new": "0"},
                                                         {"old": "zzz", "new": ""}])
    assert run(client, "cat f") == "other\n" and "edits[1].old" in said
    client.text("file_write", path="f", content="more\n", mode="append")
    assert run(client, "cat f") == "other\nmore\n"


def test_paths(client):
    client.text("file_write", path="~/.profile-x", content="home\n")
    assert run(client, "cat ~/.profile-x") == "home\n"
    client.text("file_write", path="a/../b/./c", content="x")
    assert run(client, "find b -type f") == "b/c\n"
    odd = "nam\u00e9 with 'quotes'\n\u202eand more"
    client.text("file_write", path=odd, content="odd\n")
    said = client.text("file_list")
    assert "\u202e" not in said and "nam\u00e9" in said
    assert "odd" in client.text("file_read", path=odd)
    assert client.error("file_read", path="x" * 300).startswith("invalid_argument: ")
    assert client.error("file_read", path="/".join(["d"] * 2000)).startswith("not_found: ")
    said = client.error("file_read", path="x" * 4096)
    assert said.startswith("invalid_argument: ") and "4095" in said
