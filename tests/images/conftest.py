"""A picture that differs from all its rotations and mirror images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def picture(photo: np.ndarray) -> np.ndarray:
    """24 x 40 x 3 uint8 with four different corners."""
    return np.asarray(Image.fromarray(photo).crop((20, 20, 420, 260)).reduce(10))
