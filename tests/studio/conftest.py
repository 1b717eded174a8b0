"""A browser, and visits that record the errors of their pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from front_door import RunningService
from playwright.sync_api import Browser, expect
from studio.visiting import WAIT_MS, Visit

expect.set_options(timeout=WAIT_MS)


@pytest.fixture
def visit(browser: Browser, service: RunningService) -> Iterator[Visit]:
    """A new visitor of the studio; unexpected errors in the page fail the test."""
    with Visit.of(browser, service) as visiting:
        yield visiting


@pytest.fixture
def coming(browser: Browser, service: RunningService) -> Iterator[Visit]:
    """A visitor as above, who has yet to open the page."""
    with Visit.of(browser, service, opened=False) as visiting:
        yield visiting
