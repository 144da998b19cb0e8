"""cdp_url of browser_info: DevTools of a sandbox's browser, for other programs."""

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser.harness import chromium

from lib import issuer as issuers
from lib.debugged import Reader
from lib.paths import BINARY, NODE, NPM, node_env
from lib.server import Server
from lib.site import Site

pytestmark = pytest.mark.skipif(not chromium(), reason="no Chromium here")
DRIVER = Path(__file__).resolve().parent.parent / "lib/devtools.mjs"
HOST = ("--runtime", "host", "--toolsets", "all")


TOKENS = {"one": "test-token-one-0123456789", "two": "test-token-two-0123456789",
          "one:read": "test-token-one-read-0123456789"}


@pytest.fixture(scope="module")
def shared():
    """One server for the tests that leave it as it was."""
    state = tempfile.mkdtemp(prefix="smcp-")
    env = {k: v for k, v in os.environ.items() if not k.startswith("SANDBOX_MCP_")}
    tokens, log = os.path.join(state, "tokens"), Path(state, "log")
    with open(os.open(tokens, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.writelines(f"{name}:{token}\n" for name, token in TOKENS.items())
    server = Server(BINARY, *HOST, "--access-log", log, "--log-level", "debug", "--token-file",
                    tokens, token=None, env=env | {"SANDBOX_MCP_STATE_DIR": state})
    server.access_log = log
    yield server
    assert server.close() == 0
    shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def server(shared):
    shared.token = TOKENS["one"]
    started(shared)
    yield shared
    shared.token = None


@pytest.fixture
def site():
    one = Site()
    yield one
    one.close()


def started(server, url="data:text/html,<title>mine</title>"):
    """A browser runs, with a page of the caller's."""
    result = server.call("browser_navigate", url=url)
    assert not result.get("isError"), result
    return result["structuredContent"]["page_id"]


def info(server):
    return server.call("browser_info")["structuredContent"]


def pages(server):
    return {page["url"] for page in
            server.call("browser_tabs", action="list")["structuredContent"]["pages"]}


class Refused(Exception):
    pass


class Client:
    """A WebSocket of a program that the test plays."""

    def __init__(self, url, key=None, **headers):
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), 20)
        key = key or base64.b64encode(os.urandom(16)).decode()
        headers = {"Host": parts.netloc, "Connection": "Upgrade", "Upgrade": "websocket",
                   "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key} | {
                       name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1",
                 *(f"{k}: {v}" for k, v in headers.items() if v is not None), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.reader, self.count = Reader(self.socket), 0
        self.head = self.reader.head().decode()
        if " 101 " not in self.head.split("\r\n")[0]:
            self.socket.close()
            raise Refused(self.head.split()[1])

    def raw(self, data):
        self.socket.sendall(data)

    def frame(self, opcode, data, final=True):
        mask = os.urandom(4)
        head = bytes([opcode | (0x80 if final else 0)])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += b"\xfe" + struct.pack(">H", len(data))
        else:
            head += b"\xff" + struct.pack(">Q", len(data))
        wide = (mask * (len(data) // 4 + 1))[:len(data)]
        body = int.from_bytes(data, "big") ^ int.from_bytes(wide, "big")
        self.raw(head + mask + body.to_bytes(len(data), "big"))

    def send(self, message):
        self.frame(1, json.dumps(message).encode())

    def message(self):
        first, data = self.reader.frame()
        assert first == 0x81, (first, data)
        return json.loads(data)

    def answer(self, id):
        while (message := self.message()).get("id") != id:
            pass
        return message

    def call(self, method, session=None, **params):
        self.count += 1
        self.send({"id": self.count, "method": method, "params": params}
                  | ({"sessionId": session} if session else {}))
        return self.answer(self.count)

    def closed(self):
        """The code it was closed with; None: without one."""
        try:
            while True:
                first, data = self.reader.frame()
                if first == 0x88:
                    return struct.unpack(">H", data[:2])[0] if data else None
        except OSError:
            return None

    def close(self):
        self.socket.close()


@pytest.fixture
def connect():
    every = []

    def one(url, **more):
        every.append(Client(url, **more))
        return every[-1]

    yield one
    for client in every:
        client.close()


def eventually(check, seconds=15):
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.05)


# ---- programs ----


@pytest.mark.parametrize("client", ["playwright", "puppeteer"])
def test_programs_work(client, server, site, tmp_path):
    if not (NPM / f"node_modules/{client}-core").exists():
        pytest.skip(f"{client}-core is not installed")
    mine = site.add("/mine", "<title>Mine</title>")
    page = started(server, mine)
    site.add("/frame", "<title>Frame</title>")
    theirs = site.add("/theirs", f"""<title>Theirs</title><iframe src="{site.other('/frame')}">
        </iframe><button onclick="document.title = 'clicked'">go</button>""")
    done = subprocess.run(
        [NODE, DRIVER, json.dumps({"modules": str(NPM), "client": client, "site": theirs,
                                   "url": info(server)["cdp_url"]})],
        capture_output=True, text=True, timeout=90, check=False, env=node_env(tmp_path))
    assert done.returncode == 0, done.stderr[-4000:]
    saw = json.loads(done.stdout)
    assert mine in saw["seen"] and saw["title"] == "clicked" and saw["frame"] == "Frame"
    assert saw["large"] == 5000000 and saw["image"] > 1000
    eventually(lambda: theirs not in pages(server))
    again = server.call("browser_navigate", url=mine, page_id=page)
    assert again["structuredContent"]["title"] == "Mine"


# ---- who is let in ----


def test_a_ticket_is_good_once(server, connect):
    url = info(server)["cdp_url"]
    assert "Chrome" in connect(url).call("Browser.getVersion")["result"]["product"]
    with pytest.raises(Refused, match="403"):
        connect(url)


def test_a_ticket_is_for_its_path(server, connect):
    url = info(server)["cdp_url"]
    with pytest.raises(Refused, match="403"):
        connect(url.replace("/cdp/sb_", "/cdp/sb_a"))
    with pytest.raises(Refused, match="403"):
        connect(url)


@pytest.mark.parametrize("change", [
    lambda url: url.split("?")[0], lambda url: url[:-1] + ("a" if url[-1] != "a" else "b"),
    lambda url: url.split("=")[0] + "=", lambda url: url.split("=")[0] + "=" + "x" * 4000,
])
def test_other_tickets_are_not_good(server, connect, change):
    with pytest.raises(Refused, match="403"):
        connect(change(info(server)["cdp_url"]))


@pytest.mark.parametrize("headers,status", [
    ({"Upgrade": "h2c"}, "426"), ({"Sec_WebSocket_Version": "8"}, "426"), ({"key": "short"}, "426"),
    ({"Sec_WebSocket_Key": None}, "426"), ({"Origin": "https://evil.example"}, "403"),
    ({"Host": "evil.example"}, "403"), ({"Content_Length": "300000"}, "413"),
])
def test_wrong_requests_do_not_use_a_ticket_up(server, connect, headers, status):
    url = info(server)["cdp_url"]
    with pytest.raises(Refused, match=status):
        connect(url, **headers)
    connect(url).call("Browser.getVersion")


def test_only_get(server):
    path = urlsplit(info(server)["cdp_url"]).path
    answer = server.send("{}", server.headers(), path=path)
    assert answer.status == 405


def test_tickets_are_not_logged(server, connect):
    url = info(server)["cdp_url"]
    connect(url).call("Browser.getVersion")
    with pytest.raises(Refused):
        connect(url)
    ticket = url.split("ticket=")[1]
    eventually(lambda: '"refused":"ticket"' in server.access_log.read_text())
    assert ticket not in server.access_log.read_text() and ticket not in server.stderr


def test_a_strangers_ticket_is_refused(server, connect):
    mine = info(server)["cdp_url"]
    server.token = TOKENS["two"]
    started(server)
    theirs = info(server)["cdp_url"]
    mixed = mine.split("?")[0] + "?" + theirs.split("?")[1]
    with pytest.raises(Refused, match="403"):
        connect(mixed)
    connect(mine).call("Browser.getVersion")
    server.call("browser_close")


def test_who_may_only_read_gets_none(server):
    server.token = TOKENS["one:read"]
    found = info(server)
    assert found["running"] and "cdp_url" not in found


def test_stdio_has_none(start_stdio):
    stdio = start_stdio(*HOST)
    started(stdio)
    assert "cdp_url" not in info(stdio)


def test_read_only_gets_none(server):
    answer = server.request("tools/call", {"name": "browser_info", "arguments": {}},
                            path="/mcp/x/all/readonly")
    assert "cdp_url" not in answer["result"]["structuredContent"]
    assert answer["result"]["structuredContent"]["running"]


# ---- what it may do ----


def test_sessions_of_others_are_not_found(server, connect):
    one, two = connect(info(server)["cdp_url"]), connect(info(server)["cdp_url"])
    target = one.call("Target.createTarget", url="about:blank")["result"]["targetId"]
    session = one.call("Target.attachToTarget", targetId=target, flatten=True)["result"]["sessionId"]
    assert one.call("Runtime.evaluate", session, expression="6*7")["result"]["result"]["value"] == 42
    assert two.call("Runtime.evaluate", session, expression="1")["error"]["code"] == -32001
    assert two.call("Runtime.evaluate", "x" * 5000, expression="1")["error"]["code"] == -32001
    assert one.call("Target.closeTarget", targetId=target)["result"]["success"]


def test_contexts_end_with_it(server, connect, site):
    url = site.add("/x", "<title>x</title>")
    one = connect(info(server)["cdp_url"])
    context = one.call("Target.createBrowserContext")["result"]["browserContextId"]
    one.call("Target.createTarget", url=url, browserContextId=context)
    eventually(lambda: url in pages(server))
    two = connect(info(server)["cdp_url"])
    assert "error" in two.call("Target.disposeBrowserContext", browserContextId=context)
    one.close()
    eventually(lambda: url not in pages(server))


def test_the_browser_is_not_closed(server, connect):
    page = started(server)
    client = connect(info(server)["cdp_url"])
    assert client.call("Browser.crash")["error"]
    assert client.call("Browser.setDownloadBehavior", behavior="deny")["result"] == {}
    assert client.call("Browser.close")["result"] == {}
    assert client.closed() == 1000
    assert "isError" not in server.call("browser_navigate", url="about:blank", page_id=page)


def test_commands_within_commands_are_refused(server, connect):
    page = started(server)
    client = connect(info(server)["cdp_url"])
    target = client.call("Target.createTarget", url="about:blank")["result"]["targetId"]
    session = client.call("Target.attachToTarget", targetId=target)["result"]["sessionId"]
    for method in ("Browser.close", "Browser.crash"):
        inner = json.dumps({"id": 1, "method": method})
        assert client.call("Target.sendMessageToTarget", sessionId=session, message=inner)["error"]
    assert client.call("Target.closeTarget", targetId=target)["result"]["success"]
    assert "isError" not in server.call("browser_navigate", url="about:blank", page_id=page)


@pytest.mark.parametrize("again", ["browserContextId", "browserContextId\\u0000x"])
def test_a_context_named_twice_is_not_its_own(server, connect, again):
    """Which of the two the browser would take is not ours to guess."""
    started(server)
    client = connect(info(server)["cdp_url"])
    other = connect(info(server)["cdp_url"])
    mine, theirs = (one.call("Target.createBrowserContext")["result"]["browserContextId"]
                    for one in (client, other))
    client.frame(1, f'{{"id": 90, "method": "Target.disposeBrowserContext", "params": {{'
                    f'"browserContextId": "{mine}", "{again}": "{theirs}"}}}}'.encode())
    assert client.answer(90)["error"]["message"] == "Not allowed in a browser that is shared"
    contexts = client.call("Target.getBrowserContexts")["result"]["browserContextIds"]
    assert {mine, theirs} <= {*contexts}


def test_downloads_of_tools_stay_where_they_are(server, connect, site, tmp_path):
    url = site.add("/file", lambda to: to.answer(
        "content", Content_Disposition="attachment; filename=f.txt"))
    page = site.add("/with-file", f"<a href='{url}'>file</a>")
    started(server, page)
    client = connect(info(server)["cdp_url"])
    context = client.call("Target.createBrowserContext")["result"]["browserContextId"]
    target = next(each for each in client.call("Target.getTargets")["result"]["targetInfos"]
                  if each["url"] == page)
    session = client.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)[
        "result"]["sessionId"]
    for more in ({}, {"browserContextId": context}):
        assert client.call("Page.setDownloadBehavior", session, behavior="allow",
                           downloadPath=str(tmp_path), **more)["result"] == {}
    done = server.call("browser_click", target="text=file")
    assert not done.get("isError"), done
    eventually(lambda: any(each["url"] == url and each["state"] == "completed" for each in
                           server.call("browser_downloads")["structuredContent"]["downloads"]))
    assert not list(tmp_path.iterdir())


def test_the_browser_ends(server, connect):
    client = connect(info(server)["cdp_url"])
    client.call("Browser.getVersion")
    server.call("browser_close")
    assert client.closed() == 1001
    started(server)


def test_pages_of_it_can_be_seen_by_tools(server, connect, site):
    url = site.add("/both", "<title>Both</title>")
    client = connect(info(server)["cdp_url"])
    target = client.call("Target.createTarget", url=url)["result"]["targetId"]
    eventually(lambda: url in pages(server))
    assert client.call("Target.closeTarget", targetId=target)["result"]["success"]


# ---- bytes ----


def test_fragments_pings_and_sizes(server, connect):
    client = connect(info(server)["cdp_url"])
    client.frame(1, b'{"id":7,"met', False)
    client.frame(9, b"hello")
    client.frame(0, b'hod":"Browser.getVersion"}')
    assert client.reader.frame() == (0x8a, b"hello")
    assert client.answer(7)["result"]
    target = client.call("Target.createTarget", url="about:blank")["result"]["targetId"]
    session = client.call("Target.attachToTarget", targetId=target, flatten=True)["result"][
        "sessionId"]
    for size in (125, 126, 65535, 65536, 3 << 20):
        text = "ä" * (size // 2)
        found = client.call("Runtime.evaluate", session, expression=json.dumps(text))
        assert found["result"]["result"]["value"] == text
    client.call("Target.closeTarget", targetId=target)


@pytest.mark.parametrize("data,code", [
    (b"\x81\x01a", 1002), (b"\xc1\x80\0\0\0\0", 1002), (b"\x82\x80\0\0\0\0", 1003),
    (b"\x81\x81\0\0\0\0\xff", 1007), (b"\x81\xff\0\0\0\0\x7f\0\0\0\0\0\0\0", 1009),
    (b"\x88\x82\0\0\0\0\x03\xe8", 1000), (b"\x88\x80\0\0\0\0", 1000),
    (b"\x81\x81\0\0\0\0x", 1001), (b"\x81\x82\0\0\0\0[]", 1001), (b"\x81\x82\0\0\0\0{}", 1001),
])
def test_what_breaks_the_rules_is_closed(server, connect, data, code):
    client = connect(info(server)["cdp_url"])
    client.raw(data)
    assert client.closed() == code


@pytest.mark.parametrize("message", [
    {"id": 1}, {"id": 1, "method": 5}, {"id": 1, "method": "x", "params": []},
    {"id": 1, "method": "No.such"}, {"id": 1, "method": ""},
])
def test_wrong_messages_are_answered(server, connect, message):
    client = connect(info(server)["cdp_url"])
    client.send(message)
    assert client.answer(1)["error"]["code"] < 0
    assert client.call("Browser.getVersion")["result"]


def test_who_reads_nothing_is_left(server, connect):
    client = connect(info(server)["cdp_url"])
    target = client.call("Target.createTarget", url="about:blank")["result"]["targetId"]
    session = client.call("Target.attachToTarget", targetId=target, flatten=True)["result"][
        "sessionId"]
    for id in range(100, 130):
        client.send({"id": id, "method": "Runtime.evaluate", "sessionId": session,
                     "params": {"expression": "'x'.repeat(5e6)"}})
    page = started(server)
    assert "isError" not in server.call("browser_navigate", url="about:blank", page_id=page)
    time.sleep(0.5)
    client.call("Browser.getVersion")
    client.close()
    eventually(lambda: server.connections() == 0)


def test_the_server_stops_while_one_is_open(start_server, connect):
    server = start_server(*HOST)
    started(server)
    client = connect(info(server)["cdp_url"])
    client.call("Browser.getVersion")
    server.process.terminate()
    assert client.closed() == 1001
    assert server.process.wait(15) == 0


def test_it_ends_with_the_token_that_asked_for_it(connect, tmp_path):
    issuer = issuers.Issuer()
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": issuer.published}))
    state = tempfile.mkdtemp(prefix="smcp-")
    env = {k: v for k, v in os.environ.items() if not k.startswith("SANDBOX_MCP_")}
    server = Server(BINARY, *HOST, "--jwt-issuer", issuers.NAME, "--jwt-key-file", keys, token=None,
                    env=env | {"SANDBOX_MCP_STATE_DIR": state})
    issuer.audience = server.url
    try:
        server.token = issuer.token(scope="execute")
        started(server)
        lasting = connect(info(server)["cdp_url"])
        server.token = issuer.token(scope="execute", exp=int(time.time()) - 54)  # of 60 of grace
        ending = connect(info(server)["cdp_url"])
        assert ending.call("Browser.getVersion")["result"]
        assert ending.closed() == 1008
        assert lasting.call("Browser.getVersion")["result"]
        for client in (lasting, ending):
            client.close()
    finally:
        issuer.close()
        assert server.close() == 0
        shutil.rmtree(state, ignore_errors=True)
