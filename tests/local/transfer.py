"""The file tools as a program uses them: structured results, refusals as exceptions."""

import hashlib

import pytest

from lib import protocol


class Refused(Exception):
    def __init__(self, result):
        self.text = protocol.text(result)
        self.code = self.text.split(":")[0]
        super().__init__(self.text)


def call(client, tool, **arguments):
    arguments = {name.rstrip("_"): value for name, value in arguments.items()}
    result = client.call(tool, **arguments)
    if result.get("isError"):
        raise Refused(result)
    return result["structuredContent"]


def run(client, command):
    text = protocol.text(client.call("terminal_execute", command=command))
    assert text.startswith("exit 0 "), text
    return text.split("--- stdout\n", 1)[1].rstrip("\n") if "--- stdout" in text else ""


def refused(code, client, tool, **arguments):
    with pytest.raises(Refused) as e:
        call(client, tool, **arguments)
    assert e.value.code == code, e.value.text
    return e.value.text


def sha256(data):
    return hashlib.sha256(data).hexdigest()
