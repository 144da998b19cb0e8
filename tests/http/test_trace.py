"""Trace context: taken from a request, told to logs and to a collector."""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OTHER = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-{SPAN}-01"


class Collector(ThreadingHTTPServer):
    """Takes OTLP/HTTP JSON on loopback, and fails what is not of its shape."""

    def __init__(self, status=200, seconds=0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.seconds = status, seconds
        self.requests, self.spans, self.faults = [], [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, n, seconds=15):
        until = time.monotonic() + seconds
        while len(self.spans) < n:
            assert time.monotonic() < until, (self.requests, self.faults)
            time.sleep(0.02)
        assert not self.faults
        return self.spans


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.seconds)
        self.server.requests.append((self.path, dict(self.headers)))
        try:
            spans = check(json.loads(body))
            if self.server.status == 200:
                self.server.spans += spans
        except Exception as fault:
            self.server.faults.append(f"{fault!r} in {body!r}")
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def attributes(items):
    found = {}
    for item in items:
        assert set(item) == {"key", "value"} and set(item["value"]) == {"stringValue"}
        assert item["key"] not in found
        found[item["key"]] = item["value"]["stringValue"]
    return found


def check(message):
    """The spans of an ExportTraceServiceRequest, in opentelemetry-proto's JSON mapping."""
    spans = []
    assert set(message) == {"resourceSpans"}
    for resource in message["resourceSpans"]:
        about = attributes(resource["resource"]["attributes"])
        assert about["service.version"] and about["service.instance.id"]
        for scope in resource["scopeSpans"]:
            assert scope["scope"]["name"] == "sandbox-mcp"
            for span in scope["spans"]:
                assert set(span) <= {
                    "traceId", "spanId", "parentSpanId", "traceState", "flags", "name", "kind",
                    "startTimeUnixNano", "endTimeUnixNano", "attributes", "status"}
                assert re.fullmatch("[0-9a-f]{32}", span["traceId"])
                assert re.fullmatch("[0-9a-f]{16}", span["spanId"])
                assert re.fullmatch("[0-9a-f]{16}", span.get("parentSpanId", SPAN))
                assert isinstance(span["startTimeUnixNano"], str)
                begin, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
                assert begin <= end and abs(end / 1e9 - time.time()) < 60
                assert span["kind"] == 2
                spans.append(span | {"attributes": attributes(span["attributes"]),
                                     "service": about["service.name"]})
    return spans


@pytest.fixture
def collect():
    made = []

    def one(**more):
        made.append(Collector(**more))
        return made[-1]

    yield one
    for collector in made:
        collector.shutdown()
        collector.server_close()


@pytest.fixture
def start_traced(start_fake, monkeypatch):
    def start(collector, *args):
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        return start_fake("--otlp-endpoint", collector.url, *args)
    return start


def test_a_span_for_each_call(collect, start_traced, execute):
    collector = collect()
    server = start_traced(collector)
    server.post(execute("echo hi", traceparent=PARENT, tracestate="rojo=1"))
    server.call("file_read", path="nowhere")
    child, root = collector.take(2)
    assert collector.requests[0][0] == "/v1/traces"
    assert collector.requests[0][1]["Content-Type"] == "application/json"
    assert (child["traceId"], child["parentSpanId"], child["traceState"]) == (TRACE, SPAN, "rojo=1")
    assert child["name"] == "tools/call terminal_execute" and child["service"] == "sandbox-mcp"
    assert child["status"] == {}
    assert child["attributes"]["gen_ai.tool.name"] == "terminal_execute"
    assert child["attributes"]["client.address"] == "127.0.0.1"
    assert child["attributes"]["sandbox.id"] == "sb_fake"
    assert "parentSpanId" not in root and root["traceId"] != TRACE
    assert root["status"] == {"code": 2, "message": "not_found"}
    assert root["attributes"]["error.type"] == "not_found"
    assert "nowhere" not in json.dumps(collector.spans)


