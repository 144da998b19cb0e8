"""What each operation accepts, as tables, and the check of one request against them.

A member is written as a compact string:
    [!]kind[?] [min..max] [one|two|three] [=default]
`!` required, `?` null is accepted too, kinds: str int num bool map (string values) ints strs binary
(a file part, as its name and its bytes).
A default is JSON; without one an absent member is None.

Values are judged more strictly than the service does: a number in a string is refused here.
"""

import json
import re

SUDO = {"sudo": "bool? =false"}
NODE_VERSION = {"version": "str?"}
JSON_BODY = "application/json"
MULTIPART = "multipart/form-data"

BASH_EXEC = {
    "session_id": "str?", "command": "!str", "exec_dir": "str?", "env": "map?",
    "async_mode": "bool =false", "timeout": "num?", "hard_timeout": "num?",
    "max_output_length": "int =50000",
}
BASH_OUTPUT = {
    "session_id": "!str", "command_id": "str?", "offset": "int =0", "stderr_offset": "int =0",
    "wait": "bool =false", "wait_timeout": "num =30",
}
SHELL_EXEC = {
    "id": "str?", "exec_dir": "str?", "command": "!str", "async_mode": "bool =false",
    "timeout": "num?", "strict": "bool?", "no_change_timeout": "int?", "hard_timeout": "num?",
    "preserve_symlinks": "bool? =false", "truncate": "bool =true",
}
FILE_WRITE = {
    "file": "!str", "content": "!str", "encoding": 'str? utf-8|base64|raw ="utf-8"',
    "append": "bool? =false", "leading_newline": "bool? =false",
    "trailing_newline": "bool? =false", **SUDO,
}
FILE_GREP = {
    "path": "!str", "pattern": "!str", "include": "strs?", "exclude": "strs?",
    "case_insensitive": "bool? =false", "fixed_strings": "bool? =false",
    "context_before": "int? 0..20 =0", "context_after": "int? 0..20 =0",
    "max_results": "int? 1..10000 =500", "max_file_size": 'str? ="1M"',
    "multiline": "bool? =false", "offset": "int? 0.. =0", "type": "str?",
    "recursive": "bool? =true",
}
FILE_GLOB = {
    "path": "!str", "pattern": "!str", "exclude": "strs?", "include_hidden": "bool? =false",
    "files_only": "bool? =true", "include_metadata": "bool? =true",
    "max_results": "int? 1..50000 =5000", "sort_by": 'str? ="path"', "sort_desc": "bool? =false",
}
FILE_LIST = {
    "path": "!str", "recursive": "bool? =false", "show_hidden": "bool? =true",
    "file_types": "strs?", "max_depth": "int?", "include_size": "bool? =true",
    "include_permissions": "bool? =false", "sort_by": 'str? ="name"', "sort_desc": "bool? =false",
}
EDITOR = {
    "command": "!str view|create|str_replace|insert|undo_edit", "path": "!str",
    "file_text": "str?", "old_str": "str?", "new_str": "str?", "insert_line": "int?",
    "view_range": "ints? =[]", "replace_mode": "str? ALL|FIRST|LAST", "page_range": "ints?",
    "sheet_name": "str?", "row_range": "ints?", "slide_range": "ints?",
    "enable_metadata": "bool? =false",
}
CODE_EXECUTE = {
    "language": "!str python|javascript", "code": "!str", "timeout": "int? 1..300",
    "cwd": "str?", "stateful": "bool =false", "session_id": "str?",
}
JUPYTER_EXECUTE = {
    "code": "!str", "timeout": "int? 1..300 =30", "kernel_name": "str?", "session_id": "str?",
    "cwd": "str?",
}
NODE_EXECUTE = {
    "code": "!str", "timeout": "int? 1..300 =30", "stdin": "str?", "files": "map?",
    "stateful": "bool? =false", "session_id": "str?", "cwd": "str?", **NODE_VERSION,
}
NODE_SESSION = {
    "session_id": "str?", "cwd": "str?", "max_idle_time": "int? 60..86400 =86400",
}


