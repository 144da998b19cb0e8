"""How an AIO Sandbox is reached, and what else may answer there."""

import json
import os
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lib.stdio import Stdio
from remote.aio_fake import start_fake
from remote.conftest import Tools, eventually, section

KEY = "k-3f9c0d1e"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE5MDAwMDAwMDB9.c2lnbmF0dXJl"
CONTEXT = {"success": True, "message": "ok", "data": "prose", "home_dir": "/home/gem",
           "workspace": "/home/gem", "version": "1.9.4", "detail": {}}


class Script:
    """A server that answers what it is told: path -> (status, headers, body), bytes or JSON."""

    def __init__(self):
        self.answers, self.seen = {"/v1/sandbox": (200, {}, CONTEXT)}, []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                script.seen.append((self.command, self.path, dict(self.headers)))
                path = self.path.partition("?")[0]
                path = path[path.index("/v1/"):] if "/v1/" in path else path
                status, headers, body = script.answers.get(path, (404, {}, {"detail": "gone"}))
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | headers).items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def script():
    one = Script()
    yield one
    one.stop()


@pytest.fixture
def over(start_stdio):
    """over(url, *ARGS, env={...}): the program over that service."""
    return lambda url, *args, env=None, **more: Tools(start_stdio(
        "--backend", "aio", "--backend-url", url, *args, env=os.environ | (env or {}), **more))


@pytest.fixture
def closed(tmp_path):
    with start_fake(tmp_path, api_key=KEY) as fake:
        yield fake
        assert fake.violations() == []


def key_file(tmp_path, key):
    path = tmp_path / "key"
    path.write_text(key + "\n")
    return path


def headers(script):
    return {k.lower(): v for k, v in script.seen[-1][2].items()}


# ---- keys


def test_the_key_of_the_environment(over, closed):
    assert over(closed.url, env={"SANDBOX_MCP_BACKEND_KEY": KEY}).run("true").startswith("exit 0")


def test_the_key_of_a_file(over, closed, tmp_path):
    assert over(closed.url, "--backend-key-file", key_file(tmp_path, KEY)).run("true")


@pytest.mark.parametrize("key, wanted", [
    (KEY, {"authorization": f"Bearer {KEY}", "x-aio-api-key": KEY}),
    (JWT, {"authorization": f"Bearer {JWT}"}),
])
def test_how_a_key_is_sent(over, script, key, wanted):
    over(script.url, env={"SANDBOX_MCP_BACKEND_KEY": key}).ok("sandbox_info")
    got = headers(script)
    assert {k: v for k, v in got.items() if k in ("authorization", "x-aio-api-key")} == wanted


def test_the_operators_own_headers(over, script):
    over(script.url, "--backend-header", "Authorization: Basic eA==", "--backend-header",
         "X-Team: red, blue", env={"SANDBOX_MCP_BACKEND_KEY": KEY}).ok("sandbox_info")
    got = headers(script)
    assert got["authorization"] == "Basic eA==" and got["x-team"] == "red, blue"
    assert got["x-aio-api-key"] == KEY


def test_without_a_key_none_is_sent(over, script):
    over(script.url).ok("sandbox_info")
    assert not {"authorization", "x-aio-api-key"} & set(headers(script))


def test_a_key_that_is_refused(over, closed):
    aio = over(closed.url, env={"SANDBOX_MCP_BACKEND_KEY": "wrong-key"})
    code, text = aio.refused("terminal_execute", command="true")
    assert code == "unauthorized" and "--backend-key-file" in text
    assert len(closed.requests()) == 1
    assert "wrong-key" not in text


def test_a_file_is_read_again_when_its_key_is_refused(over, closed, tmp_path):
    path = key_file(tmp_path, "old-key")
    aio = over(closed.url, "--backend-key-file", path)
    assert aio.refused("terminal_execute", command="true")[0] == "unauthorized"
    assert len(closed.requests()) == 1, "tried again with the same key"
    key_file(tmp_path, KEY)
    assert aio.run("true").startswith("exit 0")
    path.unlink()
    assert aio.run("true").startswith("exit 0")


