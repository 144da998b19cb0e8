"""Where things are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("SANDBOX_MCP_BIN") or str(ROOT / "build/sandbox-mcp")
AGENT = str(Path(BINARY).parent / "sandbox-agent")

# The browser of all tests; None: the first one that is installed.
BROWSER = os.environ.get("SANDBOX_MCP_TEST_BROWSER")
BROWSER_ENV = {"SANDBOX_MCP_BROWSER": BROWSER} if BROWSER else {}

# The Node of the tests is one that npm brought, new enough for every client.
NPM = ROOT / "build/npm"
NODE_MODULES = NPM / "node_modules"
NODE = NODE_MODULES / ".bin/node"


def node_env(home):
    """Environment for a Node program: that Node first, and a home folder that may be written."""
    return dict(os.environ, HOME=str(home), PATH=f"{NODE_MODULES}/.bin:{os.environ['PATH']}")

# The generator that made the tool tables of that build.
GEN = Path(BINARY).parent / "gen/gen"
