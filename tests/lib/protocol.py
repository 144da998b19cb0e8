"""The two eras of the protocol, as a client writes them."""

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
CLIENT = {"name": "sandbox-mcp-tests", "version": "1"}


def meta(version=MODERN, **more):
    """A modern request's _meta; keywords are members beside the three of the protocol."""
    return {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": CLIENT,
        **more,
    }


def request(id, method, params=None, modern=True, **more_meta):
    params = dict(params or {})
    if modern:
        params["_meta"] = meta(**more_meta) | params.get("_meta", {})
    elif more_meta:
        params["_meta"] = more_meta | params.get("_meta", {})
    message = {"jsonrpc": "2.0", "id": id, "method": method}
    return message | {"params": params} if params else message


# Which member of params the Mcp-Name header repeats.
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri",
         "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId"}


def headers(message, version=MODERN):
    """The headers that repeat a modern message over HTTP."""
    found = {"MCP-Protocol-Version": version, "Mcp-Method": message["method"]}
    params = message.get("params") or {}
    key = NAMED.get(message["method"])
    if key and isinstance(params.get(key), str):
        found["Mcp-Name"] = params[key]
    return found


def text(result):
    """All text blocks of a tool's result, one after the other."""
    return "".join(b["text"] for b in result.get("content", ()) if b["type"] == "text")
