"""The service: routes, checks, the log of what was asked, and the controls under /_fake/.

    /_fake/faults      GET, POST a rule {fault, path_prefix, method, count, skip}, DELETE
    /_fake/violations  GET what requests did that the description does not allow, DELETE
    /_fake/requests    GET the latest requests as they came, DELETE
    /_fake/browser     DELETE kills the browser; the next one who asks for it starts another
    /_fake/config      GET, POST some of {strict: record violations; error_shape: of HTTP errors,
                       "detail" or "envelope"; file_errors: false as images before 1.9 answer,
                       without data in a failed file operation; browser_info: what it names as
                       cdp_url, "ws", "http", "empty", "junk", or "none", as images before it};
                       `namespace` is only told
"""

import json
import re
import shutil
import threading
import traceback
from collections import deque
from email.parser import BytesParser

from . import sandbox, schema
from .auth import Guard
from .bash import Bash
from .browser import Browser
from .code import Code, Jupyter, NodeJs
from .editor import Editor
from .faults import Faults
from .files import Files
from .httpd import Httpd
from .listing import Listing
from .procs import Procs
from .reply import Failed, HttpError, Reply, dump, envelope, json_reply, nginx_page
from .shell import Shell
from .tree import HOME, Tree

LOG_MAX = 2000
JANITOR_S = 0.25
EVENTS = "text/event-stream"
STREAMED = ("POST /v1/shell/exec", "POST /v1/shell/view")
PUBLIC = ("/v1/ping", "/health")
AUTH_QUERY = {"api_key", "ticket", "jwt"}


def pattern_of(name):
    method, _, path = name.partition(" ")
    return method, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)) + r"\Z")


ROUTES = [(*pattern_of(name), name) for name in schema.OPERATIONS]


