"""MCP servers with a browser, called over stdio, in one vocabulary: verbs that a task is made of."""

import json
import os
import re
import subprocess
import time
from pathlib import Path


class Failed(Exception):
    pass


class Peer:
    """calls, bytes and seconds count what went on since reset(). bytes: of the results."""

    name, command = "", []

    def __init__(self, directory):
        self.directory = directory
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=directory,
            stderr=subprocess.DEVNULL, env=os.environ | self.environment())
        self.number, self.seen = 0, ""
        self.reset()
        self.request("initialize", {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"}})
        self.send({"method": "notifications/initialized"})

    def environment(self):
        return {}

    def reset(self):
        self.calls, self.bytes, self.seconds = 0, 0, 0.0

    def send(self, message):
        line = json.dumps({"jsonrpc": "2.0"} | message) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def request(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise Failed("it ended")
            message = json.loads(line)
            if message.get("id") == self.number and "method" not in message:
                return message.get("result") or {"isError": True, "content": [
                    {"type": "text", "text": json.dumps(message.get("error"))}]}

    def call(self, tool, **arguments):
        began = time.perf_counter()
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        self.seconds += time.perf_counter() - began
        self.calls += 1
        self.bytes += len(json.dumps(result["content"]))
        text = "\n".join(part.get("text", "") for part in result["content"])
        if result.get("isError"):
            raise Failed(f"{tool}: {text[:300]}")
        return text

    def ref(self, role, name):
        """Of an element in the snapshot that was seen last."""
        for pattern in self.patterns:
            found = re.search(pattern.format(role=role, name=re.escape(name)), self.seen)
            if found:
                return found[1]
        raise Failed(f"no {role} {name!r} in the snapshot")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Ours(Peer):
    name = "sandbox-mcp"
    patterns = [r'{role} "{name}"[^\n]*?\[((?:f\d+)?e\d+)\]', r'((?:f\d+)?e\d+) {role} "{name}"']
    port = 8123

    def __init__(self, server, directory, state):
        self.state = state
        self.command = [server, "--toolsets", "all", "--workspace", str(directory),
                        "--allow-root-workspace"]
        super().__init__(directory)
        self.call("terminal_execute", yield_s=0, timeout_s=0,
                  command=f"python3 -m http.server --bind 127.0.0.1 {self.port}")
        self.call("terminal_execute", command=(
            f"for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/{self.port}) 2>/dev/null && "
            "exit; sleep 0.05; done; exit 1"))
        self.base = f"http://127.0.0.1:{self.port}/"

    def environment(self):
        return {"SANDBOX_MCP_STATE_DIR": str(self.state)}

    def goto(self, url):
        return self.call("browser_navigate", url=url)

    def look(self, mode="full"):
        self.seen = self.call("browser_snapshot", mode=mode, max_bytes=48000)
        return self.seen

    def click(self, ref):
        return self.call("browser_click", target=ref)

    def type(self, ref, text):
        return self.call("browser_type", target=ref, text=text)

    def fill(self, fields):
        return self.call("browser_fill_form", fields=[
            {"target": ref, "value": str(value).lower() if value is True else value}
            for ref, _, value in fields])

    def select(self, ref, value):
        return self.call("browser_select", target=ref, values=[value])

    def press(self, key):
        return self.call("browser_press_key", keys=[key])

    def hover(self, ref):
        return self.call("browser_hover", target=ref)

    def drag(self, one, other):
        return self.call("browser_drag", **{"from": one, "to": other})

    def upload(self, ref, path):
        return self.call("browser_upload", target=ref, paths=[Path(path).name])

    def accept(self):
        return self.call("browser_dialog", action="accept")

    def wait(self, text):
        return self.call("browser_wait", text=text)

    def newest_tab(self):
        text = self.call("browser_tabs", action="list")
        page = re.findall(r"^(?:active )?(page_\w+)", text, re.M)[-1]
        return self.call("browser_tabs", action="select", page_id=page)

    def run(self, script):
        return self.call("browser_evaluate", script=script)

    def read(self):
        return self.call("browser_extract", max_bytes=48000)

    def find(self, text):
        self.seen = self.call("browser_find", text=text)
        return self.seen

    def shot(self):
        return self.call("browser_screenshot")


class Playwright(Peer):
    name = "@playwright/mcp"
    patterns = [r'{role} "{name}"[^\n]*?\[ref=(\w+)\]']

    def __init__(self, modules, chromium, directory, base):
        self.base = base
        self.command = ["node", f"{modules}/@playwright/mcp/cli.js", "--headless", "--isolated",
                        "--executable-path", chromium] + ["--no-sandbox"] * (os.geteuid() == 0)
        super().__init__(directory)

    def goto(self, url):
        return self.call("browser_navigate", url=url)

    def look(self, mode="full"):
        self.seen = self.call("browser_snapshot")
        return self.seen

    def click(self, ref):
        return self.call("browser_click", target=ref, element="it")

    def type(self, ref, text):
        return self.call("browser_type", target=ref, element="it", text=text)

    def fill(self, fields):
        return self.call("browser_fill_form", fields=[
            {"target": ref, "name": "it", "element": "it", "type": kind,
             "value": str(value).lower() if value is True else value}
            for ref, kind, value in fields])

    def select(self, ref, value):
        return self.call("browser_select_option", target=ref, element="it", values=[value])

    def press(self, key):
        return self.call("browser_press_key", key=key)

    def hover(self, ref):
        return self.call("browser_hover", target=ref, element="it")

    def drag(self, one, other):
        return self.call("browser_drag", startTarget=one, endTarget=other, startElement="a",
                         endElement="b")

    def upload(self, ref, path):
        self.click(ref)
        return self.call("browser_file_upload", paths=[str(path)])

    def accept(self):
        return self.call("browser_handle_dialog", accept=True)

    def wait(self, text):
        return self.call("browser_wait_for", text=text)

    def newest_tab(self):
        text = self.call("browser_tabs", action="list")
        last = max(int(n) for n in re.findall(r"^- (\d+):", text, re.M))
        return self.call("browser_tabs", action="select", index=last)

    def run(self, script):
        return self.call("browser_evaluate", function=f"() => {script}")

    def read(self):
        return self.run("document.body.innerText")

    def find(self, text):
        self.seen = self.call("browser_find", text=text)
        return self.seen

    def shot(self):
        return self.call("browser_take_screenshot", scale="css", type="jpeg")


class Devtools(Peer):
    name = "chrome-devtools-mcp"
    patterns = [r'uid=(\w+) {role} "{name}"']

    def __init__(self, modules, chromium, directory, base):
        self.base = base
        root = ["--chromeArg=--no-sandbox"] if os.geteuid() == 0 else []
        self.command = ["node", f"{modules}/chrome-devtools-mcp/build/src/bin/"
                        "chrome-devtools-mcp.js", "--headless", "--isolated", "--executablePath",
                        chromium, *root]
        self.page = 1
        super().__init__(directory)

    def goto(self, url):
        return self.call("navigate_page", pageId=self.page, type="url", url=url)

    def look(self, mode="full"):
        self.seen = self.call("take_snapshot", pageId=self.page)
        return self.seen

    def click(self, ref):
        return self.call("click", pageId=self.page, uid=ref)

    def type(self, ref, text):
        return self.call("fill", pageId=self.page, uid=ref, value=text)

    def fill(self, fields):
        return self.call("fill_form", pageId=self.page, elements=[
            {"uid": ref, "value": str(value).lower() if value is True else value}
            for ref, _, value in fields])

    def select(self, ref, value):
        return self.call("fill", pageId=self.page, uid=ref, value=value)

    def press(self, key):
        return self.call("press_key", pageId=self.page, key=key)

    def hover(self, ref):
        return self.call("hover", pageId=self.page, uid=ref)

    def drag(self, one, other):
        return self.call("drag", pageId=self.page, from_uid=one, to_uid=other)

    def upload(self, ref, path):
        return self.call("upload_file", pageId=self.page, uid=ref, filePaths=[str(path)])

    def accept(self):
        return self.call("handle_dialog", pageId=self.page, action="accept")

    def wait(self, text):
        return self.call("wait_for", pageId=self.page, text=[text])

    def newest_tab(self):
        text = self.call("list_pages")
        self.page = max(int(n) for n in re.findall(r"^(\d+):", text, re.M))
        return self.call("select_page", pageId=self.page)

    def run(self, script):
        return self.call("evaluate_script", pageId=self.page, function=f"() => {script}")

    def read(self):
        return self.run("document.body.innerText")

    def find(self, text):
        return self.look()

    def shot(self):
        return self.call("take_screenshot", pageId=self.page, format="jpeg")
