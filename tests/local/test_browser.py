"""The browser of a real sandbox: how it is isolated, what it reaches, how it lives and ends."""

import os
import re
import signal
import time

import pytest
from browser.harness import chromium

from lib import processes, protocol
from lib.chromium import (browsers, command, main_process, namespace, of_type, parents,
                          status, wait_none)
from lib.site import Site
from lib.stdio import Stdio
from local.terminal import run

pytestmark = pytest.mark.skipif(
    not chromium(), reason="no Chromium here: install chromium-headless-shell or chromium")

ROOT = os.geteuid() == 0
SERVE = """
mkdir -p www && cd www && echo '<title>{title}</title>here' >index.html
python3 -m http.server 3000 >/dev/null 2>&1 &
until exec 9<>/dev/tcp/127.0.0.1/3000; do sleep 0.05; done 2>/dev/null
"""


@pytest.fixture
def start(start_stdio):
    return lambda *args, **more: start_stdio("--toolsets", "all", *args, **more)


@pytest.fixture
def site():
    one = Site()
    yield one
    one.close()


def text(result):
    return protocol.text(result)


def go(client, url, **more):
    result = client.call("browser_navigate", url=url, **more)
    assert not result.get("isError"), text(result)
    return result["structuredContent"]


def fails(client, url="about:blank", **more):
    result = client.call("browser_navigate", url=url, **more)
    assert result.get("isError"), text(result)
    return text(result)


def info(client, *include):
    result = client.call("sandbox_info", include=list(include))
    assert not result.get("isError"), result
    return result["structuredContent"]


def evaluate(client, script):
    result = client.call("browser_evaluate", script=script)
    assert not result.get("isError"), text(result)
    return text(result)


# ---- where it is ----


def test_it_reaches_the_loopback_of_its_sandbox_and_no_other(start, site):
    client = start()
    run(client, SERVE.format(title="Inside"))
    for host in ("localhost", "127.0.0.1", "dev.localhost"):
        assert go(client, f"http://{host}:3000/")["title"] == "Inside"
    said = fails(client, site.url())
    assert "nothing listens" in said and not site.seen


def test_with_a_proxy_it_still_reaches_its_own_loopback(start):
    client = start("--network", "allow=example.com")
    run(client, SERVE.format(title="Inside").replace("3000 >", "3000 --bind :: >"))
    for host in ("localhost", "127.0.0.1", "dev.localhost", "[::1]"):
        assert go(client, f"http://{host}:3000/")["title"] == "Inside"


def test_its_pages_are_in_a_sandbox_of_their_own(start):
    client = start()
    go(client, "about:blank")
    browser, (page, *_) = main_process(client), of_type(client, "renderer")
    inner = parents(browser, 1)[0]
    for kind in ("user", "mnt", "pid", "net"):
        assert namespace(browser, kind) == namespace(inner, kind) != f"{kind}:[]"
        assert namespace(browser, kind) != os.readlink(f"/proc/self/ns/{kind}")
    for kind in ("user", "pid", "net"):
        assert namespace(page, kind) != namespace(browser, kind)
    filters = {pid: int(status(pid)["Seccomp_filters"]) for pid in (browser, page)}
    assert status(page)["Seccomp"] == status(browser)["Seccomp"] == "2"
    assert filters[page] > filters[browser] == 1
    assert int(status(page)["CapEff"], 16) == int(status(browser)["CapEff"], 16) == 0
    assert status(page)["NoNewPrivs"] == "1"
    score = {pid: int(open(f"/proc/{pid}/oom_score_adj").read()) for pid in (browser, page)}
    assert score[page] > score[browser] >= 0  # chromium takes its own back to 0
    assert "--no-sandbox " not in command(browser) and "debugging-port" not in command(browser)
    if ROOT:
        assert status(browser)["Uid"].split()[0] not in ("0", "1000")
    assert not any("no-sandbox" in line for line in info(client)["degraded"])


def memory(client, what):
    """MiB of all its processes; what: Pss, where they share what they have in common, or Rss."""
    kb = 0
    for pid, _ in browsers(client):
        with open(f"/proc/{pid}/smaps_rollup") as f:
            kb += int(re.search(rf"^{what}: +(\d+)", f.read(), re.M)[1])
    return kb / 1024


def test_what_sandbox_info_says_of_it(start):
    client = start()
    before = info(client, "processes", "ports", "metrics")
    assert before["facts"]["browser"].startswith(("/usr/", "/opt/"))
    assert "browser.version" not in before["facts"]
    go(client, "about:blank")
    after = info(client, "processes", "ports", "metrics")
    assert re.match(r"(Headless)?Chrome/\d+\.", after["facts"]["browser.version"])
    assert int(after["facts"]["browser.processes"]) > 3
    # Other browsers of the machine make its share of what they have in common smaller.
    said = int(after["facts"]["browser.memory_mb"])
    assert memory(client, "Pss") * 0.6 < said < memory(client, "Rss") * 0.8
    assert any(line.startswith("browser: in the sandbox") for line in after["isolation"])
    assert after.get("processes") == before.get("processes") and not after.get("ports")
    assert after["facts"]["usage.processes"] == before["facts"]["usage.processes"]
    assert "/run/browser" not in " ".join(after["isolation"])


