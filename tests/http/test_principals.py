"""Fifty callers of one real server at once, each of whom tries what belongs to others."""

import json
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import protocol

PEOPLE = 50
NAMED = 10  # of them use X-Sandbox names, all the same one
AT_ONCE = 12
TASKS = {"io.modelcontextprotocol/clientCapabilities": {
    "extensions": {"io.modelcontextprotocol/tasks": {}}}}


class Person:
    """One token. Whatever the server answers to it is kept in .seen."""

    def __init__(self, server, number):
        self.server, self.number = server, number
        self.name, self.token = f"p{number}", f"token-of-{number}-{secrets.token_hex(12)}"
        self.secret, self.seen, self.handles = secrets.token_hex(16), [], {}

    def send(self, message, **headers):
        answer = self.server.post(message, Authorization=f"Bearer {self.token}", **headers)
        self.seen.append(answer.body.decode())
        return answer

    def request(self, method, params=None, id=1, headers=None, **meta):
        answer = self.send(protocol.request(id, method, params, **meta), **(headers or {}))
        return next(one for one in answer.messages if one.get("id") == id)

    def call(self, tool, sandbox=None, meta=None, **arguments):
        answer = self.request("tools/call", {"name": tool, "arguments": arguments,
                                             **({"_meta": meta} if meta else {})},
                              headers={"X_Sandbox": sandbox} if sandbox else None)
        assert "result" in answer, answer
        return answer["result"]

    def say(self, tool, **arguments):
        return protocol.text(self.call(tool, **arguments))

    def legacy(self, method, params=None, **headers):
        return self.send(protocol.request(3, method, params, modern=False), **headers)

    # ---- what is theirs ----

    def settle(self):
        handles = self.handles
        self.say("file_write", path="secret.txt", content=f"file {self.secret}\n")
        running = self.call("terminal_execute", yield_s=1,
                            command=f"echo process {self.secret}; exec sleep 1000")
        handles["process"] = running["_meta"]["sandbox-mcp/process_id"]
        context = self.call("code_execute", language="python", code=f"mine = '{self.secret}'")
        handles["context"] = context["_meta"]["sandbox-mcp/context_id"]
        self.say("terminal_execute", command=f"MINE={self.secret}", session_id="work")
        handles["sandbox"] = re.search(r"sandbox (sb_\w+)", self.say("sandbox_info")).group(1)
        task = self.call("terminal_execute", command=f"echo task {self.secret}; exec sleep 1000",
                         yield_s=1, meta=TASKS)
        handles["task"] = task["taskId"]
        begun = self.legacy("initialize", {"protocolVersion": protocol.LEGACY, "capabilities": {},
                                           "clientInfo": protocol.CLIENT})
        handles["session"] = begun.headers["mcp-session-id"]
        made = self.call("recording_start", kind="terminal")["structuredContent"]
        handles["recording"] = made["recording_id"]
        self.say("terminal_execute", command=f"echo recorded {self.secret}")
        self.call("recording_control", recording_id=handles["recording"], action="stop")
        if self.number < NAMED:
            self.call("file_write", sandbox="shared", path="named.txt", content=self.secret)

    def check_own(self):
        handles = self.handles
        assert self.say("file_read", path="secret.txt").count(self.secret) == 1
        output = self.say("terminal_output", process_id=handles["process"], tail=9)
        assert output.startswith("running") and f"process {self.secret}" in output
        assert self.secret in self.say("code_execute", code="print(mine)",
                                       context_id=handles["context"])
        assert f"<{self.secret}>" in self.say("terminal_execute", command='echo "<$MINE>"',
                                              session_id="work")
        assert self.request("tasks/get", {
            "taskId": handles["task"], "_meta": TASKS})["result"]["status"] == "working"
        assert self.legacy("ping", Mcp_Session_Id=handles["session"]).status == 200
        self.download()
        listed = [one["uri"] for one in self.request("resources/list")["result"]["resources"]]
        assert f"sandbox://{handles['sandbox']}/info" in listed
        sandboxes = {uri for uri in listed if re.match(r"sandbox://sb_", uri)}
        assert len(sandboxes) <= (2 if self.number < NAMED else 1)
        if self.number < NAMED:
            said = protocol.text(self.call("file_read", sandbox="shared", path="named.txt"))
            assert self.secret in said

    def download(self):
        """Their recording by its URL, which needs no token, once."""
        got = self.call("recording_get", recording_id=self.handles["recording"])
        self.ticket = got["_meta"]["sandbox-mcp/url"].rpartition("/")[2]
        found = self.server.send(None, {}, "GET", f"/download/{self.ticket}")
        assert found.status == 200 and f"recorded {self.secret}" in found.body.decode()
        assert self.server.send(None, {}, "GET", f"/download/{self.ticket}").status == 404

    # ---- what is not ----

    def attempts(self, handles):
        """What is answered to each use of these handles, without the handles themselves."""
        sandbox, process = handles["sandbox"], handles["process"]
        base = f"sandbox://{sandbox}"
        tasks = {"taskId": handles["task"], "_meta": TASKS}
        session = {"Mcp_Session_Id": handles["session"]}
        made = {
            "output": self.call("terminal_output", process_id=process),
            "kill": self.call("terminal_kill", id=process, signal="KILL"),
            "context": self.call("code_execute", code="print(mine)", context_id=handles["context"]),
            "end context": self.call("terminal_kill", id=handles["context"]),
            "info": self.request("resources/read", {"uri": f"{base}/info"}),
            "file": self.request("resources/read", {"uri": f"{base}/file/workspace/secret.txt"}),
            "output uri": self.request("resources/read", {"uri": f"{base}/output/{process}"}),
            "own output uri": self.request("resources/read", {
                "uri": f"sandbox://{self.handles['sandbox']}/output/{process}"}),
            "recording": self.call("recording_get", recording_id=handles["recording"]),
            "recorded": self.request("resources/read", {
                "uri": f"{base}/recording/{handles['recording']}"}),
            "unrecord": self.call("recording_delete", recording_ids=[handles["recording"]]),
            "task": self.request("tasks/get", tasks),
            "update": self.request("tasks/update", {**tasks, "inputResponses": {}}),
            "cancel": self.request("tasks/cancel", tasks),
        }
        for name, answer in (
                ("ping", self.legacy("ping", **session)),
                ("tools", self.legacy("tools/list", **session)),
                ("stream", self.server.send(None, self.server.headers(
                    Authorization=f"Bearer {self.token}", **session), "GET", timeout=10)),
                ("delete", self.server.send(None, self.server.headers(
                    Authorization=f"Bearer {self.token}", **session), "DELETE"))):
            made[name] = (answer.status, answer.body.decode())
        text = json.dumps(made)
        for handle in handles.values():
            text = text.replace(handle, "HANDLE")
        return json.loads(text)


