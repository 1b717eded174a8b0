"""A service as operators see it: two web processes, two workers, keys and webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import RunningService, b64, png
from operators.scraping import HEADERS
from webhooks.receiver import SECRETS

PICTURE = png(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))
STYLE = png(np.random.default_rng(1).integers(0, 120, (70, 70, 3), np.uint8))


@pytest.fixture(scope="session")
def watched(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that the tests of this folder share: leave no running job behind."""
    settings = {"web_workers": 2, "workers": 2, "webhook_hosts": "127.0.0.1", "webhook_secret": ",".join(SECRETS)}
    keys = HEADERS["X-API-Key"]
    with RunningService(narrow_model, tmp_path_factory.mktemp("watched"), api_keys=keys, **settings) as running:
        yield running


@pytest.fixture
def body() -> dict[str, Any]:
    """A transfer of one level and 20 iterations, in a style that no other test has used."""
    style = png(np.random.default_rng().integers(0, 255, (70, 70, 3), np.uint8))
    options = {"size": 64, "iterations": 20, "levels": 1, "tolerance": 0}
    return {"content": b64(PICTURE), "styles": [{"image": b64(style)}]} | options
