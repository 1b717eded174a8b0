"""A browser, and visits that record the errors of their pages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import requests
from front_door import RunningService, png
from playwright.sync_api import Browser, expect
from studio.visiting import WAIT_MS, Visit

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def photo(photo: np.ndarray) -> np.ndarray:
    """The photograph in half its size, 150 x 226: as good here, and it costs a quarter wherever it goes."""
    return np.ascontiguousarray(photo[::2, ::2])


@pytest.fixture(scope="session")
def photo_png(photo: np.ndarray) -> bytes:
    return png(photo)


@pytest.fixture(scope="session")
def texture_png(texture: np.ndarray) -> bytes:
    """A quarter of the texture's size, 128 x 128."""
    return png(texture[::4, ::4])


@pytest.fixture(scope="module")
def left_empty(service: RunningService) -> Iterator[RunningService]:
    """The service, without a file's presets and transfers once its tests have ended: pages load their pictures."""
    yield service
    service.cancel_all()
    for collection in ("styles", "transfers"):
        while items := service.get(f"/v1/{collection}?limit=100").json()["items"]:
            for item in items:
                requests.delete(service.url + item["links"]["self"], timeout=60).raise_for_status()


@pytest.fixture
def visit(browser: Browser, left_empty: RunningService) -> Iterator[Visit]:
    """A new visitor of the studio; unexpected errors in the page fail the test."""
    with Visit.of(browser, left_empty) as visiting:
        yield visiting


@pytest.fixture
def coming(browser: Browser, left_empty: RunningService) -> Iterator[Visit]:
    """A visitor as above, who has yet to open the page."""
    with Visit.of(browser, left_empty, opened=False) as visiting:
        yield visiting