def test_meta_wins_over_headers(collect, start_traced, execute):
    collector = collect()
    server = start_traced(collector)
    header = f"00-{OTHER}-{SPAN}-01"
    server.post(execute("echo 1", traceparent=PARENT), traceparent=header)
    server.post(execute("echo 2"), traceparent=header)
    server.post(execute("echo 3", traceparent="00-nonsense"), traceparent=header)
    assert [span["traceId"] for span in collector.take(3)] == [TRACE, OTHER, OTHER]


def test_legacy_calls_too(collect, start_traced, start_session, execute):
    collector = collect()
    session = start_session(start_traced(collector))
    session.post(execute("echo hi", modern=False, traceparent=PARENT))
    session.post(execute("echo hi", modern=False), traceparent=PARENT)
    assert [span["traceId"] for span in collector.take(2)] == [TRACE, TRACE]


@pytest.mark.parametrize("parent", [
    "00-" + "0" * 32 + f"-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-01-more", "", "x" * 5000])
def test_malformed_context_begins_a_trace(collect, start_traced, execute, parent):
    collector = collect()
    server = start_traced(collector)
    assert server.post(execute("echo hi", traceparent=parent, tracestate="a=b")).status == 200
    span, = collector.take(1)
    assert "parentSpanId" not in span and "traceState" not in span
    assert span["traceId"] not in (TRACE, "0" * 32)


def test_what_the_caller_does_not_record_is_not_sent(collect, start_traced, execute):
    collector = collect()
    server = start_traced(collector)
    server.post(execute("echo 1", traceparent=f"00-{TRACE}-{SPAN}-00"))
    server.post(execute("echo 2", traceparent=f"00-{OTHER}-{SPAN}-01"))
    assert [span["traceId"] for span in collector.take(1)] == [OTHER]


def test_log_lines_name_the_trace(start_fake, execute, tmp_path):
    server = start_fake("--log-level", "info", "--access-log", tmp_path / "access", "--audit-log",
                        tmp_path / "audit")
    server.post(execute("echo hi"), traceparent=PARENT)
    server.close()
    assert f"outcome=ok trace={TRACE}" in server.stderr
    for name in ("access", "audit"):
        assert json.loads((tmp_path / name).read_text())["trace"] == TRACE


def test_the_environment_configures_it_too(collect, start_fake, monkeypatch):
    collector = collect()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url + "/otlp/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret,x-team=a b")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "my-sandboxes")
    server = start_fake()
    server.call("terminal_execute", command="echo hi")
    assert server.close() == 0
    span, = collector.take(1)
    path, headers = collector.requests[0]
    assert path == "/otlp/v1/traces"
    assert (headers["x-key"], headers["x-team"]) == ("secret", "a b")
    assert span["service"] == "my-sandboxes"


def test_what_waits_is_sent_at_the_end(collect, start_fake):
    collector = collect()
    server = start_fake("--otlp-endpoint", collector.url)
    for i in range(20):
        server.call("terminal_execute", command=f"echo {i}")
    assert server.close() == 0
    assert len(collector.take(20)) == 20
    assert len(collector.requests) == 1


def dropped(server):
    text = server.send(None, {"Authorization": f"Bearer {server.token}"}, method="GET",
                       path="/metrics").body.decode()
    return int(re.search(r"^sandbox_mcp_spans_dropped_total (\d+)$", text, re.M).group(1))


def test_a_collector_that_refuses_costs_spans_alone(collect, start_traced):
    collector = collect(status=400)
    server = start_traced(collector)
    for i in range(5):
        assert "isError" not in server.call("terminal_execute", command=f"echo {i}")
    until = time.monotonic() + 15
    while dropped(server) < 5:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert server.stderr.count("traces:") == 1


def test_a_collector_that_hangs_holds_up_nothing(collect, start_traced):
    collector = collect(seconds=60)
    server = start_traced(collector)
    began = time.monotonic()
    for i in range(20):
        server.call("terminal_execute", command=f"echo {i}")
    assert time.monotonic() - began < 5
    assert server.close() == 0
    assert time.monotonic() - began < 15


def test_no_collector_at_all(start_fake):
    server = start_fake("--otlp-endpoint", "http://127.0.0.1:9")
    assert "isError" not in server.call("terminal_execute", command="echo hi")
    assert server.close() == 0
