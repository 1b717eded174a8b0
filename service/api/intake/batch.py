"""From a checked body to the jobs of a batch: contents are read one after another, the rest once for all.

A content that can't be read, or that the rest doesn't fit, becomes a job that has failed. If all do, the request is
refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from flask import request
from pydantic_core import PydanticCustomError

from service.api.auth import caller, owner
from service.api.context import AppContext
from service.api.http.access_log import traceparent
from service.api.http.large_bodies import FETCHED
from service.api.intake.intake import check_messages, check_places, painted_as
from service.api.intake.remote_pictures import fetch_pictures, fetched_bytes
from service.api.intake.request_pictures import single_picture
from service.api.intake.request_reader import RequestReader
from service.api.intake.variants import requested_options
from service.api.schemas.addressed import AddressedImage
from service.api.schemas.fields import image_of, sent_name
from service.api.schemas.requests import BatchBody
from service.errors import FieldError, InvalidInput
from service.jobs.batches import BatchItem, failed_request
from service.jobs.deliveries import INDEX
from service.jobs.queue import Submission, new_id
from service.jobs.request import TransferRequest, job_blob, job_folder
from service.outbound.fetch import NotFetched, Room
from service.outbound.fetches import TENANT_AT_ONCE
from service.pictures.images import ImageFile, UnreadableImage
from service.storage.pictures import StoredImage

BATCH_S = 300.0  # seconds for all contents of a batch; those that aren't read by then fail

Read = ImageFile | InvalidInput
"""A content, or why it can't be read."""


class BatchReader:
    """A reader of a batch, whose shared pictures are files of `id`, and each content one of its job's.

    `folders` are those that it has written to, `shared_bytes` what it has written for all jobs together.
    """

    def __init__(self, id: str, body: BatchBody, context: AppContext) -> None:
        self._id = id
        self._body = body
        self._context = context
        self._reader: RequestReader | None = None
        self._fitting: set[tuple[int, int]] = set()  # sizes of contents whose memory was checked
        self._bytes = 0
        self.shared_bytes = 0
        self.folders = [job_folder(id)]

    def items(self) -> list[BatchItem]:
        """Read and store all pictures; return the jobs.

        Raises:
            InvalidInput: the body is wrong, or none of the contents can be painted as it says.
            LimitExceeded, QueueFull, TooManyJobs, NoSpace: the batch would be refused.
            TooManyFetches, Unavailable: too many pictures are being fetched, or the client is gone.
        """
        body = self._body
        check_messages(body, self._context)
        if body.deliver is not None:
            check_places(body.deliver.url, INDEX, len(body.contents), "contents")
        fetch_pictures(body)
        items = [self._item(i, content) for i, content in enumerate(_contents(body.contents, self._context))]
        if all(item.problem for item in items):
            raise self._refusal(items)
        if self._reader is not None:
            self.shared_bytes = self._reader.store()
        return items

    def _item(self, index: int, content: Read) -> BatchItem:
        id = new_id()
        if isinstance(content, InvalidInput):
            return self._failed(id, index, content, sent_name(self._body.contents[index]))
        try:
            request = self._request(id, content)
        except InvalidInput as error:
            return self._failed(id, index, error, content.name)
        self._bytes += len(content.data)
        self._context.queue.check_limits(owner(), self._bytes)
        self.folders.append(job_folder(id))
        self._context.blobs.put(request.content.blob, content.data)
        return BatchItem(self._submission(id, index, request, len(content.data)))

    def _request(self, id: str, content: ImageFile) -> TransferRequest:
        """Return the request of one job. Raises InvalidInput."""
        if self._reader is None:
            self._reader = RequestReader(self._id, content, requested_options(self._body), self._context)
        reader, size = self._reader.over(content), (content.width, content.height)
        stored = StoredImage(job_blob(id, content.sha256), content.sha256, *size, name=content.name)
        request, named = painted_as(self._body, reader, stored)
        if size not in self._fitting:
            reader.check_memory(request, named, request.lane)
            self._fitting.add(size)
        return request

    def _failed(self, id: str, index: int, error: InvalidInput, name: str) -> BatchItem:
        return BatchItem(self._submission(id, index, failed_request(name), 0), error.problem())

    def _submission(self, id: str, index: int, request: TransferRequest, size: int) -> Submission:
        body = self._body
        deliver = body.deliver.model_dump() if body.deliver else None
        if deliver:
            deliver["url"] = deliver["url"].replace(INDEX, str(index))
        return Submission(
            id,
            request,
            owner(),
            body.priority,
            body.deadline_s,
            deliver=deliver,
            trace=traceparent(),
            bytes=size,
        )

    def _refusal(self, items: list[BatchItem]) -> InvalidInput:
        errors = []
        for i, item in enumerate(items):
            for found in item.problem.get("errors", []) if item.problem else []:
                loc = f"contents.{i}" if found["loc"] == "content" else found["loc"]
                errors.append(FieldError(loc, found["msg"]))
        return InvalidInput(list(dict.fromkeys(errors)))


def _contents(values: list[Any], context: AppContext) -> Iterator[Read]:
    """Yield each content once it is read; those by address come TENANT_AT_ONCE at a time."""
    end = time.monotonic() + BATCH_S
    for i in range(0, len(values), TENANT_AT_ONCE):
        begun = [_begun(value) for value in values[i : i + TENANT_AT_ONCE]]
        urls = [image.url for image in begun if isinstance(image, AddressedImage)]
        if urls:
            request.environ[FETCHED] = True
        rooms = {url: Room(round(context.settings.max_body_mb * 2**20)) for url in urls}
        with context.fetches.begun(rooms, caller().tenant) as files:
            for image in begun:
                if not isinstance(image, AddressedImage):
                    yield image
                    continue
                try:
                    picture = single_picture().read(image.url, partial(fetched_bytes, files, end))
                    yield replace(picture, name=image.name)
                except (NotFetched, UnreadableImage) as error:
                    yield _unreadable(str(error))


def _begun(value: object) -> Read:
    """Return a content that was sent, read, or one by its address."""
    try:
        return image_of(value, single_picture())
    except PydanticCustomError as error:
        return _unreadable(error.message())


def _unreadable(msg: str) -> InvalidInput:
    return InvalidInput.field("content", msg)
