"""Many calls at once at the pages of one server, its own and each other's; and a dying browser."""

import os
import queue
import random
import signal
import threading
import time

import pytest

from lib import processes

THREADS = 8
WARM, STORM = 2, 8  # seconds
ANSWERED = 40  # seconds within which any call has to be over
ALLOWED = ("stale_ref:", "gone:", "busy:", "timeout:", "not_found:", "covered:", "quota:",
           "unavailable:", "conflict:", "invalid_argument:")  # what another thread can cause

PAGE = """<title>Storm</title><button onclick="this.n=(this.n||0)+1;console.log('n',this.n)">Go</button>
<p>text <a href='?again'>again</a><input aria-label=Name></p>"""
FLOOD = """<title>Flood</title><script>
let n=0;setInterval(()=>{console.log('line',++n);fetch('/data?'+n).catch(()=>0)},20)</script>flood"""


class Calls:
    """Calls of several threads at a server over stdio: one thread reads, each gets its answer."""

    def __init__(self, stdio):
        self.stdio, self.lock, self.boxes, self.over = stdio, threading.Lock(), {}, False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def box(self, number):
        with self.lock:
            return self.boxes.setdefault(number, queue.Queue())

    def read(self):
        while not self.over:
            try:
                message = self.stdio.recv(0.2)
            except TimeoutError:
                continue
            except EOFError as e:
                self.over = True
                with self.lock:
                    for box in self.boxes.values():
                        box.put({"error": {"code": 0, "message": str(e)}})
                return
            if "method" not in message:
                self.box(message["id"]).put(message)

    def __call__(self, tool, **arguments):
        with self.lock:
            number = self.stdio.start("tools/call", {"name": tool, "arguments": arguments})
        answer = self.box(number).get(timeout=ANSWERED)
        with self.lock:
            del self.boxes[number]
        assert "result" in answer, answer
        result = answer["result"]
        if result.get("isError"):
            said = result["content"][0]["text"]
            assert said.startswith(ALLOWED), f"{tool} {arguments}: {said}"
        return result

    def stop(self):
        self.over = True
        self.reader.join(5)
        assert not self.reader.is_alive()


class Storm:
    def __init__(self, call, site, shared, flood):
        self.call, self.site, self.shared, self.flood = call, site, shared, flood
        self.failures, self.counts = [], {}
        self.steps = [self.snapshot, self.click, self.navigate, self.tabs, self.network,
                      self.console, self.screenshot, self.type, self.wait, self.record, self.har]

    def snapshot(self, page):
        self.call("browser_snapshot", page_id=page)
        self.call("browser_snapshot", page_id=page, mode="changes")

    def click(self, page):
        self.call("browser_click", page_id=page, target="text=Go")

    def type(self, page):
        self.call("browser_type", page_id=page, target="css=input", text="abc")

    def navigate(self, page):
        self.call("browser_navigate", page_id=page, url=self.site.url("/storm"))

    def network(self, page):
        self.call("browser_network", page_id=self.flood, static=True)

    def console(self, page):
        self.call("browser_console", page_id=self.flood)

    def screenshot(self, page):
        self.call("browser_screenshot", page_id=page)

    def wait(self, page):
        self.call("browser_wait", page_id=page, text="text", timeout_s=1)

    def new(self):
        opened = self.call("browser_tabs", action="new", url=self.site.url("/storm"))
        pages = (opened.get("structuredContent") or {"pages": []})["pages"]
        return next((p["page_id"] for p in pages if p["active"]), None)

    def tabs(self, page):
        mine = self.new()
        if mine and mine not in self.shared + [self.flood]:
            self.call("browser_snapshot", page_id=mine)
            self.call("browser_tabs", action="close", page_id=mine)

    def record(self, page):
        started = self.call("recording_start", kind=random.choice(["video", "har"]), source=page)
        self.navigate(page)
        if found := started.get("structuredContent"):
            self.call("recording_control", action="stop", recording_id=found["recording_id"])
            self.call("recording_delete", recording_ids=[found["recording_id"]])

    def har(self, page):
        self.call("browser_har", action="start")
        self.call("browser_har", action="stop", path="storm.har")

    def thread(self, number, until):
        chance = random.Random(number)
        while time.monotonic() < until and not self.failures:
            step = chance.choice(self.steps)
            try:
                step(chance.choice(self.shared))
                self.counts[step.__name__] = self.counts.get(step.__name__, 0) + 1
            except (AssertionError, queue.Empty) as e:
                self.failures.append(f"{step.__name__}: {e!r}"[:2000])

    def run(self, seconds):
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self.thread, args=(i, until), daemon=True)
                   for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 2 * ANSWERED)
            assert not thread.is_alive(), "a call was never answered"
        assert not self.failures, "\n".join(self.failures)


def chromiums(server):
    """The browser's main processes below the server."""
    found = set()
    for pid, start in processes.descendants(server.pid):
        said = processes.describe(pid)
        if "remote-debugging-pipe" in said and "--type=" not in said:
            found.add((pid, start))
    return found


def held(server):
    """(threads, descriptors)"""
    return len(os.listdir(f"/proc/{server.pid}/task")), len(processes.descriptors(server.pid))


def settled(server, most=None, seconds=10):
    """What is held once that is at most `most`, else what it is after that time."""
    until = time.monotonic() + seconds
    while most and time.monotonic() < until:
        if all(now <= bound for now, bound in zip(held(server), most)):
            break
        time.sleep(0.05)
    return held(server)


@pytest.fixture
def storm(start_web, site):
    web = start_web("--runtime", "host")
    site.add("/storm", PAGE)
    site.add("/data", "{}")
    shared = [web.open(site.url("/storm")) for _ in range(3)]
    flood = web.open(site.add("/flood", FLOOD))
    call = Calls(web.server)
    yield Storm(call, site, shared, flood), web
    call.stop()


def close_others(call, keep):
    for page in call("browser_tabs", action="list")["structuredContent"]["pages"]:
        if page["page_id"] not in keep:
            call("browser_tabs", action="close", page_id=page["page_id"])


def test_a_storm_of_calls_leaves_all_as_it_was(storm):
    storm, web = storm
    keep = storm.shared + [storm.flood]
    storm.run(WARM)
    close_others(storm.call, keep)
    before = settled(web.server)
    storm.run(STORM)
    close_others(storm.call, keep)
    most = before[0] + THREADS, before[1] + 2 * THREADS  # workers come and go
    after = settled(web.server, most)
    assert all(now <= bound for now, bound in zip(after, most)), (before, after)
    assert sum(storm.counts.values()) > 2 * THREADS, storm.counts
    for page in storm.shared:
        storm.call("browser_navigate", page_id=page, url=storm.site.url("/storm"))
        said = storm.call("browser_snapshot", page_id=page)
        assert not said.get("isError") and "Go" in said["content"][0]["text"], said
    for tool in ("browser_network", "browser_console"):
        assert not storm.call(tool, page_id=storm.flood).get("isError")
    assert len(storm.call("browser_tabs", action="list")["structuredContent"]["pages"]) == 4


def test_calls_end_when_the_browser_dies_under_them(storm):
    storm, web = storm
    died = chromiums(web.server)
    assert died

    def kill():
        for pid, _ in died:
            os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(1, kill)
    timer.start()
    storm.run(2)
    timer.join()
    processes.assert_gone(died, 10)
    page = storm.call("browser_navigate", url=storm.site.url("/storm"))
    assert page["structuredContent"]["title"] == "Storm", page
