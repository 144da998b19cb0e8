"""What the generator makes of presets, raw schemas, parameters that write and header parameters."""

import copy
import json
import re

import pytest

from gen.note import TOOL, change, properties, run, write
from gen.test_gen import compiled, made

RAW = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {
        "street": {"type": "string", "maxLength": 5}}}},
    "properties": {"zéro": {"const": 0}, "address": {"$ref": "#/$defs/address"},
                   "fax": {"type": "integer", "x-mcp-header": "Fax"}},
    "allOf": [{"anyOf": [{"required": ["address"]}, {"not": {"required": ["fax"]}}]}],
    "if": {"required": ["fax"]}, "then": {"required": ["address"]}, "else": True,
    "additionalProperties": False,
}


def raw(schema=RAW, **more):
    return [TOOL | {"raw": True, "inputSchema": schema} | more]


def reader(*changes):
    """TOOL as one that only reads, with properties set."""
    tool = copy.deepcopy(TOOL)
    tool["annotations"] |= {"readOnlyHint": True, "destructiveHint": False}
    for name, value in changes:
        tool["inputSchema"]["properties"][name] = value
    return [tool]


def listed(text, field):
    """The JSON that is the value of a field of the one tool."""
    found = re.search(rf"\.{field} =\s*((?:\s*\"(?:[^\"\\]|\\.)*\")+),", text)
    literals = re.findall(r'"((?:[^"\\]|\\.)*)"', found[1])
    return re.sub(r"\\(.)", r"\1", "".join(literals))


def code(folder):
    return (folder / "tools.gen.c").read_text()


def test_a_raw_schema_is_listed_as_it_stands(gen, tmp_path):
    text = code(made(gen, tmp_path, raw()))
    assert listed(text, "input_schema") == json.dumps(RAW, ensure_ascii=False,
                                                      separators=(",", ":"))
    assert ".args =" not in text and "arg_row" not in text
    done = compiled(tmp_path, "handler", """
        #include "tools.gen.h"
        int tool_note_add(struct tool_call *call, yyjson_val *args, struct err *err)
        {
            return call && yyjson_is_obj(args) ? 0 : !!err;
        }
        """)
    assert done.returncode == 0, done.stderr
    done = compiled(tmp_path, "tools.gen", text)
    assert done.returncode == 0, done.stderr


def test_presets_are_words(gen, tmp_path):
    text = code(made(gen, tmp_path, change("presets", ["slim", "coder-2"])))
    assert '.presets = "slim coder-2",' in text


def test_a_parameter_that_writes_is_not_in_the_second_table(gen, tmp_path):
    tools = reader(("save_to", {"type": "string", "maxLength": 9, "x-writes": True}))
    text = code(made(gen, tmp_path, tools))
    all_of_it = json.loads(listed(text, "input_schema"))
    less = json.loads(listed(text, "input_schema_read_only"))
    assert "x-writes" not in json.dumps(all_of_it)
    assert all_of_it["properties"].pop("save_to") == {"type": "string"}
    assert all_of_it == less
    rows = re.search(r"note_add_args_read_only_rows\[\] = \{(.*?)\n\};", text, re.S)[1]
    assert re.findall(r"\n        \.name = \"(\w+)\"", rows) == list(less["properties"])
    done = compiled(tmp_path, "tools.gen", text)
    assert done.returncode == 0, done.stderr


def test_headers_of_properties_are_found_with_their_way(gen, tmp_path):
    tools = reader(("region", {"type": "string", "maxLength": 9, "x-mcp-header": "Region"}))
    tools[0]["inputSchema"]["properties"]["where"]["properties"]["page"]["x-mcp-header"] = "Page-No"
    text = code(made(gen, tmp_path, tools))
    assert re.findall(r'\{ "(\S+)", (note_add_header_\d) \},', text) == [
        ("Page-No", "note_add_header_0"), ("Region", "note_add_header_1")]
    ways = re.findall(r"note_add_header_\d\[\] = \{(.*?)\};", text, re.S)
    assert [re.findall(r'"(\w+)"', way) for way in ways] == [["where", "page"], ["region"]]
    assert '"x-mcp-header":"Region"' in listed(text, "input_schema")
    done = compiled(tmp_path, "tools.gen", text)
    assert done.returncode == 0, done.stderr