def op(body=None, query=None, content=JSON_BODY):
    return {"body": body, "query": query or {}, "content": content if body is not None else None}


OPERATIONS = {
    "GET /v1/sandbox": op(),
    "GET /v1/sandbox/packages/python": op(),
    "POST /v1/bash/exec": op(BASH_EXEC),
    "POST /v1/bash/output": op(BASH_OUTPUT),
    "POST /v1/bash/write": op({"session_id": "!str", "command_id": "str?", "input": "!str"}),
    "POST /v1/bash/kill": op({"session_id": "!str", "signal": 'str ="SIGTERM"'}),
    "GET /v1/bash/sessions": op(),
    "POST /v1/bash/sessions/create": op(
        {"session_id": "str?", "exec_dir": "str?", "snapshot_path": "str?"}
    ),
    "POST /v1/bash/sessions/{session_id}/close": op(),
    "POST /v1/shell/exec": op(SHELL_EXEC),
    "POST /v1/shell/view": op({"id": "!str"}),
    "POST /v1/shell/wait": op({"id": "!str", "seconds": "int?", "max_wait_seconds": "int?"}),
    "POST /v1/shell/write": op({"id": "!str", "input": "!str", "press_enter": "!bool"}),
    "POST /v1/shell/kill": op({"id": "!str"}),
    "POST /v1/shell/sessions/create": op(
        {"id": "str", "exec_dir": "str?", "no_change_timeout": "int?",
         "preserve_symlinks": "bool? =false"}
    ),
    "POST /v1/shell/sessions/update": op({"id": "!str", "no_change_timeout": "int?"}),
    "GET /v1/shell/sessions": op(),
    "GET /v1/shell/sessions/stats": op(),
    "DELETE /v1/shell/sessions": op(),
    "DELETE /v1/shell/sessions/{session_id}": op(),
    "POST /v1/file/read": op({"file": "!str", "start_line": "int?", "end_line": "int?", **SUDO}),
    "POST /v1/file/write": op(FILE_WRITE),
    "POST /v1/file/replace": op({"file": "!str", "old_str": "!str", "new_str": "!str", **SUDO}),
    "POST /v1/file/search": op({"file": "!str", "regex": "!str", **SUDO}),
    "POST /v1/file/find": op({"path": "!str", "glob": "!str"}),
    "POST /v1/file/grep": op(FILE_GREP),
    "POST /v1/file/glob": op(FILE_GLOB),
    "POST /v1/file/list": op(FILE_LIST),
    "POST /v1/file/upload": op({"file": "!binary", "path": "str"}, content=MULTIPART),
    "GET /v1/file/download": op(
        query={"path": "!str", "change_policy": 'str ignore|abort ="ignore"'}
    ),
    "POST /v1/file/str_replace_editor": op(EDITOR),
    "POST /v1/code/execute": op(CODE_EXECUTE),
    "GET /v1/code/info": op(),
    "GET /v1/browser/info": op(),
    "POST /v1/jupyter/execute": op(JUPYTER_EXECUTE),
    "GET /v1/jupyter/info": op(),
    "POST /v1/jupyter/sessions/create": op(
        {"session_id": "str?", "kernel_name": "str?", "cwd": "str?"}
    ),
    "GET /v1/jupyter/sessions": op(),
    "DELETE /v1/jupyter/sessions": op(),
    "DELETE /v1/jupyter/sessions/{session_id}": op(),
    "POST /v1/nodejs/execute": op(NODE_EXECUTE),
    "GET /v1/nodejs/info": op(),
    "POST /v1/nodejs/sessions": op(NODE_SESSION, NODE_VERSION),
    "GET /v1/nodejs/sessions": op(query=NODE_VERSION),
    "GET /v1/nodejs/sessions/{session_id}": op(query=NODE_VERSION),
    "PATCH /v1/nodejs/sessions/{session_id}": op(
        {"max_idle_time": "int? 60..86400", "cwd": "str?"}, NODE_VERSION
    ),
    "DELETE /v1/nodejs/sessions/{session_id}": op(query=NODE_VERSION),
    "POST /tickets": op(),
}

