"""Files between sandbox, shared host directories and the store: what arrives, and what is refused."""

import os
import stat
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from local.transfer import Refused, call, refused, run, sha256


@pytest.fixture
def share(tmp_path):
    folder = tmp_path / "share"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret\n")
    (folder / "a.txt").write_text("hello\n")
    return folder


@pytest.fixture
def client(start_stdio, share):
    return start_stdio("--toolsets", "all", "--host-dir", share)


# ---- host to sandbox ----

@pytest.mark.parametrize("size", [0, 1, 32768, 32769, 5_000_000])
def test_a_host_file_arrives_whole(client, share, size):
    data = os.urandom(size)
    (share / "data").write_bytes(data)
    got = call(client, "file_upload", to="in/data", from_=str(share / "data"))
    assert got == {"path": "/workspace/in/data", "files": 1, "bytes": size, "sha256": sha256(data)}
    assert run(client, "sha256sum <in/data; stat -c %s in/data") == f"{sha256(data)}  -\n{size}"


def test_it_replaces_and_keeps_the_mode_of_the_source(client, share):
    (share / "tool").write_text("#!/bin/sh\necho ran\n")
    (share / "tool").chmod(0o4755)
    run(client, "echo old >tool")
    call(client, "file_upload", to="tool", from_=str(share / "tool"))
    assert run(client, "./tool; stat -c %a tool") == "ran\n755"


def test_a_folder_takes_the_name(client, share):
    got = call(client, "file_upload", to="folder/", from_=str(share / "a.txt"))
    assert got["path"] == "/workspace/folder/a.txt"
    run(client, "mkdir there")
    assert "folder" in refused("invalid_argument", client, "file_upload", to="there",
                               from_=str(share / "a.txt"))


@pytest.mark.parametrize("path", ["../secret", "sub/../../secret", "link", "deep/secret",
                                  "../share/../secret", "/../../secret"])
def test_nothing_beside_the_directory_is_reached(client, share, path):
    (share / "sub").mkdir()
    (share / "link").symlink_to("../secret")
    (share / "deep").symlink_to("..")
    refused("denied", client, "file_upload", to="x", from_=f"{share}/{path}")


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "{share}x/a", "{share}/..",
                                  "/", "//etc/passwd"])
def test_other_host_paths_are_refused(client, share, path):
    Path(f"{share}x").mkdir()
    Path(f"{share}x/a").write_text("no")
    refused("denied", client, "file_upload", to="x", from_=path.format(share=share))


def test_magic_links_lead_nowhere(start_stdio):
    client = start_stdio("--toolsets", "all", "--host-dir", "/proc/self")
    for path in ("/proc/self/root/etc/passwd", "/proc/self/cwd", "/proc/self/exe", "/proc/self/fd/0"):
        refused("denied", client, "file_upload", to="x", from_=path)


def test_links_that_stay_inside_are_followed(client, share):
    (share / "in").symlink_to("a.txt")
    call(client, "file_upload", to="x", from_=str(share / "in"))
    assert run(client, "cat x") == "hello"


def test_only_files_and_directories(client, share):
    os.mkfifo(share / "fifo")
    os.link(share / "fifo", share / "second")
    began = time.monotonic()
    for name in ("fifo", "second"):
        assert "neither" in refused("invalid_argument", client, "file_upload", to="x",
                                    from_=str(share / name))
    assert time.monotonic() - began < 10
    refused("not_found", client, "file_upload", to="x", from_=str(share / "missing"))


def test_without_directories_the_option_is_named(stdio_all):
    assert "--host-dir" in refused("denied", stdio_all, "file_upload", to="x", from_="/etc/hostname")


@pytest.fixture
def stdio_all(start_stdio):
    return start_stdio("--toolsets", "all")


def test_a_tree_by_the_rules_of_its_ignore_files(client, share):
    tree = share / "tree"
    for name, text in {".gitignore": "*.log\n/build/\n", "a.py": "a", "x.log": "x", "build/o": "o",
                       "sub/build/kept": "k", "sub/.gitignore": "!keep.log\n", "sub/keep.log": "k",
                       ".sandboxignore": "private\n", "private": "p", "data.csv": "d"}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / "link").symlink_to("/etc/passwd")
    os.mkfifo(tree / "fifo")
    with open(tree / "large", "wb") as f:
        f.truncate(50_000_001)
    got = call(client, "file_upload", to="t", from_=str(tree), ignore=["*.csv"])
    assert (got["path"], got["files"], got["skipped_count"]) == ("/workspace/t", 6, 3)
    assert got["skipped"] == ["fifo: neither a file nor a directory", "large: larger than 50 MB",
                              "link: a symbolic link"]
    assert run(client, "cd t; find . -type f | sort").split() == [
        "./.gitignore", "./.sandboxignore", "./a.py", "./sub/.gitignore", "./sub/build/kept",
        "./sub/keep.log"]


