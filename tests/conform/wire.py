"""
HTTP messages of both eras to one server, for tables of what is answered.

Wire(server).modern(method, params, ...) and .legacy(version) make requests as a well-behaved client
would; a keyword replaces a header, None leaves it out. code(answer): of its error, or None.
"""

import json

from lib import protocol


def code(answer):
    """The JSON-RPC code of an answer with one message."""
    if not answer.messages:
        return None
    assert len(answer.messages) == 1, answer.body
    return answer.messages[0].get("error", {}).get("code")


def error(answer):
    return answer.messages[-1]["error"]


class Session:
    """A legacy session that is initialized."""

    def __init__(self, server, version, capabilities=None):
        self.server, self.version = server, version
        answer = server.post(protocol.request("init", "initialize", {
            "protocolVersion": version, "capabilities": capabilities or {},
            "clientInfo": protocol.CLIENT}, modern=False))
        assert answer.status == 200, answer.body
        self.result, self.id = answer.json["result"], answer.headers["mcp-session-id"]
        assert self.notify("notifications/initialized").status == 202

    def send(self, body, method="POST", **headers):
        """body: a message or an array, or text or bytes as they are."""
        if not isinstance(body, (str, bytes, type(None))):
            body = json.dumps(body)
        headers = {"Mcp_Session_Id": self.id, "MCP_Protocol_Version": self.version, **headers}
        return self.server.send(body, self.server.headers(**headers), method)

    def request(self, method, params=None, id=1, **headers):
        return self.send(protocol.request(id, method, params, modern=False), **headers)

    def notify(self, method, params=None):
        message = {"jsonrpc": "2.0", "method": method}
        return self.send(message | ({"params": params} if params else {}))


class Wire:
    def __init__(self, server):
        self.server = server

    def modern(self, method, params=None, meta=None, id=1, **headers):
        message = protocol.request(id, method, params)
        for name, value in (meta or {}).items():
            message["params"]["_meta"].pop(name, None)
            if value is not None:
                message["params"]["_meta"][name] = value
        return self.server.post(message, **headers)

    def raw(self, body, method="POST", modern=True, **headers):
        """Exactly this body; modern: with that version's header."""
        if not isinstance(body, (str, bytes, type(None))):
            body = json.dumps(body)
        if modern:
            headers = {"MCP_Protocol_Version": protocol.MODERN, **headers}
        return self.server.send(body, self.server.headers(**headers), method)

    def legacy(self, version=protocol.LEGACY, capabilities=None):
        return Session(self.server, version, capabilities)
