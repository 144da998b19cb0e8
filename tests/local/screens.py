"""terminal_session as a program uses it: one object per session, screens as objects."""

import re
from dataclasses import dataclass

from lib import protocol
from local.terminal import ToolError

BASH = r"\$ $"


@dataclass
class Screen:
    text: str
    meta: dict
    header: str
    scrolled: str
    screen: str

    @property
    def alive(self):
        return bool(self.meta["alive"])

    @property
    def exit_code(self):
        return self.meta.get("exit_code")

    @property
    def matched(self):
        return bool(self.meta["matched"])

    @property
    def size(self):
        return self.meta["cols"], self.meta["rows"]

    @property
    def cursor(self):
        return tuple(map(int, re.search(r"cursor row (\d+) col (\d+)", self.header).groups()))

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.splitlines()]


def parse(result):
    text = protocol.text(result)
    if result.get("isError"):
        raise ToolError(result)
    header, _, rest = text.partition("\n")
    before, _, screen = rest.partition("--- screen\n")
    meta = {k.removeprefix("sandbox-mcp/"): v for k, v in result.get("_meta", {}).items()}
    return Screen(text, meta, header, before.partition("\n")[2], screen)


class Session:
    def __init__(self, client, **arguments):
        self.client = client
        self.opened = parse(client.call("terminal_session", action="open", **arguments))
        self.id = self.opened.meta["session_id"]

    def call(self, action, timeout=90, **arguments):
        return self.client.call("terminal_session", timeout, action=action, session_id=self.id,
                                **arguments)

    def send(self, text=None, *keys, **more):
        if text is not None:
            more["text"] = text
        if keys:
            more["keys"] = list(keys)
        return parse(self.call("send", **more))

    def until(self, wait_for, text=None, *keys, seconds=30, **more):
        """Types, and fails unless the pattern comes."""
        screen = self.send(text, *keys, wait_for=wait_for, yield_s=seconds, **more)
        assert screen.matched, screen.text
        return screen

    def look(self, **more):
        return parse(self.call("screen", **more))

    def resize(self, cols, rows):
        return parse(self.call("resize", cols=cols, rows=rows))

    def close(self):
        result = self.call("close")
        if result.get("isError"):
            raise ToolError(result)
        return protocol.text(result)


def listed(client):
    return protocol.text(client.call("terminal_session", action="list"))
