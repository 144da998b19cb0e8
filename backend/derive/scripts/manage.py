"""Looks at, moves, copies, deletes and changes files, as a request on standard input says.

The answer is one JSON object: entries of stat; else done [[path, to]], total, bytes, failed and
errors [[code, path, text, next]]. Names that are no UTF-8 are shown with replacements.
"""
import errno
import grp
import hashlib
import json
import os
import pwd
import shutil
import stat
import sys
import time

SHOWN, HASHED, BUDGET = 32, 64 << 20, 40
CODES = {errno.ENOENT: "not_found", errno.ENOTDIR: "not_found", errno.EACCES: "denied",
         errno.EPERM: "denied", errno.EROFS: "denied", errno.EBUSY: "denied",
         errno.ENOSPC: "quota", errno.EDQUOT: "quota", errno.EEXIST: "conflict",
         errno.ENOTEMPTY: "conflict", errno.EISDIR: "conflict", errno.ENAMETOOLONG:
         "invalid_argument", errno.ELOOP: "invalid_argument", errno.EINVAL: "invalid_argument"}
request = json.loads(sys.stdin.buffer.readline())
what, flags = request["what"], request
home, workspace = os.path.expanduser("~"), os.getcwd()
said = {"entries": [], "done": [], "total": 0, "bytes": 0, "failed": 0, "errors": []}
until = time.monotonic() + BUDGET


class Refused(Exception):
    pass


def shown(text):
    return os.fsencode(text).decode("utf-8", "replace")


def place(path):
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return os.path.join(workspace, path[2:] if path.startswith("./") else path)


def failed(path, e):
    said["failed"] += 1
    if len(said["errors"]) >= SHOWN:
        return
    if isinstance(e, Refused):
        code, text, then = e.args
    else:
        code, then = CODES.get(e.errno, "internal"), ""
        text = f"{shown(path)}: {os.strerror(e.errno) if e.errno else e}"
    said["errors"].append([code, shown(path), text, then])


def on_time():
    if time.monotonic() > until:
        raise Refused("timeout", f"stopped after {BUDGET} s, before all was done",
                      "call again to go on, or use a command in terminal_execute")


def name_of(path):
    """The path with the links of its folders resolved, not its own."""
    folder, name = os.path.split(path.rstrip("/") or "/")
    if name in ("", ".", ".."):
        raise Refused("invalid_argument", f"{shown(path)} does not end in a name",
                      "end the path with the name of what is meant")
    return os.path.join(os.path.realpath(folder), name)


def may_go(path):
    for kept in (workspace, home, "/"):
        if (os.path.realpath(kept) + "/").startswith(path.rstrip("/") + "/"):
            raise Refused("denied", f"{shown(path)} is, or holds, the workspace or the home",
                          "name what is in it")
    if os.path.ismount(path):
        raise Refused("denied", f"{shown(path)} is a mount point", "name what is in it")


def target(to, name, into):
    full = to + name if to.endswith("/") else to
    if not to.endswith("/") and into and os.path.isdir(to):
        full = os.path.join(to, name)
    os.makedirs(os.path.dirname(full.rstrip("/")) or "/", exist_ok=True)
    return name_of(full)


def named(table, number, key):
    try:
        return getattr(table(number), key)
    except KeyError:
        return str(number)


def access(path):
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "view"
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return "view"
    also = os.X_OK if stat.S_ISDIR(mode) else 0
    return ("write" if os.access(path, os.W_OK | also) else
            "read" if os.access(path, os.R_OK | also) else "view")


