"""Masks over the content and over a style's picture: what they keep away from stays as it is, to the byte.

Shallow layers, whose features see few pixels, one level and no smoothing: then nothing else reaches over the border.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import requests
from api.controls import (
    NEGATIVE,
    OTHER,
    PHOTO,
    QUICK,
    STYLE,
    TISSUE,
    assert_refused,
    digests,
    distance,
    grey,
    losses,
    painted,
    picture,
    white_left,
)
from front_door import RunningService, b64, png

from service.pictures.colour import LUMA

SHALLOW: dict[str, Any] = {
    "content_layers": {"relu1_1": 1.0}, "style_layers": {"relu1_1": 1.0, "relu2_1": 1.0},
    "tv_weight": 0, "levels": 1, "iterations": 8,
}  # fmt: skip
FAR = 16  # pixels that such features and the mask's soft border reach at most
MOVED = 1.5  # grey levels that a painted place differs by at least, on average
LEFT = b64(png(white_left()))
RIGHT = b64(png(255 - white_left()))
PART = b64(png(white_left(80, 96)))  # over the style's picture


def halves(shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the parts clearly on the left and clearly on the right of the middle."""
    middle = shown.shape[1] // 2
    return shown[:, : middle - FAR], shown[:, middle + FAR :]


def test_a_style_goes_where_its_mask_is_white(service: RunningService) -> None:
    shown = picture(service, painted(service, STYLE | {"mask": LEFT}, **SHALLOW))
    (left, right), (left_before, right_before) = halves(shown), halves(PHOTO)
    assert np.array_equal(right, right_before)
    assert distance(left, left_before) > MOVED


@pytest.mark.slow
def test_each_half_gets_its_own_style(service: RunningService) -> None:
    """The style without a mask goes where the other's leaves room; each order is judged by both."""
    one, other = [STYLE | {"mask": LEFT}, OTHER], [OTHER | {"mask": LEFT}, STYLE]
    named = [STYLE | {"mask": LEFT}, OTHER | {"mask": RIGHT}]
    own = [{"styles": styles} for styles in (one, other, named)]
    made = painted(service, variants=own, **SHALLOW | {"iterations": 15})
    assert digests(made)[0] == digests(made)[2]
    judged = [
        {"styles": styles, "init": {"job": made["id"], "variant": k}} for styles in (one, other) for k in (0, 1)
    ]
    one_by_one, other_by_one, one_by_other, other_by_other = losses(
        painted(service, variants=judged, **SHALLOW | {"iterations": 0}), "style"
    )
    assert one_by_one < other_by_one / 4
    assert other_by_other < one_by_other / 4


def test_a_white_mask_is_none_and_a_grey_one_counts_less(service: RunningService) -> None:
    own = [{}, *({"styles": [STYLE | {"mask": grey(value)}]} for value in (255, 51))]
    plain, white, dark = losses(painted(service, STYLE, iterations=0, variants=own), "style")
    assert white == pytest.approx(plain, rel=1e-5)
    assert dark == pytest.approx(51 / 255 * plain, rel=1e-4)


@pytest.mark.slow
def test_what_is_protected_stays_byte_for_byte(service: RunningService) -> None:
    own = [{"protect": grey(255)}, {"protect": LEFT}, {"protect": grey(0)}, {}, {"protect": LEFT, "init": "random"}]
    job = painted(service, STYLE, iterations=20, variants=own)
    whole, half, nothing, free, random = (picture(service, job, i) for i in range(5))
    assert np.array_equal(whole, PHOTO)
    for shown in (half, random):
        assert np.array_equal(shown[:, :32], PHOTO[:, :32])
        assert distance(shown[:, 32:], PHOTO[:, 32:]) > MOVED
    assert distance(nothing, free) < 1
    assert distance(free[:, :32], PHOTO[:, :32]) > MOVED


@pytest.mark.slow
def test_a_variant_may_take_back_the_transfers_mask(service: RunningService) -> None:
    job = painted(service, STYLE, protect=grey(255), variants=[{"protect": None}, {}])
    assert digests(job)[0] == painted(service, STYLE)["result"]["sha256"]
    assert np.array_equal(picture(service, job, 1), PHOTO)


def test_a_grey_protection_lets_each_pixel_go_part_of_the_way(service: RunningService) -> None:
    """204 of 255 leaves a fifth of the way to black and to white, here of a picture that begins at random."""
    shown = picture(service, painted(service, STYLE, protect=grey(204), init="random")).astype(float)
    assert np.all(shown >= PHOTO - 0.2 * PHOTO - 1)
    assert np.all(shown <= PHOTO + 0.2 * (255.0 - PHOTO) + 1)
    assert distance(shown, PHOTO) > MOVED


def test_a_black_strength_map_leaves_the_content_and_half_a_one_half_of_it(service: RunningService) -> None:
    own = [{}, {"strength_map": grey(0)}, {"strength_map": LEFT}]
    job = painted(service, STYLE, variants=own, **SHALLOW)
    free, black, half = (picture(service, job, i) for i in range(3))
    assert np.array_equal(black, PHOTO)
    assert np.array_equal(halves(half)[1], halves(PHOTO)[1])
    assert distance(halves(half)[0], halves(PHOTO)[0]) > MOVED
    assert distance(halves(free)[1], halves(PHOTO)[1]) > MOVED


@pytest.mark.slow
def test_with_default_options_a_black_strength_map_keeps_the_picture_near_the_content(
    service: RunningService,
) -> None:
    job = painted(service, STYLE, iterations=20, variants=[{}, {"strength_map": grey(0)}])
    free, black = losses(job, "content")
    assert black < free / 4
    assert losses(job, "style")[1] == 0


