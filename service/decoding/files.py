"""The service's functions that decode picture files. No file is decoded in the process that calls them."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from service.decoding import lanes
from service.decoding.allowance import Allowance, Tick, no_tick
from service.decoding.decoders import DECODERS, Files
from service.decoding.messages import Facts, Reply
from service.decoding.taken import FOR_JOBS
from service.decoding.unread import Unread
from service.errors import Unavailable
from service.pictures.images import Cutout, ImageFile, Mask, Picture, UnreadableImage

WHOLE = 2.0  # times a check's limit that a full decoding may take: all pixels are brought to sRGB
LIGHT = 255  # the level of white
TRIES, RETRY_S = 4, 1.0  # tries of a worker, and seconds between two of them
DECODE_S = 30.0  # CPU seconds for the pictures of a request; the limits of single files are set for this value


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
    file = Unread.of(data)
    facts = _allowed("check", file, allowance)
    return ImageFile(data, facts["width"], facts["height"], file.sha256)


def lightest(data: bytes, allowance: Allowance | None = None) -> float:
    """Return how much a mask's lightest place counts, in [0, 1].

    Raises as `check_image`; and UnreadableImage if the mask has transparency and several colours.
    """
    return float(_allowed("lightest", Unread.of(data), allowance)["level"]) / LIGHT


def thumbnail(data: bytes, allowance: Allowance | None = None) -> bytes:
    """Return a JPEG of at most `images.THUMBNAIL` pixels on its long edge. Raises as `check_image`.

    It counts as spent in `allowance`, but may take more than that has left.
    """
    return thumbnail_of(Unread.of(data), allowance)


def thumbnail_of(file: Unread, allowance: Allowance | None = None) -> bytes:
    """Return the thumbnail of a file that is read when there is a decoder for it.

    `allowance` is as in `thumbnail`. Raises as that, and whatever reading the file's bytes raises.
    """
    return _whole("thumbnail", file, allowance)[0].tobytes()


def transcode(file: Unread, format: str, quality: int, allowance: Allowance | None = None) -> bytes:
    """Return a picture's file in another format, with its alpha if that format has one, else over white.

    `allowance` is as in `thumbnail_of`; it raises as that.
    """
    return _whole("transcode", file, allowance, format=format, quality=quality)[0].tobytes()


def decode(data: bytes, tick: Tick = no_tick) -> Picture:
    """Read a picture as H x W x 3 uint8 sRGB: EXIF orientation and ICC profile applied, alpha laid over white.

    `tick` is called meanwhile; an exception that it raises ends the reading. Raises as `check_image`.
    """
    return _for_job("picture", data, tick)[0]


def decode_cutout(data: bytes, tick: Tick = no_tick) -> Cutout:
    """Read a picture's colours, and its alpha where there is any. Ticks and raises as `decode`."""
    colours, *alpha = _for_job("cutout", data, tick)
    return Cutout(colours, alpha[0] if alpha else None)


def decode_mask(data: bytes, tick: Tick = no_tick) -> Mask:
    """Read a mask, H x W in [0, 1]: the luminance, or the alpha of a mask in one colour. Raises as `decode`."""
    return _for_job("levels", data, tick)[0].astype(np.float32) / np.float32(LIGHT)


def _allowed(task: str, file: Unread, allowance: Allowance | None) -> Facts:
    """Run a task that takes as long as a check, within a request's allowance."""
    limit = _Pace.factor * file.head.check_s
    allowance = allowance or Allowance(limit)
    return _facts(lanes.run(task, file, allowance.within(limit), allowance)[0])


def _whole(task: str, file: Unread, allowance: Allowance | None = None, **settings: Any) -> Files:
    """Run a task that may take longer than a check."""
    seconds = WHOLE * _Pace.factor * file.head.check_s
    reply, handed_over = lanes.run(task, file, seconds, allowance or Allowance(seconds), **settings)
    _facts(reply)
    return handed_over


def _for_job(task: str, data: bytes, tick: Tick) -> Files:
    """Run a task as `_whole`, and count what it takes as taken for a job.

    A worker, which has a `tick`, tries it again for some seconds, in each attempt.
    """
    file = Unread.of(data)
    FOR_JOBS.pixels += file.head.pixels or 0
    for _ in range(TRIES - 1):
        try:
            return _whole(task, file, Allowance(math.inf, tick=tick, on_spent=FOR_JOBS.spend))
        except Unavailable:
            if tick is no_tick:
                raise
        time.sleep(RETRY_S)
        tick()
    return _whole(task, file, Allowance(math.inf, tick=tick, on_spent=FOR_JOBS.spend))


def _facts(reply: Reply) -> Facts:
    """Return what a reply says of a file. Raises UnreadableImage."""
    if reply.problem is not None:
        raise UnreadableImage(reply.problem)
    return reply.facts