MEMBER = re.compile(
    r"(?P<required>!?)(?P<kind>[a-z]+)(?P<null>\??)"
    r"(?: (?P<low>\d*)\.\.(?P<high>\d*))?(?: (?P<enum>[^=\s]+\|[^=\s]+))?(?: =(?P<default>.+))?$"
)


def parse(text):
    """The member description as a dict: kind, required, null, low, high, enum, default."""
    found = MEMBER.match(text)
    if not found:
        raise ValueError(f"bad member description {text!r}")
    return {
        "kind": found["kind"],
        "required": bool(found["required"]),
        "null": bool(found["null"]),
        "low": int(found["low"]) if found["low"] else None,
        "high": int(found["high"]) if found["high"] else None,
        "enum": found["enum"].split("|") if found["enum"] else None,
        "default": json.loads(found["default"]) if found["default"] else None,
        "has_default": found["default"] is not None,
    }


PARSED = {
    name: {part: {member: parse(text) for member, text in (entry[part] or {}).items()}
           for part in ("body", "query")}
    for name, entry in OPERATIONS.items()
}


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_num(value):
    return is_int(value) or isinstance(value, float)


KINDS = {
    "str": (lambda v: isinstance(v, str), "string_type", "Input should be a valid string"),
    "int": (lambda v: is_int(v) or (isinstance(v, float) and v.is_integer()),
            "int_type", "Input should be a valid integer"),
    "num": (is_num, "float_type", "Input should be a valid number"),
    "bool": (lambda v: isinstance(v, bool), "bool_type", "Input should be a valid boolean"),
    "map": (lambda v: isinstance(v, dict), "dict_type", "Input should be a valid dictionary"),
    "ints": (lambda v: isinstance(v, list), "list_type", "Input should be a valid list"),
    "strs": (lambda v: isinstance(v, list), "list_type", "Input should be a valid list"),
    "binary": (lambda v: isinstance(v, tuple), "value_error", "Expected UploadFile, received str"),
}
ITEMS = {"map": "str", "ints": "int", "strs": "str"}


def problem(loc, kind, msg, given):
    return {"type": kind, "loc": loc, "msg": msg, "input": given}


def check_value(rule, loc, value):
    accepts, kind, msg = KINDS[rule["kind"]]
    if not accepts(value):
        return [problem(loc, kind, msg, value)]
    if rule["enum"] and value not in rule["enum"]:
        names = [repr(e) for e in rule["enum"]]
        wanted = ", ".join(names[:-1]) + " or " + names[-1]
        return [problem(loc, "enum", f"Input should be {wanted}", value)]
    if rule["low"] is not None and value < rule["low"]:
        msg = f"Input should be greater than or equal to {rule['low']}"
        return [problem(loc, "greater_than_equal", msg, value)]
    if rule["high"] is not None and value > rule["high"]:
        msg = f"Input should be less than or equal to {rule['high']}"
        return [problem(loc, "less_than_equal", msg, value)]
    if rule["kind"] in ITEMS:
        inner, kind, msg = KINDS[ITEMS[rule["kind"]]]
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return [problem([*loc, k], kind, msg, v) for k, v in pairs if not inner(v)]
    return []


def check(name, part, given):
    """(values with defaults filled in, problems, unknown member names) for one request part."""
    rules = PARSED[name][part]
    values, problems = {}, []
    for key, rule in rules.items():
        if key not in given:
            if rule["required"]:
                problems.append(problem([part, key], "missing", "Field required", given))
            values[key] = rule["default"]
        elif given[key] is None and rule["null"]:
            values[key] = rule["default"]
        else:
            problems += check_value(rule, [part, key], given[key])
            whole = rule["kind"] == "int" and isinstance(given[key], float) and not problems
            values[key] = int(given[key]) if whole else given[key]
    return values, problems, sorted(set(given) - set(rules))
