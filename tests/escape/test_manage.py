"""What moves, copies, deletes and changes files, turned against the machine and a live workspace."""

import pytest

from escape.test_workspace import project  # noqa: F401

pytestmark = pytest.mark.options("--toolsets", "core,file")

WAYS = ["{secret}", "link", "folder/secret", "../../../../../../../../../../..{secret}",
        "/proc/self/root{secret}", "~/../../../../../../../../../..{secret}"]


@pytest.fixture
def live(start_place, project):  # noqa: F811
    place = start_place("--toolsets", "core,file", "--workspace", str(project.folder))
    place.project = project
    return place


@pytest.fixture
def place(place):
    place.run(f"ln -s {place.secret} link; ln -s {place.outside} folder; echo mine >mine")
    return place


def names(place):
    return sorted(p.name for p in place.outside.iterdir())


@pytest.mark.parametrize("way", WAYS)
def test_looking_at_and_copying_out_a_file_of_the_machine(place, way):
    path = way.format(secret=place.secret)
    said = place.say("file_copy", **{"from": path, "to": "copy"})
    place.expect(place.token in place.say("file_read", path="copy"), said)
    if way != "link":
        entry = place.call("file_stat", paths=[path], hash=True)["structuredContent"]["entries"][0]
        place.expect(entry.get("sha256"), entry)


def test_copying_out_a_folder_of_the_machine(place):
    place.say("file_copy", **{"from": "folder", "to": "all", "recursive": True})
    place.expect(place.token in place.say("file_read", path="all/secret"))


@pytest.mark.parametrize("way", ["{outside}/new", "folder/new", "/proc/self/root{outside}/new"])
def test_putting_files_on_the_machine(place, way):
    to = way.format(outside=place.outside)
    place.say("file_copy", **{"from": "mine", "to": to + "1"})
    place.say("file_move", moves=[{"from": "mine", "to": to + "2"}])
    place.say("file_mkdir", paths=[to + "3"])
    place.expect(names(place) == ["new1", "new2", "new3", "secret"], names(place))


@pytest.mark.parametrize("way", WAYS[:1] + WAYS[2:])
def test_deleting_files_of_the_machine(place, way):
    said = place.say("file_delete", paths=[way.format(secret=place.secret)])
    place.expect(names(place) == [], said)


def test_deleting_the_link_leaves_the_file(place):
    said = place.say("file_delete", paths=["link", "folder", "folder/"], recursive=True)
    assert names(place) == ["secret"], said
    assert "link" not in place.run("ls")


@pytest.mark.parametrize("way", WAYS)
def test_changing_modes_of_the_machine(place, way):
    said = place.say("file_chmod", paths=[way.format(secret=place.secret)], permissions="0640")
    place.expect(place.secret.stat().st_mode & 0o777 == 0o640, said)


SWAP = """
import ctypes, os
libc = ctypes.CDLL(None)
for i in range(50):
    os.makedirs(f"race/x/{i}")
os.symlink("/home/user", "race/y")
print("ready", flush=True)
while True:
    libc.renameat2(-100, b"race/x", -100, b"race/y", 2)
"""


@pytest.mark.isolated
@pytest.mark.once
def test_links_that_are_swapped_while_tools_work(place):
    """Within one sandbox nothing is gained by it; what a link leads to must stay all the same."""
    place.say("file_write", path="~/precious", content="kept")
    for _ in range(8):
        place.say("file_write", path="swap.py", content=SWAP)
        said = place.run("rm -rf race copy; timeout 3 python3 swap.py", yield_s=0.3)
        place.say("file_chmod", paths=["race"], permissions="u=rwX,go=", recursive=True)
        place.say("file_copy", **{"from": "race", "to": "copy", "recursive": True})
        place.say("file_delete", paths=["race"], recursive=True)
        assert "kept" in place.say("file_read", path="~/precious"), said
        assert "precious" not in place.run("find copy -name precious 2>&1")
    assert "0755" in place.say("file_stat", paths=["~"]) or "rwxr-xr-x" in place.say(
        "file_stat", paths=["~"])
    place.alive()


