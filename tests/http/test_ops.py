"""What an operator sees: health, metrics, logs, and the end of a server."""

import hashlib
import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib import protocol


def get(server, path, method="GET", **headers):
    return server.send(None, headers, method=method, path=path)


def metrics(server, **headers):
    answer = get(server, "/metrics", Authorization=f"Bearer {server.token}", **headers)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def value(text, series):
    """The value of one series, written as in the text; None when it is not there."""
    for line in text.splitlines():
        if line.startswith(series + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def lines(path, n=0):
    """What is in the log, as soon as it has n lines."""
    until(lambda: not n or (path.exists() and path.read_text().count("\n") >= n))
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def in_flight(server, n):
    return lambda: value(metrics(server), "sandbox_mcp_calls_in_flight") == n


# ---- health


@pytest.mark.parametrize("path, body", [("/healthz", b"ok\n"), ("/readyz", b"ready\n")])
def test_health_is_open(fake, path, body):
    answer = get(fake, path)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["cache-control"] == "no-store"
    assert get(fake, path, method="HEAD").status == 200
    refused = get(fake, path, method="POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_not_ready_when_no_sandbox_can_start(start_server, tmp_path):
    server = start_server(env={"PATH": "/nowhere", "SANDBOX_MCP_AGENT": str(tmp_path / "none"),
                               "SANDBOX_MCP_STATE_DIR": str(tmp_path)})
    answer = get(server, "/readyz")
    assert (answer.status, answer.body) == (503, b"the backend cannot work\n")
    assert get(server, "/healthz").status == 200
    assert value(metrics(server), "sandbox_mcp_ready") == 0


# ---- metrics


def test_metrics_need_the_token(fake):
    assert get(fake, "/metrics").status == 401
    assert get(fake, "/metrics", Authorization="Bearer wrong-wrong-wrong-wrong").status == 401
    assert metrics(fake)


def test_metrics_are_guarded_against_web_pages(fake):
    authorization = f"Bearer {fake.token}"
    assert get(fake, "/metrics", Authorization=authorization, Host="evil.example").status == 403
    assert get(fake, "/metrics", Authorization=authorization,
               Origin="https://evil.example").status == 403


def test_open_metrics_need_no_token(start_fake):
    server = start_fake("--metrics-open")
    answer = get(server, "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert get(server, "/metrics", Host="evil.example").status == 403


def test_calls_are_counted_by_tool_and_outcome(fake):
    fake.call("terminal_execute", command="echo hi")
    fake.call("terminal_execute", command="echo hi")
    fake.call("file_read", path="nowhere")
    text = metrics(fake)
    assert value(text, 'sandbox_mcp_tool_calls_total{tool="terminal_execute",outcome="ok"}') == 2
    assert value(text, 'sandbox_mcp_tool_calls_total{tool="file_read",outcome="not_found"}') == 1
    assert value(text, 'sandbox_mcp_tool_duration_seconds_count{tool="terminal_execute"}') == 2
    assert value(text, 'sandbox_mcp_http_requests_total{method="POST",code="200"}') == 3
    assert value(text, "sandbox_mcp_http_received_bytes_total") > 100


def test_nothing_a_client_says_becomes_a_label(fake):
    fake.request("tools/call", {"name": "evil_tool", "arguments": {}})
    get(fake, "/evil_path")
    fake.send(None, {}, method="EVIL")
    text = metrics(fake)
    assert value(text, 'sandbox_mcp_rejected_total{reason="unknown_tool"}') == 1
    assert value(text, 'sandbox_mcp_rejected_total{reason="path"}') == 1
    assert value(text, 'sandbox_mcp_http_requests_total{method="other",code="405"}') == 1
    assert "evil" not in text.lower()


def test_the_text_is_well_formed(fake):
    fake.call("terminal_execute", command="echo hi")
    seen, typed, buckets = {}, {}, {}
    for line in metrics(fake).splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed
            typed[name] = kind
        elif not line.startswith("#"):
            series, number = line.rsplit(" ", 1)
            float(number)
            assert series not in seen
            seen[series] = float(number)
            name = re.match(r"[a-z_]+", series).group(0)
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in typed or typed[base] == "histogram", line
            if name.endswith("_bucket"):
                key = re.sub(r',?le="[^"]*"', "", series)
                assert float(number) >= buckets.get(key, 0), line
                buckets[key] = float(number)
    assert buckets
    for key, last in buckets.items():
        assert seen[key.replace("_bucket", "_count").replace("{}", "")] == last


def test_what_is_open_is_seen(fake, connect, execute, legacy):
    waits = connect()
    waits.post(execute("sleep 5"))
    streams = connect()
    streams.send(streams.head(method="GET", Mcp_Session_Id=legacy.id, Accept="text/event-stream"))
    assert streams.read_head()[0] == 200
    until(in_flight(fake, 1))
    text = metrics(fake)
    assert value(text, "sandbox_mcp_streams") == 1
    assert value(text, "sandbox_mcp_sessions") == 1
    until(lambda: value(metrics(fake), "sandbox_mcp_connections") == 3)
    waits.close()
    streams.close()
    until(lambda: value(metrics(fake), "sandbox_mcp_streams") == 0)
    until(in_flight(fake, 0))


def test_sandboxes_are_counted(server):
    assert value(metrics(server), "sandbox_mcp_sandboxes") == 0
    server.call("terminal_execute", command="true")
    assert value(metrics(server), "sandbox_mcp_sandboxes") == 1


# ---- logs


def test_every_request_has_a_line(start_fake, tmp_path):
    log = tmp_path / "access"
    server = start_fake("--access-log", log)
    server.call("terminal_execute", command="echo hi")
    get(server, "/nowhere%7f%1b[31m%c2%9b")
    server.send("{}", {}, path="/mcp")
    call, nowhere, refused = lines(log, 3)
    assert (call["method"], call["path"], call["status"]) == ("POST", "/mcp", 200)
    assert (call["rpc"], call["name"], call["address"]) == (
        "tools/call", "terminal_execute", "127.0.0.1")
    assert call["principal"] and call["received"] > 100 and call["sent"] > 50 and call["us"] > 0
    assert (nowhere["status"], nowhere["refused"]) == (404, "path")
    assert (refused["status"], refused["refused"]) == (401, "no_token")
    assert "principal" not in refused
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", log.read_bytes())


def test_every_call_is_audited_and_no_argument_is(start_fake, tmp_path):
    log = tmp_path / "audit"
    server = start_fake("--audit-log", log)
    server.call("terminal_execute", command="echo very-secret")
    server.call("file_read", path="very-secret")
    ok, failed = lines(log, 2)
    arguments = b'{"command":"echo very-secret"}'
    assert ok["arguments_sha256"] == hashlib.sha256(arguments).hexdigest()
    assert (ok["tool"], ok["outcome"], ok["sandbox"]) == ("terminal_execute", "ok", "sb_fake")
    assert (failed["tool"], failed["outcome"]) == ("file_read", "not_found")
    assert ok["principal"] == failed["principal"] and ok["address"] == "127.0.0.1"
    assert ok["ms"] > 0 and len(ok["trace"]) == 32 and ok["trace"] != failed["trace"]
    assert "very-secret" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_cancelled_call_is_audited(start_fake, connect_to, execute, tmp_path):
    log = tmp_path / "audit"
    server = start_fake("--audit-log", log)
    raw = connect_to(server)
    raw.post(execute("sleep 30"))
    until(in_flight(server, 1))
    raw.close()
    line, = lines(log, 1)
    assert line["outcome"] == "cancelled"


def test_calls_on_stdio_are_audited(start_stdio, tmp_path):
    log = tmp_path / "audit"
    stdio = start_stdio("--backend", "fake", "--audit-log", log)
    stdio.call("terminal_execute", command="echo hi")
    stdio.close()
    line, = lines(log)
    assert (line["principal"], line["tool"], line["outcome"]) == ("local", "terminal_execute", "ok")
    assert "address" not in line


def test_logs_are_opened_again_after_a_hangup(start_fake, tmp_path):
    access, audit = tmp_path / "access", tmp_path / "audit"
    server = start_fake("--access-log", access, "--audit-log", audit)
    server.call("terminal_execute", command="echo one")
    until(lambda: lines(access) and lines(audit))
    access.rename(tmp_path / "access.1")
    audit.rename(tmp_path / "audit.1")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: access.exists() and audit.exists())
    server.call("terminal_execute", command="echo two")
    until(lambda: lines(access) and lines(audit))
    for path in (access, audit):
        assert len(lines(path)) == 1
        assert len(lines(tmp_path / f"{path.name}.1")) == 1


def test_one_file_for_both_logs(start_fake, tmp_path):
    log = tmp_path / "both"
    server = start_fake("--access-log", log, "--audit-log", log)
    server.call("terminal_execute", command="echo hi")
    found = lines(log, 2)
    assert {"tool" in line for line in found} == {True, False}


def test_a_log_that_cannot_be_opened_is_said(binary, state_dir, tmp_path):
    done = subprocess.run([binary, "--http", "0", "--access-log", tmp_path / "no" / "log"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    status, said = done.returncode, done.stderr
    assert status == 1 and "--access-log" in said


# ---- the end


def in_background(fn):
    result = []
    thread = threading.Thread(target=lambda: result.append(fn()))
    thread.start()
    return thread, result


def test_a_call_in_flight_gets_its_time(start_fake, execute):
    server = start_fake()
    thread, answers = in_background(lambda: server.post(execute("sleep 2")))
    until(in_flight(server, 1))
    server.process.send_signal(signal.SIGTERM)
    until(lambda: get(server, "/readyz").status == 503)
    assert get(server, "/readyz").body == b"stopping\n"
    assert get(server, "/healthz").status == 200
    late = server.post(execute("echo late"))
    assert (late.status, late.headers["retry-after"]) == (503, "5")
    assert late.headers["connection"].lower() == "close"
    assert server.process.wait(10) == 0
    thread.join(10)
    assert answers[0].status == 200
    assert "error" not in answers[0].json and not answers[0].json["result"].get("isError")


def test_a_call_that_lasts_longer_is_ended(start_fake, execute):
    server = start_fake("--drain-seconds", "1")
    thread, answers = in_background(lambda: server.post(execute("sleep 30")))
    until(in_flight(server, 1))
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert 0.9 < time.monotonic() - start < 6
    thread.join(10)
    assert answers[0].status == 200 and "result" in answers[0].json


def test_a_second_signal_is_a_hurry(start_fake, execute):
    server = start_fake("--drain-seconds", "60")
    thread, answers = in_background(lambda: server.post(execute("sleep 30")))
    until(in_flight(server, 1))
    server.process.send_signal(signal.SIGTERM)
    until(lambda: get(server, "/readyz").status == 503)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(10) == 0
    thread.join(10)
    assert answers[0].status == 200 and "result" in answers[0].json


def test_streams_end_at_once_and_well(start_fake, start_session, connect_to):
    server = start_fake("--drain-seconds", "60")
    session = start_session(server)
    stream = connect_to(server)
    stream.send(stream.head(method="GET", Mcp_Session_Id=session.id, Accept="text/event-stream"))
    assert stream.read_head()[0] == 200
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    while stream.chunk():
        pass
    assert server.process.wait(10) == 0
    assert time.monotonic() - start < 8


def test_a_listen_ends_with_its_result_while_a_call_goes_on(start_fake, connect_to, execute):
    server = start_fake()
    thread, answers = in_background(lambda: server.post(execute("sleep 3")))
    listen = connect_to(server)
    listen.post(protocol.request("l", "subscriptions/listen", {
        "notifications": {"toolsListChanged": True, "resourcesListChanged": True}}))
    assert listen.read_head()[0] == 200
    until(in_flight(server, 1))
    server.process.send_signal(signal.SIGTERM)
    said = b""
    while data := listen.chunk():
        said += data
    last = json.loads([line for line in said.split(b"\n") if line.startswith(b"data:")][-1][5:])
    assert last["id"] == "l" and "result" in last
    assert get(server, "/readyz").status == 503
    assert server.process.wait(10) == 0
    thread.join(10)
    assert answers[0].status == 200


def test_after_the_end_nobody_listens(start_fake):
    server = start_fake()
    assert server.close() == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), 1)
