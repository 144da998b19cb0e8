"""Packages from an index on this machine, through the sandbox's proxy, and what no name can do."""

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lib import protocol

# Named in allow=, a loopback address of this machine is reached through the proxy.
ADDRESS = "127.0.0.2"

BACKEND = """
import os, zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    open(os.path.expanduser("~/built"), "w").write(f"{os.getpid()} {os.getcwd()}")
    name = "built_here-1.5-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as z:
        z.writestr("built_here.py", "value = 'built'\\n")
        z.writestr("built_here-1.5.dist-info/METADATA",
                   "Metadata-Version: 2.1\\nName: built-here\\nVersion: 1.5\\n")
        z.writestr("built_here-1.5.dist-info/WHEEL",
                   "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        z.writestr("built_here-1.5.dist-info/RECORD", "")
    return name
"""


def wheel():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("tiny_thing.py", "value = 'from the index'\n")
        z.writestr("tiny_thing-2.0.dist-info/METADATA",
                   "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 2.0\n")
        z.writestr("tiny_thing-2.0.dist-info/WHEEL",
                   "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr("tiny_thing-2.0.dist-info/RECORD", "")
    return out.getvalue()


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


SDIST = archive({
    "built_here-1.5/pyproject.toml":
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "built_here-1.5/backend.py": BACKEND,
    "built_here-1.5/PKG-INFO": "Metadata-Version: 2.1\nName: built-here\nVersion: 1.5\n"})
MODULE = archive({
    "package/package.json": json.dumps({"name": "tiny-module", "version": "3.1.0", "main": "i.js"}),
    "package/i.js": "module.exports = { value: 'from the registry' };\n"})


class Index(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.path)
        address = "http://{}:{}".format(*self.server.server_address)
        pages = {
            "/simple/tiny-thing/": b'<a href="/f/tiny_thing-2.0-py3-none-any.whl">x</a>',
            "/simple/built-here/": b'<a href="/f/built_here-1.5.tar.gz">x</a>',
            "/f/tiny_thing-2.0-py3-none-any.whl": wheel(),
            "/f/built_here-1.5.tar.gz": SDIST,
            "/f/tiny-module-3.1.0.tgz": MODULE,
            "/tiny-module": json.dumps({
                "name": "tiny-module", "dist-tags": {"latest": "3.1.0"}, "versions": {"3.1.0": {
                    "name": "tiny-module", "version": "3.1.0", "dist": {
                        "tarball": address + "/f/tiny-module-3.1.0.tgz",
                        "integrity": "sha512-" + base64.b64encode(
                            hashlib.sha512(MODULE).digest()).decode()}}}}).encode(),
        }
        body = pages.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/json" if self.path == "/tiny-module" else
                         "text/html" if self.path.startswith("/simple") else "application/x")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args):
        pass


@pytest.fixture
def index():
    server = ThreadingHTTPServer((ADDRESS, 0), Index)
    server.daemon_threads, server.seen = True, []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(start_stdio, index):
    url = "http://{}:{}".format(*index.server_address)
    return start_stdio(
        "--toolsets", "core,code", "--network", f"allow={ADDRESS}:{index.server_address[1]}",
        "--env", f"PIP_INDEX_URL={url}/simple", "--env", f"PIP_TRUSTED_HOST={ADDRESS}",
        "--env", "PIP_FIND_LINKS=", "--env", f"NPM_CONFIG_REGISTRY={url}/")


@pytest.fixture
def plain(start_stdio):
    return start_stdio("--toolsets", "core,code")


def packages(client, **arguments):
    result = client.call("code_packages", 120, **arguments)
    assert not result.get("isError"), protocol.text(result)
    return result["structuredContent"]


def value(client, code, **more):
    return protocol.text(client.call("code_execute", code=code, **more))


def test_python_a_warm_interpreter_imports_what_was_installed(client, index):
    assert "ModuleNotFoundError" in value(client, "import tiny_thing")
    got = packages(client, action="install", names=["tiny-thing==2.0"])
    assert got["status"] == "ok" and "/simple/tiny-thing/" in index.seen, got
    assert got["packages"] == [{"name": "tiny-thing", "version": "2.0"}]
    assert "'from the index'" in value(client, "import tiny_thing; tiny_thing.value")
    assert packages(client, action="list", filter="tiny_")["packages"] == got["packages"]
    got = packages(client, action="uninstall", names=["tiny-thing"])
    assert got["status"] == "ok" and got["packages"] == []
    assert packages(client, action="list", filter="tiny")["packages"] == []


