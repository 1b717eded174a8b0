"""The pictures that a body names by their address: fetched side by side, then read as all others are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from flask import request
from pydantic import BaseModel

from service.api.auth import caller
from service.api.context import context
from service.api.http.large_bodies import FETCHED
from service.api.intake.request_pictures import request_pictures
from service.api.schemas.addressed import AddressedImage
from service.errors import FieldError, InvalidInput
from service.outbound.fetch import NotFetched, Room
from service.pictures.images import ImageFile, UnreadableImage

REQUEST_S = 60.0  # seconds for all pictures of a request
CHECK_S = 1.0  # seconds between two looks whether the client is still there


@dataclass(frozen=True)
class Place:
    """A field of a body that holds an image by its address; `put` puts another one there."""

    loc: str
    image: AddressedImage
    put: Callable[[ImageFile], None]


def fetch_pictures(body: BaseModel) -> None:
    """Fetch all pictures that a body names by their address, and put them in their fields.

    Equal URLs are fetched once.

    Raises:
        InvalidInput: one can't be fetched or read; it names the field of each.
        TooManyFetches, Unavailable: too many pictures are being fetched.
    """
    places = list(_places("", body, lambda image: None))
    if not places:
        return
    request.environ[FETCHED] = True
    urls = list(dict.fromkeys(place.image.url for place in places))[: request_pictures().left]
    room = Room(round(context().settings.max_body_mb * 2**20))
    errors = []
    with context().fetches.begun(dict.fromkeys(urls, room), caller().tenant) as files:
        fetched = partial(fetched_bytes, files, time.monotonic() + REQUEST_S)
        for place in places:
            try:
                picture = request_pictures().read(place.image.url, fetched)
                place.put(replace(picture, name=place.image.name))
            except (NotFetched, UnreadableImage) as error:
                errors.append(FieldError(place.loc, str(error)))
    if errors:
        raise InvalidInput(errors)


def fetched_bytes(files: Mapping[str, Future[bytes]], end: float, url: str) -> bytes:
    """Return the bytes at a URL, once they are there. Raises NotFetched, or Unavailable if the client is gone."""
    while time.monotonic() < end:
        try:
            return files[url].result(CHECK_S)
        except TimeoutError:
            request_pictures().allowance.tick()
    raise NotFetched("was not fetched: the pictures of this request took too long together")


def _places(loc: str, value: object, put: Callable[[ImageFile], None]) -> Iterator[Place]:
    if isinstance(value, AddressedImage):
        yield Place(loc, value, put)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _places(f"{loc}.{name}".lstrip("."), getattr(value, name), partial(setattr, value, name))
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from _places(f"{loc}.{i}", entry, partial(value.__setitem__, i))