def test_a_rotated_key_lets_nothing_run_twice(over, tmp_path):
    """The key changes while commands come and go: each runs once."""
    path = key_file(tmp_path, KEY)
    with start_fake(tmp_path, api_key=KEY) as fake:
        aio = over(fake.url, "--backend-key-file", path)
        aio.run("true")
        key_file(tmp_path, KEY + " ")
        fake.fault("401", "/v1/bash/exec")
        path.write_text(JWT)
        code, _ = aio.refused("terminal_execute", command="echo x >>~/f")
        assert code == "unauthorized" and not os.path.exists(fake.path("f"))
        path.write_text(KEY)
        assert aio.run("echo x >>~/f").startswith("exit 0")
        with open(fake.path("f")) as f:
            assert f.read() == "x\n"


def test_the_key_is_nowhere_to_be_seen(over, closed, tmp_path):
    aio = over(closed.url + "?api_key=query-secret", "--backend-key-file", key_file(tmp_path, KEY),
               "--backend-header", "X-Secret: header-secret", "--log-level", "debug")
    said = [aio.run("env; cat /proc/self/environ"), aio.ok("sandbox_info"),
            aio.refused("file_read", path="none")[1]]
    closed.fault("500", "/v1/sandbox", count=9)
    said.append(aio.refused("sandbox_info")[1])
    with open(f"/proc/{aio.stdio.pid}/cmdline") as f:
        assert KEY not in f.read()
    aio.stdio.close()
    said.append(aio.stdio.stderr)
    assert "http method=POST" in said[-1]
    for secret in (KEY, "query-secret", "header-secret"):
        assert not any(secret in text for text in said)


@pytest.mark.parametrize("content", ["", "\n", "two\nlines", "nül"])
def test_files_that_hold_no_key(binary, tmp_path, content):
    path = tmp_path / "key"
    path.write_text(content)
    stdio = Stdio(binary, "--backend", "aio", "--backend-url", "http://127.0.0.1:1",
                  "--backend-key-file", path)
    assert stdio.process.wait(10) != 0
    assert eventually(lambda: "key" in stdio.stderr)


# ---- addresses


@pytest.mark.parametrize("url", ["", "ftp://x", "127.0.0.1:8080", "http://", "http://a b"])
def test_urls_that_are_none(binary, url):
    stdio = Stdio(binary, "--backend", "aio", "--backend-url", url)
    assert stdio.process.wait(10) != 0
    assert eventually(lambda: "--backend-url" in stdio.stderr)


def test_headers_that_are_none(binary):
    stdio = Stdio(binary, "--backend", "aio", "--backend-url", "http://x", "--backend-header", "x")
    assert stdio.process.wait(10) != 0


def test_a_prefix_and_a_query_stay(over, script):
    over(script.url + "/team/sandbox/?tenant=a%20b&x").ok("sandbox_info")
    assert script.seen[-1][1] == "/team/sandbox/v1/sandbox?tenant=a%20b&x"


def test_nobody_there(over):
    aio = over("http://127.0.0.1:1")
    assert "Sandbox" in str(aio.stdio.request("tools/list"))
    start = time.monotonic()
    code, text = aio.refused("terminal_execute", command="true")
    assert code == "unavailable" and "cannot reach" in text and "127.0.0.1:1" in text
    assert time.monotonic() - start < 5


def test_no_such_host(over):
    code, text = over("http://host.invalid").refused("terminal_execute", command="true")
    assert code == "unavailable" and "host.invalid" in text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(over, script, status):
    other = Script()
    try:
        script.answers["/v1/sandbox"] = (status, {"Location": other.url + "/v1/sandbox"}, b"")
        code, text = over(script.url, env={"SANDBOX_MCP_BACKEND_KEY": KEY}).refused("sandbox_info")
        assert code == "unavailable" and other.url in text and "--backend-url" in text
        assert other.seen == []
    finally:
        other.stop()


