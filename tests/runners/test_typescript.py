"""TypeScript: node strips the types, all else is the javascript runner."""

import json
import subprocess

import pytest

from harness import NODE
from lib.paths import NODE as NEW_NODE

pytestmark = pytest.mark.skipif(not NEW_NODE.exists(), reason="no node in build/npm")


@pytest.fixture
def ts(start):
    return start("typescript", program=str(NEW_NODE))


def test_hello(ts):
    assert ts.hello["language"] == "typescript" and "missing" not in ts.hello


@pytest.mark.parametrize("code, text", [
    ("let x: number = 3; x", "3"),
    ("interface A { n: number }\nconst f = (a: A): number => a.n * 2\nf({ n: 4 })", "8"),
    ("enum Color { Red, Green }\nColor.Green", "1"),
    ("namespace N { export const v: number = 3 }\nN.v", "3"),
    ("class P { constructor(private q: number) {} get() { return this.q } }\nnew P(5).get()", "5"),
    ("{ a: 1, b: 'x' as string }", "{ a: 1, b: 'x' }"),
    ("function g<T>(x: T): T { return x }\ng<number>(3)!", "3"),
    ("const y: string = await Promise.resolve('z'); y", "'z'"),
    ("import os from 'node:os'; import type { CpuInfo } from 'node:os'\ntypeof os.cpus", "'function'"),
])
def test_values(ts, code, text):
    assert ts.text(code) == text


def test_declarations_stay(ts):
    ts.text("type Pair = [number, number]; let p: Pair = [1, 2]; enum E { A = 7 }")
    assert ts.text("p[1] + E.A") == "9"
    assert ts.text("let p: string = 'again'; p") == "'again'"


def test_errors_have_the_lines_of_the_cell(ts):
    error = ts.error("type A = {\n  n: number\n}\nconst a: A = null as any\na.n")
    assert error["name"] == "TypeError" and "<cell 1>:5" in error["traceback"]
    error = ts.error("enum E { A = 1 }\n\nfunction f(n: E): never {\n  throw new Error('x')\n}\nf(1)")
    assert "<cell 2>:4" in error["traceback"] and "<cell 2>:6" in error["traceback"]
    assert "<cell 2>:4\n  throw new Error('x')\n" in error["traceback"]
    error = ts.error("let z: = 3")
    assert error["name"] == "SyntaxError"
    assert "<cell 3>:1\nlet z: = 3\n" in error["traceback"]
    for ours in "runner.js", "node:internal", "stripped":
        assert ours not in error["traceback"]
    assert ts.text("1 as number") == "1"


def test_nothing_is_said_of_what_is_experimental(ts):
    ts.text("enum E { A }; console.error('mark')")
    assert ts.err(until="mark") == "mark\n"


@pytest.mark.skipif(
    json.loads(subprocess.check_output(
        [NODE, "-p", "!!require('module').stripTypeScriptTypes"])), reason="this node strips types")
def test_an_old_node_says_what_is_missing(start):
    old = start("typescript", program=NODE)
    assert old.hello["missing"].startswith("typescript needs node 22.13 or later")
    assert old.process.wait(10) == 1
