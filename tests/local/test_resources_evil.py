"""An agent that lies about what changed is ended, and its server lives on."""

import time

import pytest

from local.test_evil_agent import MALFORMED, ask, evil, settled  # noqa: F401

UPDATED = "notifications/resources/updated"


@pytest.mark.parametrize("word", [*MALFORMED, "flood", "changes", "replies", "leave", "silence"])
def test_a_watcher_that_lies_is_ended(evil, word):  # noqa: F811
    client = evil("open", word)
    client.initialize()
    for i in range(3):
        client.result("resources/subscribe", {"uri": f"sandbox://default/file/f{i}"})
    started = time.monotonic()
    ask(client, "sandbox_info" if word == "silence" else "file_read", 45)
    if word not in ("silence", "leave"):
        settled(client)
    assert client.result("ping") == {}
    said = [n for n in client.notifications if n.get("method") == UPDATED]
    assert len(said) <= 3 * (time.monotonic() - started + 2)
    for i in range(3):
        assert client.result("resources/unsubscribe", {"uri": f"sandbox://default/file/f{i}"}) == {}
