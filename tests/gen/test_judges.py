"""The cases of tests/unit/test_judges.c before a third judge: the jsonschema package."""

import copy
import json
import os
import subprocess
from pathlib import Path

import jsonschema

from lib.paths import BINARY, ROOT


def closed(schema):
    """Every object without members beside those it names, as arguments are judged."""
    if isinstance(schema, dict):
        schema = {name: closed(value) for name, value in schema.items()}
        if isinstance(schema.get("properties"), dict):
            schema["additionalProperties"] = False
    return schema


def test_the_tables_judge_as_json_schema_does(tmp_path):
    program, path = Path(BINARY).parent / "tests/unit/test_judges", tmp_path / "cases"
    done = subprocess.run([program, "tables_and_schemas"], cwd=ROOT, text=True, timeout=120,
                          capture_output=True, env=os.environ | {"SANDBOX_MCP_CASES": str(path)})
    assert done.stdout == "ok tables_and_schemas_judge_alike\n", done.stdout + done.stderr
    judges = {}
    for tool in json.loads((ROOT / "tools.json").read_text()):
        schema = closed(copy.deepcopy(tool["inputSchema"]))
        jsonschema.Draft202012Validator.check_schema(schema)
        judges[tool["name"]] = jsonschema.Draft202012Validator(schema)
    cases = [json.loads(line) for line in path.read_text().splitlines()]
    assert {case["tool"] for case in cases} == set(judges)
    for case in cases:
        assert judges[case["tool"]].is_valid(case["args"]) == case["accepted"], str(case)[:2000]
    assert 100 < sum(case["accepted"] for case in cases) < len(cases) - 100
