import pytest

from lib.paths import GEN


@pytest.fixture(scope="session")
def gen():
    assert GEN.exists(), f"{GEN} is not built"
    return GEN
