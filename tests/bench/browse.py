#!/usr/bin/env python3
"""The browser's figures, beside @playwright/mcp and chrome-devtools-mcp in the same run.

tests/bench/browse.py SERVER

Ours runs in its bubblewrap sandbox, which also serves the pages; the others run without any. The
peers are installed with npm (package.json here) beside the server. First the twenty tasks of
parity.py, then single calls: medians of N.
"""

import fcntl
import functools
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "pages"), str(HERE.parent)]

import make  # noqa: E402
from browser.harness import FLAGS, chromium  # noqa: E402
from mcp_peer import Devtools, Failed, Ours, Playwright  # noqa: E402
from parity import TASKS  # noqa: E402

N = 30


def modules(server):
    """node_modules with the peers, installed when package-lock.json changed; None without npm."""
    place = Path(server).resolve().parent / "bench-peers"
    lock = (HERE / "package-lock.json").read_text()
    mark = place / "installed"
    if not mark.exists() or mark.read_text() != lock:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, place)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=place, check=True,
                       env=os.environ | {"PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
                                         "PUPPETEER_SKIP_DOWNLOAD": "1"})
        mark.write_text(lock)
    return place / "node_modules"


def serve(directory):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/"


def run_task(task, peer):
    peer.reset()
    try:
        return task(peer)
    except Failed as failure:
        return failure


def tasks(peers):
    print(f"{'task':<22}", *(f"{peer.name:>26}" for peer in peers))
    print(f"{'':<22}", *(f"{'calls    bytes       ms':>26}" for _ in peers))
    total, same = [[0, 0, 0.0] for _ in peers], 0
    for task in TASKS:
        line, ends = [], []
        for peer, sum_ in zip(peers, total):
            ends.append(run_task(task, peer))
            count = peer.calls, peer.bytes, peer.seconds * 1000
            sum_[:] = [a + b for a, b in zip(sum_, count)]
            line.append(f"{count[0]:>8}{count[1]:>9,}{count[2]:>9.0f}")
        agree = all(end == ends[0] and not isinstance(end, Failed) for end in ends)
        same += agree
        print(f"{task.__name__:<22}", *line, "" if agree else f"   {ends}", flush=True)
    print(f"{'all':<22}", *(f"{a:>8}{b:>9,}{c:>9.0f}" for a, b, c in total))
    print(f"the same end in {same} of {len(TASKS)} tasks")


def median(peer, act, prepare=lambda: None, n=N):
    times = []
    for _ in range(n):
        prepare()
        peer.reset()
        act()
        times.append(peer.seconds * 1000)
    return statistics.median(times), peer.bytes


def figures(peer):
    yield "navigate", median(peer, lambda: peer.goto(peer.base + "shop.html"))
    peer.look()
    yield "snapshot, 60 articles", median(peer, peer.look)
    yield "screenshot", median(peer, peer.shot)
    ref = peer.ref("button", "Buy 3")
    yield "click by ref", median(peer, lambda: peer.click(ref))
    peer.goto(peer.base + "big.html")
    yield "snapshot, 10,000 nodes", median(peer, peer.look, n=5)


def single_calls(peers):
    rows = {}
    for peer in peers:
        for name, value in figures(peer):
            rows.setdefault(name, []).append(value)
    print(f"\n{'one call, median':<26}", *(f"{peer.name:>26}" for peer in peers))
    for name, values in rows.items():
        print(f"{name:<26}", *(f"{ms:>13.1f} ms {size:>8,} B" for ms, size in values))


class Raw:
    """Chromium alone, over its pipe: what a navigation takes at least."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="bench-", dir="/var/tmp")
        ours, theirs = os.pipe(), os.pipe()
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (ours[0], theirs[1])]
        flags = [flag for flag in FLAGS if flag != "--no-proxy-server"]
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec 3<&{ends[0]} 4>&{ends[1]}; exec "$@"', "bash", program, *flags, *root,
             f"--user-data-dir={self.profile}", "about:blank"],
            pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (ours[0], theirs[1], *ends):
            os.close(fd)
        self.to, self.come, self.number = ours[1], os.fdopen(theirs[0], "rb", 0), 0
        self.rest = b""

    def next(self):
        while b"\0" not in self.rest:
            more = self.come.read(1 << 20)
            if not more:
                raise Failed("Chromium ended")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\0")
        return json.loads(line)

    def tell(self, method, session=None, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        os.write(self.to, json.dumps(message | ({"sessionId": session} if session else {})).encode()
                 + b"\0")
        return self.number

    def ask(self, method, session=None, **params):
        number = self.tell(method, session, **params)
        while (message := self.next()).get("id") != number:
            pass
        return message["result"]

    def navigations(self, url):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable", session)
        times = []
        for _ in range(N):
            began = time.perf_counter()
            self.tell("Page.navigate", session, url=url)
            while self.next().get("method") != "Page.domContentEventFired":
                pass
            times.append((time.perf_counter() - began) * 1000)
        return statistics.median(times)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024


def memory(server, directory, state):
    """What the server itself takes for a browser: with a page, and after much use of it."""
    one = Ours(server, directory, state)
    without = pss(one.process.pid)
    one.goto(one.base + "shop.html")
    first = pss(one.process.pid)
    for name in ("shop.html", "big.html", "links.html") * 10:
        one.goto(one.base + name)
        one.look()
        one.shot()
    used = pss(one.process.pid)
    one.close()
    print(f"server's memory: {without:.1f} MB, with a browser {first:.1f} MB, "
          f"after 30 pages {used:.1f} MB")


def first_page(server, directory, state):
    """From the server's start to the first page, with everything new."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        one = Ours(server, directory, state)
        one.goto("data:text/html,hello")
        times.append(time.perf_counter() - began)
        one.close()
    print(f"\nfrom nothing to the first page: {statistics.median(times) * 1000:.0f} ms")


def main(server):
    browser = chromium()
    work = Path(tempfile.mkdtemp(prefix="bench-", dir="/var/tmp"))
    work.chmod(0o755)
    pages = work / "pages"
    pages.mkdir()
    make.write(pages)
    base, node = serve(pages), modules(server)
    peers = [Ours(server, pages, work / "state")]
    try:
        peers += [Playwright(node, browser, pages, base), Devtools(node, browser, pages, base)]
        tasks(peers)
        single_calls(peers)
        raw = Raw(browser)
        print(f"{'navigate, raw CDP':<26}", f"{raw.navigations(base + 'shop.html'):>13.1f} ms")
        raw.close()
    finally:
        for peer in peers:
            peer.close()
        first_page(server, pages, work / "state")
        memory(server, pages, work / "state")
        shutil.rmtree(work)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