def made_up(handles):
    """Handles of the same form that nobody has."""
    def other(handle):
        prefix, _, random = handle.partition("_")
        return prefix + "_" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567")
                                      for _ in random)
    return {kind: other(handle) for kind, handle in handles.items()}


def everybody(people, work):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, people))


@pytest.fixture
def start_people(start_server, tmp_path):
    return lambda count: started(start_server, tmp_path, count)


def started(start_server, tmp_path, count, *args):
    """That many callers of one server."""
    made = [Person(None, number) for number in range(count)]
    path = tmp_path / "tokens"
    path.write_text("".join(f"{one.name}:{one.token}\n" for one in made))
    path.chmod(0o600)
    server = start_server("--network", "none", "--max-sandboxes", 2 * PEOPLE, "--token-file", path,
                          *args, token=None)
    for one in made:
        one.server = server
    return made


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nobody_sees_or_touches_what_is_not_theirs(start_people):
    people = start_people(PEOPLE)
    everybody(people, Person.settle)

    def attack(person):
        nobody = person.attempts(made_up(person.handles))
        for victim in victims(people, person):
            found = person.attempts(victim.handles)
            told = [(name, str(found[name])[:300]) for name in nobody if found[name] != nobody[name]]
            assert not told, (person.name, victim.name)
        for name, answer in nobody.items():
            if name in ("ping", "tools", "stream", "delete"):
                assert answer[0] == 404, (name, answer)
            else:
                assert answer.get("isError") or "error" in answer, (name, answer)
                assert "capabilit" not in json.dumps(answer), (name, answer)

    everybody(people, attack)
    everybody(people, Person.check_own)
    for person in people:
        seen = "\n".join(person.seen)
        for other in people:
            if other is person:
                continue
            leaked = other.secret in seen or other.ticket in seen
            assert not leaked, (person.name, other.name)
            if other not in victims(people, person):
                for kind, handle in other.handles.items():
                    leaked = handle in seen
                    assert not leaked, (person.name, other.name, kind)


def victims(people, person):
    """Whose handles this one tries, and errors may repeat."""
    return [people[(person.number + step) % PEOPLE] for step in (1, 7, 24)]


