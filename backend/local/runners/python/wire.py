# SIGINT, and the lines of the protocol.

def guarded(fn, *args):
    """The one place below which SIGINT raises KeyboardInterrupt."""
    return fn(*args)


GUARD = guarded.__code__


def on_sigint(signum, frame):
    while frame is not None:
        if frame.f_code is GUARD or frame.f_code.co_filename.startswith("<cell "):
            raise KeyboardInterrupt
        frame = frame.f_back


class Wire:
    """Lines over two pipes."""

    def __init__(self, req, resp):
        self.req, self.resp = move_high(req), move_high(resp)
        os.set_blocking(self.req, True)
        os.set_blocking(self.resp, True)
        self.buf = bytearray()

    def close(self):
        for fd in (self.req, self.resp):
            try:
                os.close(fd)
            except OSError:
                pass

    def read(self, wait):
        scanned, skipping = 0, False
        while True:
            end = self.buf.find(b"\n", scanned)
            if end >= 0:
                line = bytes(self.buf[:end])
                del self.buf[: end + 1]
                if skipping or end > MAX_LINE:
                    raise TooLong
                return line
            if len(self.buf) > MAX_LINE:
                skipping = True
                self.buf.clear()
            scanned = len(self.buf)
            wait(self.req)
            chunk = os_read(self.req, 1 << 16)
            if not chunk:
                return None
            self.buf += chunk

    def write(self, line):
        data = memoryview(line.encode() + b"\n")
        while data:
            data = data[os_write(self.resp, data) :]


def move_high(fd, keep=False):
    """fd moved, or copied, out of the reach of loops that close descriptors; -1: no copy."""
    for base in (1100, 512, 256, 100):
        try:
            high = fcntl(fd, F_DUPFD_CLOEXEC, base)
            break
        except OSError:
            high = -1
    if high < 0 and not keep:
        os.set_inheritable(fd, False)
        return fd
    if not keep:
        os.close(fd)
    return high
