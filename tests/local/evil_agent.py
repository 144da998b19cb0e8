#!/usr/bin/env python3
"""An agent that lies: --runtime host starts it (SANDBOX_MCP_AGENT) in place of sandbox-agent.

EVIL, a file beside this script's copy, says how: "at word", at being ready (instead of READY), open
(in answer to an operation's START) or control (on the control socket, once it is ready), and word
one of the functions below. Every descriptor it was given stays open until it ends.
"""

import array
import os
import socket
import struct
import sys
import time
from pathlib import Path

READY, STARTED, REPLY, CHANGED = 64, 65, 67, 70
DATA, WATCH = 66, 68
LONGEST = 65536


def frame(op, body=b"", nfds=0, **over):
    head = dict(magic=0x5342, version=1, op=op, len=len(body), nfds=nfds) | over
    return struct.pack("<HBBIB3x", *head.values()) + body


def tag(number, data):
    return struct.pack("<HI", number, len(data)) + data


def send(sock, data, *fds):
    more = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        sock.sendmsg([data], more)
    except OSError:
        pass


def garbage(sock):
    send(sock, os.urandom(300))


def large(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    send(sock, frame(REPLY, bytes(LONGEST)))


def descriptors(sock):
    send(sock, frame(REPLY, nfds=3), 0, 1, 2)


def unannounced(sock):
    send(sock, frame(REPLY), 0)


def length(sock):
    send(sock, frame(REPLY, bytes(20), len=1 << 30))


def version(sock):
    send(sock, frame(REPLY, version=9))


def wrong(sock):
    send(sock, frame(READY))


def twice(sock):
    send(sock, frame(REPLY, tag(33, b"/a") * 2))


def unknown(sock):
    send(sock, frame(REPLY, tag(4000, b"")))


def promise(sock):
    send(sock, frame(REPLY, tag(33, b"/a") + tag(67, struct.pack("<q", 1 << 50))))


def flood(sock):
    sock.settimeout(2)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            sock.send(frame(STARTED, tag(5, bytes(4))))
        except OSError:
            return


def changes(sock):
    """What a watcher may say, far too often."""
    sock.settimeout(2)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            sock.send(frame(CHANGED, tag(DATA, b"\xff" * 32)))
        except OSError:
            return


def replies(sock):
    for _ in range(100):
        send(sock, frame(REPLY, tag(WATCH, bytes(4))))


def leave(sock):
    os._exit(0)


def silence(sock):
    pass


def hears(sock):
    """Descriptors that came with a frame; None at the end."""
    data, fds, _, _ = socket.recv_fds(sock, LONGEST, 8)
    return fds if data else None


def main():
    at, word = Path(sys.argv[0]).with_name("EVIL").read_text().split()
    lie = globals()[word]
    control = socket.socket(fileno=3)
    hears(control)
    if at == "ready":
        lie(control)
    else:
        send(control, frame(READY))
    if at == "control":
        lie(control)
    kept = []
    while (fds := hears(control)) is not None:
        kept += fds
        if at == "open" and fds:
            lie(socket.socket(fileno=os.dup(fds[0])))


main()