def parse_form(request):
    """The fields of a multipart body: text, or (file name, bytes) for a file part."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = {}
    for part in BytesParser().parsebytes(head + request.body).walk():
        name = part.get_param("name", header="content-disposition")
        if part.is_multipart() or name is None:
            continue
        data, filename = part.get_payload(decode=True), part.get_filename()
        form[name] = data.decode() if filename is None else (filename, data)
    return form


class App:
    def __init__(self, root, scratch, api_key=None, jwt_public_key=None, strict=True,
                 ticket_seconds=30, browser=None, **bash):
        self.tree = Tree(root)
        self.procs = Procs(self.tree, scratch)
        self.guard = Guard(api_key, jwt_public_key, ticket_seconds)
        self.faults = Faults()
        self.config = {"strict": strict, "error_shape": "detail", "file_errors": True,
                       "browser_info": "ws"}
        self.browser = Browser(browser, self.procs, self.config)
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.violations = []
        self.log = deque(maxlen=LOG_MAX)
        self.bash = Bash(self.tree, self.procs, **bash)
        self.handlers = self.bind()
        threading.Thread(target=self.janitor, daemon=True).start()

    def bind(self):
        """Operation name -> function of (values, path parameters) that gives the data."""
        bash, shell = self.bash, Shell(self.tree, self.procs)
        files, listing, editor = Files(self.tree), Listing(self.tree), Editor(self.tree)
        jupyter, nodejs = Jupyter(self.tree, self.procs), NodeJs(self.tree, self.procs)
        code = Code(jupyter, nodejs)
        return {
            "GET /v1/sandbox/packages/python": lambda a: sandbox.python_packages(),
            "POST /v1/bash/exec": bash.exec,
            "POST /v1/bash/output": bash.output,
            "POST /v1/bash/write": bash.write,
            "POST /v1/bash/kill": bash.kill,
            "GET /v1/bash/sessions": lambda a: bash.listed(),
            "POST /v1/bash/sessions/create": bash.create,
            "POST /v1/bash/sessions/{session_id}/close": lambda a, session_id:
                bash.close(session_id),
            "POST /v1/shell/exec": shell.exec,
            "POST /v1/shell/view": shell.view,
            "POST /v1/shell/wait": shell.wait,
            "POST /v1/shell/write": shell.write,
            "POST /v1/shell/kill": shell.kill,
            "POST /v1/shell/sessions/create": shell.create,
            "POST /v1/shell/sessions/update": shell.update,
            "GET /v1/shell/sessions": lambda a: shell.listed(),
            "GET /v1/shell/sessions/stats": lambda a: shell.stats(),
            "DELETE /v1/shell/sessions": lambda a: shell.delete_all(),
            "DELETE /v1/shell/sessions/{session_id}": lambda a, session_id:
                shell.delete(session_id),
            "POST /v1/file/read": files.read,
            "POST /v1/file/write": files.write,
            "POST /v1/file/replace": files.replace,
            "POST /v1/file/search": files.search,
            "POST /v1/file/find": listing.find,
            "POST /v1/file/grep": listing.grep,
            "POST /v1/file/glob": listing.glob,
            "POST /v1/file/list": listing.list,
            "POST /v1/file/upload": files.upload,
            "GET /v1/file/download": files.download,
            "POST /v1/file/str_replace_editor": editor.run,
            "POST /v1/code/execute": code.execute,
            "GET /v1/code/info": lambda a: code.info(),
            "GET /v1/browser/info": lambda a: self.browser.info(),
            "POST /v1/jupyter/execute": jupyter.execute,
            "GET /v1/jupyter/info": lambda a: jupyter.info(),
            "POST /v1/jupyter/sessions/create": jupyter.create,
            "GET /v1/jupyter/sessions": lambda a: jupyter.listed(),
            "DELETE /v1/jupyter/sessions": lambda a: jupyter.delete_all(),
            "DELETE /v1/jupyter/sessions/{session_id}": lambda a, session_id:
                jupyter.delete(session_id),
            "POST /v1/nodejs/execute": nodejs.execute,
            "GET /v1/nodejs/info": lambda a: nodejs.info(),
            "POST /v1/nodejs/sessions": nodejs.create,
            "GET /v1/nodejs/sessions": lambda a: nodejs.listed(),
            "GET /v1/nodejs/sessions/{session_id}": lambda a, session_id: nodejs.get(session_id),
            "PATCH /v1/nodejs/sessions/{session_id}": lambda a, session_id:
                nodejs.update(session_id, a),
            "DELETE /v1/nodejs/sessions/{session_id}": lambda a, session_id:
                nodejs.delete(session_id),
        }

    def janitor(self):
        while not self.stopping.wait(JANITOR_S):
            self.bash.reap_idle()

    def violate(self, request, kind, detail):
        if self.config["strict"]:
            with self.lock:
                self.violations.append({"operation": f"{request.method} {request.path}",
                                        "kind": kind, "detail": detail})

    def note(self, request, fault):
        if request.path.startswith("/_fake/"):
            return
        body = None
        if request.media_type == schema.JSON_BODY:
            try:
                body = request.json()
            except ValueError:
                pass
        with self.lock:
            self.log.append({
                "method": request.method, "path": request.path, "query": request.query,
                "headers": request.headers, "json": body, "bytes": len(request.body),
                "connection": request.connection, "fault": fault,
            })

    def handle(self, request):
        try:
            if request.path.startswith("/_fake/"):
                return self.control(request)
            return self.serve(request)
        except Failed as failed:
            data = failed.data if self.config["file_errors"] else None
            return envelope(data, failed.message, success=False)
        except HttpError as error:
            if self.config["error_shape"] == "envelope":
                return Reply(error.status, envelope(None, error.detail, success=False).body)
            return json_reply({"detail": error.detail}, error.status)
        except Exception:
            traceback.print_exc()
            self.violate(request, "server_error", traceback.format_exc())
            return Reply(500, b"Internal Server Error", "text/plain; charset=utf-8")

    def serve(self, request):
        if request.path in PUBLIC and request.method in ("GET", "HEAD"):
            return envelope("pong")
        if not self.guard.allows(request.headers, request.query):
            return nginx_page(401)
        if request.path in ("/openapi.json", "/v1/openapi.json"):
            return json_reply(published())
        if request.path.startswith("/cdp/") and request.method == "GET":
            return self.browser.page(request.path)
        name, params = self.route(request)
        events = EVENTS in request.headers.get("accept", "")
        if events and re.search("/v1/(bash|shell)/", name):
            self.violate(request, "accept", request.headers["accept"])
        values = self.values(request, name)
        if isinstance(values, Reply):
            return values
        if name == "POST /tickets":
            return json_reply(self.guard.mint_ticket())
        if name == "GET /v1/sandbox":
            prose, extra = sandbox.context()
            return envelope(prose, **extra)
        data = self.handlers[name](values, **params)
        if isinstance(data, Reply):
            return data
        if name in STREAMED and events:
            return Reply(200, iter([b"data: " + dump(data) + b"\n\n"]), EVENTS)
        return envelope(data)

    def upgrades(self, request):
        """True when it is a WebSocket of DevTools that may be opened."""
        return (request.path.startswith("/cdp/devtools/") and "upgrade" in request.headers
                and self.guard.allows(request.headers, request.query))

    def route(self, request):
        other = False
        for method, pattern, name in ROUTES:
            found = pattern.match(request.path)
            if found and method == request.method:
                return name, found.groupdict()
            other = other or bool(found)
        if other:
            self.violate(request, "method", request.method)
            raise HttpError(405, "Method Not Allowed")
        self.violate(request, "unknown_path", request.path)
        raise HttpError(404, "Not Found")

    def values(self, request, name):
        """The checked members of query and body, or the 422 to answer with."""
        query, problems, unknown = schema.check(name, "query", request.query)
        for member in set(unknown) - AUTH_QUERY:
            self.violate(request, "unknown_query", member)
        wanted = schema.OPERATIONS[name]["content"]
        body = {}
        if wanted is None:
            if request.body:
                self.violate(request, "unexpected_body", f"{len(request.body)} bytes")
        else:
            given, wrong = self.body(request, wanted)
            problems += wrong
            if not wrong:
                body, wrong, unknown = schema.check(name, "body", given)
                problems += wrong
                for member in unknown:
                    self.violate(request, "unknown_member", member)
        if problems:
            for p in problems:
                self.violate(request, "invalid", f"{'.'.join(map(str, p['loc']))}: {p['msg']}")
            return json_reply({"detail": problems}, 422)
        return {**query, **body}

    def body(self, request, wanted):
        if request.media_type != wanted:
            self.violate(request, "content_type", request.headers.get("content-type", "none"))
            if wanted == schema.MULTIPART:
                return {}, []
            if request.body:
                msg = "Input should be a valid dictionary or object to extract fields from"
                text = request.body.decode("utf-8", "replace")
                return {}, [schema.problem(["body"], "model_attributes_type", msg, text)]
        if not request.body:
            return {}, [schema.problem(["body"], "missing", "Field required", None)]
        if wanted == schema.MULTIPART:
            return parse_form(request), []
        try:
            given = request.json()
        except ValueError as cause:
            at = getattr(cause, "pos", 0)
            return {}, [schema.problem(["body", at], "json_invalid", "JSON decode error", {})]
        if not isinstance(given, dict):
            msg = "Input should be a valid dictionary or object to extract fields from"
            return {}, [schema.problem(["body"], "model_attributes_type", msg, given)]
        return given, []

    def control(self, request):
        part = request.path.removeprefix("/_fake/")
        if request.method == "POST":
            given = json.loads(request.body or b"{}")
            if part == "faults":
                try:
                    self.faults.add(given)
                except (ValueError, TypeError) as error:
                    raise HttpError(400, str(error)) from error
            elif part == "config":
                self.config.update({k: v for k, v in given.items() if k in self.config})
            else:
                raise HttpError(404, "Not Found")
        if request.method == "DELETE":
            clear = {"faults": self.faults.clear, "violations": self.violations.clear,
                     "requests": self.log.clear, "browser": self.browser.kill}.get(part)
            if clear is None:
                raise HttpError(404, "Not Found")
            clear()
            if part == "browser":
                return json_reply({})
        with self.lock:
            shown = {"faults": self.faults.listed(), "violations": list(self.violations),
                     "requests": list(self.log),
                     "config": {**self.config, "namespace": self.tree.root == HOME}}
        if part not in shown:
            raise HttpError(404, "Not Found")
        return json_reply(shown[part])

    def stop(self):
        self.stopping.set()
        self.procs.kill_all()
        shutil.rmtree(self.procs.scratch, ignore_errors=True)


def published():
    """Which operations exist, for clients that look before they call."""
    paths = {}
    for name in schema.OPERATIONS:
        method, _, path = name.partition(" ")
        paths.setdefault(path, {})[method.lower()] = {"responses": {"200": {}}}
    return {"openapi": "3.1.0", "info": {"title": "aio_fake", "version": sandbox.VERSION},
            "paths": paths}


def make_server(app, host, port):
    return Httpd(app, host, port)
