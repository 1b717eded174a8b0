"""A canvas delivers the picture that was optimised, inside the gamut."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.canvas import Canvas, LuminanceCanvas, canvas_for, to_picture, to_tensor

CPU = torch.device("cpu")
CORNERS = np.array(list(itertools.product((0, 255), repeat=3)), np.uint8)  # black, white and the six pure colours


def every_level() -> np.ndarray:
    """256 x 3 x 3 uint8 with each level in each channel."""
    levels = np.arange(256, dtype=np.uint8)
    return np.stack([np.stack([levels, np.roll(levels, 85), levels[::-1]], axis=1)] * 3, axis=1)


def colours(seed: int) -> np.ndarray:
    """16 x 16 x 3 uint8: random ones, and those in the corners of the gamut."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    picture[:4] = rng.choice(CORNERS, (4, 16))
    return picture


def image_of(seed: int) -> torch.Tensor:
    """Return the picture as 1 x 3 x 16 x 16 in [0, 1]."""
    return to_tensor(colours(seed), CPU)


def test_every_level_of_a_picture_survives_the_way_to_a_tensor_and_back() -> None:
    picture = every_level()
    image = to_tensor(picture, CPU)
    assert image.shape == (1, 3, 256, 3)
    assert image[0, 0, 255, 0] == 1
    assert image[0, 2, 255, 0] == 0
    np.testing.assert_array_equal(to_picture(image), picture)


def test_a_picture_is_rounded_to_the_nearest_level_and_not_cut() -> None:
    levels = torch.tensor([-0.1, 0.0, 99.6, 100.4, 254.6, 300.0]) / 255
    assert to_picture(levels.expand(1, 3, 1, 6))[0, :, 0].tolist() == [0, 0, 100, 100, 255, 255]


@pytest.mark.parametrize("color", ["style", "match", "luminance"])
def test_the_contents_own_variable_is_delivered_as_the_content(color: str) -> None:
    for picture in (every_level(), colours(0), np.stack([CORNERS] * 8)):
        canvas = canvas_for(color, to_tensor(picture, CPU))
        delivered = to_picture(canvas.image(canvas.variable(to_tensor(picture, CPU))))
        np.testing.assert_array_equal(delivered, picture)


@pytest.mark.parametrize("color", ["style", "match"])
def test_the_encoder_sees_the_colours_themselves(color: str) -> None:
    canvas = canvas_for(color, image_of(0))
    variable = torch.rand(1, 3, 16, 16)
    assert torch.equal(canvas.seen(variable), variable)
    assert torch.equal(canvas.image(variable), variable)
    assert (float(canvas.lower), float(canvas.upper)) == (0, 1)


def test_in_luminance_the_encoder_sees_grey() -> None:
    canvas = canvas_for("luminance", image_of(0))
    variable = canvas.variable(image_of(0))
    assert variable.shape == (1, 1, 16, 16)
    seen = canvas.seen(variable)
    assert seen.shape == (1, 3, 16, 16)
    np.testing.assert_allclose(canvas.image(variable)[0].permute(1, 2, 0).numpy(), colours(0) / 255, atol=1e-6)
    assert torch.equal(seen[:, 0], seen[:, 2])
    expected = colours(0).astype(np.float64) @ [0.299, 0.587, 0.114] / 255
    np.testing.assert_allclose(seen[0, 0].numpy(), expected, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_luminance_within_the_bounds_keeps_the_contents_chroma(seed: int) -> None:
    content = colours(seed)
    canvas: Canvas = LuminanceCanvas(to_tensor(content, CPU))
    share = torch.tensor(np.random.default_rng(seed).random((1, 1, 16, 16), dtype=np.float32))
    share[..., :3, :] = share[..., :3, :].round()  # many on a bound
    variable = canvas.lower + share * (canvas.upper - canvas.lower)
    np.testing.assert_allclose(chroma(to_picture(canvas.image(variable))), chroma(content), atol=1.01)
    moved = luminance(to_picture(canvas.image(variable))) - 255 * variable[0, 0].numpy()
    np.testing.assert_allclose(moved, 0, atol=0.51)


def test_another_picture_lends_its_luminance_as_far_as_the_gamut_allows() -> None:
    content, other = colours(1), colours(2)
    canvas = LuminanceCanvas(to_tensor(content, CPU))
    variable = canvas.variable(to_tensor(other, CPU))
    assert bool((variable >= canvas.lower).all())
    assert bool((variable <= canvas.upper).all())
    free = ((variable > canvas.lower) & (variable < canvas.upper))[0, 0].numpy()
    assert free.mean() > 0.2
    np.testing.assert_allclose(255 * variable[0, 0].numpy()[free], luminance(other)[free], atol=1e-3)


def test_a_pure_colour_leaves_its_luminance_no_room() -> None:
    canvas = LuminanceCanvas(to_tensor(np.stack([CORNERS] * 8), CPU))
    room = (canvas.upper - canvas.lower)[0, 0, 0]
    for colour, free in zip(CORNERS, room, strict=True):
        grey = colour.min() == colour.max()
        assert float(free) == pytest.approx(1 if grey else 0, abs=1e-6)


def luminance(picture: np.ndarray) -> npt.NDArray[np.float64]:
    return picture.astype(np.float64) @ [0.299, 0.587, 0.114]


def chroma(picture: np.ndarray) -> npt.NDArray[np.float64]:
    """R - Y, G - Y and B - Y in levels."""
    return picture.astype(np.float64) - luminance(picture)[..., None]