def test_a_fixture_may_have_a_long_name(gen, tmp_path):
    path = write(tmp_path, change("name", "a" * 64))
    assert run(gen, "--fixture", path, tmp_path).returncode == 0
    assert f".name = \"{'a' * 64}\"" in code(tmp_path)
    path = write(tmp_path, change("name", "a" * 65))
    done = run(gen, "--fixture", path, tmp_path)
    assert done.returncode == 1 and "is not [a-z][a-z0-9_]{0,63}" in done.stderr


TEXT = {"type": "string", "maxLength": 9}
FLAG = {"type": "boolean", "x-writes": True}


def with_header(value, schema=TEXT):
    return change(properties("region"), schema | {"x-mcp-header": value})


@pytest.mark.parametrize("tools, place, said", [
    (change("presets", []), "presets", "is not an array of names"),
    (change("presets", "slim"), "presets", "is not an array of names"),
    (change("presets", ["a b"]), "presets", "is not an array of names"),
    (change("toolset", "a,b"), "toolset", "is not a name"),
    (change("raw", 1), "raw", "is not a boolean"),
    (raw({"type": "array"}), "inputSchema", "must be an object"),
    (raw({"type": "object", "pattern": "a"}), "inputSchema",
     "schema.pattern: is a keyword that is not supported"),
    (raw({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}), "inputSchema",
     "schema.$schema: is not https://json-schema.org/draft/2020-12/schema"),
    (raw({"type": "object", "$ref": "https://example.com/a.json"}), "inputSchema",
     "schema.$ref: refers to no schema of this document"),
    (change("outputSchema/$schema", "https://json-schema.org/draft/2020-12/schema"),
     "outputSchema", "unknown keyword \"$schema\""),
    (change(properties("quiet"), FLAG), "inputSchema", "x-writes is for tools with readOnlyHint"),
    (reader(("quiet", FLAG | {"default": False})), "quiet", "x-writes is true, of a text or"),
    (reader(("quiet", FLAG | {"x-writes": False})), "quiet", "x-writes is true, of a text"),
    (reader(("text", TEXT | {"x-writes": True})), "text", "x-writes is true, of a text"),
    (reader(("where", {"type": "object", "properties": {"quiet": FLAG}})), "where",
     "x-writes is for parameters of the tool itself"),
    (with_header(""), "region", "x-mcp-header is not a token of HTTP"),
    (with_header("a b"), "region", "x-mcp-header is not a token of HTTP"),
    (with_header("a\r\nb"), "region", "x-mcp-header is not a token of HTTP"),
    (with_header("a:b"), "region", "x-mcp-header is not a token of HTTP"),
    (with_header("é"), "region", "x-mcp-header is not a token of HTTP"),
    (with_header(7), "region", "x-mcp-header is not a token of HTTP"),
    (reader(("a", TEXT | {"x-mcp-header": "A"}), ("b", TEXT | {"x-mcp-header": "a"})), "b",
     "x-mcp-header \"a\" is there twice"),
    (with_header("A", {"type": "number", "minimum": 0, "maximum": 1}), "region",
     "unknown keyword \"x-mcp-header\""),
    (change(properties("tags/items/x-mcp-header"), "A"), "inputSchema", "stands where"),
    (raw({"type": "object", "properties": {"a": {"type": "number", "x-mcp-header": "A"}}}), "a",
     "x-mcp-header is for texts, integers and booleans"),
    (raw({"type": "object", "properties": {"a": {"anyOf": [
        {"type": "string", "x-mcp-header": "A"}]}}}), "inputSchema", "stands where"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_a_fault_in_them_stops_it(gen, tmp_path, tools, place, said):
    path = write(tmp_path, tools)
    done = run(gen, path, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{path}:note_add:{place}: "), done.stderr
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == [path], "something was written"
