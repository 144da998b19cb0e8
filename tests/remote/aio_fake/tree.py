"""The sandbox's files: what a path means, and errors in the shape of the file operations."""

import errno
import os
from contextlib import contextmanager

from .reply import Failed

HOME = "/home/gem"

ERROR_TYPES = {
    errno.ENOENT: "not_found",
    errno.EACCES: "permission_denied",
    errno.EPERM: "permission_denied",
    errno.EISDIR: "invalid_target",
    errno.ENOTDIR: "invalid_target",
    errno.ENXIO: "invalid_target",
    errno.EEXIST: "already_exists",
    errno.EINVAL: "invalid_path",
    errno.ENAMETOOLONG: "invalid_path",
    errno.ELOOP: "invalid_path",
    errno.EROFS: "read_only_filesystem",
    errno.ENOSPC: "no_space_left",
}


def file_failure(path, operation, error_type, message, cause=None):
    number = getattr(cause, "errno", None)
    return Failed(
        message,
        {
            "path": path,
            "operation": operation,
            "message": message,
            "error_type": error_type,
            "retryable": False,
            "errno": number,
            "errno_name": errno.errorcode.get(number),
            "exception_type": type(cause).__name__ if cause else None,
        },
    )


@contextmanager
def operation(path, name):
    """Turns what the system raises into the structured failure of operation `name`."""
    try:
        yield
    except UnicodeDecodeError as cause:
        raise file_failure(path, name, "decode_error", f"File is not valid UTF-8: {path}",
                           cause) from cause
    except OSError as cause:
        kind = ERROR_TYPES.get(cause.errno, "io_error")
        message = f"{os.strerror(cause.errno) if cause.errno else cause}: {path}"
        raise file_failure(path, name, kind, message, cause) from cause


def encodable(path):
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


class Tree:
    """Maps the presented home to the directory that holds it; both are the same in a namespace."""

    def __init__(self, root):
        self.root = os.path.realpath(root)

    def inside(self, real):
        return real == self.root or real.startswith(self.root + "/")

    def host(self, path):
        """The host path of an absolute sandbox path, not checked."""
        path = os.path.normpath(path)
        if path == HOME or path.startswith(HOME + "/"):
            return self.root + path[len(HOME):]
        return path

    def shown(self, real):
        return HOME + real[len(self.root):] if self.inside(real) else real

    def real(self, path, name):
        """The host path for file operation `name`; only what lies below the home is served."""
        if not path.startswith("/") or "\0" in path or not encodable(path):
            raise file_failure(path, name, "invalid_path", f"Path must be absolute: {path!r}")
        real = self.host(path)
        if self.inside(os.path.realpath(real)):
            return real
        if os.path.lexists(real) or name in ("write", "upload", "create"):
            cause = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            raise file_failure(path, name, "permission_denied", f"Permission denied: {path}", cause)
        cause = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        raise file_failure(path, name, "not_found", f"File does not exist: {path}", cause)

    def directory(self, path):
        """The host path of a directory a process may start in, or None."""
        if not path or not path.startswith("/"):
            return None
        real = self.host(path)
        return real if os.path.isdir(real) else None
