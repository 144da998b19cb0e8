"""Unpacks STAGE/archive into TARGET: everything or nothing.

Runs inside of a sandbox. All is made below STAGE/x first, links last, so that nothing is ever
written through one. Names that are absolute or have "..", and links that lead out, refuse the
archive. What it did is one JSON object on stdout. STAGE is gone behind it.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile

STAGE, TARGET = os.environ["STAGE"], os.environ["TARGET"]
MAX_BYTES, MAX_FILES = int(os.environ["MAX_BYTES"]), int(os.environ["MAX_FILES"])
ROOT = os.path.join(STAGE, "x")
BLOCK = 1 << 18
SKIPPED = 100

total = {"files": 0, "bytes": 0, "entries": 0}
skipped, links, modes = [], [], []


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def shown(name):
    return name.encode("utf-8", "replace").decode("utf-8", "replace")[:200]


def inside(name, what="name"):
    """The parts of a relative path; "." and empty ones are dropped."""
    parts = [p for p in name.split("/") if p not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise Refused("denied", f"the archive has a {what} that leads out: {shown(name)}")
    return parts


def place(name):
    """Path below ROOT whose folders are there, and are folders."""
    parts = inside(name)
    if not parts:
        return None
    path = ROOT
    for part in parts[:-1]:
        path = os.path.join(path, part)
        folder(path)
    return os.path.join(path, parts[-1])


def count():
    total["entries"] += 1
    if total["entries"] > MAX_FILES:
        raise Refused("too_large", f"the archive has more than {MAX_FILES} entries")


def folder(path):
    try:
        os.mkdir(path, 0o755)
        count()
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise Refused("invalid_argument", f"{shown(path)} is a file and a folder") from None


def make(name, source, mode, mtime):
    path = place(name)
    if not path:
        raise Refused("invalid_argument", "the archive has a file without a name")
    count()
    if os.path.lexists(path):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise Refused("invalid_argument", f"{shown(name)} is a file and a folder")
        os.unlink(path)
        total["files"] -= 1
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as out:
        while block := source.read(BLOCK):
            total["bytes"] += len(block)
            if total["bytes"] > MAX_BYTES:
                raise Refused("too_large", f"unpacked it has more than {MAX_BYTES >> 20} MiB")
            out.write(block)
    os.chmod(path, mode & 0o777 | 0o600)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    total["files"] += 1


def skip(name, why):
    if len(skipped) < SKIPPED:
        skipped.append(f"{shown(name)}: {why}")


def hard_link(name, target):
    source, path = os.path.join(ROOT, *inside(target, "link")), place(name)
    count()
    if not path or not os.path.lexists(source) or not stat.S_ISREG(os.lstat(source).st_mode):
        raise Refused("denied", f"the archive links {shown(name)} to what it does not hold")
    if os.path.lexists(path):
        os.unlink(path)
    os.link(source, path, follow_symlinks=False)
    total["files"] += 1


def make_links():
    """Behind all files; then each is followed, as the kernel would."""
    made = []
    for name, target in links:
        path = place(name)
        count()
        if not path or not target or target.startswith("/") or "\0" in target:
            raise Refused("denied", f"the archive has a link that leads out: {shown(name)}")
        if os.path.lexists(path):
            if stat.S_ISDIR(os.lstat(path).st_mode):
                raise Refused("invalid_argument", f"{shown(name)} is a link and a folder")
            os.unlink(path)
        os.symlink(target, path)
        made.append((name, path))
    for name, path in made:
        real = os.path.realpath(path)
        if real != ROOT and not real.startswith(ROOT + "/"):
            raise Refused("denied", f"the archive has a link that leads out: {shown(name)}")
    total["files"] += len(made)


def untar(stream):
    with tarfile.open(fileobj=stream, mode="r|*") as tar:
        for member in tar:
            if member.isdir():
                path = place(member.name)
                if path:
                    folder(path)
                    modes.append((path, member.mode & 0o777 | 0o700))
            elif member.issym():
                inside(member.name)
                links.append((member.name, member.linkname))
            elif member.islnk():
                hard_link(member.name, member.linkname)
            elif member.isreg():
                make(member.name, tar.extractfile(member), member.mode, member.mtime)
            else:
                inside(member.name)
                skip(member.name, "a device or FIFO")
            if len(links) > MAX_FILES:
                raise Refused("too_large", f"the archive has more than {MAX_FILES} entries")
            tar.members = []


def unzip(path):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if member.flag_bits & 1:
                raise Refused("not_supported", "the archive is encrypted")
            if member.is_dir():
                path = place(member.filename)
                if path:
                    folder(path)
            elif stat.S_ISLNK(mode):
                if member.file_size > 4095:
                    raise Refused("denied", "the archive has a link that leads out")
                inside(member.filename)
                links.append((member.filename, archive.read(member).decode("utf-8")))
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                with archive.open(member) as source:
                    make(member.filename, source, mode & 0o777 or 0o644, None)
            else:
                skip(member.filename, "a device or FIFO")


def unpack(path):
    with open(path, "rb") as f:
        head = f.read(8)
        f.seek(0)
        if head[:4] in (b"PK\3\4", b"PK\5\6"):
            return unzip(path)
        if head[:4] != b"\x28\xb5\x2f\xfd":
            return untar(f)
        if not shutil.which("zstd"):
            raise Refused("not_supported", "the sandbox has no zstd to unpack it; install zstd")
        with subprocess.Popen(["zstd", "-dcq"], stdin=f, stdout=subprocess.PIPE) as p:
            try:
                untar(p.stdout)
                p.stdout.read(1 << 20)
            except BaseException:
                p.kill()
                raise
            p.stdout.close()
        if p.returncode not in (0, -13):
            raise Refused("invalid_argument", "zstd cannot read the archive")


def walk(above, below):
    """Entries that are to be moved, and into what: a whole folder where there is none yet."""
    for entry in sorted(os.scandir(above), key=lambda e: e.name):
        target = os.path.join(below, entry.name)
        is_folder = entry.is_dir(follow_symlinks=False)
        there = os.lstat(target) if os.path.lexists(target) else None
        if there and stat.S_ISDIR(there.st_mode) != is_folder:
            raise Refused("conflict", f"{shown(target)} is there, and is something else")
        if there and is_folder:
            yield from walk(entry.path, target)
        else:
            yield entry.path, target


def main():
    os.mkdir(ROOT, 0o755)
    archive = os.path.join(STAGE, "archive")
    try:
        unpack(archive)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, UnicodeError, ValueError,
            NotImplementedError) as e:
        raise Refused("invalid_argument", f"it is no archive that can be read: {e}") from None
    os.unlink(archive)
    make_links()
    for path, mode in reversed(modes):
        os.chmod(path, mode)
    os.makedirs(TARGET, exist_ok=True)
    for path, target in list(walk(ROOT, TARGET)):
        os.replace(path, target)
    return {"files": total["files"], "bytes": total["bytes"], "skipped": skipped}


try:
    os.umask(0o022)
    STAGE = os.path.realpath(STAGE)
    ROOT = os.path.join(STAGE, "x")
    said = main()
except Refused as e:
    said = {"error": e.code, "message": str(e)}
except OSError as e:
    said = {"error": "unavailable", "message": f"{shown(str(e.filename or ''))}: {e.strerror or e}"}
except Exception as e:  # of what reads hostile bytes
    said = {"error": "invalid_argument", "message": f"it cannot be unpacked: {shown(repr(e))}"}
finally:
    shutil.rmtree(STAGE, ignore_errors=True)
print(json.dumps(said))
sys.stdout.flush()
