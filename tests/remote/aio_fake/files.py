"""/v1/file: whole-file operations. Lines are 0-based half-open in read, 1-based in search."""

import base64
import binascii
import os
import re
import stat

from .reply import Failed, HttpError, Reply
from .tree import HOME, file_failure, operation

CHUNK = 65536


def read_text(path, real, name):
    with operation(path, name):
        if not stat.S_ISREG(os.stat(real).st_mode):
            raise file_failure(path, name, "invalid_target", f"Not a regular file: {path}")
        with open(real, encoding="utf-8", newline="") as file:
            return file.read()


def write_bytes(path, real, name, data, append=False):
    with operation(path, name):
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, "ab" if append else "wb") as file:
            file.write(data)
    return len(data)


class Files:
    def __init__(self, tree):
        self.tree = tree

    def read(self, a):
        path = a["file"]
        content = read_text(path, self.tree.real(path, "read"), "read")
        if a["start_line"] is not None or a["end_line"] is not None:
            lines = content.splitlines(keepends=True)
            content = "".join(lines[a["start_line"] or 0 : a["end_line"]])
        return {"content": content, "file": path}

    def write(self, a):
        path = a["file"]
        real = self.tree.real(path, "write")
        if a["encoding"] == "base64":
            try:
                data = base64.b64decode(a["content"], validate=True)
            except binascii.Error as cause:
                raise file_failure(path, "write", "decode_error", f"Invalid base64: {cause}",
                                   cause) from cause
        else:
            text = a["content"]
            text = ("\n" if a["leading_newline"] else "") + text
            text += "\n" if a["trailing_newline"] else ""
            data = text.encode("utf-8", "surrogatepass")
        return {"file": path,
                "bytes_written": write_bytes(path, real, "write", data, a["append"])}

    def replace(self, a):
        path = a["file"]
        real = self.tree.real(path, "replace")
        content = read_text(path, real, "replace")
        count = content.count(a["old_str"]) if a["old_str"] else 0
        if count:
            changed = content.replace(a["old_str"], a["new_str"])
            write_bytes(path, real, "replace", changed.encode())
        return {"file": path, "replaced_count": count}

    def search(self, a):
        path = a["file"]
        content = read_text(path, self.tree.real(path, "search"), "search")
        try:
            wanted = re.compile(a["regex"])
        except re.error as cause:
            raise file_failure(path, "search", "invalid_target", f"Invalid regex: {cause}",
                               cause) from cause
        hits = [(n, line) for n, line in enumerate(content.splitlines(), 1)
                if wanted.search(line)]
        return {"file": path, "matches": [line for _, line in hits],
                "line_numbers": [n for n, _ in hits]}

    def upload(self, form):
        filename, data = form["file"]
        path = form.get("path") or f"{HOME}/{os.path.basename(filename) or 'upload'}"
        real = self.tree.real(path, "upload")
        if os.path.isdir(real):
            path = f"{path.rstrip('/')}/{os.path.basename(filename) or 'upload'}"
            real = self.tree.real(path, "upload")
        size = write_bytes(path, real, "upload", data)
        return {"file_path": path, "file_size": size, "success": True}

    def download(self, a):
        path = a["path"]
        try:
            real = self.tree.real(path, "download")
            with operation(path, "download"):
                if not stat.S_ISREG(os.stat(real).st_mode):
                    raise file_failure(path, "download", "invalid_target",
                                       f"Not a regular file: {path}")
                file = open(real, "rb")
        except Failed as failed:
            kind = failed.data["error_type"]
            status = {"not_found": 404, "permission_denied": 403}.get(kind, 400)
            raise HttpError(status, failed.message) from failed
        before = os.fstat(file.fileno())
        name = os.path.basename(real).encode("ascii", "replace").decode().replace('"', "_")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        body = stream_file(file, real, before, a["change_policy"] == "abort")
        if before.st_size <= CHUNK:
            body = b"".join(body)
        return Reply(200, body, "application/octet-stream", headers)


def stream_file(file, real, before, abort):
    """The file in chunks; a change seen on the way raises when the caller asked for that."""
    with file:
        while True:
            now = os.stat(real)
            same = (now.st_mtime_ns, now.st_size) == (before.st_mtime_ns, before.st_size)
            if abort and not same:
                raise HttpError(409, "File changed while it was read")
            part = file.read(CHUNK)
            if not part:
                return
            yield part
