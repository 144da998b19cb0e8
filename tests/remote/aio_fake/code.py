"""/v1/jupyter, /v1/nodejs and the /v1/code dispatcher in front of them."""

import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

from .kernels import Kernel, Pool, node_path, streams_joined, traceback_of
from .procs import signal_group
from .reply import Failed, HttpError
from .tree import HOME

TIMEOUT_S = 30
KERNELS = ("python3", "python3.10", "python3.11", "python3.12")
NODE_VERSIONS = ("20", "22", "24", "node20", "node22", "node24")
MODULE_SYNTAX = re.compile(r"\b(await|import|export)\b")
JUPYTER_OUTPUT = ("output_type", "name", "text", "data", "metadata", "execution_count", "ename",
                  "evalue", "traceback")
IDLE_S = 86400


def new_id():
    return str(uuid.uuid4())


class Runtime:
    def __init__(self, tree, procs, language):
        self.tree, self.procs = tree, procs
        self.pool = Pool(procs, language)

    def cwd(self, path):
        real = self.tree.directory(path or HOME)
        if real is None:
            raise Failed(f"Working directory does not exist: {path}")
        return real

    def known(self, session_id):
        kernel = self.pool.find(session_id)
        if kernel is None:
            raise HttpError(404, f"Session {session_id} not found")
        return kernel


class Jupyter(Runtime):
    def __init__(self, tree, procs):
        super().__init__(tree, procs, "python")
        self.names = {}

    @staticmethod
    def kernel_name(wanted):
        if wanted and wanted not in KERNELS:
            raise Failed(f"Unsupported kernel: {wanted}")
        return wanted or "python3"

    def run(self, a):
        """Without a session the kernel is thrown away afterwards."""
        name = self.kernel_name(a.get("kernel_name"))
        if a["session_id"]:
            kernel = self.pool.obtain(a["session_id"], self.cwd(a["cwd"]))
            self.names[a["session_id"]] = name
            return kernel.run(a["code"], a["timeout"])
        kernel = Kernel(self.procs, "python", self.cwd(a["cwd"]))
        try:
            return kernel.run(a["code"], a["timeout"])
        finally:
            kernel.close()

    def execute(self, a):
        session_id = a["session_id"] or new_id()
        done = self.run({**a, "session_id": session_id})
        return {
            "kernel_name": self.names[session_id], "session_id": session_id,
            "status": done["status"], "execution_count": done["count"],
            "outputs": [{k: o.get(k) for k in JUPYTER_OUTPUT} for o in done["outputs"]],
            "code": a["code"], "msg_id": new_id(),
        }

    def info(self):
        return {
            "default_kernel": "python3", "available_kernels": list(KERNELS),
            "active_sessions": len(self.pool.names()), "session_timeout_seconds": 1800,
            "max_sessions": self.pool.max_sessions, "description": "Jupyter kernel service",
            "kernel_detection": "static",
        }

    def create(self, a):
        session_id, name = a["session_id"] or new_id(), self.kernel_name(a["kernel_name"])
        self.pool.obtain(session_id, self.cwd(a["cwd"]))
        self.names[session_id] = name
        return {"session_id": session_id, "kernel_name": name, "message": "Session created"}

    def listed(self):
        pairs = [(n, self.pool.find(n)) for n in self.pool.names()]
        return {"sessions": {n: {
            "kernel_name": self.names.get(n, "python3"), "last_used": k.last_used,
            "age_seconds": int(time.time() - k.created_at),
        } for n, k in pairs if k}}

    def delete(self, session_id):
        self.known(session_id)
        self.pool.drop(session_id)

    def delete_all(self):
        for name in self.pool.names():
            self.pool.drop(name)


