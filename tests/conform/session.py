"""What a session with a sandbox needs beside a client: sections of results, servers to reach."""

import contextlib
import functools
import hashlib
import http.server
import io
import os
import re
import socketserver
import subprocess
import tarfile
import threading
import zipfile

# Named in allow=, a loopback address is reached through the proxy; 127.0.0.1 never is, as programs
# inside leave it out of proxying.
ADDRESS = "127.0.0.2"


BEHIND = re.compile(r"^(--- |\[\.\.\. \d|Next: terminal_output|denied: |cursor \d+-\d+$|"
                    r"A process it started|\d+ bytes follow behind this cursor)", re.M)


def section(text, name):
    """What a result has below "--- NAME", up to the next section or the last lines."""
    _, _, rest = text.partition(f"--- {name}\n")
    return BEHIND.split(rest, maxsplit=1)[0]


def field(result, name):
    return result["_meta"][f"sandbox-mcp/{name}"]


def walk(client, text, process_id):
    """Every byte of a command's standard output, by its first result and the cursors in it."""
    found = re.search(r"cursor=(\S+) reads them", text)
    assert found, text[-300:]
    data, cursor = section(text, "stdout"), found[1]
    while True:
        result = client.call(
            "terminal_output", process_id=process_id, cursor=cursor, max_bytes=49152)
        text = result["content"][0]["text"]
        assert not result.get("isError") and "omitted" not in text, text[-300:]
        part = section(text, "stdout")
        if not part:
            return data.encode()
        data += part
        cursor = field(result, "cursor")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.seen.append(self.requestline)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, allow_reuse_address = True, True


@contextlib.contextmanager
def serving(folder, address=ADDRESS, wrap=None):
    """An HTTP server of a folder on a port of its own: .port, .seen (request lines)."""
    server = Server((address, 0), functools.partial(Quiet, directory=str(folder)))
    server.port, server.seen = server.server_address[1], []
    if wrap:
        server.socket = wrap.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_wheel(folder, name, body):
    """A package index of one pure Python package, as pip reads it: folder/simple/NAME/."""
    where = folder / "simple" / name
    where.mkdir(parents=True)
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": body,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = where / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as z:
        for path, text in files.items():
            z.writestr(path, text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (where / "index.html").write_text(
        f'<!doctype html><a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')


def make_repository(folder, name, files):
    """A bare repository that git clones over plain HTTP: folder/NAME.git."""
    work, bare = folder / f"{name}-work", folder / f"{name}.git"
    work.mkdir()
    for path, text in files.items():
        (work / path).write_text(text)
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q", str(work)], ["-C", str(work), "add", "."],
                  ["-C", str(work), *who, "commit", "-q", "-m", "one"],
                  ["clone", "-q", "--bare", str(work), str(bare)],
                  ["-C", str(bare), "update-server-info"]):
        subprocess.run(["git", *words], check=True, env=env)


def make_npm_package(folder, name, body):
    """A package as `npm install URL` takes it: folder/NAME.tgz."""
    files = {"package.json": f'{{"name": "{name}", "version": "1.0.0", "main": "index.js"}}',
             "index.js": body}
    with tarfile.open(folder / f"{name}.tgz", "w:gz") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(f"package/{path}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
