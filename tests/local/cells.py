"""code_execute as a program uses it."""

import base64
import re

from lib import protocol
from local.terminal import ToolError


class Cell:
    """A result taken apart. sections: what stands below "--- NAME", by name; a name may repeat."""

    def __init__(self, result):
        if result.get("isError"):
            raise ToolError(result)
        self.said = protocol.text(result)
        self.status = self.said.split(" ", 1)[0]
        self.pictures = [base64.b64decode(part["data"]) for part in result["content"]
                         if part["type"] == "image"]
        parts = re.split(r"^--- (.+)\n", self.said, flags=re.M)
        self.sections = list(zip(parts[1::2], parts[2::2]))

    def section(self, name):
        """None when there is none of that name."""
        return next((text for found, text in self.sections if found == name), None)

    @property
    def value(self):
        text = self.section("result")
        return text and text.split("\nfiles created:")[0].rstrip("\n")


def run(client, code, language="python", timeout=60, **more):
    return Cell(client.call("code_execute", timeout, code=code, language=language, **more))


def interpreter(client, language, code):
    """Whether the sandbox has the interpreter and this code runs in it."""
    try:
        return run(client, code, language).status == "ok"
    except ToolError:
        return False
