"""The pictures that a body names by their address: fetched side by side, then read as all others are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from service.outbound.fetch import ByteBudget, NotFetched
from service.pictures.images import ImageFile, UnreadableImage

REQUEST_S = 60.0  # seconds for all pictures of a request
CHECK_S = 1.0  # seconds between two looks whether the client is still there


@dataclass(frozen=True)
class AddressedField:
    """A field of a body that holds an image by its address; `put` puts another one there."""

    loc: str
    image: AddressedImage
    put: Callable[[ImageFile], None]


def fetch_pictures(body: BaseModel) -> None:
    """Fetch all pictures that a body names by their address, and put them in their fields.

    Equal URLs are fetched once.

    Raises:
        InvalidInput: one can't be fetched or read; it names the field of each.
        TooManyReads, TooManyFetches, Unavailable: too many pictures are being fetched.
    """
    if fields := addressed_fields(body):
        with context().long_reads.place(caller().tenant):
            fill(fields)


def addressed_fields(body: BaseModel) -> list[AddressedField]:
    """Return the fields of a body that hold an image by its address."""
    return list(_fields_in("", body, lambda image: None))


def fill(fields: Sequence[AddressedField]) -> None:
    """Fetch the pictures of these fields, as `fetch_pictures` does in a place that the request has already."""
    if not fields:
        return
    request.environ[FETCHED] = True
    urls = list(dict.fromkeys(field.image.url for field in fields))[: request_pictures().left]
    budget = ByteBudget(context().settings.max_body)
    errors = []
    with context().fetches.begun(dict.fromkeys(urls, budget), caller().tenant) as files:
        fetched = partial(fetched_bytes, files, time.monotonic() + REQUEST_S)
        for field in fields:
            try:
                picture = request_pictures().read(field.image.url, fetched)
                field.put(replace(picture, name=field.image.name))
            except (NotFetched, UnreadableImage) as error:
                errors.append(FieldError(field.loc, str(error)))
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


def _fields_in(loc: str, value: object, put: Callable[[ImageFile], None]) -> Iterator[AddressedField]:
    if isinstance(value, AddressedImage):
        yield AddressedField(loc, value, put)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _fields_in(f"{loc}.{name}".lstrip("."), getattr(value, name), partial(setattr, value, name))
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from _fields_in(f"{loc}.{i}", entry, partial(value.__setitem__, i))
