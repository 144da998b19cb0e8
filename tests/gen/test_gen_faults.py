"""Every fault in a tools.json stops the generator, is named with its place, and writes nothing."""

import json

import pytest

from gen.note import TOOL, change, properties, run, write

FAULTS = [
    # what is written, where it is, what is said
    (change("name", "Note"), "1:name", "\"Note\" is not [a-z]"),
    (change("name", "a-b"), "1:name", "\"a-b\" is not [a-z]"),
    (change("name", "9lives"), "1:name", "\"9lives\" is not [a-z]"),
    (change("name", "a" * 25), "1:name", "is not [a-z][a-z0-9_]{0,23}"),
    (change("name"), "1:name", "is missing"),
    (change("title"), "note_add:title", "is missing"),
    (change("title", ""), "note_add:title", "is missing"),
    (change("description"), "note_add:description", "is missing"),
    (change("description", "é" * 301), "note_add:description", "has 301 characters, 300 is"),
    (change("toolset"), "note_add:toolset", "is missing"),
    (change("class"), "note_add:class", "is missing"),
    (change("class", "X"), "note_add:class", "is \"X\", not S, T or I"),
    (change("class", "T"), "note_add:outputSchema", "a tool of class T cannot have one"),
    (change("class", "I"), "note_add:outputSchema", "a tool of class I cannot have one"),
    (change("outputSchema"), "note_add:outputSchema", "is missing, a tool of class S needs one"),
    (change("needs"), "note_add:needs", "is missing"),
    (change("needs", ["exec", "fly"]), "note_add:needs", "\"fly\" is no backend op"),
    (change("needs", [1]), "note_add:needs", "is no backend op"),
    (change("extra", 1), "note_add", "unknown field \"extra\""),
    (change("annotations"), "note_add:annotations", "is missing"),
    *[(change(f"annotations/{hint}"), "note_add:annotations", f"{hint} is missing")
      for hint in TOOL["annotations"]],
    (change("annotations/readOnlyHint", "no"), "note_add:annotations", "readOnlyHint is missing"),
    (change("annotations/readOnlyHint", True), "note_add:annotations", "read-only and destructive"),
    (change("annotations/title", "x"), "note_add:annotations", "unknown annotation \"title\""),
    (change("openWorldByPolicy", 1), "note_add:openWorldByPolicy", "is not a boolean"),
    (change("openWorldByPolicy", True), "note_add:openWorldByPolicy", "needs openWorldHint"),
    ([TOOL, TOOL], "note_add", "is there twice"),
    ([1], "1", "a tool must be an object"),
    ({}, "", "must be an array of tools"),
    ("[", "", "at byte 1"),
    (json.dumps([TOOL]).replace('"title"', '"name":"b","title"', 1), "note_add",
     "field \"name\" is given twice"),

    (change("inputSchema"), "note_add:inputSchema", "is missing"),
    (change("inputSchema", {"type": "string", "maxLength": 1}), "note_add:inputSchema",
     "must be an object with properties"),
    (change("inputSchema", {"type": "object"}), "note_add:inputSchema", "must be an object with"),
    (change("inputSchema/additionalProperties", False), "note_add:inputSchema",
     "must be an object with properties, and no others"),
    (change("inputSchema/$schema", "x"), "note_add:inputSchema", "unknown keyword \"$schema\""),
    (change("inputSchema/anyOf", []), "note_add:inputSchema", "unknown keyword \"anyOf\""),
    (change("inputSchema/required", ["txt"]), "note_add:inputSchema",
     "requires \"txt\", which is no property"),
    (change("inputSchema/required", "text"), "note_add:inputSchema", "required is not an array"),
    (change(properties("Text"), {"type": "boolean"}), "note_add:inputSchema",
     "property \"Text\" is not [a-z]"),

    (change(properties("text/pattern"), "x"), "note_add:text", "unknown keyword \"pattern\""),
    (change(properties("text/minimum"), 1), "note_add:text", "unknown keyword \"minimum\""),
    (change(properties("count/maxLength"), 1), "note_add:count", "unknown keyword \"maxLength\""),
    (change(properties("count/multipleOf"), 2), "note_add:count", "unknown keyword \"multipleOf\""),
    (change(properties("text/type")), "note_add:text", "type is missing"),
    (change(properties("text/type"), ["string", "null"]), "note_add:text", "type is missing"),
    (change(properties("text/type"), "text"), "note_add:text", "unknown type \"text\""),
    (change(properties("text"), True), "note_add:text", "is missing, or not a schema"),
    (change(properties("text/description"), ""), "note_add:text", "description is empty"),
    (change(properties("text/maxLength")), "note_add:text", "maxLength is missing"),
    (change(properties("text/maxLength"), -1), "note_add:text", "maxLength is missing, or not a"),
    (change(properties("text/minLength"), 101), "note_add:text", "minLength is more than"),
    (change(properties("text/default"), "x"), "note_add:text", "is required and has a default"),
    (change(properties("level/default"), "medium"), "note_add:level", "default is not among"),
    (change(properties("level/maxLength"), 3), "note_add:level", "an enum has no lengths"),
    (change(properties("level/enum"), []), "note_add:level", "enum is empty"),
    (change(properties("level/enum"), ["low", 1]), "note_add:level", "something else than texts"),
    (change(properties("level/enum"), ["very-high", "low", "low"]), "note_add:level", "twice"),
    (change(properties("level/enum"), ["very-high", "very_high"]), "note_add:level",
     "are one constant"),
    (change(properties("count/minimum")), "note_add:count", "minimum is missing"),
    (change(properties("count/maximum")), "note_add:count", "maximum is missing"),
    (change(properties("count/minimum"), 10), "note_add:count", "minimum is more than maximum"),
    (change(properties("count/maximum"), 1e17), "note_add:count", "integers within 2^53"),
    (change(properties("count/maximum"), 9.5), "note_add:count", "integers within 2^53"),
    (change(properties("count/default"), 10), "note_add:count", "default is not among"),
    (change(properties("count/default"), 1.5), "note_add:count", "default is not among"),
    (change(properties("count/default"), "3"), "note_add:count", "default is not among"),
    (change(properties("quiet/default"), 0), "note_add:quiet", "default is not among"),
    (change(properties("mode/default"), "123456"), "note_add:mode", "default is not among"),
    (change(properties("mode/x-coerce"), "hex"), "note_add:mode", "x-coerce is not octal"),
    (change(properties("tags/maxItems")), "note_add:tags", "maxItems is missing"),
    (change(properties("tags/default"), []), "note_add:tags", "unknown keyword \"default\""),
    (change(properties("tags/items")), "note_add:tags[]", "is missing"),
    (change(properties("tags/items/type"), "integer"), "note_add:tags[]", "unknown keyword"),
    (change(properties("tags/items"), {"type": "boolean"}), "note_add:tags[]", "must be texts"),
    (change(properties("tags/items/maxLength")), "note_add:tags[]", "maxLength is missing"),
    (change(properties("env/maxProperties")), "note_add:env", "maxProperties is missing"),
    (change(properties("env/properties"), {}), "note_add:env", "not both"),
    (change(properties("env/additionalProperties"), True), "note_add:env.*", "is missing, or not"),
    (change(properties("where/maxProperties"), 3), "note_add:where", "maxProperties is for maps"),
    (change(properties("where/required"), ["pages"]), "note_add:where", "requires \"pages\""),
    (change(properties("parts/items/required"), ["x"]), "note_add:parts[]", "requires \"x\""),
    (change(properties("parts/items/properties/kind/pattern"), "x"), "note_add:parts[].kind",
     "unknown keyword \"pattern\""),
    (change(properties("p"), {"type": "array", "maxItems": 1, "items": {"type": "array"}}),
     "note_add:p[]", "must be texts"),
    (change(properties("has_ratio"), {"type": "boolean"}), "note_add:inputSchema",
     "\"has_ratio\" is the name of two members"),

    (change("outputSchema", {"type": "array", "items": {"type": "string"}}),
     "note_add:outputSchema", "must be an object"),
    (change("outputSchema/required", ["ids"]), "note_add:outputSchema", "requires \"ids\""),
    (change("outputSchema/properties/id/maxLength", 3), "note_add:outputSchema.id",
     "unknown keyword \"maxLength\""),
    (change("outputSchema/properties/kinds/items"), "note_add:outputSchema.kinds[]", "is missing"),
    (change("outputSchema/properties/kinds/items/enum", 1), "note_add:outputSchema.kinds[]",
     "enum is empty"),
]


@pytest.mark.parametrize("tools,place,said", FAULTS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_fault_stops_it_and_is_named(gen, tmp_path, tools, place, said):
    path = write(tmp_path, tools)
    done = run(gen, path, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{path}{':' if place else ''}{place}: "), done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == [path], "something was written"


def test_missing_files_are_named(gen, tmp_path):
    done = run(gen, tmp_path / "none.json", tmp_path)
    assert done.returncode == 1 and "none.json" in done.stderr
    done = run(gen, write(tmp_path, [TOOL]), tmp_path / "none")
    assert done.returncode == 1 and "none/tools.gen.h: No such file" in done.stderr
    assert run(gen).returncode == 2
    assert run(gen, "--what", "a", "b").returncode == 2
