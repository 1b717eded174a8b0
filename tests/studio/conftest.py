"""A browser, and pages of which it is noted what goes wrong in them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from front_door import RunningService
from playwright.sync_api import Browser, expect
from studio.visiting import WAIT_MS, Visit

from scripts.browser import executable, running_browser

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, one for all tests of a file."""
    if executable() is None:
        reason = "chromium isn't installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running_browser() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, service: RunningService) -> Iterator[Visit]:
    """Somebody new at the studio; fails the test over errors in the page that it didn't expect."""
    with Visit.of(browser, service) as visiting:
        yield visiting
