"""A tools.json of one tool with every kind of parameter, and the generator run on such files."""

import copy
import json
import subprocess

TOOL = {
    "name": "note_add",
    "title": "Add a note",
    "description": "Add a note.",
    "toolset": "notes",
    "class": "S",
    "needs": ["exec"],
    "inputSchema": {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What", "minLength": 1, "maxLength": 100},
            "level": {"type": "string", "enum": ["low", "very-high"], "default": "very-high"},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 4},
            "count": {"type": "integer", "minimum": 0, "maximum": 9, "default": 3},
            "ratio": {"type": "number", "minimum": 0, "maximum": 1},
            "quiet": {"type": "boolean", "default": False},
            "env": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 8},
                    "maxProperties": 4},
            "mode": {"type": "string", "maxLength": 5, "x-coerce": "octal"},
            "where": {"type": "object", "properties": {
                "page": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["page"]},
            "parts": {"type": "array", "maxItems": 4, "items": {"type": "object", "properties": {
                "default": {"type": "string", "maxLength": 8},
                "kind": {"type": "string", "enum": ["a", "b"]}}}},
        },
        "required": ["text"],
    },
    "outputSchema": {"type": "object", "properties": {
        "id": {"type": "string"},
        "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}},
        "required": ["id"]},
    "annotations": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False,
                    "openWorldHint": False},
}

def run(*args):
    return subprocess.run([str(arg) for arg in args], capture_output=True, text=True, timeout=60)


def write(folder, tools):
    path = folder / "tools.json"
    path.write_text(tools if isinstance(tools, str) else json.dumps(tools))
    return path


def change(path, value=None):
    """TOOL with the member at a path like "annotations/title" set, or with None removed."""
    tool = copy.deepcopy(TOOL)
    *way, last = path.split("/")
    at = tool
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return [tool]


def properties(path):
    return f"inputSchema/properties/{path}"