@pytest.mark.isolated
def test_roots_of_the_sandbox_stay(place):
    before = place.run("ls -a / ~ .")
    for path in ("/", "/workspace", ".", "..", "~", "/home", "/tmp", "/proc", "/proc/1", "/usr",
                 "/etc", "/dev", "/dev/null", "/run", "/sys", "/etc/passwd", "/run/sandbox-mcp"):
        result = place.call("file_delete", paths=[path], recursive=True)
        assert result["isError"], (path, result)
        result = place.call("file_move", moves=[{"from": path, "to": "/tmp/gone"}])
        assert result["isError"], (path, result)
    assert place.run("ls -a / ~ .").split("\n", 2)[2] == before.split("\n", 2)[2]
    place.alive()


PROTECTED = [".git/hooks", ".git/config", ".envrc", ".vscode", ".vscode/tasks.json", ".mcp.json",
             ".claude/settings.json", ".venv/bin", ".venv/bin/python", "l/hooks"]
ABOVE = [".git", ".venv", ".claude", "lib", "lib/inner", "lib/inner/.git", "."]


@pytest.mark.isolated
@pytest.mark.by_owner
def test_protected_paths_are_neither_deleted_nor_moved_nor_replaced(live):
    live.run("ln -s .git l; printf '#!/bin/sh\\ntouch %s\\n' >evil; chmod 755 evil; mkdir evils; "
             "cp evil evils/post-commit" % live.project.marker)
    before, files = live.project.contents(), live.project.files()
    for path in PROTECTED + ABOVE:
        for tool, more in (("file_delete", {"paths": [path], "recursive": True}),
                           ("file_move", {"moves": [{"from": path, "to": "away"}]}),
                           ("file_move", {"moves": [{"from": path, "to": "/tmp/away"}]}),
                           ("file_move", {"moves": [{"from": "evil", "to": path}],
                                          "overwrite": True}),
                           ("file_copy", {"from": "evil", "to": path}),
                           ("file_copy", {"from": "evils", "to": path, "recursive": True}),
                           ("file_chmod", {"paths": [path], "permissions": "0777"}),
                           ("file_mkdir", {"paths": [path + "/new"]})):
            if path in ABOVE and (tool in ("file_mkdir", "file_copy", "file_chmod")
                                  or "overwrite" in more):
                continue
            result = live.call(tool, **more)
            assert result.get("isError") or result["structuredContent"]["errors"], (path, result)
    assert live.project.contents() == before
    assert live.project.files() == files
    assert not live.project.at_work()
    entries = live.call("file_stat", paths=PROTECTED)["structuredContent"]["entries"]
    assert [e["path"] for e in entries if e["access"] == "write"] == ["/workspace/l/hooks"][:0]
    live.alive()


@pytest.mark.isolated
@pytest.mark.by_owner
def test_a_copy_of_a_repository_is_a_copy(live):
    result = live.call("file_copy", **{"from": ".", "to": "/tmp/all", "recursive": True})
    assert not result["structuredContent"]["errors"], result
    live.run("cd /tmp/all && git status", timeout_s=20)
    said = live.say("file_copy", **{"from": "/tmp/all", "to": "/workspace", "recursive": True})
    assert "failed" in said, said
    assert not live.project.at_work()


@pytest.mark.isolated
@pytest.mark.by_owner
@pytest.mark.once
def test_a_read_only_workspace(start_place, project):  # noqa: F811
    place = start_place("--toolsets", "core,file", "--workspace", f"{project.folder}:ro")
    before = project.files()
    for tool, more in (("file_delete", {"paths": ["src"], "recursive": True}),
                       ("file_move", {"moves": [{"from": "src", "to": "/tmp/src"}]}),
                       ("file_move", {"moves": [{"from": "src", "to": "s"}]}),
                       ("file_copy", {"from": "src/a.c", "to": "b.c"}),
                       ("file_mkdir", {"paths": ["new"]}),
                       ("file_chmod", {"paths": ["src"], "permissions": "0777"})):
        result = place.call(tool, **more)
        assert result["isError"] and "denied" in place.say(tool, **more), result
    assert project.files() == before
    entry = place.call("file_stat", paths=["src/a.c"])["structuredContent"]["entries"][0]
    assert entry["access"] == "read"
    assert not place.call("file_stat", paths=["/tmp/src"])["structuredContent"]["entries"][0][
        "exists"]
