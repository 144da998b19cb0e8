"""Archives that are unpacked where they arrive: good ones, and those that mean harm."""

import io
import os
import tarfile
import zipfile

import pytest

from local.transfer import Refused, call, refused, run


@pytest.fixture
def share(tmp_path):
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def client(start_stdio, share):
    return start_stdio("--toolsets", "all", "--host-dir", share)


def tar_of(*members, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                for key, value in content.items():
                    setattr(info, key, value)
                tar.addfile(info)
    return out.getvalue()


def zip_of(*members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.create_system = 3
            z.writestr(info, content)
    return out.getvalue()


LINK, HARD = {"type": tarfile.SYMTYPE}, {"type": tarfile.LNKTYPE}
EVIL = {
    "dots": tar_of(("ok", b"1"), ("../evil", b"x")),
    "dots-within": tar_of(("a/../../evil", b"x")),
    "absolute": tar_of(("/tmp/evil", b"x")),
    "link-out": tar_of(("l", LINK | {"linkname": "/tmp"}), ("l/evil", b"x")),
    "link-up": tar_of(("l", LINK | {"linkname": "../.."})),
    "link-chain": tar_of(("p/q/r/l", LINK | {"linkname": "../../.."}),
                         ("e", LINK | {"linkname": "p/q/r/l/.."})),
    "link-over-folder": tar_of(("d", LINK | {"linkname": "/tmp"}), ("d/x", b"1")),
    "hard-out": tar_of(("h", HARD | {"linkname": "/etc/passwd"})),
    "hard-up": tar_of(("h", HARD | {"linkname": "../kept"})),
    "hard-of-nothing": tar_of(("h", HARD | {"linkname": "nothing"})),
    "zip-dots": zip_of(("../evil", "x", 0o100644)),
    "zip-absolute": zip_of(("/tmp/evil", "x", 0o100644)),
    "zip-link": zip_of(("l", "/tmp", 0o120777), ("l/evil", "x", 0o100644)),
    "zip-link-up": zip_of(("l", "../../..", 0o120777)),
    "not-one": b"this is no archive at all" * 100,
    "cut": tar_of(("a", os.urandom(100_000)))[:50_000],
}


@pytest.mark.parametrize("name", EVIL)
def test_an_archive_that_leads_out_is_refused_whole(client, share, name):
    (share / "evil").write_bytes(EVIL[name])
    run(client, "echo kept >kept")
    with pytest.raises(Refused) as e:
        call(client, "file_upload", to="sub/target", from_=str(share / "evil"), extract=True)
    assert e.value.code in ("denied", "invalid_argument", "too_large"), e.value.text
    assert run(client, "find . -mindepth 1 | sort; ls -A /tmp") == "./kept\n./sub\n./sub/target"
    assert run(client, "cat kept") == "kept"


def test_a_bomb_ends_at_the_bound(client, share):
    block = b"\0" * (1 << 20)
    with open(share / "bomb", "wb") as f, tarfile.open(fileobj=f, mode="w:gz", compresslevel=1) as tar:
        info = tarfile.TarInfo("zeros")
        info.size = (2 << 30) + (1 << 20)

        class Zeros:
            def read(self, n):
                return block[:n] if n <= len(block) else b"\0" * n

        tar.addfile(info, Zeros())
    assert "2048 MiB" in refused("too_large", client, "file_upload", to="b",
                                 from_=str(share / "bomb"), extract=True)
    assert run(client, "find b -type f") == ""


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_good_archives(client, share, mode):
    (share / "good").write_bytes(tar_of(
        ("d", {"type": tarfile.DIRTYPE, "mode": 0o755}), ("d/run", b"#!/bin/sh\necho ran\n"),
        ("d/l", LINK | {"linkname": "run"}), ("d/h", HARD | {"linkname": "d/run"}),
        ("dev", {"type": tarfile.CHRTYPE}), mode=mode))
    run(client, "mkdir -p t/d; echo stays >t/d/other; echo old >t/d/run")
    got = call(client, "file_upload", to="t", from_=str(share / "good"), extract=True)
    assert (got["files"], got["skipped"]) == (3, ["dev: a device or FIFO"])
    assert run(client, "cat t/d/other; sh t/d/l; ls -A t") == "stays\nran\nd"


def test_links_of_the_target_are_not_written_through(client, share):
    (share / "a.tgz").write_bytes(tar_of(("out/evil", b"x"), ("file", b"new")))
    run(client, "mkdir -p t elsewhere; ln -s ../elsewhere t/out; echo old >old; ln -s ../old t/file")
    refused("conflict", client, "file_upload", to="t", from_=str(share / "a.tgz"), extract=True)
    run(client, "rm t/out")
    call(client, "file_upload", to="t", from_=str(share / "a.tgz"), extract=True)
    assert run(client, "cat old; cat t/file; ls elsewhere") == "old\nnew"
