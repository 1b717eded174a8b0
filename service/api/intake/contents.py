"""The contents of a batch: sent ones are read one after another, those by address are fetched two at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from flask import request
from pydantic_core import PydanticCustomError

from service.api.auth import caller
from service.api.context import AppContext
from service.api.http.large_bodies import FETCHED
from service.api.intake.remote_pictures import fetched_bytes
from service.api.intake.request_pictures import RequestPictures, single_picture
from service.api.schemas.addressed import AddressedImage
from service.api.schemas.fields import image_of
from service.errors import InvalidInput, TooManyFetches, Unavailable
from service.outbound.fetch import NotFetched, Room
from service.outbound.turns import TENANT_AT_ONCE
from service.pictures.images import ImageFile, UnreadableImage

RETRY_S = 1.0  # seconds until a content is tried again that pictures of others were in the way of

ReadContent = ImageFile | InvalidInput
"""A content, or why it can't be read."""


def read_contents(values: list[Any], context: AppContext, end: float) -> Iterator[ReadContent]:
    """Yield each content once it is read. Those that aren't by `end` (time.monotonic()) can't be read.

    Raises Unavailable if the client is gone.
    """
    for i in range(0, len(values), TENANT_AT_ONCE):
        begun = [_read(partial(image_of, value), end) for value in values[i : i + TENANT_AT_ONCE]]
        urls = [image.url for image in begun if isinstance(image, AddressedImage)]
        if urls:
            request.environ[FETCHED] = True
        rooms = {url: Room(round(context.settings.max_body_mb * 2**20)) for url in urls}
        with context.fetches.begun(rooms, caller().tenant, end - time.monotonic()) as files:
            for image in begun:
                if isinstance(image, AddressedImage):
                    yield _read(partial(_fetched, image, files, end), end)
                else:
                    yield image


def _fetched(
    image: AddressedImage, files: Mapping[str, Future[bytes]], end: float, pictures: RequestPictures
) -> ImageFile:
    """Return an image that is being fetched. Raises NotFetched, UnreadableImage, TooManyFetches or Unavailable."""
    picture = pictures.read(image.url, partial(fetched_bytes, files, end))
    return replace(picture, name=image.name)


def _read(read: Callable[[RequestPictures], ImageFile], end: float) -> ReadContent:
    """Return a content that `read` reads, tried again while pictures of others are in its way.

    Raises Unavailable if the client is gone.
    """
    while (left := end - time.monotonic()) > 0:
        pictures = single_picture(left)
        pictures.allowance.tick()
        try:
            return read(pictures)
        except PydanticCustomError as error:
            return _unreadable(error.message())
        except (NotFetched, UnreadableImage) as error:
            return _unreadable(str(error))
        except (TooManyFetches, Unavailable):
            time.sleep(min(RETRY_S, left))
    return _unreadable("was not read: the contents of this batch took too long together")


def _unreadable(msg: str) -> InvalidInput:
    return InvalidInput.field("content", msg)
