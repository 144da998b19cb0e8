#!/usr/bin/env python3
"""Writes docs/tools.md: tools.json as pages for people, with what each tool really answers.

    reference.py SERVER OUT            runs the calls of tools/examples.json in one sandbox
    reference.py SERVER OUT --check    the same; exit status 1 when OUT says something else

tools/examples.json is a list of calls in the order they are made. `keep` {"name": "member"} takes a
member of the structured result, of _meta, or of the first resource link for "${name}" in later
arguments; `shown` false: only prepares what follows. One shown call for each tool; it must succeed.

--check compares without ids and without the answers, which differ from run to run and from machine
to machine: those calls must succeed.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES, BYTES, STRUCTURED = 24, 1800, 600  # of one answer shown
HEAD = """# The tools

Every tool with its parameters and a call as it was answered by a real sandbox. This page is made
from `tools.json` and `tools/examples.json` by `make reference`.

Results come in three classes. **S**: `structuredContent`, and the same in a line or two of text.
**T**: text, whose first line holds what a later call may need. **I**: the same with pictures.
Failures are results with `isError` and the text `code: message. Next: what to do.`
"""
ANSWERS = re.compile(r"````text\n.*?\n````\n(\n```json\n.*?\n```\n)?", re.S)
ID = re.compile(r"\b([a-z]{1,8})_[a-z2-7]{16,32}\b")


class Server:
    """The least that a client does, on stdio."""

    def __init__(self, binary, state):
        self.process = subprocess.Popen(
            [binary, "--toolsets", "all", "--state-dir", state], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.last = 0

    def call(self, tool, arguments):
        self.last += 1
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {}}
        message = {"jsonrpc": "2.0", "id": self.last, "method": "tools/call",
                   "params": {"name": tool, "arguments": arguments, "_meta": meta}}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self.last:
                return answer.get("result") or sys.exit(f"{tool}: {answer['error']}")
        sys.exit("the server has ended")

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def fill(value, kept):
    if isinstance(value, dict):
        return {key: fill(inner, kept) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, kept) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda m: kept[m[1]], value)
    return value


def member(result, name):
    for part in name.split("."):
        places = [result, result.get("structuredContent", {}), {
            key.rpartition("/")[2]: value for key, value in result.get("_meta", {}).items()
        }] if isinstance(result, dict) else []
        if isinstance(result, list):
            result = result[int(part)]
            continue
        result = next((place[part] for place in places if part in place), None)
        if result is None:
            sys.exit(f"no {name} in the result")
    return result


def answer_text(result):
    shown = []
    for block in result["content"]:
        kind = block["type"]
        if kind == "text":
            shown.append(block["text"].rstrip("\n"))
        elif kind == "resource_link":
            shown.append(f"[resource link {block['uri']}]")
        else:
            shown.append(f"[{kind}, {block.get('mimeType', '')}]")
    lines = "\n".join(shown).split("\n")
    kept = []
    for line in lines[:LINES]:
        line = line if len(line) <= 160 else line[:157] + "..."
        if sum(map(len, kept)) + len(line) > BYTES:
            break
        kept.append(line)
    if len(kept) < len(lines):
        kept.append(f"... {len(lines) - len(kept)} lines more")
    return "\n".join(kept)


def structured_text(result):
    if "structuredContent" not in result:
        return ""
    text = json.dumps(result["structuredContent"], ensure_ascii=False)
    return text if len(text) <= STRUCTURED else text[:STRUCTURED] + " ..."


def run(binary, calls):
    answers, kept = {}, {}
    with tempfile.TemporaryDirectory(prefix="reference-") as state:
        server = Server(binary, state)
        try:
            for call in calls:
                arguments = fill(call.get("arguments", {}), kept)
                result = server.call(call["tool"], arguments)
                if result.get("isError"):
                    sys.exit(f"{call['tool']} {arguments}: {answer_text(result)}")
                for name, path in call.get("keep", {}).items():
                    kept[name] = str(member(result, path))
                if call.get("shown", True):
                    answers[call["tool"]] = (arguments, answer_text(result),
                                             structured_text(result))
        finally:
            server.close()
    return answers


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def type_of(schema):
    kind = schema.get("type", "any")
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if kind == "array":
        return f"array of {type_of(schema.get('items', {}))}"
    if kind == "object" and "properties" in schema:
        required = schema.get("required", [])
        return "{" + ", ".join(f"{'**' if name in required else ''}`{name}`"
                               f"{'**' if name in required else ''}"
                               for name in schema["properties"]) + "}"
    return kind


def bounds(schema):
    said = []
    if "minimum" in schema or "maximum" in schema:
        said.append(f"{schema.get('minimum', '')} to {schema.get('maximum', '')}".strip())
    if "maxLength" in schema:
        said.append(f"at most {schema['maxLength']} bytes")
    if "maxItems" in schema:
        said.append(f"at most {schema['maxItems']}")
    return ", ".join(said)


def parameters(tool):
    schema = tool["inputSchema"]
    rows = ["| parameter | type | default | bounds | |", "|---|---|---|---|---|"]
    for name, one in schema.get("properties", {}).items():
        shown = f"**`{name}`**" if name in schema.get("required", []) else f"`{name}`"
        default = f"`{json.dumps(one['default'])}`" if "default" in one else ""
        rows.append(f"| {shown} | {cell(type_of(one))} | {default} | {bounds(one)} | "
                    f"{cell(one.get('description', ''))} |")
    return rows if len(rows) > 2 else ["No parameters."]


def traits(tool):
    hints = tool["annotations"]
    said = [f"class {tool['class']}", "reads only" if hints["readOnlyHint"] else "writes"]
    said += [word for key, word in [("destructiveHint", "may destroy"),
                                    ("idempotentHint", "idempotent"),
                                    ("openWorldHint", "reaches outside")] if hints[key]]
    return " · ".join(said)


def section(tool, example):
    out = [f"### {tool['name']}", "", tool["description"].replace("|", "\\|"), "",
           f"*{traits(tool)}*", "", *parameters(tool)]
    fields = tool.get("outputSchema", {}).get("properties")
    if fields:
        out += ["", "Result: " + ", ".join(f"`{name}`" for name in fields) + "."]
    arguments, answer, structured = example
    request = json.dumps(arguments, ensure_ascii=False, indent=1)
    if len(request) < 90:
        request = json.dumps(arguments, ensure_ascii=False)
    out += ["", "```json", request, "```", "", "````text", answer, "````", ""]
    return [*out, "```json", structured, "```", ""] if structured else out


def page(tools, answers):
    out, toolset = [HEAD], None
    for tool in tools:
        if tool["toolset"] != toolset:
            toolset = tool["toolset"]
            out += [f"## {toolset}", ""]
        if tool["name"] not in answers:
            sys.exit(f"tools/examples.json has no shown call of {tool['name']}")
        out += section(tool, answers[tool["name"]])
    return "\n".join(out)


def lasting(text):
    """What is the same in every run: not ids, and not the answers."""
    return ID.sub(r"\1_ID", ANSWERS.sub("", text)).splitlines()


def main():
    binary, out = sys.argv[1], Path(sys.argv[2])
    tools = json.loads((ROOT / "tools.json").read_text())
    order = list(dict.fromkeys(tool["toolset"] for tool in tools))
    tools.sort(key=lambda tool: order.index(tool["toolset"]))
    answers = run(binary, json.loads((ROOT / "tools/examples.json").read_text()))
    text = page(tools, answers)
    if sys.argv[3:] != ["--check"]:
        out.write_text(text)
        return
    was, now = lasting(out.read_text()), lasting(text)
    if was != now:
        differs = next((pair for pair in zip(was, now) if pair[0] != pair[1]), ("", "more"))
        sys.exit(f"{out}: run `make reference`\n- {differs[0]}\n+ {differs[1]}")


if __name__ == "__main__":
    main()
