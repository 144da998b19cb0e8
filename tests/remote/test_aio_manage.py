"""Looking at, moving, copying, deleting and changing files over an AIO Sandbox, by commands."""

import hashlib
import os

import pytest


@pytest.fixture
def aio(start_aio):
    return start_aio("--toolsets", "core,file")


def do(aio, tool, **arguments):
    result = aio.result(tool, **arguments)
    assert not result.get("isError"), result
    return result["structuredContent"]


def test_stat(aio, folder):
    path = folder.write("f", "abc")
    os.symlink("f", folder.path("l"))
    os.chmod(folder.path("f"), 0o640)
    f, link, none, home = do(aio, "file_stat", paths=[
        path, f"{folder.there}/l", f"{folder.there}/none", "~"], hash=True)["entries"]
    assert (f["path"], f["type"], f["size"], f["mode"], f["access"]) == (
        path, "file", 3, "0640", "write")
    assert f["sha256"] == hashlib.sha256(b"abc").hexdigest() and f["mtime"].startswith("20")
    assert (link["type"], link["target"]) == ("link", "f")
    assert none == {"path": f"{folder.there}/none", "exists": False, "access": "none"} or \
        none == {"path": f"{folder.there}/none", "exists": False}
    assert home["type"] == "folder"


def test_move(aio, folder):
    one, two = folder.write("one", "1"), folder.write("two", "2")
    said = do(aio, "file_move", moves=[{"from": one, "to": f"{folder.there}/new/one"},
                                       {"from": f"{folder.there}/no", "to": "x"}])
    assert said["moved"] == [{"from": one, "to": f"{folder.there}/new/one"}]
    assert said["errors"][0]["code"] == "not_found"
    code, text = aio.refused("file_move", moves=[{"from": two, "to": f"{folder.there}/new/one"}])
    assert code == "conflict" and "overwrite" in text
    do(aio, "file_move", moves=[{"from": two, "to": f"{folder.there}/new/one"}], overwrite=True)
    assert folder.read("new/one") == b"2"
    do(aio, "file_move", moves=[{"from": f"{folder.there}/new/one", "to": f"{folder.there}/"}])
    assert folder.read("one") == b"2"
    assert aio.refused("file_move", moves=[
        {"from": folder.there, "to": f"{folder.there}/new/x"}])[0] == "invalid_argument"


def test_copy_and_delete(aio, folder):
    os.makedirs(folder.path("t/sub"))
    folder.write("t/sub/f", "text")
    os.chmod(folder.path("t/sub/f"), 0o604)
    os.symlink("sub/f", folder.path("t/l"))
    os.mkfifo(folder.path("t/p"))
    there = folder.there
    assert aio.refused("file_copy", **{"from": f"{there}/t", "to": f"{there}/u"})[0] == \
        "invalid_argument"
    for _ in range(2):
        said = do(aio, "file_copy", **{"from": f"{there}/t", "to": f"{there}/u", "recursive": True})
        assert (said["to"], said["files"], said["bytes"], len(said["errors"])) == (
            f"{there}/u", 4, 4, 1)
    assert os.readlink(folder.path("u/l")) == "sub/f"
    assert os.stat(folder.path("u/sub/f")).st_mode & 0o777 == 0o604
    assert aio.refused("file_copy", **{"from": f"{there}/t", "to": f"{there}/t/x",
                                       "recursive": True})[0] == "invalid_argument"
    os.symlink("u", folder.path("link"))
    assert aio.refused("file_delete", paths=[f"{there}/u"])[0] == "invalid_argument"
    assert do(aio, "file_delete", paths=[f"{there}/link", f"{there}/t"], recursive=True)[
        "deleted"] == 6
    assert folder.read("u/sub/f") == b"text" and not os.path.exists(folder.path("t"))
    assert do(aio, "file_delete", paths=[f"{there}/t"], missing_ok=True)["deleted"] == 0
    for path in ("~", "/", "/home", "."):
        result = aio.result("file_delete", paths=[path], recursive=True)
        assert result["isError"], path


def test_mkdir_and_chmod(aio, folder):
    there = folder.there
    said = do(aio, "file_mkdir", paths=[f"{there}/a/b", there], permissions="0750")
    assert said["created"] == [f"{there}/a", f"{there}/a/b"]
    assert os.stat(folder.path("a/b")).st_mode & 0o777 == 0o750
    folder.write("a/f", "")
    assert aio.refused("file_mkdir", paths=[f"{there}/a/f"])[0] == "conflict"
    said = do(aio, "file_chmod", paths=[f"{there}/a"], permissions="u=rwX,go=", recursive=True)
    assert said["changed"] == 3
    assert os.stat(folder.path("a/f")).st_mode & 0o777 == 0o600
    assert aio.refused("file_chmod", paths=[there], permissions="u+q")[0] == "invalid_argument"
    assert aio.refused("file_chmod", paths=[there], owner="mallory")[0] == "invalid_argument"
    assert aio.refused("file_chmod", paths=[f"{there}/no"], permissions=644)[0] == "not_found"