def test_a_proxy_of_the_environment(over, script):
    over("http://sandbox.invalid:8080", env={"http_proxy": script.url}).ok("sandbox_info")
    assert script.seen[-1][1] == "http://sandbox.invalid:8080/v1/sandbox"


def test_certificates_are_checked(over, script, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                    tmp_path / "k", "-out", tmp_path / "c", "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    script.server.socket = context.wrap_socket(script.server.socket, server_side=True)
    url = script.url.replace("http", "https")
    code, text = over(url).refused("sandbox_info")
    assert code == "unavailable" and "cannot reach" in text and "certificate" in text
    assert script.seen == []
    for name, other in (("SSL_CERT_FILE", "CURL_CA_BUNDLE"), ("CURL_CA_BUNDLE", "SSL_CERT_FILE")):
        over(url, env={name: str(tmp_path / "c"), other: ""}).ok("sandbox_info")


# ---- what answers there


@pytest.mark.parametrize("body, code", [
    (b"", "unavailable"), (b"<html>hello</html>", "unavailable"), (b"[]", "unavailable"),
    (b"nul\0", "unavailable"), (b'{"success": tru', "unavailable"), (b"\xff\xfe", "unavailable"),
    (b'"text"', "unavailable"), (b"{}", "internal"), (b"[" * 100_000, "unavailable"),
    (b'{"success": true, "home_dir": 5}', "internal"),
    (b'{"success": true, "home_dir": "relative"}', "internal"),
    (b'{"success": false}', "unavailable"),
    (b'{"success": false, "message": {"a": 1}, "data": [1]}', "unavailable"),
])
def test_answers_that_are_none(over, script, body, code):
    script.answers["/v1/sandbox"] = (200, {}, body)
    got, text = over(script.url).refused("sandbox_info")
    assert got == code, text
    assert len(text) < 400


def test_an_answer_without_an_end(over, script):
    script.answers["/v1/sandbox"] = (200, {"Content-Length": "99999"}, b'{"success": true')
    aio = over(script.url)
    id = aio.stdio.start("tools/call", {"name": "sandbox_info", "arguments": {}})
    assert eventually(lambda: script.seen)
    start = time.monotonic()
    aio.stdio.notify("notifications/cancelled", {"requestId": id})
    assert aio.stdio.close() == 0 and time.monotonic() - start < 6


def test_older_images(over, script):
    script.answers["/v1/sandbox"] = (200, {}, {
        "success": True, "data": {"home_dir": "/home/user", "version": "1.0.0.107"}})
    assert "workspace /home/user · home /home/user" in over(script.url).ok("sandbox_info")


def exec_answer(**data):
    return {"success": True, "data": {"session_id": "s", "command_id": "c", "command": "x",
                                      "status": "completed", "exit_code": 0, "stdout": "",
                                      "stderr": "", **data}}


@pytest.mark.parametrize("data, begins, out", [
    ({"stdout": "x\n"}, "exit 0", "x\n"),
    ({"stdout": None, "stderr": None}, "exit 0", ""),
    ({"stdout": 'a\\"\u00e4\U0001f600\t"stdout": \n'}, "exit 0", 'a\\"\u00e4\U0001f600\t"stdout": \n'),
    ({"status": "finished", "stdout": "old\n"}, "exit 0", "old\n"),
    ({"exit_code": -9}, "exit 137 (signal 9", ""),
    ({"exit_code": -1, "status": "timed_out"}, "timed out and killed", ""),
    ({"exit_code": None, "status": "killed"}, "killed", ""),
    ({"stdout": ["no", "text"]}, "exit 0", ""),
    ({"stdout": {"stdout": "inner\n"}}, "exit 0", "inner\n"),
    ({"command": "\\\"stdout\": \"x", "stdout": "y\n"}, "exit 0", "y\n"),
])
def test_forms_of_an_answer(over, script, data, begins, out):
    script.answers["/v1/bash/exec"] = (200, {}, exec_answer(**data))
    text = over(script.url).run("x")
    assert text.startswith(begins), text
    assert section(text, "stdout") == out


def test_halves_of_characters(over, script):
    body = json.dumps(exec_answer()).replace('"stdout": ""', r'"stdout": "a\ud83d\ude00\ud83db\udc00c\ud83d"')
    script.answers["/v1/bash/exec"] = (200, {}, body.encode())
    assert section(over(script.url).run("x"), "stdout") == "a\U0001f600\ufffdb\ufffdc\ufffd\n"
    body = json.dumps(CONTEXT | {"version": "v"}).replace('"v"', r'"v\udc80"')
    script.answers["/v1/sandbox"] = (200, {}, body.encode())
    assert "service.version = v\ufffd" in over(script.url).ok("sandbox_info")


@pytest.mark.parametrize("stdout", [r'"a\x"', r'"a\u12"', r'"a\u12g4"'])
def test_strings_that_are_none(over, script, stdout):
    body = json.dumps(exec_answer()).replace('"stdout": ""', f'"stdout": {stdout}')
    script.answers["/v1/bash/exec"] = (200, {}, body.encode())
    assert over(script.url).refused("terminal_execute", command="x")[0] == "unavailable"


def test_an_answer_of_a_hundred_megabytes(over, script):
    body = json.dumps(exec_answer()).replace('"stdout": ""', '"stdout": "' + "x\\n" * 50_000_000 + '"')
    script.answers["/v1/bash/exec"] = (200, {}, body.encode())
    aio = over(script.url)
    text = aio.run("x", max_bytes=100)
    assert "stdout 100.0 MB" in text
    with open(f"/proc/{aio.stdio.pid}/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    assert peak < 60_000 or "asan" in aio.stdio.process.args[0]


@pytest.mark.parametrize("body", [
    {"success": True, "data": {"matches": [{"file": 1}, 5, {}, {"file": "/x", "line_number": "a"}]}},
    {"success": True, "data": {"matches": "none"}}, {"success": True, "data": None},
    {"success": True, "data": {"files": [{}, {"path": 3}, None]}},
])
def test_findings_that_are_none(over, script, body):
    script.answers |= {"/v1/file/grep": (200, {}, body), "/v1/file/glob": (200, {}, body)}
    aio = over(script.url)
    aio.ok("file_search", pattern="x")
    aio.ok("file_search", pattern="x", mode="name")


@pytest.mark.parametrize("outputs", [
    None, [], [1, None], [{"output_type": 5}], [{"output_type": "stream", "text": None}],
    [{"output_type": "error", "traceback": [1, None]}], [{"output_type": "error"}],
    [{"output_type": "execute_result", "data": {"image/png": "not base64!", "a/b": [1, {}]}}],
    [{"output_type": "display_data", "data": ["x"]}],
])
def test_outputs_that_are_none(over, script, outputs):
    script.answers["/v1/jupyter/execute"] = (200, {}, {"success": True, "data": {
        "status": "ok", "outputs": outputs, "session_id": 5}})
    assert over(script.url).ok("code_execute", code="1").startswith("ok")


@pytest.mark.parametrize("stdout", ["", "\n", "1 2 3\n", "12 644 1.0 1 1 -\n!!!\n", "x" * 5000])
def test_a_shell_that_answers_nonsense(over, script, stdout):
    script.answers["/v1/bash/exec"] = (200, {}, exec_answer(stdout=stdout))
    aio = over(script.url)
    for tool, more in (("file_read", {"path": "f"}), ("file_list", {}),
                       ("file_write", {"path": "f", "content": "x"})):
        assert aio.refused(tool, **more)[0] == "internal", (tool, stdout)
