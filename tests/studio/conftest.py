"""A browser, and pages of which it is noted what goes wrong in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browsing import browser
from front_door import RunningService
from playwright.sync_api import Browser, expect
from studio.visiting import WAIT_MS, Visit

__all__ = ["browser"]  # a fixture of every test here

expect.set_options(timeout=WAIT_MS)


@pytest.fixture
def visit(browser: Browser, service: RunningService) -> Iterator[Visit]:
    """Somebody new at the studio; fails the test over errors in the page that it didn't expect."""
    with Visit.of(browser, service) as visiting:
        yield visiting
