"""What the Gram cache answers over all levels of a transfer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from styles.style_images import MIB, style

from service.options import TransferOptions
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.storage.blobs import Blobs


def test_a_transfer_whose_levels_differ_in_what_was_found_says_partial(
    narrow_model: Path, photo: np.ndarray, small_texture: np.ndarray
) -> None:
    """Without iterations there is the finest level only."""
    blobs = Blobs("memory:///")
    stylist = Stylist(narrow_model, blobs, device="cpu", precision="float32", threads=1, gram_memory=MIB)

    def answer(iterations: int) -> str:
        order = Order(photo, [style(small_texture)], TransferOptions(size=131, iterations=iterations))
        return stylist.transfer(order, lambda progress: None).style_cache

    assert [answer(iterations) for iterations in (0, 0, 3, 3)] == ["miss", "hit", "partial", "hit"]
