"""What the generator makes of a tools.json."""

import copy
import json
import os
import re

import pytest

from gen.note import TOOL, change, run, write
from lib.paths import ROOT

CC = os.environ.get("CC", "cc")

HANDLER = """
#include "tools.gen.h"

int tool_note_add(struct tool_call *call, const struct note_add_args *args, struct err *err)
{
    if (args->level == NOTE_ADD_LEVEL_VERY_HIGH && args->parts.count && args->where.page &&
        args->parts.items[0].kind == NOTE_ADD_PARTS_ITEM_KIND_B && args->parts.items[0].default_)
        return 0;
    return args->MEMBER || args->has_ratio || args->env.count || !call ? -1 : !!err;
}
"""

MAIN = """
#include "mcp/tool.h"

int main(void)
{
    return tool_defs[0].run(0, 0, 0);
}
"""


def made(gen, folder, tools):
    """The folder with what was generated."""
    done = run(gen, write(folder, tools), folder)
    assert done.returncode == 0, done.stderr
    return folder


def compiler(folder, *args):
    flags = run("pkg-config", "--cflags", "yyjson").stdout.split()
    return run(CC, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}",
               f"-I{folder}", *flags, *args)


def compiled(folder, name, text):
    (folder / f"{name}.c").write_text(text)
    return compiler(folder, "-c", "-o", folder / f"{name}.o", folder / f"{name}.c")


def linked(gen, tmp_path, handler):
    made(gen, tmp_path, [TOOL])
    objects = []
    for name, text in (("main", MAIN), ("handler", handler)):
        if text:
            done = compiled(tmp_path, name, text)
            assert done.returncode == 0, done.stderr
            objects.append(tmp_path / f"{name}.o")
    return compiler(tmp_path, "-o", tmp_path / "program", tmp_path / "tools.gen.c", *objects)


def test_a_tool_with_its_handler_links(gen, tmp_path):
    done = linked(gen, tmp_path, HANDLER.replace("MEMBER", "quiet"))
    assert done.returncode == 0, done.stderr


def test_a_tool_without_a_handler_does_not_link(gen, tmp_path):
    done = linked(gen, tmp_path, None)
    assert done.returncode != 0
    assert "undefined reference to `tool_note_add'" in done.stderr


def test_a_renamed_property_does_not_compile(gen, tmp_path):
    tools = json.dumps([TOOL]).replace('"quiet"', '"silent"')
    made(gen, tmp_path, tools)
    done = compiled(tmp_path, "handler", HANDLER.replace("MEMBER", "quiet"))
    assert done.returncode != 0
    assert re.search(r"no member named .quiet", done.stderr)
    assert compiled(tmp_path, "handler", HANDLER.replace("MEMBER", "silent")).returncode == 0


def test_a_renamed_choice_does_not_compile(gen, tmp_path):
    made(gen, tmp_path, json.dumps([TOOL]).replace("very-high", "highest"))
    done = compiled(tmp_path, "handler", HANDLER.replace("MEMBER", "quiet"))
    assert done.returncode != 0
    assert "NOTE_ADD_LEVEL_VERY_HIGH" in done.stderr


def test_an_ignored_error_of_a_handler_does_not_compile(gen, tmp_path):
    made(gen, tmp_path, [TOOL])
    done = compiled(tmp_path, "main", '#include "tools.gen.h"\n'
                    "int main(void) { tool_note_add(0, 0, 0); return 0; }")
    assert done.returncode != 0
    assert "unused-result" in done.stderr


DUMP = """
#include "mcp/tool.h"
#include <stdio.h>

#define HANDLER(name) int tool_##name(struct tool_call *, const void *, struct err *); \\
    int tool_##name(struct tool_call *c, const void *a, struct err *e) \\
    { return c || a || e ? 1 : 0; }
HANDLERS

int main(void)
{
    for (size_t i = 0; i < tool_def_count; i++) {
        const struct tool_def *t = &tool_defs[i];
        printf("{\\"name\\":\\"%s\\",\\"input\\":%s,\\"output\\":%s,\\"cls\\":%d,\\"needs\\":%u,"
               "\\"hints\\":[%d,%d,%d,%d,%d]}\\n", t->name, t->input_schema,
               t->output_schema ? t->output_schema : "null", t->cls, t->needs, t->read_only,
               t->destructive, t->idempotent, t->open_world, t->open_world_by_policy);
    }
    return tool_defs[tool_def_count].name != NULL;
}
"""


def table(gen, tmp_path, tools):
    """tool_defs[] as a program sees it."""
    made(gen, tmp_path, tools)
    names = [tool["name"] for tool in tools]
    done = compiled(tmp_path, "dump",
                    DUMP.replace("HANDLERS", "\n".join(f"HANDLER({name})" for name in names)))
    assert done.returncode == 0, done.stderr
    done = compiler(tmp_path, "-o", tmp_path / "dump", tmp_path / "tools.gen.c",
                    tmp_path / "dump.o")
    assert done.returncode == 0, done.stderr
    done = run(tmp_path / "dump")
    assert done.returncode == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


