"""The fake's tables and answers against the published description, which is not part of this tree.

AIO_OPENAPI names that file; without it these tests are skipped.
"""

import json
import os
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from lib.paths import NODE_MODULES
from remote.aio_fake import schema, start_fake

PUBLISHED = os.environ.get("AIO_OPENAPI")
pytestmark = pytest.mark.skipif(not PUBLISHED, reason="AIO_OPENAPI names no openapi.json")

OURS = re.compile(r"/v1/(sandbox|bash|shell|file|code|jupyter|nodejs)(/|$)|/tickets$")
LEFT_OUT = re.compile(
    r"/v1/(sandbox/(hooks|observe|packages/nodejs)|file/watch|shell/terminal-url)")
TYPES = {"string": "str", "integer": "int", "number": "num", "boolean": "bool"}


@pytest.fixture(scope="module")
def published():
    return json.loads(Path(PUBLISHED).read_text(encoding="utf-8"))


def resolved(document, node):
    """A schema with its references followed; what stands beside a reference wins."""
    if "$ref" in node:
        target = document["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return {**resolved(document, target), **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def kind_of(document, node):
    kind = node.get("type")
    if kind == "string" and node.get("format") == "binary":
        return "binary"
    if kind == "object":
        assert resolved(document, node["additionalProperties"])["type"] == "string"
        return "map"
    if kind == "array":
        return {"string": "strs", "integer": "ints"}[resolved(document, node["items"])["type"]]
    return TYPES[kind]


def rule_of(document, node, required):
    """A member of the description in the form schema.parse() gives."""
    node = resolved(document, node)
    choices = [resolved(document, c) for c in node.get("anyOf", [node])]
    real = [c for c in choices if c.get("type") != "null"]
    assert len(real) == 1
    return {
        "kind": kind_of(document, real[0]), "required": required,
        "null": len(real) < len(choices), "low": real[0].get("minimum"),
        "high": real[0].get("maximum"), "enum": real[0].get("enum"),
        "default": node.get("default"), "has_default": "default" in node,
    }


def operations(document):
    for path, methods in document["paths"].items():
        if OURS.match(path) and not LEFT_OUT.match(path):
            for method, entry in methods.items():
                yield f"{method.upper()} {path}", entry


def test_operations_are_the_published_ones(published):
    assert set(schema.OPERATIONS) == {name for name, _ in operations(published)}


def published_members(document, entry):
    """({"query", "body"} as in schema.PARSED, content type of the body or None)."""
    query = {q["name"]: rule_of(document, q["schema"], q["required"])
             for q in entry.get("parameters", []) if q["in"] == "query"}
    content = entry.get("requestBody", {}).get("content", {})
    body, required = {}, []
    for media in content.values():
        found = resolved(document, media["schema"])
        body, required = found["properties"], found.get("required", [])
    rules = {name: rule_of(document, node, name in required) for name, node in body.items()}
    return {"query": query, "body": rules}, next(iter(content), None)


def test_members_agree(published):
    for name, entry in operations(published):
        ours = (schema.PARSED[name], schema.OPERATIONS[name]["content"])
        assert ours == published_members(published, entry), name


# One good call of each operation, in an order in which they work; {x} takes a value seen before.
CALLS = [
    ("GET /v1/sandbox", None),
    ("GET /v1/sandbox/packages/python", None),
    ("POST /v1/bash/sessions/create", {"session_id": "b", "exec_dir": "/home/gem"}),
    ("POST /v1/bash/exec", {"session_id": "b", "command": "cat", "async_mode": True}),
    ("POST /v1/bash/write", {"session_id": "b", "input": "x\n"}),
    ("POST /v1/bash/output", {"session_id": "b", "wait": True}),
    ("GET /v1/bash/sessions", None),
    ("POST /v1/bash/kill", {"session_id": "b"}),
    ("POST /v1/bash/exec", {"session_id": "b", "command": "echo a; exit 2"}),
    ("POST /v1/bash/sessions/{b}/close", None),
    ("POST /v1/shell/sessions/create", {"id": "s", "exec_dir": "/home/gem"}),
    ("POST /v1/shell/exec", {"id": "s", "command": "echo hi"}),
    ("POST /v1/shell/view", {"id": "s"}),
    ("POST /v1/shell/sessions/update", {"id": "s", "no_change_timeout": 60}),
    ("POST /v1/shell/exec", {"id": "s", "command": "cat", "async_mode": True}),
    ("POST /v1/shell/write", {"id": "s", "input": "x", "press_enter": True}),
    ("POST /v1/shell/wait", {"id": "s", "seconds": 0}),
    ("POST /v1/shell/view", {"id": "s"}),
    ("GET /v1/shell/sessions", None),
    ("GET /v1/shell/sessions/stats", None),
    ("POST /v1/shell/kill", {"id": "s"}),
    ("DELETE /v1/shell/sessions/{s}", None),
    ("DELETE /v1/shell/sessions", None),
    ("POST /v1/file/write", {"file": "/home/gem/d/a.py", "content": "one\ntwo\n"}),
    ("POST /v1/file/read", {"file": "/home/gem/d/a.py"}),
    ("POST /v1/file/replace", {"file": "/home/gem/d/a.py", "old_str": "one", "new_str": "1"}),
    ("POST /v1/file/search", {"file": "/home/gem/d/a.py", "regex": "t.o"}),
    ("POST /v1/file/find", {"path": "/home/gem", "glob": "**/*.py"}),
    ("POST /v1/file/grep", {"path": "/home/gem", "pattern": "two", "context_before": 1}),
    ("POST /v1/file/glob", {"path": "/home/gem", "pattern": "**/*"}),
    ("POST /v1/file/list", {"path": "/home/gem", "recursive": True, "include_permissions": True}),
    ("POST /v1/file/str_replace_editor", {"command": "view", "path": "/home/gem/d/a.py"}),
    ("POST /v1/code/execute", {"language": "python", "code": "print(1)\n1/0", "stateful": True}),
    ("POST /v1/code/execute", {"language": "javascript", "code": "console.log(1)"}),
    ("GET /v1/code/info", None),
    ("POST /v1/jupyter/sessions/create", {"session_id": "j"}),
    ("POST /v1/jupyter/execute", {"session_id": "j", "code": "print(1)\n2"}),
    ("POST /v1/jupyter/execute", {"session_id": "j", "code": "nope"}),
    ("GET /v1/jupyter/info", None),
    ("GET /v1/jupyter/sessions", None),
    ("DELETE /v1/jupyter/sessions/{j}", None),
    ("DELETE /v1/jupyter/sessions", None),
    ("POST /v1/nodejs/sessions", {"session_id": "n", "max_idle_time": 60}),
    ("POST /v1/nodejs/execute", {"session_id": "n", "code": "1+1", "stateful": True}),
    ("POST /v1/nodejs/execute", {"code": "throw new Error('x')"}),
    ("GET /v1/nodejs/info", None),
    ("GET /v1/nodejs/sessions", None),
    ("GET /v1/nodejs/sessions/{n}", None),
    ("PATCH /v1/nodejs/sessions/{n}", {"max_idle_time": 90}),
    ("DELETE /v1/nodejs/sessions/{n}", None),
    ("POST /tickets", None),
]
FAILING = [
    ("POST /v1/file/read", {"file": "/home/gem/none"}),
    ("POST /v1/file/read", {"file": "/etc/passwd"}),
    ("POST /v1/file/write", {"file": "/home/gem/d", "content": "x"}),
    ("POST /v1/file/replace", {"file": "/home/gem", "old_str": "a", "new_str": "b"}),
    ("POST /v1/file/list", {"path": "/home/gem/none"}),
    ("POST /v1/file/glob", {"path": "relative", "pattern": "*"}),
    ("POST /v1/file/grep", {"path": "/home/gem", "pattern": "("}),
    ("POST /v1/file/str_replace_editor", {"command": "view", "path": "/home/gem/none"}),
    ("POST /v1/bash/exec", {"command": "true", "exec_dir": "/none"}),
]
MULTIPART_OR_BYTES = {"POST /v1/file/upload", "GET /v1/file/download"}


def template_of(name):
    for known in schema.OPERATIONS:
        if re.fullmatch(re.sub(r"\{\w+\}", r"\\{\\w+\\}", known), name):
            return known
    raise AssertionError(name)


def test_every_operation_is_called():
    assert {template_of(name) for name, _ in CALLS} | MULTIPART_OR_BYTES == set(schema.OPERATIONS)


def test_answers_fit_the_published_schemas(published, tmp_path):
    path = f"{NODE_MODULES}/.bin:{os.environ['PATH']}"
    with start_fake(tmp_path, env=dict(os.environ, PATH=path)) as fake:
        for name, body in CALLS + FAILING:
            method, _, path = name.partition(" ")
            status, reply = fake.json(method, re.sub(r"[{}]", "", path), body)
            assert status == 200, (name, reply)
            answer = dict(operations(published))[template_of(name)]["responses"]["200"]
            wanted = {**answer["content"]["application/json"]["schema"],
                      "components": published["components"]}
            errors = [f"{list(e.absolute_path)}: {e.message}"
                      for e in Draft202012Validator(wanted).iter_errors(reply)]
            assert not errors, (name, reply)
            if method == "POST" and path != "/tickets":
                assert reply["success"] is ((name, body) not in FAILING), (name, reply)
        assert fake.violations() == []
