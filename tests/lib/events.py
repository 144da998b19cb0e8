"""Events of one HTTP answer as they come: what a client of SSE sees."""

import http.client
import json
import time


class Stream:
    """
    One request whose answer is read event by event. status, headers (lower-case) as soon as it is
    made. Comments are counted and otherwise passed over.
    """

    def __init__(self, server, message=None, timeout=20, method="POST", **headers):
        self.server, self.comments, self.last_id = server, 0, None
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
        body = json.dumps(message) if message else None
        meta = ((message or {}).get("params") or {}).get("_meta") or {}
        modern = "io.modelcontextprotocol/protocolVersion" in meta
        headers = server.headers(message if modern else None, **headers)
        self.connection.request(method, "/mcp", body, headers)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.headers = {name.lower(): value for name, value in self.answer.getheaders()}

    def event(self):
        """{"id", "event", "retry", "data"} of the next one, as strings; None at the end."""
        fields = {}
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if line.startswith(":"):
                self.comments += 1
                assert not fields, "a comment within an event"
            elif line:
                name, _, value = line.partition(": ")
                assert name not in fields, fields
                fields[name] = value
            elif fields:
                self.last_id = fields.get("id", self.last_id)
                return fields

    def message(self):
        """The next one, None at the end; priming events are passed over."""
        while (event := self.event()) is not None:
            if event["data"]:
                assert event.get("event") == "message"
                return json.loads(event["data"])
        return None

    def rest(self):
        return list(iter(self.message, None))

    def close(self):
        self.answer.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def until(true, seconds=10):
    """Waits until true() is true and returns what it gave."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)
    return found
