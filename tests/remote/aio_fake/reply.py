"""What handlers return and raise, and the envelope nearly every answer wears."""

import json
from dataclasses import dataclass, field
from collections.abc import Iterator

JSON = "application/json"
HTML = "text/html"

REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 413: "Request Entity Too Large",
    422: "Unprocessable Entity", 429: "Too Many Requests", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable",
}


@dataclass
class Reply:
    """One HTTP answer. A bytes body has a length; an iterator is sent in chunks."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    content_type: str = JSON
    headers: dict = field(default_factory=dict)


class HttpError(Exception):
    """Answered with an HTTP status of its own."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status, self.detail = status, detail


class Failed(Exception):
    """An operation that did not succeed: HTTP 200, `success` false."""

    def __init__(self, message, data=None):
        super().__init__(message)
        self.message, self.data = message, data


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def json_reply(value, status=200):
    return Reply(status, dump(value))


def envelope(data=None, message="Operation successful", success=True, **extra):
    value = {"success": success, "message": message, "data": data, "hint": None}
    return json_reply({**value, **extra})


def nginx_page(status):
    title = f"{status} {REASONS[status]}"
    text = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Reply(status, text.encode(), HTML)
