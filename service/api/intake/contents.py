"""The contents of a batch: sent ones are read one after another, those by address are fetched two at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from service.api.intake.request_pictures import RequestPictures, request_pictures, single_picture
from service.api.schemas.addressed import AddressedImage
from service.api.schemas.fields import image_of
from service.errors import InvalidInput, TooManyFetches, Unavailable
from service.outbound.fair_turns import TENANT_AT_ONCE
from service.outbound.fetch import ByteBudget, NotFetched
from service.pictures.images import ImageFile, UnreadableImage

RETRY_S = 1.0  # seconds until a content is tried again that pictures of others were in the way of

ReadContent = ImageFile | InvalidInput
"""A content, or why it can't be read."""


class ContentReader:
    """A reader of a batch's contents. Those that aren't read by `end` (time.monotonic()) can't be read."""

    def __init__(self, values: Sequence[Any], context: AppContext, end: float) -> None:
        self._values = values
        self._context = context
        self._end = end
        self._spent = request_pictures().allowance.spent  # CPU seconds, by which others' pictures may come first

    def contents(self) -> Iterator[tuple[int, ReadContent]]:
        """Yield each content with its place once it is read. Equal URLs are fetched once, and come together.

        Raises Unavailable if the client is gone.
        """
        groups = _by_url(self._values)
        for i in range(0, len(groups), TENANT_AT_ONCE):
            yield from self._side_by_side(groups[i : i + TENANT_AT_ONCE])

    def _side_by_side(self, groups: Sequence[Sequence[int]]) -> Iterator[tuple[int, ReadContent]]:
        begun = {i: self._read(partial(image_of, self._values[i])) for group in groups for i in group}
        urls = {image.url for image in begun.values() if isinstance(image, AddressedImage)}
        if urls:
            request.environ[FETCHED] = True
        budgets = {url: ByteBudget(self._context.settings.max_body) for url in urls}
        with self._context.fetches.begun(budgets, caller().tenant, self._end - time.monotonic()) as files:
            for group in groups:
                fetched: ReadContent | None = None
                for i in group:
                    image = begun[i]
                    if isinstance(image, AddressedImage):
                        fetched = fetched or self._fetched(image.url, files)
                        image = _named(fetched, image.name)
                    yield i, image

    def _fetched(self, url: str, files: Mapping[str, Future[bytes]]) -> ReadContent:
        def bytes_at(url: str) -> bytes:
            try:
                return fetched_bytes(files, self._end, url)
            except (TooManyFetches, Unavailable):
                if files[url].done():  # it would end so again
                    raise NotFetched("could not be fetched now") from None
                raise

        return self._read(lambda pictures: pictures.read(url, bytes_at))

    def _read(self, read: Callable[[RequestPictures], ImageFile]) -> ReadContent:
        """Return a content that `read` reads, tried again while pictures of others are in its way.

        Raises Unavailable if the client is gone.
        """
        while (left := self._end - time.monotonic()) > 0:
            pictures = single_picture(left, self._spent)
            pictures.allowance.tick()
            try:
                return read(pictures)
            except PydanticCustomError as error:
                return _unreadable(error.message())
            except (NotFetched, UnreadableImage) as error:
                return _unreadable(str(error))
            except (TooManyFetches, Unavailable):
                time.sleep(min(RETRY_S, left))
            finally:
                self._spent = pictures.allowance.spent
        return _unreadable("was not read: the contents of this batch took too long together")


def _by_url(values: Sequence[Any]) -> list[list[int]]:
    """Return the places of contents, those with equal URLs together."""
    groups: dict[object, list[int]] = {}
    for i, value in enumerate(values):
        url = value.get("url") if isinstance(value, dict) else None
        groups.setdefault(url if isinstance(url, str) else i, []).append(i)
    return list(groups.values())


def _named(content: ReadContent, name: str) -> ReadContent:
    """Return a content with a name of its own; one that can't be read as it is."""
    return replace(content, name=name) if isinstance(content, ImageFile) else content


def _unreadable(msg: str) -> InvalidInput:
    return InvalidInput.field("content", msg)