def test_its_processes_are_not_a_commands_to_kill(start):
    client = start()
    go(client, "about:blank")
    pid = re.search(r"\d+", run(client, "pgrep -f remote-debugging-pipe | head -n1").stdout)[0]
    result = client.call("terminal_kill", id=pid, signal="KILL")
    assert result["isError"] and "belongs to the browser" in text(result)
    assert go(client, "about:blank")


def test_no_port_of_it_is_open(start):
    client = start()
    go(client, "about:blank")
    listening = run(client, "cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp | awk '$4 == \"0A\" || "
                            "$4 == \"07\"'; true").stdout
    assert not listening, listening


# ---- the network policy ----


def test_allowed_pages_come_and_others_are_refused_with_the_reason(start, site):
    client = start("--network", f"allow=localhost:{site.port}")
    site.add("/", "<title>Outside</title>")
    assert go(client, site.other())["title"] == "Outside"
    assert set(site.seen) - {"/favicon.ico"} == {"/"}
    for url, host in (("http://forbidden.example/", "forbidden.example:80"),
                      ("https://forbidden.example/x", "forbidden.example:443"),
                      ("http://forbidden.example:81/", "forbidden.example:81")):
        said = fails(client, url)
        assert said.startswith("denied: ") and f"connect {host} refused by egress policy" in said
    other = Site()
    try:
        assert "denied by the network policy" in fails(client, other.other())
        assert not other.seen
    finally:
        other.close()
    assert go(client, site.other())["title"] == "Outside"


def test_without_network_the_reason_is_said(start):
    said = fails(start("--network", "none"), "https://forbidden.example/")
    assert said.startswith("denied: ") and "--network none" in said


def test_the_proxy_is_no_way_around_for_pages(start, site):
    """A page may send requests to the port, but only such as no proxy answers."""
    client = start("--network", "allow=allowed.example")
    run(client, SERVE.format(title="Inside"))
    go(client, "http://localhost:3000/")
    assert go(client, "http://127.0.0.1:3128/")["status"] == 400
    go(client, "http://localhost:3000/")
    said = evaluate(client, f"""async () => {{
        const tries = ['http://127.0.0.1:3128/{site.url()}', 'http://127.0.0.1:3128//127.0.0.1:'
                       + {site.port}, '{site.url()}', 'http://0.0.0.0:{site.port}/'];
        const found = [];
        for (const url of tries)
            found.push(await fetch(url, {{mode: 'no-cors'}}).then(r => 'came', e => 'failed'));
        return found;
    }}""")
    assert not site.seen, said


# ---- how it lives ----


def test_nothing_of_it_is_left(start):
    client = start()
    go(client, "about:blank")
    below = browsers(client)
    assert len(below) > 3
    assert "browser-" in run(client, "ls /run/browser").stdout
    client.call("browser_close")
    processes.assert_gone(below)
    assert run(client, "ls -A /run/browser").stdout == ""
    go(client, "about:blank")
    below = browsers(client)
    assert client.close() == 0
    processes.assert_gone(below)


def test_kill_9_of_the_server_takes_it_along(start):
    client = start()
    go(client, "about:blank")
    below = processes.descendants(client.pid)
    assert below >= browsers(client) != set()
    client.kill()
    processes.assert_gone(below)


def test_an_unused_one_is_stopped_and_started_again(start):
    client = start("--browser-idle", "1")
    first = go(client, "about:blank")["page_id"]
    wait_none(client)
    assert run(client, "echo alive").stdout == "alive\n"
    assert go(client, "about:blank")["page_id"] != first
    assert browsers(client)


def test_a_sandbox_with_a_browser_goes_idle(start):
    client = start("--idle-stop", "2")
    go(client, "about:blank")
    below = processes.descendants(client.pid)
    processes.assert_gone(below, 15)
    assert go(client, "about:blank")


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_one_that_dies_or_hangs_is_replaced(start, how):
    client = start()
    go(client, "about:blank")
    old = main_process(client)
    below = browsers(client)
    if how == "killed":
        os.kill(old, signal.SIGKILL)
        processes.assert_gone(below)
    else:
        os.kill(old, signal.SIGSTOP)
        assert fails(client, timeout_s=2).startswith("timeout: ")
    until = time.monotonic() + 30
    while client.call("browser_navigate", url="about:blank", timeout_s=5).get("isError"):
        assert time.monotonic() < until
    assert main_process(client) != old
    processes.assert_gone(below)


def test_a_call_that_it_dies_in_says_so(start):
    client = start()
    go(client, "about:blank")
    request = client.start("tools/call", {"name": "browser_evaluate", "arguments": {
        "script": "new Promise(() => {})"}})
    time.sleep(0.5)
    os.kill(main_process(client), signal.SIGKILL)
    said = text(client.response(request)["result"])
    assert said.startswith("unavailable: ") and "the browser was killed" in said
    assert go(client, "about:blank")