def test_a_grey_strength_map_is_as_much_less_style(service: RunningService) -> None:
    own = [{}, {"strength_map": grey(102)}, {"strength_map": LEFT}]
    plain, dark, half = losses(painted(service, STYLE, iterations=0, variants=own), "style")
    assert dark == pytest.approx(0.4 * plain, rel=1e-4)
    assert 0 < half < plain


@pytest.mark.slow
def test_a_style_mask_says_what_of_the_style_picture_counts(service: RunningService) -> None:
    pair = np.concatenate([TISSUE, NEGATIVE], axis=1)
    width, height = pair.shape[1], pair.shape[0]
    mask = white_left(width, height)
    style = {"image": b64(png(pair)), "scale": 2.0}
    own = [
        {"styles": [style | {"style_mask": b64(png(mask))}]},
        {"styles": [style | {"style_mask": b64(png(255 - mask))}]},
        {"styles": [style | {"style_mask": grey(255, width, height)}]},
        {"styles": [style]},
        {"styles": [STYLE | {"scale": 96 / 64}]},
        {"styles": [OTHER | {"scale": 96 / 64}]},
    ]
    layers = {"relu1_1": 1.0, "relu2_1": 1.0}
    left, right, white, whole, one, other = losses(
        painted(service, iterations=0, variants=own, style_layers=layers), "style"
    )
    assert abs(left - one) < abs(other - one) / 4
    assert abs(right - other) < abs(other - one) / 4
    assert white == pytest.approx(whole, rel=1e-4)


def test_luminance_keeps_the_contents_chroma(service: RunningService) -> None:
    shown = picture(service, painted(service, STYLE, color="luminance", iterations=20)).astype(float)
    before = PHOTO.astype(float)
    chroma, chroma_before = (pixels - (pixels @ LUMA)[..., None] for pixels in (shown, before))
    assert np.abs(chroma - chroma_before).max() <= 1
    assert np.abs((shown - before) @ LUMA).mean() > MOVED


@pytest.mark.slow
def test_masks_come_as_files_of_a_form_in_variants_too(service: RunningService) -> None:
    def body(keep: str, left: str, art: str) -> dict[str, Any]:
        masked = {"styles": [{"image": art, "mask": left, "style_mask": "file:part" if art == "file:art" else PART}]}
        return QUICK | {"styles": [{"image": art}], "variants": [{"protect": keep}, masked, {"strength_map": left}]}

    by_json = painted(service, **body(LEFT, RIGHT, STYLE["image"]))
    files = {"keep": white_left(), "left": 255 - white_left(), "art": TISSUE, "part": white_left(80, 96)}
    parts: dict[str, Any] = {name: png(array) for name, array in files.items()}
    parts["request"] = (None, json.dumps(body("file:keep", "file:left", "file:art")), "application/json")
    response = requests.post(f"{service.url}/v1/transfers", files=parts, headers={"Prefer": "wait=60"}, timeout=60)
    assert response.status_code == 200, response.text
    assert digests(response.json()) == digests(by_json)
    assert len(set(digests(by_json))) == 3
    own = by_json["options"]["variants"]
    assert own[0]["protect"]["width"] == own[1]["styles"][0]["mask"]["width"] == 64


@pytest.mark.parametrize("fields, locs", [
    ({"protect": grey(9, 48, 64)}, ["protect"]),
    ({"strength_map": grey(9, 64, 64), "protect": grey(9, 32, 24)}, ["strength_map"]),
    ({"styles": [STYLE, STYLE | {"mask": grey(9, 64, 40)}]}, ["styles.1.mask"]),
    ({"styles": [STYLE | {"style_mask": grey(9, 96, 80)}]}, ["styles.0.style_mask"]),
    ({"variants": [{}, {"protect": grey(9, 48, 64)}]}, ["variants.1.protect"]),
    ({"variants": [{"styles": [STYLE | {"mask": grey(9, 48, 64)}]}]}, ["variants.0.styles.0.mask"]),
    ({"protect": "file:nowhere"}, ["protect"]),
    ({"styles": [STYLE | {"mask": b64(b"no picture")}]}, ["styles.0.mask"]),
])  # fmt: skip
def test_a_mask_of_another_shape_is_named(service: RunningService, fields: dict[str, Any], locs: list[str]) -> None:
    assert_refused(service.post(QUICK | {"styles": [STYLE]} | fields), *locs)


def test_a_style_mask_is_for_one_picture(service: RunningService) -> None:
    service.put_style("two-pictures", png(TISSUE), png(NEGATIVE))
    entry = {"preset": "two-pictures", "style_mask": grey(255, 80, 96)}
    assert_refused(service.post(QUICK | {"styles": [entry]}), "styles.0.style_mask")
    service.put_style("one-picture", png(TISSUE))
    job = painted(service, entry | {"preset": "one-picture"}, iterations=0)
    assert losses(job, "style") == pytest.approx(losses(painted(service, STYLE, iterations=0), "style"), rel=1e-4)


@pytest.mark.parametrize(("name", "width", "height"), [("mask", 64, 48), ("style_mask", 80, 96)])
def test_a_mask_that_leaves_nothing_of_its_style_is_refused(
    service: RunningService, name: str, width: int, height: int
) -> None:
    style = STYLE | {name: grey(0, width, height)}
    assert_refused(service.post(QUICK | {"styles": [style]}), f"styles.0.{name}")
