"""Terminal tools as a program uses them: results as objects."""

import re
from dataclasses import dataclass

from lib import protocol


@dataclass
class Result:
    text: str
    meta: dict
    stdout: str
    stderr: str

    @property
    def status(self):
        return self.meta["status"]

    @property
    def exit_code(self):
        return self.meta.get("exit_code")

    @property
    def process_id(self):
        return self.meta.get("process_id")

    @property
    def cursor(self):
        return self.meta.get("cursor")

    @property
    def duration_ms(self):
        return self.meta["duration_ms"]

    @property
    def hole_cursor(self):
        found = re.search(r"omitted; terminal_output process_id=\S+ cursor=(\S+)", self.text)
        return found and found[1]


class ToolError(Exception):
    """A result with isError; the code is the text up to the first colon."""

    def __init__(self, result):
        self.text = protocol.text(result)
        self.code = self.text.split(":")[0]
        super().__init__(self.text)


# What stands behind the streams: notes and what to call next.
FOOTER = (r"^(?:--- std|cursor \d|Next: |denied: |A process it started|\d+ bytes follow behind|"
          r"The shell of this session|This sandbox has no network|"
          r"The sandbox was stopped|Interrupted|Another server runs)")


def _section(text, name):
    """Between its marker and the next one; what follows the last section is cut where it is known."""
    at = re.search(rf"^--- {name}\n", text, re.M)
    if not at:
        return ""
    rest = text[at.end():]
    return re.split(FOOTER, rest, maxsplit=1, flags=re.M)[0]


def parse(result):
    if result.get("isError"):
        raise ToolError(result)
    text = protocol.text(result)
    meta = {key.removeprefix("sandbox-mcp/"): value
            for key, value in result.get("_meta", {}).items()}
    return Result(text, meta, _section(text, "stdout"), _section(text, "stderr"))


def run(client, command, timeout=60, **arguments):
    return parse(client.call("terminal_execute", timeout, command=command, **arguments))


def output(client, process_id, timeout=60, **arguments):
    return parse(client.call("terminal_output", timeout, process_id=process_id, **arguments))


def structured(client, tool, timeout=60, **arguments):
    result = client.call(tool, timeout, **arguments)
    if result.get("isError"):
        raise ToolError(result)
    return result["structuredContent"]


def kill(client, id, timeout=60, **arguments):
    return structured(client, "terminal_kill", timeout, id=id, **arguments)
