"""The passes of painters: as many count as are painted, and as many are planned."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from service.jobs.cost import planned_cost
from service.jobs.meter import Meter
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.options import PAINTER, TransferOptions
from service.painters.sessions import Painters
from service.painting.guided_order import GuidedOrder
from service.painting.order import Order
from service.storage.stored_files import StoredImage
from service.styles.style import Style

HEIGHT, WIDTH = 32, 64


class Copying(Painters):
    """Painters that leave each picture as it is, and count their passes."""

    passes = 0

    def paint(self, file: object, photograph: Any) -> Any:
        self.passes += 1
        return photograph


@pytest.mark.parametrize(
    ("styles", "strength", "mapped", "planned", "painted"),
    [
        (1, None, None, 1, 1),
        (3, 0.5, None, 3, 3),
        (3, 0.51, None, 6, 6),
        (16, 1.0, 1.0, 32, 32),
        (16, 1.0, 0.4, 32, 16),  # nobody knows before what a map holds
    ],
)
def test_each_pass_of_a_painter_counts_as_an_evaluation(
    styles: int, strength: float | None, mapped: float | None, planned: int, painted: int
) -> None:
    options = TransferOptions(method=PAINTER, iterations=0, size=WIDTH, strength=strength)
    stored = [StoredStyle("harbour", weight, 1.0, ()) for weight in (*[0.5] * styles, 0.0)]
    request = TransferRequest(StoredImage("c", "c", WIDTH, HEIGHT), Painting(tuple(stored), options))
    assert planned_cost(request) * 1e6 == planned * HEIGHT * WIDTH
    content, painters, meter = np.zeros((HEIGHT, WIDTH, 3), np.uint8), Copying(1), Meter()
    strength_map = None if mapped is None else np.full((HEIGHT, WIDTH), mapped, np.float32)
    files = [Style(weight=0.5, painter=cast(Any, "file"))] * styles
    order = Order(content, files, options, strength_map=strength_map)
    GuidedOrder(order, lambda: None).painted(painters, meter.count)
    assert painters.passes == painted
    assert meter.evaluated == painted * HEIGHT * WIDTH
