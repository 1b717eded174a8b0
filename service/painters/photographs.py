"""Pictures that painters learn from: crops of photographs where there are some, else of drawn pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from service.painters.drawn import draw
from service.pictures import images
from service.pictures.images import Picture

CROP = 192  # pixels along each side
LEAST_SIDE, SIDE_STEP = 32, 16  # pixels along the sides of smaller ones
BATCH = 4  # crops in a step, unless more are asked for
SHARE = 0.7  # share of the crops that are of photographs, if there are any
DRAWN_SIZE = 512  # pixels along each side of a drawn picture
MOST_DRAWN = 256  # drawn pictures that are kept, 0.8 MB each


class Crops:
    """An endless source of crops, the same for the same seed.

    A new picture is drawn for each batch until MOST_DRAWN are there.

    Args:
        photographs: H x W x 3 uint8 each.
        drawn: pictures that are there already, DRAWN_SIZE pixels along each side.
        side: pixels along each side of a crop, where the pictures have as many.
        count: crops in a batch of that side.
    """

    def __init__(
        self,
        photographs: Sequence[Picture],
        seed: int,
        drawn: Sequence[Picture] = (),
        side: int = CROP,
        count: int = BATCH,
    ) -> None:
        self._photographs = photographs
        self._random = np.random.default_rng(seed)
        self._drawn = list(drawn)
        self._side = side
        self._count = count

    def batch(self, size: int) -> Tensor:
        """Return crops, N x 3 x side x side in [0, 1], of pictures reduced to `size` pixels on the long edge.

        Where that is less than a crop's side, crops are smaller and there are more of them, with as many pixels in
        all: in larger crops the pictures would be larger than those that will be painted.
        """
        side = min(self._side, largest_crop(size))
        if len(self._drawn) < MOST_DRAWN:
            self._drawn.append(draw_picture(self._random))
        crops = np.stack([self._crop(size, side) for _ in range(round(self._count * (self._side / side) ** 2))])
        # Without noise, the gradient of a flat crop grows in each layer.
        noise = self._random.random(crops.shape, dtype=np.float32)
        return torch.from_numpy((crops + noise) / 256).permute(0, 3, 1, 2)

    def _crop(self, size: int, side: int) -> Picture:
        from_photographs = len(self._photographs) > 0 and self._random.random() < SHARE
        pictures = self._photographs if from_photographs else self._drawn
        whole = _scaled(pictures[int(self._random.integers(len(pictures)))], size, side)
        top, left = (self._random.integers(edge - side + 1) for edge in whole.shape[:2])
        crop = whole[top : top + side, left : left + side]
        mirrored = self._random.random() < 0.5  # noqa: PLR2004 - a mirrored photograph is as good
        return crop[:, ::-1] if mirrored else crop


def largest_crop(size: int) -> int:
    """Return the most pixels along each side of a crop of pictures with `size` pixels on the long edge."""
    return max(LEAST_SIDE, size // SIDE_STEP * SIDE_STEP)


def draw_pictures(count: int, seed: int) -> Iterator[Picture]:
    """Draw so many pictures as draw_picture does; the same seed gives the same pictures."""
    random = np.random.default_rng(seed)
    return (draw_picture(random) for _ in range(count))


def draw_picture(random: np.random.Generator) -> Picture:
    """Draw a picture, DRAWN_SIZE x DRAWN_SIZE x 3 uint8."""
    return (draw(random, DRAWN_SIZE) * 255 + 0.5).astype(np.uint8)


def _scaled(picture: Picture, size: int, side: int) -> Picture:
    """Reduce a picture to `size` pixels on the long edge, but leave `side` on the short one at least."""
    short, long = sorted(picture.shape[:2])
    wanted = max(min(size, long), -(-side * long // short))
    return picture if wanted == long else images.resize_long_edge(picture, wanted)