class NodeJs(Runtime):
    def __init__(self, tree, procs):
        super().__init__(tree, procs, "javascript")
        self.idle = {}

    @staticmethod
    def version(wanted):
        if wanted and wanted not in NODE_VERSIONS:
            raise Failed(f"Unsupported Node.js version: {wanted}")

    def once(self, a):
        """One script in a directory of its own, or in `cwd`."""
        node = node_path()
        if node is None:
            raise Failed("Node.js is not installed")
        scratch = tempfile.mkdtemp(prefix="node-", dir=self.procs.scratch)
        try:
            for name, text in (a["files"] or {}).items():
                target = os.path.normpath(os.path.join(scratch, name))
                if not target.startswith(scratch + "/"):
                    raise Failed(f"Invalid file name: {name}")
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "w", encoding="utf-8") as file:
                    file.write(text)
            main = os.path.join(scratch, "main.cjs")
            with open(main, "w", encoding="utf-8") as file:
                file.write(a["code"])
            if MODULE_SYNTAX.search(a["code"]) and subprocess.run(
                    [node, "--check", main], capture_output=True, check=False).returncode:
                os.rename(main, main := os.path.join(scratch, "main.mjs"))
            return self.run_script([node, main], a, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def run_script(self, argv, a, scratch):
        process = self.procs.start(
            argv, self.cwd(a["cwd"]) if a["cwd"] else scratch, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        status = None
        try:
            out, err = process.communicate((a["stdin"] or "").encode(), a["timeout"])
        except subprocess.TimeoutExpired:
            status = "timeout"
            signal_group(process, signal.SIGKILL)
            out, err = process.communicate()
        status = status or ("ok" if process.returncode == 0 else "error")
        outputs = [{"output_type": "stream", "name": n, "text": d.decode("utf-8", "replace")}
                   for n, d in (("stdout", out), ("stderr", err)) if d]
        if status == "error":
            outputs.append(script_error(err.decode("utf-8", "replace")))
        return {"status": status, "outputs": outputs, "count": None,
                "exit_code": process.returncode}

    def run(self, a):
        if not a["stateful"]:
            return {**self.once(a), "session_id": None}
        session_id = a["session_id"] or new_id()
        done = self.pool.obtain(session_id, self.cwd(a["cwd"])).run(a["code"], a["timeout"])
        return {**done, "session_id": session_id, "exit_code": int(done["status"] != "ok")}

    def execute(self, a):
        self.version(a["version"])
        done = self.run(a)
        return {
            "language": "javascript", "status": done["status"], "execution_count": done["count"],
            "outputs": done["outputs"], "code": a["code"],
            "stdout": streams_joined(done["outputs"], "stdout"),
            "stderr": streams_joined(done["outputs"], "stderr"),
            "exit_code": done["exit_code"], "session_id": done["session_id"],
        }

    def info(self):
        found = {}
        for name in ("node", "npm"):
            path = shutil.which(name)
            done = path and subprocess.run([path, "--version"], capture_output=True, text=True,
                                           check=False)
            found[name] = done.stdout.strip() if done else ""
        return {
            "node_version": found["node"], "npm_version": found["npm"],
            "supported_languages": ["javascript"], "description": "Node.js runtime",
            "runtime_directory": None, "global_npm_directory": None, "runtime_packages": [],
            "global_packages": [], "error": None if found["node"] else "Node.js is not installed",
            "available_versions": ["node20", "node22", "node24"], "current_version": None,
        }

    def session_info(self, name, kernel):
        return {
            "session_id": name, "cwd": self.tree.shown(kernel.cwd),
            "created_at": int(kernel.created_at * 1000), "last_used": int(kernel.last_used * 1000),
            "max_idle_time": self.idle.get(name, IDLE_S) * 1000,
            "age_seconds": int(time.time() - kernel.last_used),
            "state": "EXECUTING" if kernel.lock.locked() else "IDLE",
        }

    def create(self, a):
        session_id = a["session_id"] or new_id()
        created = self.pool.find(session_id) is None
        kernel = self.pool.obtain(session_id, self.cwd(a["cwd"]))
        self.idle[session_id] = a["max_idle_time"]
        return {"session_id": session_id, "created": created, "message": None,
                "session": self.session_info(session_id, kernel)}

    def listed(self):
        pairs = [(n, self.pool.find(n)) for n in self.pool.names()]
        return {"sessions": {n: self.session_info(n, k) for n, k in pairs if k}}

    def get(self, session_id):
        return {"session": self.session_info(session_id, self.known(session_id))}

    def update(self, session_id, a):
        kernel = self.known(session_id)
        if a["max_idle_time"]:
            self.idle[session_id] = a["max_idle_time"]
        return {"updated": True, "session": self.session_info(session_id, kernel)}

    def delete(self, session_id):
        self.known(session_id)
        return {"deleted": self.pool.drop(session_id)}


def script_error(text):
    lines = text.rstrip("\n").split("\n")
    found = next((m for m in map(re.compile(r"(\w*(?:Error|Exception)): ?(.*)").match, lines) if m),
                 None)
    return {"output_type": "error", "ename": found[1] if found else "Error",
            "evalue": found[2] if found else lines[-1], "traceback": lines}


class Code:
    def __init__(self, jupyter, nodejs):
        self.jupyter, self.nodejs = jupyter, nodejs

    def execute(self, a):
        session_id = None
        if a["stateful"]:
            session_id = a["session_id"] or new_id()
        timeout = a["timeout"] or TIMEOUT_S
        asked = {**a, "session_id": session_id, "timeout": timeout, "stdin": None, "files": None}
        runtime = self.jupyter if a["language"] == "python" else self.nodejs
        done = runtime.run(asked)
        code = done.get("exit_code")
        return {
            "language": a["language"], "status": done["status"], "outputs": done["outputs"],
            "code": a["code"], "stdout": streams_joined(done["outputs"], "stdout"),
            "stderr": streams_joined(done["outputs"], "stderr"),
            "exit_code": int(done["status"] != "ok") if code is None else code,
            "traceback": traceback_of(done["outputs"]), "session_id": session_id,
        }

    @staticmethod
    def info():
        return {"languages": [
            {"language": "python", "description": "Python through Jupyter",
             "runtime_version": platform.python_version(), "default_timeout": TIMEOUT_S,
             "max_timeout": 300, "details": {"kernels": list(KERNELS)}},
            {"language": "javascript", "description": "Node.js", "runtime_version": None,
             "default_timeout": TIMEOUT_S, "max_timeout": 300, "details": {}},
        ]}
