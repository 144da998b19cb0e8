"""python3 -m aio_fake --port 0 --root DIR: prints `listening on PORT` on its first line.

Where bubblewrap works the whole service moves into a namespace in which DIR is /home/gem, runs as
an ordinary user there and takes every process along when it ends. Elsewhere paths are translated,
and commands that print paths show the real ones.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from .server import App, make_server
from .tree import HOME

INSIDE = "--inside"
SCRATCH = "/home/.aio-fake"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="aio_fake", description="A local AIO Sandbox service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--root", required=True, metavar="DIR", help=f"shown as {HOME}")
    parser.add_argument("--api-key", default=None)
    parser.add_argument("--jwt-public-key", default=None, metavar="FILE", help="PEM, RS256")
    parser.add_argument("--ticket-seconds", type=int, default=30)
    parser.add_argument("--bash-session-timeout", type=float, default=3600)
    parser.add_argument("--max-bash-sessions", type=int, default=50)
    parser.add_argument("--browser", default=None, metavar="PROGRAM", help="a Chromium")
    parser.add_argument("--no-strict", action="store_true", help="record no violations")
    parser.add_argument("--no-namespace", action="store_true", help="translate paths instead")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def wrappers(root):
    """bubblewrap command lines, the better first: as an ordinary user, then as ourselves."""
    view = ["--dev-bind", "/", "/", "--tmpfs", "/home"]
    if os.path.isdir("/home"):
        for name in os.listdir("/home"):
            if name != "gem":
                view += ["--bind", f"/home/{name}", f"/home/{name}"]
    view += ["--dir", SCRATCH, "--bind", root, HOME, "--proc", "/proc",
             "--unshare-pid", "--die-with-parent"]
    yield ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", *view]
    yield ["bwrap", *view]


def move_inside(root):
    """Replaces this process by one in a namespace; returns when that is impossible."""
    if shutil.which("bwrap") is None:
        return
    for wrapper in wrappers(os.path.realpath(root)):
        tried = subprocess.run([*wrapper, sys.executable, "-c", ""], capture_output=True,
                               check=False)
        if tried.returncode == 0:
            package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
            os.environ["PYTHONPATH"] = package
            rest = [sys.executable, "-m", "aio_fake", *sys.argv[1:], INSIDE]
            os.execvp("bwrap", [*wrapper, *rest])


def main():
    a = parse_arguments()
    os.makedirs(a.root, exist_ok=True)
    if not a.inside and not a.no_namespace:
        move_inside(a.root)
    key = None
    if a.jwt_public_key:
        with open(a.jwt_public_key, encoding="ascii") as file:
            key = file.read()
    root = HOME if a.inside else a.root
    scratch = SCRATCH if a.inside else tempfile.mkdtemp(prefix="aio-fake-")
    app = App(
        root, scratch, a.api_key, key, strict=not a.no_strict, ticket_seconds=a.ticket_seconds,
        browser=a.browser, max_sessions=a.max_bash_sessions, session_timeout=a.bash_session_timeout,
    )
    server = make_server(app, a.host, a.port)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    server.serve_in_thread()
    print(f"listening on {server.server_address[1]}", flush=True)
    over.wait()
    app.stop()
    os._exit(0)


main()
