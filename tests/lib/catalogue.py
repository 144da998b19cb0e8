"""tools.json, and what of it a server lists."""

import functools
import json

from browser.harness import chromium
from lib.paths import ROOT

TOOLS = {tool["name"]: tool for tool in json.loads((ROOT / "tools.json").read_text())}
DEFAULT = ["core", "recording"]


@functools.cache
def with_browser():
    return bool(chromium())


def can_be(tool, browser=None):
    """Whether a local server on this machine can serve it; browser: whether one is there."""
    return "browser" not in tool["needs"] or (with_browser() if browser is None else browser)


def listed(toolsets=None, browser=None):
    """Names of these toolsets, all of them without an argument, in the order of a list."""
    return sorted(name for name, tool in TOOLS.items()
                  if (not toolsets or tool["toolset"] in toolsets) and can_be(tool, browser))
