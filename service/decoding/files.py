"""The service's functions that decode picture files. No file is decoded in the process that calls them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.decoding import lanes
from service.decoding.decoders import DECODERS, Files, TooSlow
from service.decoding.formats import head_of
from service.decoding.messages import Facts, Reply
from service.errors import Unavailable
from service.pictures.images import Cutout, ImageFile, Mask, Picture, UnreadableImage, digest

WHOLE = 2.0  # times a check's limit that a full decoding may take: all pixels are brought to sRGB
LIGHT = 255  # the level of white
TRIES, RETRY_S = 4, 1.0  # tries of a worker, and seconds between two of them
DECODE_S = 30.0  # CPU seconds for the pictures of a request; the limits of single files are set for this value


def no_tick() -> None:
    """Do nothing: nobody can cancel the work."""


Tick = Callable[[], None]


@dataclass
class Allowance:
    """CPU seconds that are left to a request for all of its pictures, and those that count as spent.

    `tick` is called while they are read; an exception that it raises ends the reading. `on_spent` is told what each
    picture has taken.
    """

    left: float
    spent: float = 0.0
    tick: Callable[[], None] = no_tick
    on_spent: Callable[[float], None] = lambda seconds: None

    def within(self, seconds: float) -> float:
        """Return `seconds`, or what is left if that is less. Raises TooSlow if nothing is left."""
        if self.left <= 0:
            raise TooSlow("was not read: the pictures before it took too long to decode")
        return min(seconds, self.left)

    def spend(self, seconds: float) -> None:
        """Count the CPU seconds that a picture has taken."""
        self.left -= seconds
        self.spent += seconds
        self.on_spent(seconds)


class _Pace:
    """The time that files may take here, relative to the machine that the limits were measured on."""

    factor = 1.0


def start(decode_s: float = DECODE_S) -> None:
    """Start the process that decoders are forked from, without waiting for it.

    `decode_s` are the CPU seconds that a request's pictures may take; the limit of each file grows with them.
    """
    _Pace.factor = decode_s / DECODE_S
    DECODERS.start()


def check_image(data: bytes, allowance: Allowance | None = None) -> ImageFile:
    """Read an image file to its end, so that later steps can rely on it.

    Raises:
        UnreadableImage: not an image, truncated, too small or too large, or too slow or too large to decode.
        Unavailable: too many large pictures are being read.
    """
    sha256 = digest(data)
    facts, _ = _allowed("check", data, sha256, allowance)
    return ImageFile(data, facts["width"], facts["height"], sha256)


def lightest(data: bytes, allowance: Allowance | None = None) -> float:
    """Return how much a mask's lightest place counts, in [0, 1].

    Raises as `check_image`; and UnreadableImage if the mask has transparency and several colours.
    """
    facts, _ = _allowed("lightest", data, digest(data), allowance)
    return float(facts["level"]) / LIGHT


def thumbnail(data: bytes, allowance: Allowance | None = None) -> bytes:
    """Return a JPEG of at most `images.THUMBNAIL` pixels on its long edge. Raises as `check_image`.

    It counts as spent in `allowance`, but may take more than that has left.
    """
    return _whole("thumbnail", data, allowance=allowance)[1][0].tobytes()


def decode(data: bytes, tick: Tick = no_tick) -> Picture:
    """Read a picture as H x W x 3 uint8 sRGB: EXIF orientation and ICC profile applied, alpha laid over white.

    `tick` is called meanwhile; an exception that it raises ends the reading. Raises as `check_image`.
    """
    return _whole("picture", data, tick)[1][0]


def decode_cutout(data: bytes, tick: Tick = no_tick) -> Cutout:
    """Read a picture's colours, and its alpha where there is any. Ticks and raises as `decode`."""
    colours, *alpha = _whole("cutout", data, tick)[1]
    return Cutout(colours, alpha[0] if alpha else None)


def decode_mask(data: bytes, tick: Tick = no_tick) -> Mask:
    """Read a mask, H x W in [0, 1]: the luminance, or the alpha of a mask in one colour. Raises as `decode`."""
    return _whole("levels", data, tick)[1][0].astype(np.float32) / np.float32(LIGHT)


def transcode(data: bytes, format: str, quality: int, allowance: Allowance | None = None) -> bytes:
    """Return a picture's file in another format, with its alpha if that format has one, else over white.

    `allowance` is as in `thumbnail`.
    """
    return _whole("transcode", data, allowance=allowance, format=format, quality=quality)[1][0].tobytes()


def _allowed(task: str, data: bytes, sha256: str, allowance: Allowance | None) -> tuple[Facts, Files]:
    """Run a task that takes as long as a check, within a request's allowance."""
    limit = _Pace.factor * head_of(data).check_s
    allowance = allowance or Allowance(limit)
    seconds = taken = allowance.within(limit)
    try:
        reply, handed_over = lanes.run(task, data, sha256, seconds, allowance.tick, spent=allowance.spent)
        taken = reply.cpu_s
    finally:
        allowance.spend(taken)
    return _facts(reply), handed_over


def _whole(
    task: str, data: bytes, tick: Tick = no_tick, *, allowance: Allowance | None = None, **settings: Any
) -> tuple[Facts, Files]:
    """Run a task that may take longer than a check. A worker tries it again for some seconds, in each attempt."""
    seconds = WHOLE * _Pace.factor * head_of(data).check_s
    sha256, allowance = digest(data), allowance or Allowance(seconds)
    for again in range(TRIES - 1, -1, -1):
        try:
            look = allowance.tick if tick is no_tick else tick
            reply, handed_over = lanes.run(task, data, sha256, seconds, look, spent=allowance.spent, **settings)
            allowance.spend(reply.cpu_s)
            break
        except Unavailable:
            if tick is no_tick or not again:
                raise
        time.sleep(RETRY_S)
        tick()
    return _facts(reply), handed_over


def _facts(reply: Reply) -> Facts:
    """Return what a reply says of a file. Raises UnreadableImage."""
    if reply.problem is not None:
        raise UnreadableImage(reply.problem)
    return reply.facts