def look(asked):
    path = place(asked)
    entry = {"path": shown(path), "type": "-", "access": "none"}
    said["entries"].append(entry)
    try:
        st = os.lstat(path)
    except OSError as e:
        entry["type"] = "?" if e.errno in (errno.EACCES, errno.EPERM) else "-"
        return
    kind = stat.filemode(st.st_mode)[0]
    entry.update(type="f" if kind == "-" else kind, access=access(path), size=st.st_size,
                 mode=st.st_mode & 0o7777, mtime=st.st_mtime_ns // 1000000,
                 owner=named(pwd.getpwuid, st.st_uid, "pw_name"),
                 group=named(grp.getgrgid, st.st_gid, "gr_name"))
    if kind == "l":
        entry["target"] = shown(os.readlink(path))
    if kind == "-" and flags.get("hash") and st.st_size <= HASHED and access(path) in (
            "read", "write"):
        with open(path, "rb") as f:
            entry["sha256"] = hashlib.file_digest(f, "sha256").hexdigest() if hasattr(
                hashlib, "file_digest") else hashlib.sha256(f.read(HASHED)).hexdigest()


def move(asked, to):
    path, to = name_of(place(asked)), place(to)
    os.lstat(path)
    may_go(path)
    full = target(to, os.path.basename(path), True)
    if os.path.lexists(full) and not flags.get("overwrite"):
        raise Refused("conflict", f"{shown(full)} exists",
                      "pass overwrite=true to replace it, or another name")
    if os.path.isdir(path) and (full + "/").startswith(path + "/"):
        raise Refused("invalid_argument", f"cannot move {shown(path)} into itself", "")
    try:
        os.rename(path, full)
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        shutil.move(path, full)
    said["done"].append([shown(path), shown(full)])


def copy_file(path, full):
    on_time()
    st = os.lstat(path)
    if not stat.S_ISREG(st.st_mode) and not stat.S_ISLNK(st.st_mode):
        raise Refused("invalid_argument", f"cannot copy {shown(path)}: it is no file", "")
    beside = os.path.join(os.path.dirname(full), f".{os.path.basename(full)[:200]}.tmp{os.getpid()}")
    try:
        shutil.copy2(path, beside, follow_symlinks=False)
        os.rename(beside, full)
    except OSError:
        if os.path.lexists(beside):
            os.unlink(beside)
        raise
    said["total"] += 1
    said["bytes"] += st.st_size if stat.S_ISREG(st.st_mode) else 0


def copy_folder(path, full):
    folders = [(path, full)]
    for here, there in folders:
        os.makedirs(there, exist_ok=True)
        for entry in os.scandir(here):
            try:
                to = os.path.join(there, entry.name)
                if not entry.is_dir(follow_symlinks=False):
                    copy_file(entry.path, to)
                elif not os.path.samefile(entry.path, full):
                    folders.append((entry.path, to))
            except (OSError, Refused) as e:
                failed(entry.path, e)
                if isinstance(e, Refused) and e.args[0] == "timeout":
                    return
    for here, there in reversed(folders):
        shutil.copystat(here, there)
        said["total"] += 1


def copy(asked, to):
    path, to = os.path.realpath(place(asked)), place(to)
    os.stat(path)
    folder = os.path.isdir(path)
    if folder and not flags.get("recursive"):
        raise Refused("invalid_argument", f"{shown(path)} is a folder",
                      "pass recursive=true to copy it with all that is in it")
    full = target(to, os.path.basename(path), not folder)
    if full == path or os.path.exists(full) and os.path.samefile(path, full):
        raise Refused("invalid_argument", f"{shown(full)} is the same", "")
    if folder and (full + "/").startswith(path + "/"):
        raise Refused("invalid_argument", f"cannot copy {shown(path)} into itself", "")
    if os.path.lexists(full) and folder != os.path.isdir(full):
        raise Refused("conflict", f"{shown(full)} exists and is {'no' if folder else 'a'} folder",
                      "")
    (copy_folder if folder else copy_file)(path, full)
    said["done"].append([shown(path), shown(full)])


def remove(asked):
    try:
        path = name_of(place(asked))
        st = os.lstat(path)
    except FileNotFoundError:
        if flags.get("missing_ok"):
            return
        raise
    if not stat.S_ISDIR(st.st_mode):
        os.unlink(path)
        said["total"] += 1
        return
    if not flags.get("recursive"):
        raise Refused("invalid_argument", f"{shown(path)} is a folder",
                      "pass recursive=true to delete it with all that is in it")
    may_go(path)
    count = sum(len(d) + len(f) for _, d, f in os.walk(path)) + 1
    errors = said["failed"]
    shutil.rmtree(path, onerror=lambda _, at, info: failed(at, info[1]))
    said["total"] += count if errors == said["failed"] else 0


