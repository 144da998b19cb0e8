"""Deliberate faults: which request gets one, and what it does to the answer.

    before the operation   401 422 503 503_retry_after success_false html_502 hang reset_before NNN
    to the answer          cut reset slow_1byte close_after

`reset` and `cut` happen after the operation took effect, so that a client which repeats it
shows. `close_after` ends the connection after a whole answer that did not announce it.
"""

import socket
import struct
import threading
import time

from .reply import REASONS, Reply, dump, envelope, json_reply, nginx_page

BEFORE = ("401", "422", "503", "503_retry_after", "success_false", "html_502", "hang",
          "reset_before")
AFTER = ("cut", "reset", "slow_1byte", "close_after")
SLOW_GAP_S = 0.0002


def known(fault):
    return fault in BEFORE + AFTER or (fault.isdigit() and int(fault) in REASONS)


class Faults:
    """Rules in order; the first that matches is used up by one. count < 0 lasts for ever."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []

    def add(self, rule):
        fault = str(rule.get("fault", ""))
        if not known(fault):
            raise ValueError(f"unknown fault {fault!r}; known: {', '.join(BEFORE + AFTER)}, NNN")
        entry = {
            "path_prefix": str(rule.get("path_prefix", "/")),
            "method": rule.get("method"),
            "count": int(rule.get("count", 1)),
            "skip": int(rule.get("skip", 0)),
            "fault": fault,
        }
        with self.lock:
            self.rules.append(entry)

    def clear(self):
        with self.lock:
            self.rules.clear()

    def listed(self):
        with self.lock:
            return [dict(r) for r in self.rules]

    def take(self, method, path):
        with self.lock:
            for rule in self.rules:
                if not path.startswith(rule["path_prefix"]):
                    continue
                if rule["method"] not in (None, method) or rule["count"] == 0:
                    continue
                if rule["skip"] > 0:
                    rule["skip"] -= 1
                    continue
                rule["count"] -= rule["count"] > 0
                return rule["fault"]
        return None


def unprocessable():
    return json_reply(
        {"detail": [{"type": "missing", "loc": ["body", "injected"], "msg": "Field required",
                     "input": {}}]},
        422,
    )


def unavailable(headers):
    return Reply(503, dump({"detail": "Service Unavailable"}), headers=headers)


READY_MADE = {
    "401": lambda: nginx_page(401),
    "422": unprocessable,
    "503": lambda: unavailable({}),
    "503_retry_after": lambda: unavailable({"Retry-After": "1"}),
    "success_false": lambda: envelope(None, "injected failure", success=False),
    "html_502": lambda: nginx_page(502),
}


def reply_before(fault):
    """The answer a fault gives in place of the operation, or None when it comes later."""
    if fault in READY_MADE:
        return READY_MADE[fault]()
    if fault and fault.isdigit():
        return json_reply({"detail": REASONS[int(fault)]}, int(fault))
    return None


def hang(connection, stopping):
    """Sit still until the client gives up or the server stops."""
    connection.settimeout(0.2)
    while not stopping.is_set():
        try:
            if not connection.recv(1, socket.MSG_PEEK):
                return
            time.sleep(0.2)
        except TimeoutError:
            continue
        except OSError:
            return


def reset(connection):
    """Close so that the peer sees RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def send_slowly(connection, data):
    for at in range(len(data)):
        connection.sendall(data[at : at + 1])
        time.sleep(SLOW_GAP_S)