@pytest.mark.parametrize("to", ["/usr/x", "/proc/1/mem", "/dev/full/x", "fifo"])
def test_places_in_the_sandbox_that_take_no_file(client, share, to):
    run(client, "mkfifo fifo")
    began = time.monotonic()
    with pytest.raises(Refused):
        call(client, "file_upload", to=to, from_=str(share / "a.txt"))
    assert time.monotonic() - began < 10


# ---- sandbox to host ----

@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_a_sandbox_file_leaves_whole(client, share, size):
    run(client, f"head -c {size} /dev/urandom >out")
    got = call(client, "file_download", path="out", to=f"{share}/made/here/out")
    data = (share / "made/here/out").read_bytes()
    assert len(data) == size == got["size"] and got["sha256"] == sha256(data)
    assert run(client, "sha256sum <out").split()[0] == got["sha256"]
    assert stat.S_IMODE((share / "made/here/out").stat().st_mode) == 0o644


def test_no_host_file_is_ever_replaced(client, share):
    run(client, "echo new >a.txt; ln -s /etc/passwd l")
    (share / "dangling").symlink_to("nowhere")
    for name in ("a.txt", "dangling", ""):
        refused("conflict", client, "file_download", path="a.txt", to=f"{share}/{name}")
    assert (share / "a.txt").read_text() == "hello\n" and not (share / "nowhere").exists()


