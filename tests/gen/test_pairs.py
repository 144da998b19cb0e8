"""Random schemas and values, judged by mcp/schema.c and by the jsonschema package."""

import json
import os
import random
import subprocess

import jsonschema
import pytest

from lib.paths import ROOT

CC = os.environ.get("CC", "cc")
PAIRS = 8000
TYPES = ["object", "array", "string", "boolean", "null", "number", "integer"]
LEAVES = ["type", "enum", "const", "required", "minProperties", "maxProperties", "minItems",
          "maxItems", "uniqueItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
          "minLength", "maxLength"]
NESTED = ["properties", "properties", "additionalProperties", "items", "allOf", "anyOf", "oneOf",
          "not", "if", "$ref"]
BOUNDS = [0, 1, 2, 5, 0.5, -1, 9007199254740992]


class Source:
    """Small alphabets, so that schemas and values meet."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, depth=0):
        pick = self.random.choice
        kind = self.random.randrange(8 if depth < 3 else 6)
        if kind < 2:
            return pick([None, True, False])
        if kind < 4:
            return pick([0, 1, -1, 2, 5, 1.0, 2.0, 0.5, -0.0, 1e3, 9007199254740993, 2**63 - 1])
        if kind < 6:
            return pick(["", "a", "ab", "abc", "ä", "😀x", "1"])
        count = self.random.randrange(4)
        if kind == 6:
            return [self.value(depth + 1) for _ in range(count)]
        return {pick("abcd"): self.value(depth + 1) for _ in range(count)}

    def schema(self, depth=0):
        if depth and self.random.random() < .08:
            return self.random.choice([True, False])
        words = LEAVES + (NESTED if depth < 4 else [])
        found = {}
        for word in self.random.choices(words, k=self.random.randrange(1, 4)):
            found |= self.keyword(word, depth + 1)
        return found

    def keyword(self, word, depth):
        r = self.random
        if word == "type":
            return {word: r.choice(TYPES) if r.random() < .7 else r.sample(TYPES, 2)}
        if word == "enum":
            return {word: [self.value() for _ in range(r.randrange(1, 4))]}
        if word == "const":
            return {word: self.value()}
        if word == "required":
            return {word: r.sample("abcd", r.randrange(3))}
        if word == "uniqueItems":
            return {word: r.random() < .8}
        if word == "properties":
            return {word: {name: self.schema(depth) for name in r.sample("abcd", r.randrange(3))}}
        if word in ("additionalProperties", "items", "not"):
            return {word: self.schema(depth)}
        if word in ("allOf", "anyOf", "oneOf"):
            return {word: [self.schema(depth) for _ in range(r.randrange(1, 4))]}
        if word == "if":
            return {name: self.schema(depth) for name in ("if", "then", "else")
                    if name == "if" or r.random() < .8}
        if word == "$ref":
            return {word: r.choice(["#/$defs/x", "#anchor"])}
        return {word: r.choice(BOUNDS) if "imum" in word else r.randrange(4)}

    def root(self):
        leaf = self.schema(depth=4)
        other = self.schema(depth=4)
        return self.schema() | {"$defs": {
            "x": leaf, "y": (other if isinstance(other, dict) else {}) | {"$anchor": "anchor"}}}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    made = tmp_path_factory.mktemp("pairs") / "pairs"
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "yyjson"], capture_output=True,
                           text=True, check=True).stdout.split()
    sources = [ROOT / "tests/gen/pairs.c", *sorted(ROOT.glob("mcp/schema*.c")),
               ROOT / "mcp/args_error.c",
               *(ROOT / f"base/{name}.c" for name in ("err", "buf", "utf8", "json"))]
    subprocess.run([CC, "-std=gnu17", "-D_GNU_SOURCE", "-O1", f"-I{ROOT}", "-o", made, *sources,
                    *flags, "-lm"], check=True, timeout=120)
    return made


@pytest.mark.parametrize("seed", [1, 2])
def test_both_judge_alike(program, seed):
    source = Source(seed)
    pairs = [(source.root(), source.value()) for _ in range(PAIRS)]
    lines = "".join(json.dumps(schema) + "\t" + json.dumps(value) + "\n" for schema, value in pairs)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=120)
    verdicts = done.stdout.splitlines()
    assert len(verdicts) == PAIRS
    for (schema, value), verdict in zip(pairs, verdicts):
        wanted = str(int(jsonschema.Draft202012Validator(schema).is_valid(value)))
        assert verdict == wanted, f"{json.dumps(schema)} of {json.dumps(value)}"
    assert PAIRS / 10 < verdicts.count("1") < PAIRS * 9 / 10
