"""Style pictures, and the extractor over the narrow model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from service.model import Model, load_model
from service.styles.extractor import GramExtractor


@pytest.fixture(scope="session")
def model(narrow_model: Path) -> Model:
    return load_model(narrow_model)


@pytest.fixture(scope="session")
def extractor(model: Model) -> GramExtractor:
    return GramExtractor(model, "cpu", 1)


@pytest.fixture(scope="session")
def small_texture(texture: np.ndarray) -> np.ndarray:
    """60 x 80 x 3 uint8 of the texture."""
    return np.ascontiguousarray(texture[:180:3, :240:3])
