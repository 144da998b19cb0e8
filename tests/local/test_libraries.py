"""Programs whose packages keep what they need in /etc find it."""

import shutil

import pytest

from lib import protocol


def test_matplotlib_finds_its_settings(start_stdio):
    server = start_stdio()
    result = server.call("code_execute", code="import matplotlib.pyplot as p\np.plot([1, 3, 2])\n1")
    assert not result.get("isError"), protocol.text(result)
    assert [part["mimeType"] for part in result["content"] if part["type"] == "image"] == [
        "image/png"], protocol.text(result)


@pytest.mark.skipif(not shutil.which("Rscript"), reason="no R here: apt install r-base-core")
def test_r_finds_its_settings(start_stdio):
    server = start_stdio()
    text = protocol.text(server.call("terminal_execute", command="Rscript -e 'mean(c(1, 3))'"))
    assert "[1] 2" in text and "stderr 0 B" in text
