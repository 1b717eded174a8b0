"""A browser for the tests of pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, one for all tests: its start costs as much as three visits."""
    from scripts.browser import executable, running_browser  # noqa: PLC0415 - loads Playwright, as few files need

    if executable() is None:
        reason = "chromium isn't installed: apt-get install chromium-headless-shell"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running_browser() as running:
        yield running
