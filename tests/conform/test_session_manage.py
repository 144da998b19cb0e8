"""What looks at, moves, copies, deletes and changes many files at once, as clients see it."""

import hashlib
import re

import pytest

from conform.session import section

LONG = "/".join(["d" * 200] * 19)


@pytest.fixture(params=[("python", "stdio"), ("python", "http")], ids="-".join)
def client(connect, request):
    return connect(*request.param, "--toolsets", "core,file")


def run(client, command):
    said = client.text("terminal_execute", command=command, yield_s=50)
    assert said.startswith("exit 0 "), said
    return section(said, "stdout")


def do(client, tool, **arguments):
    result = client.call(tool, **arguments)
    assert not result.get("isError"), result
    return result["structuredContent"]


def test_stat_has_an_entry_for_each_path_in_order(client):
    run(client, "echo abc >f; mkdir d; ln -s f l; mkfifo p; chmod 640 f; touch -d @1000000000 f")
    entries = do(client, "file_stat", paths=["f", "d", "l", "p", "none", "~", "/etc/passwd"],
                 hash=True)["entries"]
    f, d, link, p, none, home, passwd = entries
    assert f == {"path": "/workspace/f", "exists": True, "type": "file", "size": 4,
                 "mtime": "2001-09-09T01:46:40.000Z", "mode": "0640", "owner": "user",
                 "group": "user", "sha256": hashlib.sha256(b"abc\n").hexdigest(),
                 "access": "write"}
    assert (d["type"], link["type"], link["target"], p["type"]) == ("folder", "link", "f", "fifo")
    assert (d["access"], link["access"], p["access"]) == ("write", "write", "view")
    assert none == {"path": "/workspace/none", "exists": False}
    assert (home["path"], passwd["access"]) == ("/home/user", "read")
    run(client, "mkdir shut; touch shut/f; chmod 0 shut; chmod 0 f")
    entries = do(client, "file_stat", paths=["shut", "shut/f", "f"])["entries"]
    assert [e["access"] for e in entries] == ["view", "none", "view"]
    assert [e["exists"] for e in entries] == [True, False, True]
    run(client, "chmod 700 shut")


def test_times_that_no_calendar_has(client):
    run(client, "mkdir /tmp/t; cd /tmp/t; touch -d @9000000000000000000 new; touch now;"
                " touch -d @-9000000000000000000 old")
    entries = do(client, "file_stat", paths=[f"/tmp/t/{name}" for name in ("new", "old")])["entries"]
    assert [e["mtime"] for e in entries] == ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z"]
    listed = client.text("file_list", path="/tmp/t", sort="mtime")
    assert re.findall(r"\b(new|now|old)\b", listed) == ["new", "now", "old"]
    assert not client.call("file_read", path="/tmp/t/new").get("isError")


def test_many_and_long_paths(client):
    paths = [f"{LONG}/{i}" for i in range(256)]
    made = do(client, "file_mkdir", paths=paths)
    assert len(made["created"]) + made["omitted"] == 256 + 19 and not made["errors"]
    said = do(client, "file_stat", paths=paths)
    assert len(said["entries"]) + said["omitted"] == 256 and said["entries"][0]["exists"]
    assert all(e["type"] == "folder" for e in said["entries"])
    moved = do(client, "file_move", moves=[
        {"from": path, "to": f"{path}x"} for path in paths[:128]])
    assert len(moved["moved"]) + moved["omitted"] == 128 and not moved["errors"]
    gone = do(client, "file_delete", paths=paths, recursive=True)
    told = len(gone["errors"]) - 1
    assert gone["deleted"] == 128 and gone["errors"][-1]["message"] == f"{128 - told} more failed"
    assert gone["errors"][0]["path"] == f"/workspace/{paths[0]}"
    assert len(str(gone)) < 60000
    assert do(client, "file_delete", paths=["d" * 200], recursive=True)["deleted"] == 128 + 19


def test_a_project_is_copied_moved_and_deleted(client):
    run(client, "mkdir -p p/src p/.git; cd p; for i in $(seq 300); do echo $i >src/f$i; done; "
                "ln -s src/f1 one; ln -s /etc out; chmod 755 src/f2; touch -d @1000000000 src/f3")
    copied = do(client, "file_copy", **{"from": "p", "to": "q", "recursive": True})
    assert copied == {"to": "/workspace/q", "files": 305, "bytes": 1092, "errors": []}
    same = "diff -r --no-dereference p q && stat -c '%a %Y %N' q/src/f2 q/src/f3 q/out"
    said = run(client, same)
    assert said.split("\n")[0].startswith("755 ") and " 1000000000 " in said and "/etc" in said
    assert do(client, "file_copy", **{"from": "p", "to": "q", "recursive": True}) == copied
    run(client, same)
    moved = do(client, "file_move", moves=[{"from": "q", "to": "/tmp/"}])  # another file system
    assert moved["moved"] == [{"from": "/workspace/q", "to": "/tmp/q"}]
    run(client, "test ! -e q && diff -r --no-dereference p /tmp/q")
    assert do(client, "file_delete", paths=["/tmp/q", "p"], recursive=True) == {
        "deleted": 610, "errors": []}
    assert run(client, "ls -A . /tmp").split() == [".:", "/tmp:"]


def test_errors_say_what_to_do(client):
    run(client, "echo 1 >a; echo 2 >b; mkdir -p d/e; echo 3 >d/e/f; mkfifo p")
    for tool, arguments, words in (
            ("file_move", {"moves": [{"from": "a", "to": "b"}]}, ("conflict", "overwrite=true")),
            ("file_move", {"moves": [{"from": "d", "to": "d/e/x"}]}, ("invalid", "into itself")),
            ("file_move", {"moves": [{"from": "no", "to": "x"}]}, ("not_found", "file_list")),
            ("file_copy", {"from": "d", "to": "x"}, ("invalid", "recursive=true")),
            ("file_copy", {"from": "p", "to": "x"}, ("invalid", "FIFO")),
            ("file_copy", {"from": "a", "to": "b/c"}, ("not_found", "file, not a folder")),
            ("file_delete", {"paths": ["d"]}, ("invalid", "recursive=true")),
            ("file_delete", {"paths": ["no"]}, ("not_found", "does not exist")),
            ("file_delete", {"paths": ["."], "recursive": True}, ("invalid", "name")),
            ("file_delete", {"paths": ["/etc/passwd"]}, ("denied", "passwd")),
            ("file_mkdir", {"paths": ["a"]}, ("conflict", "no folder")),
            ("file_mkdir", {"paths": ["/usr/x"]}, ("denied", "/usr/x")),
            ("file_chmod", {"paths": ["a"], "permissions": "6755"}, ("denied", "set-")),
            ("file_chmod", {"paths": ["a"], "permissions": "u+z"}, ("invalid", "u+x")),
            ("file_chmod", {"paths": ["a"], "owner": "root"}, ("denied", "one user")),
            ("file_chmod", {"paths": ["a"], "group": "nogroup"}, ("denied", "one user")),
            ("file_chmod", {"paths": ["a"], "owner": "mallory"}, ("invalid", "/etc/passwd")),
            ("file_chmod", {"paths": ["/etc/passwd"], "permissions": "777"}, ("denied", "passwd"))):
        said = client.error(tool, **arguments)
        assert all(word in said for word in words), (tool, arguments, said)
    assert run(client, "cat a b d/e/f") == "1\n2\n3\n"
    assert do(client, "file_chmod", paths=["a"], owner="user", group="1000")["changed"] == 0
