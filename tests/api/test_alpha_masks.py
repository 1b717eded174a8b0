"""Masks with transparency: one colour counts by its alpha, several colours are refused by a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from api.controls import PHOTO, QUICK, STYLE, TISSUE, assert_refused, digests, distance, painted, picture, white_left
from front_door import RunningService, b64, png
from picture_files import encoded
from PIL import Image

from service.decoding.reading import decode_mask
from service.pictures.images import UnreadableImage

LEFT = white_left()
FIELDS = ("protect", "strength_map")


def drawn(alpha: np.ndarray, *colour: int, hidden: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    """A mask in one colour, with this alpha and another colour where nothing is seen."""
    colours = np.where(alpha[..., None] > 0, np.array(colour, np.uint8), np.array(hidden, np.uint8))
    return np.dstack([colours.astype(np.uint8), alpha])


DRAWN = {
    "white on transparent": drawn(LEFT, 255, 255, 255, hidden=(0, 0, 0)),
    "black on transparent": drawn(LEFT, 0, 0, 0),
    "black, all of it": drawn(LEFT, 0, 0, 0, hidden=(0, 0, 0)),
    "a hole in white": drawn(LEFT, 255, 255, 255),
    "red on transparent": drawn(LEFT, 200, 30, 40),
    "grey and alpha": np.dstack([np.zeros_like(LEFT), LEFT]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_mask_in_one_colour_counts_by_its_alpha(name: str) -> None:
    assert np.array_equal(decode_mask(encoded(Image.fromarray(DRAWN[name]), "PNG")), LEFT)
    lossy = decode_mask(encoded(Image.fromarray(DRAWN[name]), "WEBP", quality=80))
    assert distance(lossy, LEFT) < 2


def test_a_soft_edge_counts_in_part_and_a_palette_has_transparency_too() -> None:
    soft = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    assert np.array_equal(decode_mask(png(drawn(soft, 0, 0, 0))), soft)
    palette = Image.fromarray(LEFT // 255, "P")
    palette.putpalette([0, 0, 0, 9, 9, 9])
    assert np.array_equal(decode_mask(encoded(palette, "PNG", transparency=0)), LEFT)


def test_an_opaque_mask_counts_by_its_luminance() -> None:
    opaque = np.dstack([LEFT, LEFT, LEFT, np.full_like(LEFT, 255)])
    assert np.array_equal(decode_mask(png(opaque)), LEFT)


def test_transparency_with_several_colours_could_mean_either() -> None:
    with pytest.raises(UnreadableImage, match="transparency and several colours"):
        decode_mask(png(np.dstack([LEFT, LEFT, LEFT, np.full_like(LEFT, 200)])))


def test_what_is_protected_in_alpha_stays(service: RunningService) -> None:
    protects = [
        {"protect": b64(png(mask))} for mask in (LEFT, DRAWN["white on transparent"], DRAWN["black on transparent"])
    ]
    job = painted(service, STYLE, variants=protects)
    assert len(set(digests(job))) == 1
    assert np.array_equal(picture(service, job)[:, :32], PHOTO[:, :32])
    assert distance(picture(service, job)[:, 32:], PHOTO[:, 32:]) > 1


def test_every_field_of_a_mask_refuses_what_could_mean_two_things(service: RunningService) -> None:
    twofold = b64(png(np.dstack([LEFT, LEFT, LEFT, np.full_like(LEFT, 200)])))
    shape = np.full(TISSUE.shape[:2], 200, np.uint8)
    over_style = np.dstack([TISSUE, shape])
    body: dict[str, Any] = QUICK | dict.fromkeys(FIELDS, twofold)
    body["styles"] = [STYLE | {"mask": twofold, "style_mask": b64(png(over_style))}]
    refused = service.post(body)
    assert_refused(refused, "protect", "strength_map", "styles.0.mask", "styles.0.style_mask")
    assert "several colours" in refused.text
    nothing = b64(png(drawn(np.zeros_like(LEFT), 0, 0, 0)))
    assert_refused(service.post(QUICK | {"styles": [STYLE | {"mask": nothing}]}), "styles.0.mask")
