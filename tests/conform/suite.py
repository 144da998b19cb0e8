"""
The official conformance suite, run against a server.

run() starts one of its two versions and returns a Run: .status (None: not over in SECONDS) and
.output of the program, and .checks, {scenario: [check]}, from the files that it left; a check has
id, status and errorMessage.
"""

import json
import os
import re
import subprocess
from pathlib import Path

from lib.paths import BINARY, NODE, NODE_MODULES, node_env

HERE = Path(__file__).parent
FIXTURE = Path(BINARY).parent / "tests/conform/fixture/server"
NEW = NODE_MODULES / "@modelcontextprotocol/conformance/dist/index.js"
OLD = NODE_MODULES / "conformance-0.1/dist/index.js"
SECONDS = 60

LEGACY = """
    server-initialize logging-set-level ping completion-complete tools-list tools-call-simple-text
    tools-call-image tools-call-audio tools-call-embedded-resource tools-call-mixed-content
    tools-call-with-logging tools-call-error tools-call-with-progress tools-call-sampling
    tools-call-elicitation elicitation-sep1034-defaults server-sse-multiple-streams
    elicitation-sep1330-enums resources-list resources-read-text resources-read-binary
    resources-templates-read resources-subscribe resources-unsubscribe prompts-list
    prompts-get-simple prompts-get-with-args prompts-get-embedded-resource prompts-get-with-image
    dns-rebinding-protection""".split()
LEGACY_UNSCORED = ["server-session-lifecycle", "json-schema-2020-12", "server-sse-polling"]

MODERN = """
    server-stateless completion-complete tools-list tools-call-simple-text tools-call-image
    tools-call-audio tools-call-embedded-resource tools-call-mixed-content tools-call-error
    tools-call-with-progress server-sse-multiple-streams resources-list resources-read-text
    resources-read-binary resources-templates-read sep-2164-resource-not-found prompts-list
    prompts-get-simple prompts-get-with-args prompts-get-embedded-resource prompts-get-with-image
    dns-rebinding-protection caching input-required-result-basic-elicitation
    input-required-result-basic-sampling input-required-result-basic-list-roots
    input-required-result-request-state input-required-result-multiple-input-requests
    input-required-result-multi-round input-required-result-missing-input-response
    input-required-result-non-tool-request input-required-result-result-type
    input-required-result-unsupported-methods input-required-result-tampered-state
    input-required-result-capability-check input-required-result-ignore-extra-params
    input-required-result-validate-input""".split()
MODERN_UNSCORED = """
    tasks-lifecycle tasks-capability-negotiation tasks-wire-fields tasks-request-state-removal
    tasks-mrtr-input tasks-request-headers tasks-dispatch-and-envelope tasks-status-notifications
    tasks-required-task-error tasks-mrtr-composition json-schema-2020-12 http-header-validation
    http-custom-header-server-validation""".split()

# The older suite knows no sessions' life and asks for nothing of the other era.
STATEFUL = [name for name in LEGACY + LEGACY_UNSCORED if name != "server-session-lifecycle"]


class Run:
    def __init__(self, status, output, checks):
        self.status, self.output, self.checks = status, output, checks

    def bad(self, scenario):
        """Lines about what is not as it should be; a warning is as bad as a failure."""
        assert scenario in self.checks, f"{scenario} was not run:\n{self.output[-3000:]}"
        return [f"{check['status']} {check['id']}: {check.get('errorMessage')}"
                for check in self.checks[scenario]
                if check["status"] not in ("SUCCESS", "INFO", "SKIPPED")]

    def counts(self, scenario, status):
        return sum(check["status"] == status for check in self.checks[scenario])


def results(folder):
    found = {}
    for path in sorted(folder.glob("*/checks.json")):
        name = re.sub(r"-\d{4}-\d\d-\d\dT[0-9-]+Z$", "", path.parent.name).removeprefix("server-")
        found.setdefault(name, []).extend(json.loads(path.read_text()))
    return found


def run(program, url, folder, *args):
    """folder: an empty one, for the results and for a home."""
    assert program.exists(), f"{program} is missing, run make deps"
    command = [str(NODE), str(program), "server", "--url", url, *args]
    try:
        done = subprocess.run(
            [*command, "-o", str(folder / "results")], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=SECONDS, env=node_env(folder), cwd=folder)
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="replace")
        status, output = None, f"{said}\nnot over after {SECONDS} s"
    return Run(status, output, results(folder / "results"))


def clean_env(state_dir):
    """The environment without options of ours."""
    found = {name: value for name, value in os.environ.items()
             if not name.startswith("SANDBOX_MCP_")}
    return found | {"SANDBOX_MCP_STATE_DIR": str(state_dir)}
