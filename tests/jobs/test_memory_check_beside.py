"""What more content layers and masks take beside the rest of a transfer."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from service.errors import DoesNotFit
from service.jobs.memory_check import check_memory
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.machine.memory import MIB, Capacity, needed
from service.options import TransferOptions
from service.pictures.style_image import StyleImage
from service.storage.stored_files import StoredImage

CONTENT = StoredImage("b", "s", 3000, 2000)
ENTRY = StoredStyle(None, 1.0, 1.0, (StyleImage(StoredImage("b", "s", 640, 480), 1.0, 0.5),))
MASK = StoredImage("b", "m", 3000, 2000)
MORE: dict[str, dict[str, Any]] = {
    "layers": {"options": TransferOptions(size=768, content_layers={"relu1_1": 1.0, "relu4_2": 1.0})},
    "protect": {"protect": MASK},
    "regions": {"styles": (replace(ENTRY, mask=MASK), ENTRY)},
}


@pytest.mark.parametrize("more", MORE.values(), ids=MORE)
def test_they_raise_what_is_needed_and_the_advice_is_right(more: dict[str, Any]) -> None:
    plain = Painting((ENTRY,), TransferOptions(size=768))
    room = Capacity(needed(768, 512, [], "float32"), "float32")
    check_memory(TransferRequest(CONTENT, plain), {room})
    asked = replace(plain, **more)
    with pytest.raises(DoesNotFit) as caught:
        check_memory(TransferRequest(CONTENT, asked), {room})
    assert [error.loc for error in caught.value.errors] == ["size"]
    size = int(re.findall(r"a size of (\d+) would fit", caught.value.detail)[0])
    check_memory(TransferRequest(CONTENT, replace(asked, options=replace(asked.options, size=size))), {room})
    with pytest.raises(DoesNotFit):
        larger = replace(asked.options, size=size + 1)
        check_memory(TransferRequest(CONTENT, replace(asked, options=larger)), {room})


def test_a_style_that_fits_without_the_masks_alone_is_named() -> None:
    large = StoredStyle(None, 1.0, 1.0, (StyleImage(StoredImage("b", "s", 800, 800), 1.0, 1.0),))
    asked = Painting((large,), TransferOptions(size=800), protect=MASK)
    narrow = StoredImage("b", "s", 3000, 300)
    with pytest.raises(DoesNotFit) as caught:
        check_memory(
            TransferRequest(narrow, asked), {Capacity(needed(0, 0, [(800, 800)], "float32") + MIB, "float32")}
        )
    assert [error.loc for error in caught.value.errors] == ["styles.0.scale"]
