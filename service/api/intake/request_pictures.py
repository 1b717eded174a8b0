"""The pictures of one request: each is read once, and all of them together are bounded."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from flask import g, request

from service.api.auth import owner
from service.api.context import context
from service.api.http.clients import hung_up
from service.decoding import files
from service.decoding.allowance import Allowance
from service.decoding.formats import head_of
from service.errors import Unavailable
from service.pictures.images import ImageFile, UnreadableImage

MEGA = 1_000_000


@dataclass
class RequestPictures:
    """The pictures that a request has brought so far, and what it may still bring.

    Attributes:
        most: pictures that it may bring, readable or not.
        pixels: pixels that its pictures may still have.
        allowance: CPU time that reading them may still take.
    """

    most: int
    pixels: float
    allowance: Allowance
    tried: int = 0
    known: dict[str, ImageFile] = field(default_factory=dict)

    def read(self, value: str, bytes_of: Callable[[str], bytes]) -> ImageFile:
        """Return the picture that a field's text stands for. Equal texts are read once.

        Raises:
            UnreadableImage: it can't be read, or the request brings too much.
            Unavailable: too many large pictures are being read.
        """
        if value not in self.known:
            self.known[value] = self._read(value, bytes_of)
        return self.known[value]

    @property
    def left(self) -> int:
        """How many pictures it may still bring."""
        return max(0, self.most - self.tried)

    def _read(self, value: str, bytes_of: Callable[[str], bytes]) -> ImageFile:
        self.tried += 1
        if self.tried > self.most:
            raise UnreadableImage(f"is one too many: a request may bring {self.most} pictures")
        data = bytes_of(value)
        self._check_pixels(head_of(data).pixels or 0)
        picture = files.check_image(data, self.allowance)
        self._check_pixels(picture.width * picture.height)
        self.pixels -= picture.width * picture.height
        return picture

    def _check_pixels(self, pixels: int) -> None:
        if pixels > self.pixels:
            limit = context().settings.request_megapixels
            raise UnreadableImage(f"is too large: the pictures of a request may have {limit:g} megapixels in all")


def request_pictures() -> RequestPictures:
    """Return the pictures of the current request; those of callers who have taken less lately are read first."""
    if "pictures" not in g:
        settings, lately = context().settings, context().recent_reads.of(owner())
        g.pictures = _pictures(settings.request_pictures, settings.decode_s, lately)
    found: RequestPictures = g.pictures
    return found


def single_picture(left: float, spent: float) -> RequestPictures:
    """Return pictures of which there may be one, with limits of its own: for a content of a batch.

    Reading it may take `left` seconds of CPU time, and at most as many as the pictures of a request. `spent` are
    those that went into the contents before it: pictures of requests that have spent less are read first.
    """
    return _pictures(1, min(left, context().settings.decode_s), spent)


def _pictures(most: int, decode_s: float, spent: float) -> RequestPictures:
    settings = context().settings
    tick = partial(_check_client, request.environ.get("gunicorn.socket"))
    allowance = Allowance(decode_s, spent, tick, partial(context().recent_reads.add, owner()))
    return RequestPictures(most, settings.request_megapixels * MEGA, allowance)


def _check_client(connection: socket.socket | None) -> None:
    """Raise Unavailable, which ends the reading of pictures, if the client is gone."""
    if hung_up(connection):
        raise Unavailable("the client is gone")
