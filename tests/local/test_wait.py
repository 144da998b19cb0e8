"""terminal_wait: what ends it, how soon, and what it says."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lib import protocol
from local.terminal import ToolError, kill, output, run, structured

SERVER = ("import http.server as h, sys, time\n"
          "class H(h.BaseHTTPRequestHandler):\n"
          "    n = 0\n"
          "    def do_GET(self):\n"
          "        H.n += 1\n"
          "        self.send_response(503 if H.n < int(sys.argv[2]) else int(sys.argv[3]))\n"
          "        self.send_header('Content-Length', '0')\n"
          "        self.end_headers()\n"
          "h.HTTPServer((sys.argv[4], int(sys.argv[1])), H).serve_forever()\n")


@pytest.fixture
def client(start_stdio):
    return start_stdio("--toolsets", "core,terminal")


def wait(client, **arguments):
    return structured(client, "terminal_wait", **arguments)


def background(client, command, **more):
    return run(client, command, yield_s=0, **more).process_id


def serve(client, port, bad=0, status=200, host="127.0.0.1"):
    client.call("file_write", path="serve.py", content=SERVER)
    return background(client, f"sleep 0.5; exec python3 serve.py {port} {bad} {status} {host}")


def test_the_end_of_a_process(client):
    id = background(client, "echo one; sleep 0.5; echo gone wrong >&2; exit 5")
    got = wait(client, process_id=id)
    assert (got["matched"], got["what"], got["status"], got["exit_code"]) == (True, "exit", "exited", 5)
    assert got["line"] == "gone wrong" and 100 < got["elapsed_ms"] < 5000
    again = wait(client, process_id=id)
    assert again["matched"] and again["elapsed_ms"] < 100
    id = background(client, "sleep 87")
    got = wait(client, process_id=id, timeout_s=0.3)
    assert got == {"matched": False, "what": "timeout", "status": "running",
                   "elapsed_ms": got["elapsed_ms"]} and 300 <= got["elapsed_ms"] < 3000
    kill(client, id)
    assert wait(client, process_id=id)["status"] == "killed"


def test_a_line_that_comes_and_one_that_was_there(client):
    began = run(client, "echo first; sleep 0.7; echo 'ready on 3000' >&2; sleep 60", yield_s=0)
    id = began.process_id
    got = wait(client, process_id=id, pattern=r"ready on (\d+)$")
    assert got["matched"] and got["line"] == "ready on 3000" and got["status"] == "running"
    assert wait(client, process_id=id, pattern="^first$")["elapsed_ms"] < 100
    assert began.stdout + output(client, id).stdout == "first\n"  # a reader's place has not moved
    text = protocol.text(client.call("terminal_wait", process_id=id, pattern="^first$"))
    assert "\nline: first\ncursor 6-0\n" in text
    kill(client, id)


def test_a_cursor_finds_the_next_one(client):
    id = background(client, "for i in 1 2 3; do echo built $i; sleep 0.3; done; sleep 60")
    cursor, lines = None, []
    for _ in range(3):
        got = wait(client, process_id=id, pattern="built", **({"cursor": cursor} if cursor else {}))
        lines.append(got["line"])
        cursor = got["cursor"]
    assert lines == ["built 1", "built 2", "built 3"]
    got = wait(client, process_id=id, pattern="built", cursor=cursor, timeout_s=0.2)
    assert not got["matched"] and got["cursor"] == cursor and got["line"] == "built 3"
    kill(client, id)


def test_it_answers_as_soon_as_the_line_is_there(client):
    id = background(client, "sleep 1; date +%s.%N; sleep 60")
    got = wait(client, process_id=id, pattern=r"^\d+\.\d+$")
    assert time.time() - float(got["line"]) < 0.3
    kill(client, id)


def test_the_end_is_told_at_once_with_the_reason(client):
    id = background(client, "echo starting; sleep 0.5; echo 'port is taken' >&2; exit 1")
    for what in ({"pattern": "ready"}, {"port": 4999}, {"url": "http://localhost:4999/"}):
        got = wait(client, process_id=id, timeout_s=50, **what)
        assert (got["matched"], got["what"], got["exit_code"]) == (False, "exit", 1)
        assert got["line"] == "port is taken" and got["elapsed_ms"] < 10000
    text = protocol.text(client.call("terminal_wait", process_id=id, pattern="ready"))
    assert text.startswith("no pattern: the process ended after ") and "exited 1" in text


def test_a_daemon_goes_on_writing_after_its_shell(client):
    got = run(client, "(sleep 1; echo late; sleep 60) & echo started")
    assert wait(client, process_id=got.process_id)["status"] == "exited"
    assert wait(client, process_id=got.process_id, pattern="late")["line"] == "late"
    kill(client, got.process_id)


@pytest.mark.parametrize("command, pattern, line", [
    (r"printf 'name? '; sleep 60", r"^name\?", "name?"),
    (r"printf 'Listening on http://lo'; sleep 0.02; printf 'calhost:51\n'; sleep 60",
     r"http://\S+", "Listening on http://localhost:51"),
    (r"printf '\033[1;32mready\033[0m in \033[1m300\033[0m ms\n'; sleep 60", "^ready in 300 ms$",
     "ready in 300 ms"),
    (r"printf '10%%\r50%%\r100%% done\n'; sleep 60", "^100% done$", "100% done"),
    (r"printf 'a\377b\n'; sleep 60", "^a.b$", "a\N{REPLACEMENT CHARACTER}b"),
    ("seq 300000; sleep 60", "^299999$", "299999"),
])
def test_lines_are_matched_as_they_are_read(client, command, pattern, line):
    id = background(client, command)
    got = wait(client, process_id=id, pattern=pattern)
    assert got["matched"] and got["line"] == line
    kill(client, id)


def test_half_a_line_has_no_end(client):
    id = background(client, "printf Done; sleep 0.6; printf ' with errors\\n'; sleep 60")
    assert not wait(client, process_id=id, pattern="^Done$", timeout_s=1.5)["matched"]
    kill(client, id)
    id = background(client, "printf Done")
    assert wait(client, process_id=id, pattern="^Done$")["matched"]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1"])
def test_a_port(client, host):
    id = background(client, "sleep 0.5; python3 -c \"import socket as s; x = s.create_server(('"
                    f"{host}', 4001), family=s.AF_INET6 if ':' in '{host}' else s.AF_INET); "
                    "x.settimeout(3); x.accept()\"")
    got = wait(client, port=4001)
    assert (got["matched"], got["what"]) == (True, "port") and got["elapsed_ms"] > 100
    assert wait(client, port=4001, process_id=id)["status"] == "running"
    # nobody has connected to it: its one accept is still to come
    assert wait(client, process_id=id, timeout_s=0.3)["what"] == "timeout"
    got = wait(client, port=4002, timeout_s=0.2)
    assert not got["matched"] and got["what"] == "timeout"
    kill(client, id)


@pytest.mark.parametrize("host, url", [("127.0.0.1", "http://localhost:{}/a?b#c"),
                                       ("::1", "http://[::1]:{}"), ("0.0.0.0", "http://127.0.0.1:{}/")])
def test_a_url(client, host, url):
    client.call("file_write", path="serve6.py", content="import http.server as h, socket\n"
                "if ':' in '" + host + "': h.HTTPServer.address_family = socket.AF_INET6\n")
    client.call("file_write", path="serve.py", content=SERVER)
    id = background(client, f"sleep 0.4; cat serve6.py serve.py >s.py; exec python3 s.py 4003 3 204 {host}")
    got = wait(client, url=url.format(4003), process_id=id)
    assert (got["matched"], got["what"], got["http_status"]) == (True, "url", 204)
    kill(client, id)


def test_an_answer_that_is_not_good_enough(client):
    id = serve(client, 4004, bad=1000000)
    got = wait(client, url="http://localhost:4004/", timeout_s=1)
    assert not got["matched"] and got["http_status"] == 503
    kill(client, id)
    id = serve(client, 4004, status=404)
    assert wait(client, url="http://localhost:4004/")["http_status"] == 404
    kill(client, id)


@pytest.mark.parametrize("say, note", [("b'SSH-2.0-x\\r\\n'", "not answer in HTTP"), ("b'x' * 100000", "HTTP"),
                                       ("b'HTTP/1.1 20\\n'", "HTTP"), ("b''", "does not answer"),
                                       ("b'\\0\\xff' * 600 + b'\\n'", "HTTP")])
def test_what_does_not_speak_http(client, say, note):
    id = background(client, "python3 -c \"import socket\nx = socket.create_server(('', 4005))\n"
                    f"while 1:\n c, _ = x.accept(); c.recv(9); c.sendall({say}); c.close()\"")
    got = wait(client, url="http://localhost:4005/", timeout_s=0.7)
    assert not got["matched"] and note in got["note"] and "http_status" not in got
    kill(client, id)


def test_a_server_that_never_accepts_does_not_hold_it(client):
    id = background(client, "python3 -c \"import socket, time\nx = socket.socket(); "
                    "x.bind(('', 4006)); x.listen(0); time.sleep(60)\"")
    wait(client, port=4006)
    began = time.monotonic()
    assert not wait(client, url="http://localhost:4006/", timeout_s=1)["matched"]
    assert time.monotonic() - began < 5
    kill(client, id)
    assert run(client, "ps -e | wc -l").exit_code == 0


@pytest.mark.parametrize("arguments, code", [
    ({}, "invalid_argument"), ({"pattern": "x"}, "invalid_argument"),
    ({"port": 1, "url": "http://localhost"}, "invalid_argument"),
    ({"port": 0}, "invalid_argument"), ({"port": 65536}, "invalid_argument"),
    ({"process_id": "p_" + "a" * 26}, "not_found"), ({"url": "ftp://localhost/"}, "invalid_argument"),
    ({"url": "http://local host/"}, "invalid_argument"), ({"url": "http://u:p@localhost/"}, "invalid_argument"),
    ({"url": "http://localhost:99999/"}, "invalid_argument"), ({"url": "http://[::1/"}, "invalid_argument"),
    ({"url": "https://localhost/"}, "not_supported"), ({"url": "http://example.org/"}, "denied"),
    ({"url": "http://169.254.169.254/"}, "denied"), ({"url": "http://127.0.0.1.example.org/"}, "denied"),
    ({"url": "http://a\nHost: b/"}, "invalid_argument")])
def test_bad_arguments(client, arguments, code):
    with pytest.raises(ToolError) as e:
        wait(client, **arguments)
    assert e.value.code == code


def test_a_password_is_not_repeated(client):
    with pytest.raises(ToolError) as e:
        wait(client, url="http://me:s3cret@localhost:4000/")
    assert e.value.code == "invalid_argument" and "s3cret" not in e.value.text


def test_a_bad_pattern_is_explained(client):
    id = background(client, "sleep 88")
    for tool, argument in (("terminal_wait", "pattern"), ("terminal_output", "grep")):
        text = protocol.text(client.call(tool, process_id=id, **{argument: "a(b"}))
        assert text.startswith("invalid_argument: ") and "PCRE2" in text and "at character" in text
    kill(client, id)


def test_other_hosts_go_through_the_policy(start_stdio):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers["Host"]))
            self.send_response(418)
            self.end_headers()

        def log_message(self, *args):
            pass

    seen = []
    server = ThreadingHTTPServer(("127.0.0.2", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port
    try:
        client = start_stdio("--toolsets", "core,terminal", "--network", f"allow=127.0.0.2:{port}")
        run(client, "true")
        # 127.0.0.2 is the sandbox's own loopback: nothing listens there
        got = wait(client, url=f"http://127.0.0.2:{port}/", timeout_s=0.5)
        assert not got["matched"] and not seen
        with pytest.raises(ToolError) as e:
            wait(client, url="http://example.org/")
        assert e.value.code == "denied" and "example.org:80 refused by egress policy" in e.value.text
    finally:
        server.shutdown()
        server.server_close()


def test_a_cancel_ends_the_wait_alone(client):
    id = background(client, "sleep 89")
    call = client.start("tools/call", {"name": "terminal_wait", "arguments": {
        "process_id": id, "port": 4007, "timeout_s": 50}})
    time.sleep(0.3)
    client.notify("notifications/cancelled", {"requestId": call})
    time.sleep(0.3)
    got = run(client, "pgrep -c sleep; ps -eo args")
    assert got.stdout.startswith("1\n")
    assert wait(client, process_id=id, timeout_s=0)["status"] == "running"
    kill(client, id)


def test_many_at_once(client):
    id = background(client, "sleep 1; python3 -m http.server 4008")
    calls = [client.start("tools/call", {"name": "terminal_wait", "arguments": what}) for what in
             [{"port": 4008}, {"url": "http://localhost:4008/"}, {"process_id": id, "port": 4008}] * 10]
    for call in calls:
        assert client.response(call)["result"]["structuredContent"]["matched"]
    kill(client, id)
