"""What the sanitizers of a build have to say on stderr (AddressSanitizer and the like)."""

import re

REPORT = re.compile(
    r"^(==\d+==\s*ERROR: \w+Sanitizer|WARNING: ThreadSanitizer: "
    r"|\S+\.[ch]:\d+(:\d+)?: runtime error: )", re.MULTILINE)
SHOWN = 12000


def assert_none(said):
    """Fails, showing it, when there is a report in what a program said."""
    if found := REPORT.search(said):
        raise AssertionError("a sanitizer's report:\n" + said[found.start():][:SHOWN])
