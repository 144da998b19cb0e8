"""Language processes that keep state between cells, and what a cell put out."""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time

from .procs import signal_group
from .reply import Failed

HERE = os.path.dirname(os.path.abspath(__file__))
INTERRUPT_GRACE_S = 1
CONTROL, RAW_OUT, RAW_ERR = "control", "stdout", "stderr"


def node_path():
    return shutil.which("node")


def kernel_argv(language):
    if language == "python":
        return [sys.executable, "-u", "-P", os.path.join(HERE, "kernel.py")]
    node = node_path()
    if node is None:
        raise Failed("Node.js is not installed")
    return [node, "--experimental-repl-await", os.path.join(HERE, "kernel.cjs")]


def streams_joined(outputs, name):
    return "".join(o["text"] for o in outputs
                   if o["output_type"] == "stream" and o["name"] == name)


def traceback_of(outputs):
    return next((o["traceback"] for o in outputs if o["output_type"] == "error"), None)


class Collector:
    """Outputs of one cell in order; neighbouring pieces of one stream become one output."""

    def __init__(self):
        self.outputs = []

    def add(self, output):
        last = self.outputs[-1] if self.outputs else None
        if output["output_type"] == "stream" and last and last["output_type"] == "stream" \
                and last["name"] == output["name"]:
            last["text"] += output["text"]
        else:
            self.outputs.append(dict(output))

    def raw(self, name, data):
        self.add({"output_type": "stream", "name": name, "text": data.decode("utf-8", "replace")})


class Kernel:
    def __init__(self, procs, language, cwd):
        self.language, self.cwd = language, cwd
        self.lock = threading.Lock()
        self.created_at = self.last_used = time.time()
        self.buffer = b""
        self.count = 0
        from_here, to_here = os.pipe(), os.pipe()
        argv = kernel_argv(language) + [str(from_here[0]), str(to_here[1])]
        self.process = procs.start(
            argv, cwd, {"MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            pass_fds=(from_here[0], to_here[1]),
        )
        os.close(from_here[0])
        os.close(to_here[1])
        self.requests, self.answers = from_here[1], to_here[0]
        self.selector = selectors.DefaultSelector()
        for fd, name in ((self.answers, CONTROL), (self.process.stdout.fileno(), RAW_OUT),
                         (self.process.stderr.fileno(), RAW_ERR)):
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_READ, name)

    @property
    def alive(self):
        return self.process.poll() is None

    def run(self, code, timeout):
        """{"status": ok|error|timeout, "outputs", "count"}; one cell at a time."""
        with self.lock:
            self.last_used = time.time()
            collector = Collector()
            try:
                data = json.dumps({"code": code}).encode() + b"\n"
                while data:
                    data = data[os.write(self.requests, data):]
            except OSError as cause:
                raise Failed("Kernel is dead") from cause
            status = self.collect(collector, time.monotonic() + timeout)
            if status is None:
                status = self.interrupt(collector)
            self.last_used = time.time()
            return {"status": status, "outputs": collector.outputs, "count": self.count}

    def interrupt(self, collector):
        """The time is up: a python cell is interrupted, what does not stop is killed."""
        if self.language == "python":
            signal_group(self.process, signal.SIGINT)
            if self.collect(collector, time.monotonic() + INTERRUPT_GRACE_S) is not None:
                return "timeout"
        self.kill()
        return "timeout"

    def collect(self, collector, until):
        """The cell's status, or None when `until` came first."""
        while (left := until - time.monotonic()) > 0:
            ready = sorted(self.selector.select(left), key=lambda r: r[0].data == CONTROL)
            for key, _ in ready:
                status = self.take(key, collector)
                if status is not None:
                    self.drain(collector)
                    return status
        return None

    def take(self, key, collector):
        try:
            data = os.read(key.fd, 65536)
        except BlockingIOError:
            return None
        if key.data != CONTROL:
            if data:
                collector.raw(key.data, data)
            else:
                self.selector.unregister(key.fd)
            return None
        if not data:
            code = self.process.wait()
            collector.add({"output_type": "error", "ename": "DeadKernelError",
                           "evalue": f"Kernel died with exit code {code}",
                           "traceback": [f"Kernel died with exit code {code}"]})
            return "error"
        self.buffer += data
        *lines, self.buffer = self.buffer.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "done" in message:
                self.count = message["count"]
                return message["done"]
            collector.add(message["output"])
        return None

    def drain(self, collector):
        for key in list(self.selector.get_map().values()):
            if key.data != CONTROL:
                try:
                    if data := os.read(key.fd, 65536):
                        collector.raw(key.data, data)
                except BlockingIOError:
                    pass

    def kill(self):
        signal_group(self.process, signal.SIGKILL)
        self.process.wait()

    def close(self):
        """Ends the process, then a cell that is still waiting for it, then the descriptors."""
        self.kill()
        with self.lock:
            if self.requests >= 0:
                self.selector.close()
                for fd in (self.requests, self.answers):
                    os.close(fd)
                self.process.stdout.close()
                self.process.stderr.close()
                self.requests = -1


class Pool:
    """Named kernels of one language; an unnamed one gets a name, a dead one is replaced."""

    def __init__(self, procs, language, max_sessions=50):
        self.procs, self.language, self.max_sessions = procs, language, max_sessions
        self.lock = threading.Lock()
        self.kernels = {}

    def obtain(self, name, cwd):
        dead = None
        with self.lock:
            kernel = self.kernels.get(name)
            if kernel is None or not kernel.alive:
                dead = kernel
                if dead is None and len(self.kernels) >= self.max_sessions:
                    raise Failed("Too many sessions")
                kernel = self.kernels[name] = Kernel(self.procs, self.language, cwd)
        if dead:
            dead.close()
        return kernel

    def find(self, name):
        with self.lock:
            return self.kernels.get(name)

    def drop(self, name):
        with self.lock:
            kernel = self.kernels.pop(name, None)
        if kernel:
            kernel.close()
        return kernel is not None

    def names(self):
        with self.lock:
            return list(self.kernels)
