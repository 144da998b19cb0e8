"""GET /v1/sandbox and the installed packages."""

import functools
import importlib.metadata
import platform
import shutil
import subprocess

from .tree import HOME

VERSION = "1.9.4"
TOOLS = (("shell", ("bash", "curl", "git", "jq", "tar")), ("language", ("python3", "node", "gcc")))


def tool(name, *flags):
    """The tool's path and what it says of its version, or None when it is missing."""
    path = shutil.which(name)
    if path is None:
        return None
    done = subprocess.run([path, *flags], capture_output=True, text=True, check=False)
    return {"ver": (done.stdout or done.stderr).strip().split("\n")[0].split()[-1].lstrip("v"),
            "bin": path, "alias": [name]}


@functools.cache
def context():
    """The members which GET /v1/sandbox adds to the envelope, and its prose."""
    found = {name: tool(name, "--version") for name in ("python3", "node")}
    detail = {
        "system": {
            "os": platform.system(), "os_version": platform.release(),
            "arch": platform.machine(), "user": "gem", "home_dir": HOME, "workspace": HOME,
            "timezone": "UTC", "occupied_ports": ["8080"],
        },
        "runtime": {"python": [found["python3"]] if found["python3"] else [],
                    "nodejs": [found["node"]] if found["node"] else []},
        "utils": [{"category": category,
                   "tools": [{"name": n, "description": shutil.which(n)} for n in names
                             if shutil.which(n)]} for category, names in TOOLS],
    }
    prose = f"AIO Sandbox {VERSION}: {detail['system']['os']} {detail['system']['arch']}, " \
            f"home directory {HOME}."
    return prose, {"home_dir": HOME, "workspace": HOME, "version": VERSION, "detail": detail}


def python_packages():
    names = {(d.metadata["Name"], d.version) for d in importlib.metadata.distributions()}
    return [{"name": n, "version": v} for n, v in sorted(names) if n]
