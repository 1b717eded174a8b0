"""Style pictures, the extractor over the narrow model, and a cache over blobs in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from styles.cached_grams import CountingBlobs
from styles.style_images import MIB, CountingExtractor

from service.network.model import Model, load_model
from service.pictures.images import Picture
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor
from service.styles.grams import StyleGrams


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


@pytest.fixture
def blobs() -> CountingBlobs:
    return CountingBlobs()


@pytest.fixture
def counting(extractor: GramExtractor) -> CountingExtractor:
    return CountingExtractor(extractor)


@pytest.fixture
def grams(counting: Any, blobs: CountingBlobs) -> StyleGrams:
    return StyleGrams(counting, GramCache(blobs, MIB), "model")


@pytest.fixture
def mirrored(small_texture: Picture) -> Picture:
    """Another style: the texture's colours inverted, its channels reversed."""
    return np.ascontiguousarray(255 - small_texture[..., ::-1])
