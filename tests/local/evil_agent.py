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

READY, STARTED, EXIT, REPLY, CHANGED = 64, 65, 66, 67, 70
DATA, WATCH = 66, 68
PATH, TOTAL, ERRORS = 33, 51, 120
PTY_SEQ, PTY_STATE, PTY_CURSOR, PTY_TITLE, PTY_SCROLLED, PTY_MISSED = 99, 102, 103, 104, 105, 106
POLL = 132
LONGEST = 65536
LAST = (1 << 63) - 1
WILD = b"\x1b[2J\x1b]0;x\x07\x9b\xff\xe2\x80\xae\x00\x7f\r\n" * 3
given = []  # the descriptors that came with the operation


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


def text(data):
    return struct.pack("<I", len(data)) + data


def record(kind, *fields):
    rest = kind + b"".join(struct.pack("<q", f) if isinstance(f, int) else f for f in fields)
    return struct.pack("<I", len(rest)) + rest


def stat_record(types=b"fw", when=0, owner=b"user"):
    return record(b"s", types, 0o644, 5, when, text(owner), text(b"user"), text(b""), text(b""))


def stat_odd(sock):
    send(sock, frame(REPLY, tag(DATA, stat_record(b"f!"))))


def stat_more(sock):
    send(sock, frame(REPLY, tag(DATA, stat_record() * 2)))


def stat_error(sock):
    send(sock, frame(REPLY, tag(DATA, record(b"x", LAST, text(b"/"), text(b""), text(b"")))))


def stat_wild(sock):
    send(sock, frame(REPLY, tag(DATA, stat_record(when=LAST, owner=WILD.replace(b"\0", b"")))))


def totals(sock):
    for _ in range(8):
        send(sock, frame(REPLY, tag(TOTAL, struct.pack("<q", LAST))
                         + tag(ERRORS, struct.pack("<q", LAST))))
        hears(sock)


def processes(sock, *lines):
    for line in lines:
        os.write(given[1], record(b"p", text(b"process"), text(line)))
    os.close(given[1])
    send(sock, frame(REPLY))


def process_odd(sock):
    processes(sock, b"1 2 three S 0 0 0 user sh")


def process_disorder(sock):
    processes(sock, b"7 1 1 S 0 0 0 user sh", b"7 1 1 S 0 0 0 user sh")


def process_wild(sock):
    processes(sock, b"7 1 1 \x1b 0 0 0 user sh")


def process_names(sock):
    processes(sock, b"7 7 1 S 999999999999999999 -99999999999999999 0 \x1b[2J\xff "
              + WILD.replace(b"\0", b""), b"9 7 1 S 0 0 -1 user \x9b")


def watched(sock, *answers):
    """A watch begins well; what a poll is told is another matter."""
    send(sock, frame(REPLY, tag(PATH, b"/workspace") + tag(TOTAL, struct.pack("<q", 1))))
    hears(sock)
    for answer in answers:
        send(sock, frame(REPLY, answer))


def change(kind, when=0, path=b"/workspace/a", source=b""):
    return tag(DATA, record(b"w", kind, when, text(path), text(source)))


def change_odd(sock):
    watched(sock, change(b"z"))


def change_short(sock):
    watched(sock, tag(DATA, record(b"w", b"c", 1)))


def change_foreign(sock):
    watched(sock, tag(DATA, stat_record()))


def change_wild(sock):
    late = tag(POLL, struct.pack("<I", 77)) + change(b"z")
    watched(sock, late, change(b"v", -LAST, WILD.replace(b"\0", b""), b"\xff\n"))


def screen(sock, before=frame(STARTED)):
    send(sock, before)
    send(sock, frame(REPLY, b"".join((
        tag(PTY_SEQ, struct.pack("<I", 1)), tag(PTY_TITLE, WILD), tag(DATA, WILD * 100),
        tag(PTY_SCROLLED, WILD * 100), tag(PTY_MISSED, struct.pack("<q", -LAST)),
        tag(PTY_CURSOR, b"\xff" * 4), tag(PTY_STATE, b"\xff" * 4)))))


def screen_odd(sock):
    screen(sock, frame(CHANGED))


def screen_wild(sock):
    screen(sock)
    send(sock, frame(REPLY, tag(PTY_SEQ, b"\xff" * 4)))
    send(sock, frame(EXIT, tag(6, b"\xff" * 4)))


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
        given[:] = fds
        if at == "open" and fds:
            lie(socket.socket(fileno=os.dup(fds[0])))


main()
