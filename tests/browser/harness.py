"""Drives a real Chromium through the browser library: the program `drive`, one JSON per line."""

import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from lib import reports
from lib.paths import BINARY, BROWSER

DRIVE = Path(BINARY).parent / "tests/browser/drive"
BROWSERS = ["/usr/lib/chromium/chromium-headless-shell", "chromium-headless-shell", "chromium",
            "google-chrome"]
FLAGS = ["--remote-debugging-pipe", "--headless", "--no-first-run", "--window-size=1280,720",
         "--hide-scrollbars", "--mute-audio", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-proxy-server", "--site-per-process", "--disable-background-networking",
         "--disable-component-update"]
SECONDS = 40


def chromium():
    """SANDBOX_MCP_TEST_BROWSER, also for servers, else the first one that is here."""
    return BROWSER or next(filter(None, map(shutil.which, BROWSERS)), None)


class Failed(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']} Next: {error['next']}")
        self.code, self.message, self.next = error["code"], error["message"], error["next"]


class Answer:
    """Of a command that was begun: wait() for it."""

    def __init__(self, drive, number):
        self.drive, self.number, self.box = drive, number, queue.Queue()

    def wait(self, seconds=SECONDS):
        answer = self.box.get(timeout=seconds)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["result"]

    def cancel(self):
        self.drive("cancel", of=self.number)


class Drive:
    def __init__(self, *flags):
        self.profile = tempfile.mkdtemp(prefix="smcp-browser-")
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [DRIVE, chromium(), *FLAGS, *root, f"--user-data-dir={self.profile}", *flags,
             "about:blank"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
            start_new_session=True)
        self.waiting, self.count, self.lock = {}, 0, threading.Lock()
        line = self.process.stdout.readline()
        assert line, "the browser did not start"
        self.ready = json.loads(line)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.lock:
                one = self.waiting.pop(answer["id"], None)
            if one:
                one.box.put(answer)

    def begin(self, do, **args):
        with self.lock:
            self.count += 1
            one = self.waiting[self.count] = Answer(self, self.count)
            line = json.dumps({"id": one.number, "do": do} | args)
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        return one

    def __call__(self, do, **args):
        return self.begin(do, **args).wait()

    def open(self, url=None, **args):
        page = Page(self, self("open", **args)["id"])
        if url:
            page.went = page.goto(url)
        return page

    def pages(self):
        return {each["id"]: each for each in self("pages")}

    def kill_browser(self):
        os.killpg(self.ready["pid"], signal.SIGKILL)

    def close(self):
        self.process.stdin.close()
        try:
            status = self.process.wait(SECONDS)
            self.log.seek(0)
            said = self.log.read()
            reports.assert_none(said)
            assert status == 0, said[-4000:]
        finally:
            self.process.kill()
            self.process.wait()
            try:
                self.kill_browser()
            except ProcessLookupError:
                pass
            shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    def __init__(self, drive, page_id):
        self.drive, self.id = drive, page_id

    def __getattr__(self, do):
        return lambda **args: self.drive(do, page=self.id, **args)

    def begin(self, do, **args):
        return self.drive.begin(do, page=self.id, **args)

    def goto(self, url=None, **args):
        return self.drive("goto", page=self.id, **({"url": url} if url else {}), **args)

    def eval(self, script, **args):
        return json.loads(self.evaluated(script, **args)["json"])

    def evaluated(self, script, **args):
        return self.drive("eval", page=self.id, script=script, **args)

    def click(self, target, **args):
        return self.drive("click", page=self.id, target=target, **args)

    def type(self, text, target=None, **args):
        return self.drive("type", page=self.id, text=text,
                          **({"target": target} if target else {}), **args)

    def press(self, *keys, **args):
        return self.drive("press", page=self.id, keys=keys, **args)
