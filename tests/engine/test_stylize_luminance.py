"""With `color: luminance` every pixel keeps the content's chroma."""

from __future__ import annotations

import numpy as np
import pytest
from engine.paintings import Run, chroma, luminance


@pytest.mark.parametrize("init", ["content", "random"])
def test_luminance_keeps_the_contents_chroma_at_every_pixel(run: Run, small_photo: np.ndarray, init: str) -> None:
    result = run(iterations=15, color="luminance", init=init)
    np.testing.assert_allclose(chroma(result.picture), chroma(small_photo), atol=1.01)
    assert np.abs(luminance(result.picture) - luminance(small_photo)).mean() > 3


def test_luminance_keeps_the_chroma_of_pure_colours_too(run: Run, small_photo: np.ndarray) -> None:
    loud = np.where(small_photo > 100, 255, 0).astype(np.uint8)
    loud[:, :20] = small_photo[:, :20]
    result = run(content=loud, iterations=10, color="luminance")
    np.testing.assert_allclose(chroma(result.picture), chroma(loud), atol=1.01)


def test_without_luminance_the_chroma_changes_too(run: Run, small_photo: np.ndarray) -> None:
    assert np.abs(chroma(run(iterations=15).picture) - chroma(small_photo)).mean() > 3