UNLISTED = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
            "maxProperties", "additionalProperties", "x-coerce", "x-writes", "$schema"}


def listed(schema):
    """What the list must hold of a schema."""
    out = {}
    for key, value in schema.items():
        if key == "properties":
            out[key] = {name: listed(inner) for name, inner in value.items()}
        elif key == "items":
            out[key] = listed(value)
        elif key == "default" and value in (False, 0, schema.get("enum", [None])[0]):
            continue
        elif key not in UNLISTED and value != []:
            out[key] = value
    return out


def test_schemas_are_listed_without_bounds(gen, tmp_path):
    other = dict(copy.deepcopy(TOOL), name="a_note", title="\"\\\n\u00e9", needs=["exec", "info"])
    other["inputSchema"]["properties"]["minimum"] = {
        "type": "boolean", "description": "\\\"\n\t\u00e9"}
    first, second = table(gen, tmp_path, [TOOL, other])
    assert [first["name"], second["name"]] == ["a_note", "note_add"]
    assert first["input"] == listed(other["inputSchema"])
    assert "minimum" in first["input"]["properties"]
    assert second["input"] == listed(TOOL["inputSchema"])
    assert second["output"] == listed(TOOL["outputSchema"])
    assert second["hints"] == [0, 1, 0, 0, 0]
    assert bin(first["needs"]).count("1") == 2 and bin(second["needs"]).count("1") == 1


def test_a_tool_may_have_no_parameters(gen, tmp_path):
    tools = change("inputSchema", {"type": "object", "properties": {}})
    assert table(gen, tmp_path, tools)[0]["input"] == {"type": "object", "properties": {}}


def test_the_project_s_own_tools(gen, tmp_path):
    tools = json.loads((ROOT / "tools.json").read_text())
    rows = {row["name"]: row for row in table(gen, tmp_path, tools)}
    assert list(rows) == sorted(tool["name"] for tool in tools)
    for tool in tools:
        row, hints = rows[tool["name"]], tool["annotations"]
        assert row["input"] == listed(tool["inputSchema"])
        assert row["output"] == (listed(tool["outputSchema"]) if "outputSchema" in tool else None)
        assert row["hints"] == [hints["readOnlyHint"], hints["destructiveHint"],
                                hints["idempotentHint"], hints["openWorldHint"],
                                tool.get("openWorldByPolicy", False)]


README = "# Title\n\n<!-- tools:begin -->\nold\n<!-- tools:end -->\n\nEnd <!-- tools:end -->.\n"


def readme(gen, tmp_path, tools, text=README):
    path = tmp_path / "README.md"
    path.write_text(text)
    return run(gen, "--readme", write(tmp_path, tools), path), path


def test_readme_holds_each_tool_by_toolset(gen, tmp_path):
    other = dict(copy.deepcopy(TOOL), name="a_look", toolset="looks", description="A | <b>.")
    other["annotations"].update(readOnlyHint=True, destructiveHint=False)
    done, path = readme(gen, tmp_path, [TOOL, other])
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    assert text.startswith("# Title\n\n<!-- tools:begin -->\n**looks**\n")
    assert text.endswith("\n<!-- tools:end -->\n\nEnd <!-- tools:end -->.\n")
    assert "old" not in text
    assert text.index("**notes**") > text.index("a_look")
    look, note = [line for line in text.splitlines() if line.startswith("| `")]
    assert look.startswith("| `a_look` | A \\| \\<b>. | **`text`**, `level` (low, very-high)")
    assert look.endswith("| yes |") and note.endswith("| |")
    done, path = readme(gen, tmp_path, [TOOL, other], text)
    assert done.returncode == 0 and path.read_text() == text


def test_readme_states_the_bytes_of_the_list(gen, tmp_path):
    tools = json.loads((ROOT / "tools.json").read_text())
    done, path = readme(gen, tmp_path, tools)
    assert done.returncode == 0, done.stderr
    found = re.search(r"these (\d+) tools is (\d+) bytes, (\d+) with output", path.read_text())
    count, plain, full = (int(n) for n in found.groups())

    def size(keys):
        entries = [{key: listed(tool[key]) if key.endswith("Schema") else tool[key]
                    for key in keys if key in tool} for tool in tools]
        text = json.dumps({"tools": entries}, separators=(",", ":"), ensure_ascii=False)
        return len(text.encode())

    keys = ["name", "title", "description", "inputSchema", "annotations"]
    assert (count, plain, full) == (len(tools), size(keys), size([*keys, "outputSchema"]))
    assert plain <= 16384 * len(tools) / 21 and full <= 20480 * len(tools) / 21


@pytest.mark.parametrize("text", ["", "<!-- tools:begin -->\n", "<!-- tools:end -->\n",
                                  "<!-- tools:end -->\n<!-- tools:begin -->\n"])
def test_readme_needs_both_marks(gen, tmp_path, text):
    done, path = readme(gen, tmp_path, [TOOL], text)
    assert done.returncode == 1
    assert "no lines <!-- tools:begin -->" in done.stderr
    assert path.read_text() == text