class Listener:
    """subscriptions/listen of one caller for the sandbox and the task of `handles`."""

    def __init__(self, raw, person, handles):
        base = f"sandbox://{handles['sandbox']}"
        self.raw, self.handles = raw, handles
        raw.post(protocol.request("L", "subscriptions/listen", {"_meta": TASKS, "notifications": {
            "resourceSubscriptions": [f"{base}/info", f"{base}/file/workspace/secret.txt",
                                      f"{base}/output/{handles['process']}"],
            "taskIds": [handles["task"]]}}),
            Authorization=f"Bearer {person.token}", Accept="text/event-stream")
        self.head = raw.read_head()
        self.text = ""

    def read(self, enough, seconds):
        """All that comes until it is enough or the time is over, without the handles."""
        until = time.monotonic() + seconds
        while not enough(self.text) and (left := until - time.monotonic()) > 0:
            self.raw.socket.settimeout(left)
            try:
                self.text += self.raw.chunk().decode()
            except TimeoutError:
                break
        text = self.text
        for handle in self.handles.values():
            text = text.replace(handle, "HANDLE")
        return text


def acknowledged(text):
    return "subscriptions/acknowledged" in text and text.endswith("\n\n")


@pytest.mark.slow
def test_nobody_is_told_about_changes_of_what_is_not_theirs(start_people, connect_to):
    ann, eve = start_people(2)
    ann.settle()
    eve.settle()
    raw = [connect_to(ann.server, timeout=60) for _ in range(3)]
    own = Listener(raw[0], ann, ann.handles)
    foreign = Listener(raw[1], eve, ann.handles)
    nothing = Listener(raw[2], eve, made_up(ann.handles))
    assert "secret.txt" in own.read(acknowledged, 30)
    assert foreign.head[0] == nothing.head[0] == 200
    assert foreign.read(acknowledged, 30) == nothing.read(acknowledged, 30)
    before = foreign.text
    ann.say("file_write", path="secret.txt", content="changed")
    ann.request("tasks/cancel", {"taskId": ann.handles["task"], "_meta": TASKS})
    told = own.read(lambda text: "resources/updated" in text and "notifications/tasks" in text, 30)
    assert "resources/updated" in told and "notifications/tasks" in told
    foreign.read(lambda text: text != before, 3)
    assert foreign.text == before


@pytest.mark.slow
def test_a_rotated_token_of_one_name_is_the_same_caller(start_server, tmp_path):
    old, new = "old-token-0123456789", "new-token-0123456789"
    path = tmp_path / "tokens"
    path.write_text(f"ann:{old}\nann:read:{new}\neve:third-token-0123456789\n")
    path.chmod(0o600)
    server = start_server("--network", "none", "--token-file", path, token=None)

    def call(token, tool, **arguments):
        answer = server.post(protocol.request(1, "tools/call", {
            "name": tool, "arguments": arguments}), Authorization=f"Bearer {token}")
        return answer.status, answer.messages and protocol.text(
            answer.messages[-1].get("result") or {})

    assert call(old, "file_write", path="a.txt", content="of ann")[0] == 200
    assert "of ann" in call(new, "file_read", path="a.txt")[1]
    assert call(new, "file_write", path="a.txt", content="x")[0] == 403
    assert "of ann" not in call("third-token-0123456789", "file_read", path="a.txt")[1]


def test_terminals_contexts_and_history_are_private(start_server, tmp_path):
    ann, eve = started(start_server, tmp_path, 2, "--toolsets", "core,terminal,code")
    terminal = re.search(r"t_\w+", ann.say("terminal_session", action="open")).group(0)
    ann.say("terminal_session", action="send", session_id=terminal, text=f"echo {ann.secret}\n")
    context = re.match(r"ctx_\w+", ann.say("code_context", action="create", name="mine")).group(0)
    process = ann.call("terminal_execute", command=f"echo {ann.secret}; exec sleep 1000",
                       yield_s=0.5)["_meta"]["sandbox-mcp/process_id"]
    assert ann.secret in ann.say("terminal_history", execution_id=process)
    for tool, arguments in (
            *(("terminal_session", {"action": action, "session_id": terminal, **more})
              for action, more in (("send", {"text": "id\n"}), ("screen", {}), ("close", {}),
                                   ("resize", {"cols": 80, "rows": 24}))),
            *(("code_context", {"action": action, "context_id": id}) for id in (context, "mine")
              for action in ("get", "interrupt", "restart", "delete")),
            ("code_execute", {"code": "1", "context_id": "mine"}),
            ("terminal_wait", {"process_id": process}), ("terminal_kill", {"id": terminal}),
            ("terminal_history", {"execution_id": process}),
            ("terminal_history", {"cursor": process})):
        answer = eve.call(tool, **arguments)
        assert answer.get("isError"), (tool, arguments, answer)
    for tool, arguments in (("terminal_session", {"action": "list"}), ("terminal_processes", {}),
                            ("code_context", {"action": "list"}), ("terminal_history", {})):
        eve.say(tool, **arguments)
    assert not any(word in seen for seen in eve.seen for word in (ann.secret, f'"{process}"'))
    assert ann.secret in ann.say("terminal_session", action="screen", session_id=terminal)
    assert "idle" in ann.say("code_context", action="get", context_id="mine")
