"""
One browser for all tests of a file, a page of its own for each. `site` serves what a test gives it:
site.add("/path", html) or a function that gets the handler; site.url() is at 127.0.0.1, and
site.other() the same at localhost, which is another site.
"""

import pytest

from browser.harness import DRIVE, Drive, chromium
from lib.site import Site


@pytest.fixture
def site():
    one = Site()
    yield one
    one.close()


def started():
    if not chromium():
        pytest.skip("no Chromium here: install chromium-headless-shell or chromium")
    assert DRIVE.exists(), f"{DRIVE} is not built"
    return Drive()


@pytest.fixture(scope="module")
def shared():
    one = started()
    yield one
    one.close()


@pytest.fixture
def browser(shared):
    before = set(shared.pages())
    yield shared
    for page in set(shared.pages()) - before:
        shared("close", page=page)


@pytest.fixture
def own_browser():
    """For tests that break it."""
    one = started()
    yield one
    one.close()


@pytest.fixture
def page(browser):
    return browser.open()