def test_python_what_a_package_runs_when_it_is_built_runs_in_the_sandbox(client):
    got = packages(client, action="install", names=["built-here"])
    assert got["status"] == "ok", got
    assert "'built'" in value(client, "import built_here; built_here.value")
    assert "/" in value(client, "open('/home/user/built').read()")


def test_javascript_a_warm_interpreter_requires_what_was_installed(client, index):
    assert "error" in value(client, "require('tiny-module')", language="javascript")
    got = packages(client, action="install", language="javascript", names=["tiny-module@3"])
    assert got["status"] == "ok" and "/tiny-module" in index.seen, got
    assert got["packages"] == [{"name": "tiny-module", "version": "3.1.0"}]
    assert "from the registry" in value(client, "require('tiny-module').value",
                                        language="javascript")
    assert "from the registry" in value(client, "import m from 'tiny-module'; m.value",
                                        language="javascript")
    got = packages(client, action="uninstall", language="javascript", names=["tiny-module"])
    assert got["status"] == "ok"
    assert packages(client, action="list", language="javascript", filter="tiny")["packages"] == []


def test_a_name_that_nobody_has(client):
    got = packages(client, action="install", names=["no-such-thing"])
    assert got["status"] == "failed" and "no-such-thing" in got["log"]


def test_another_registry_is_refused_with_the_rule_and_the_option(start_stdio, index):
    client = start_stdio("--toolsets", "core,code", "--network", "allow=example.invalid",
                         "--env", "PIP_INDEX_URL=http://{}:{}/simple".format(*index.server_address),
                         "--env", f"PIP_TRUSTED_HOST={ADDRESS}", "--env", "PIP_FIND_LINKS=")
    got = packages(client, action="install", names=["tiny-thing"])
    assert got["status"] == "failed" and not index.seen
    assert "refused" in got["note"] and "--network allow=" in got["note"], got


@pytest.mark.parametrize("language, name", [("python", "tiny-thing"), ("javascript", "left-pad")])
def test_without_a_network_the_option_is_named(plain, language, name):
    got = packages(plain, action="install", language=language, names=[name])
    assert got["status"] == "failed" and "--network allow=HOST" in got["note"], got


@pytest.mark.parametrize("language, name", [
    ("python", "-r"), ("python", "--index-url=http://x"), ("python", "a b"), ("python", "./x"),
    ("python", "git+https://x/y"), ("python", "a @ file:///x"), ("python", "a'$(touch /tmp/p)'"),
    ("python", "a;touch x"), ("python", "a\nb"), ("python", "a[x"), ("python", "ü"),
    ("javascript", "-g"), ("javascript", "../x"), ("javascript", "user/repo"),
    ("javascript", "@a"), ("javascript", "@-a/b"), ("javascript", "@a/b/c"),
    ("javascript", "x@npm:y"), ("javascript", "x@file:y"), ("javascript", "x@"),
    ("javascript", "x@-g"), ("javascript", "http://x"), ("javascript", "a`id`")])
@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_what_is_no_name(plain, action, language, name):
    result = plain.call("code_packages", action=action, language=language, names=["ok", name])
    assert result["isError"] and protocol.text(result).startswith("invalid_argument: names: ")


def test_bad_arguments(plain):
    for arguments in ({"action": "install"}, {"action": "install", "names": []},
                      {"action": "install", "names": ["x"] * 33},
                      {"action": "install", "names": ["x" * 201]}, {"action": "fetch"}):
        result = plain.call("code_packages", **arguments)
        assert result["isError"], arguments
        assert protocol.text(result).startswith("invalid_argument: "), protocol.text(result)


def test_the_list_is_bounded_and_tells_how_many_there_are(plain):
    make = """
import os, pathlib, site
for i in range(400):
    d = pathlib.Path(site.getusersitepackages()) / f"many{i}-1.dist-info"
    d.mkdir(parents=True)
    (d / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: many{i}\\nVersion: 1\\n")
"""
    value(plain, make)
    got = packages(plain, action="list", filter="many")
    assert got["total"] == 400 and len(got["packages"]) == 300
