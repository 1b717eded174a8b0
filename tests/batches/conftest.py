"""The service for the tests of batches."""

from __future__ import annotations

import pytest
from batches.painting import Batching


@pytest.fixture(scope="session")
def batching(second_service: Batching) -> Batching:
    return second_service