@pytest.mark.parametrize("program,words", [
    ("/usr/bin/false", "the browser ended with status 1"),
    ("/usr/bin/ls", "the browser ended with status 2"),
])
def test_one_that_does_not_start_says_why(start, program, words):
    client = start("--browser", program)
    for _ in range(3):
        said = fails(client)
        assert said.startswith("unavailable: ") and words in said
    assert program != "/usr/bin/ls" or "--help" in said
    assert run(client, "ls -A /run/browser").stdout == ""


def test_twenty_starts_leave_nothing(start):
    client = start()
    go(client, "about:blank")
    client.call("browser_close")

    def held():
        return (len(processes.descriptors(client.pid)), len(os.listdir(f"/proc/{client.pid}/task")),
                len(processes.descendants(client.pid)))

    run(client, "true")
    before = held()
    for _ in range(20):
        go(client, "about:blank")
        client.call("browser_close")
    until = time.monotonic() + 10
    while (some := [now - then for now, then in zip(held(), before)]) and max(some) > 2:
        assert time.monotonic() < until, (before, held())
        time.sleep(0.1)
    assert run(client, "ls -A /run/browser").stdout == ""


def test_a_full_sandbox_says_so(start):
    client = start("--pids", "40")
    said = fails(client)
    assert said.startswith("quota: ") and "the sandbox may have 40" in said and "--pids" in said
    assert run(client, "echo alive").stdout == "alive\n"
    wait_none(client)


# ---- what starts it ----


def nursery(client):
    return parents(main_process(client), 2)[1]


def wait_noticed(client):
    """Its files go before the server is told that it has ended."""
    until = time.monotonic() + 10
    while "browser.version" in info(client)["facts"]:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_when_its_parent_is_killed_the_sandbox_starts_anew(start):
    client = start()
    go(client, "about:blank")
    below = browsers(client)
    os.kill(nursery(client), signal.SIGKILL)
    processes.assert_gone(below)
    wait_noticed(client)
    assert run(client, "echo alive").stdout == "alive\n"
    assert go(client, "about:blank")


def test_but_not_while_something_runs_in_it(start):
    client = start()
    kept = run(client, "sleep 83", yield_s=0)
    go(client, "about:blank")
    below = browsers(client)
    os.kill(nursery(client), signal.SIGKILL)
    processes.assert_gone(below)
    wait_noticed(client)
    said = fails(client)
    assert "killed the process that starts browsers" in said and "terminal_kill" in said
    client.call("terminal_kill", id=kept.process_id)
    assert go(client, "about:blank")


@pytest.mark.skipif(not ROOT, reason="only root may limit the namespaces of a server")
def test_without_namespaces_of_its_own_it_says_so(binary, state_dir):
    """Two are left for bubblewrap, none for Chromium."""
    only_two = 'echo 2 >/proc/sys/user/max_user_namespaces && exec "$@"'
    script = state_dir / "server"
    script.write_text(f"#!/bin/sh\nexec unshare -Ur sh -c '{only_two}' sh {binary} \"$@\"\n")
    script.chmod(0o755)
    client = Stdio(script, "--toolsets", "all")
    try:
        assert go(client, "data:text/html,<title>x</title>") or True
        told = [line for line in info(client)["degraded"] if "no-sandbox" in line]
        assert told and "no namespaces" in told[0]
        assert "--no-sandbox " in command(main_process(client))
        assert client.close() == 0
    finally:
        client.kill()


# ---- which one ----


def test_without_one_its_tools_are_not_there(start):
    client = start("--browser", "none")
    names = {tool["name"] for tool in client.result("tools/list")["tools"]}
    assert "terminal_execute" in names and not any(n.startswith("browser_") for n in names)
    assert info(client)["facts"]["browser"].startswith("none: ")
    assert run(client, "ls /run").stdout == "sandbox-mcp\n"


@pytest.mark.parametrize("path,words", [
    ("/usr/bin/chromium-headless-shell", "the script that starts it"),
    ("/etc/passwd", "below /usr"),
    ("/usr/bin/no-such-browser", "No such file"),
    ("/usr/share", "is not a program"),
])
def test_programs_that_are_refused(start_stdio, path, words):
    if path.endswith("-shell") and not os.path.exists(path):
        pytest.skip("that script is not here")
    client = start_stdio("--browser", path)
    client.process.wait(10)
    until = time.monotonic() + 5
    while words not in client.stderr and time.monotonic() < until:
        time.sleep(0.05)
    assert "--browser" in client.stderr and words in client.stderr
    client.process.returncode = 0


def test_without_isolation_it_says_so(start):
    client = start("--runtime", "host")
    go(client, "about:blank")
    below = browsers(client)
    told = [line for line in info(client)["degraded"] if line.startswith("browser: ")]
    assert bool(told) == ROOT and all("--no-sandbox" in line for line in told)
    place = re.search(r"--user-data-dir=(\S+)/profile", command(main_process(client)))[1]
    assert os.path.isdir(place)
    assert client.close() == 0
    processes.assert_gone(below)
    assert not os.path.exists(place)