@pytest.mark.parametrize("to", ["../x", "link/x", "sub/../../x", "abs/x"])
def test_nothing_is_left_beside_the_directory(client, share, tmp_path, to):
    (share / "link").symlink_to("..")
    (share / "abs").symlink_to(tmp_path)
    run(client, "echo out >f")
    refused("denied", client, "file_download", path="f", to=f"{share}/{to}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["secret", "share"]


def test_a_read_only_directory(start_stdio, share):
    client = start_stdio("--toolsets", "all", "--host-dir", f"{share}:ro")
    call(client, "file_upload", to="a", from_=f"{share}/a.txt")
    assert "read only" in refused("denied", client, "file_download", path="a", to=f"{share}/b")


@pytest.mark.parametrize("make", ["mkfifo x", "ln -s /proc/kmsg x", "ln -s nowhere x",
                                  "ln -s /dev/zero x"])
def test_what_is_no_file_does_not_leave(client, share, make):
    run(client, make)
    began = time.monotonic()
    with pytest.raises(Refused):
        call(client, "file_download", path="x", to=f"{share}/x")
    assert time.monotonic() - began < 10 and not (share / "x").exists()


def test_a_file_of_a_terabyte_of_nothing(client, share):
    run(client, "truncate -s 1T sparse")
    refused("too_large", client, "file_download", path="sparse", to=f"{share}/sparse")
    assert sorted(p.name for p in share.iterdir()) == ["a.txt"]


def test_a_file_that_shrinks_meanwhile(client, share):
    run(client, "truncate -s 200M x; (while :; do truncate -s 0 x; truncate -s 200M x; done) >/dev/null 2>&1 & echo $!")
    seen = set()
    for i in range(12):
        try:
            got = call(client, "file_download", path="x", to=f"{share}/x{i}")
            assert (share / f"x{i}").stat().st_size == got["size"]
            seen.add("whole")
        except Refused as e:
            assert e.code == "conflict", e.text
            assert not (share / f"x{i}").exists()
            seen.add("refused")
    assert seen
    assert run(client, "echo alive") == "alive"


def test_a_folder_leaves_as_a_tree(client, share):
    run(client, "mkdir -p d/e/empty; echo 1 >d/one; echo 2 >d/e/two; ln -s /etc/passwd d/l; "
                "mkfifo d/p; echo h >d/.hidden; mkdir -p d/'..x'; echo y >d/'..x'/y")
    got = call(client, "file_download", path="d", to=f"{share}/tree")
    assert got["files"] == 4
    assert sorted(got["skipped"]) == ["l: a symbolic link", "p: a special file"]
    assert (share / "tree/e/two").read_text() == "2\n" and (share / "tree/e/empty").is_dir()
    assert not (share / "tree/l").is_symlink()
    refused("conflict", client, "file_download", path="d", to=f"{share}/tree")
    assert sorted(p.name for p in share.iterdir()) == ["a.txt", "tree"]


def test_a_folder_of_many(client, share):
    run(client, "mkdir -p d/sub; cd d; touch $(seq 1200); cd sub; touch $(seq 700)")
    assert call(client, "file_download", path="d", to=f"{share}/d")["files"] == 1900
    assert call(client, "file_upload", to="back", from_=f"{share}/d")["files"] == 1900
    assert run(client, "diff -r d back; find back -type f | wc -l") == "1900"


def test_a_folder_alone_asks_for_an_archive(client):
    run(client, "mkdir d")
    assert "archive" in refused("invalid_argument", client, "file_download", path="d")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_archives(client, share, kind):
    run(client, "mkdir -p 'my d/sub'; echo one >'my d/one'; echo two >'my d/sub/-two'; "
                "ln -s one 'my d/l'")
    call(client, "file_download", path="my d", archive=kind, to=f"{share}/")
    path = share / f"my d.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path) as z:
            assert z.read("my d/sub/-two") == b"two\n"
    else:
        with tarfile.open(path) as t:
            assert t.extractfile("my d/one").read() == b"one\n" and t.getmember("my d/l").issym()
    call(client, "file_upload", to="back", from_=str(path), extract=True)
    assert run(client, "cat 'back/my d/l'; ls -A /tmp .") .count("download") == 0


def test_an_archive_that_takes_long_goes_on_by_itself(client, share):
    run(client, "mkdir d && truncate -s 200G d/sparse")
    began = time.monotonic()
    got = call(client, "file_download", path="d", to=f"{share}/", archive="tar.gz")
    assert time.monotonic() - began < 45 and got["path"] == "d" and os.listdir(share) == ["a.txt"]
    client.call("terminal_kill", id=got["process_id"])
    wait = client.call("terminal_output", process_id=got["process_id"], wait_s=20)
    assert "running" not in wait["content"][0]["text"].split("\n")[0]
    assert run(client, "ls -A; ls -A /tmp; pgrep -c tar || true").split() == ["d", "0"]


def test_an_archive_that_stays_is_a_resource(client):
    run(client, "mkdir d; echo 1 >d/one")
    result = client.call("file_download", path="d", archive="tar.gz")
    link = next(part for part in result["content"] if part["type"] == "resource_link")
    got = client.result("resources/read", {"uri": link["uri"]})["contents"][0]
    assert got["blob"] and link["size"] == result["structuredContent"]["size"]


# ---- the store ----

def test_stored_files_outlive_sandbox_and_server(start_stdio, client):
    run(client, "printf data >f")
    stored = call(client, "file_store", action="put", path="f", name="../x/na\u202eme\n.txt")["files"][0]
    assert stored["name"] == "na_me_.txt" and stored["size"] == 4
    assert stored["sha256"] == sha256(b"data") and stored["type"] == "text/plain"
    client.close()
    again = start_stdio("--toolsets", "all", "--sandbox", "other")
    assert call(again, "file_store", action="list")["files"] == [stored]
    got = call(again, "file_store", action="inject", id=stored["id"], path="in/")
    assert got["injected"] == ["/workspace/in/na_me_.txt"]
    call(again, "file_store", action="inject", id=stored["id"], path="named")
    call(again, "file_upload", to="third", from_=stored["id"])
    assert run(again, "cat in/na_me_.txt named third") == "datadatadata"
    assert call(again, "file_store", action="delete", id=stored["id"])["deleted"] == [stored["id"]]
    refused("not_found", again, "file_store", action="get", id=stored["id"])


def test_the_list_in_parts_and_several_at_once(client):
    run(client, "for i in 1 2 3 4 5; do echo $i >f$i; done")
    ids = [call(client, "file_store", action="put", path=f"f{i}")["files"][0]["id"]
           for i in range(1, 6)]
    seen, cursor = [], {}
    while True:
        page = call(client, "file_store", action="list", limit=2, **cursor)
        assert page["total"] == 5
        seen += [f["id"] for f in page["files"]]
        if "next_cursor" not in page:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == sorted(ids)
    got = call(client, "file_store", action="inject", ids=ids, path="all")
    assert sorted(got["injected"]) == [f"/workspace/all/f{i}" for i in range(1, 6)]
    assert len(call(client, "file_store", action="delete", ids=[*ids, "f_" + "a" * 26])["deleted"]) == 5


@pytest.mark.parametrize("id_", ["f_" + "a" * 26, "../../../etc", "f_../x", "", "rec_" + "a" * 26])
def test_ids_that_are_none(client, id_):
    for action in ("get", "delete", "inject"):
        with pytest.raises(Refused) as e:
            call(client, "file_store", action=action, id=id_, path="x")
        assert e.value.code in ("not_found", "invalid_argument")


def test_a_file_above_the_quota_of_the_store(client, state_dir):
    run(client, "truncate -s 257M large")
    refused("too_large", client, "file_store", action="put", path="large")
    for _ in range(2):
        run(client, "truncate -s 1M f")
    store = next((state_dir / "v1/store").iterdir())
    assert [p.name for p in store.iterdir()] == []


@pytest.mark.parametrize("arguments", [
    {"action": "put"}, {"action": "get"}, {"action": "delete"}, {"action": "inject", "id": "f_x"},
    {"action": "list", "cursor": "nonsense"}, {"action": "list", "cursor": "1.f_x"}])
def test_what_an_action_needs(client, arguments):
    refused("invalid_argument", client, "file_store", **arguments)