def mkdir(asked):
    path, missing = place(asked).rstrip("/") or "/", []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    if not os.path.isdir(path):
        raise Refused("conflict", f"{shown(path)} exists and is no folder", "")
    for path in reversed(missing):
        os.mkdir(path, 0o755)
        said["done"].append([shown(os.path.realpath(path)), ""])
    if missing and flags.get("permissions", -1) >= 0:
        os.chmod(missing[0], flags["permissions"])


def changed(change, mode, folder):
    for clause in change.split(","):
        who = clause[:len(clause) - len(clause.lstrip("ugoa"))]
        at, mask = len(who), 0
        for letter, bits in zip("ugo", (0o700, 0o070, 0o007)):
            mask |= bits if letter in who or "a" in who else 0
        if at == len(clause):
            raise ValueError
        while at < len(clause):
            how, at, bits = clause[at], at + 1, 0
            while at < len(clause) and clause[at] not in "+-=":
                bits |= {"r": 0o444, "w": 0o222, "x": 0o111, "t": 0o1000,
                         "X": 0o111 if folder or mode & 0o111 else 0}[clause[at]]
                at += 1
            bits &= (mask or 0o755) | 0o1000
            mode = {"+": mode | bits, "-": mode & ~bits,
                    "=": mode & ~(mask or 0o777) | bits}[how]
    return mode


def change_one(path, uid, gid):
    on_time()
    st = os.stat(path)
    mode = was = stat.S_IMODE(st.st_mode)
    if flags.get("permissions", -1) >= 0:
        mode = flags["permissions"]
    elif flags.get("change"):
        mode = changed(flags["change"], was, stat.S_ISDIR(st.st_mode))
    owner = uid not in (-1, st.st_uid) or gid not in (-1, st.st_gid)
    if owner:
        os.chown(path, uid, gid)
    if mode != was:
        os.chmod(path, mode)
    said["total"] += owner or mode != was


def number(table, name, key):
    if not name or name.isdigit():
        return int(name) if name else -1
    try:
        return getattr(table(name), key)
    except KeyError:
        raise Refused("invalid_argument", f"the sandbox knows no \"{name[:100]}\"",
                      "name one of /etc/passwd or /etc/group, or a number") from None


def chmod(asked):
    path = place(asked)
    uid = number(pwd.getpwnam, flags.get("owner"), "pw_uid")
    gid = number(grp.getgrnam, flags.get("group"), "gr_gid")
    try:
        changed(flags.get("change") or "a+r", 0, False)
    except (ValueError, KeyError):
        raise Refused("invalid_argument", "permissions: no such mode",
                      "use e.g. 0755, or u+x,go-w") from None
    below = list(os.walk(path, topdown=False)) if flags.get("recursive") else []
    for folder, folders, files in below:
        for name in [*files, *folders]:
            at = os.path.join(folder, name)
            try:
                if not os.path.islink(at):
                    change_one(at, uid, gid)
            except OSError as e:
                failed(at, e)
    change_one(path, uid, gid)


def pairs():
    paths = request["paths"]
    return zip(paths[::2], paths[1::2]) if what in ("move", "copy") else ((p,) for p in paths)


for one in pairs():
    try:
        on_time()
        {"stat": look, "move": move, "copy": copy, "remove": remove, "mkdir": mkdir,
         "chmod": chmod}[what](*one)
    except (OSError, Refused, shutil.Error) as e:
        late = isinstance(e, Refused) and e.args[0] == "timeout"
        failed("" if late else place(one[0]), e if isinstance(e, (OSError, Refused)) and (
            isinstance(e, Refused) or e.errno) else Refused("internal", str(e)[:300], ""))
        if late:
            break
json.dump(said, sys.stdout)
