"""From a checked body to the jobs of a batch: contents are read one after another, the rest once for all.

A content that can't be read, or that the rest doesn't fit, becomes a job that has failed. If all do, the request is
refused.
"""

from __future__ import annotations

import time
from dataclasses import replace

from service.api.auth import caller, owner
from service.api.context import AppContext
from service.api.http.access_log import traceparent
from service.api.intake.contents import ContentReader, ReadContent
from service.api.intake.intake import check_messages, check_places, check_recipe, painted_as
from service.api.intake.remote_pictures import addressed_fields, fill
from service.api.intake.request_reader import RequestReader
from service.api.intake.variants import requested_options
from service.api.schemas.fields import sent_name
from service.api.schemas.requests import BatchBody
from service.errors import DoesNotFit, FieldError, InvalidInput, problem_type
from service.jobs.batches import BatchItem, failed_request
from service.jobs.cost import planned_cost
from service.jobs.outbox import INDEX
from service.jobs.queue import Submission, new_id
from service.jobs.request import TransferRequest, job_blob, job_folder
from service.jobs.result_bytes import planned_bytes
from service.jobs.style_cost import JointStyles
from service.storage.counted import files_bytes
from service.storage.stored_files import StoredImage
from service.storage.unsaved import note_unsaved, remove_unsaved

BATCH_S = 300.0  # seconds for all pictures of a batch; contents that aren't read by then fail


class BatchReader:
    """A reader of a batch, whose shared pictures are files of `id`, and each content one of its job's.

    `folders` are those that it has written to, `shared` the sizes of those files that it has written for
    all jobs together, in bytes.
    """

    def __init__(self, id: str, body: BatchBody, context: AppContext) -> None:
        self._id = id
        self._ids = [new_id() for _ in body.contents]
        self._body = body
        self._context = context
        self._reader = self._new_reader()
        self._requests: dict[tuple[int, int], TransferRequest] = {}  # by the sizes of contents, on which all depends
        self._items: list[BatchItem] = []
        self._contents: dict[int, StoredImage] = {}  # those that are stored, by their places
        self._bytes, self._planned, self._cost = 0, 0, 0.0  # of the contents, and of their results
        self._styles = JointStyles()
        self.shared: list[int] = []
        self.folders = [job_folder(id)]

    def items(self) -> list[BatchItem]:
        """Read and store all pictures; return the jobs.

        Raises:
            InvalidInput: the body is wrong, or none of the contents can be painted as it says.
            BodyTooLarge: what it says takes too much in the rows of so many jobs.
            LimitExceeded, QueueFull, TooManyJobs, NoSpace: the batch would be refused.
            TooManyReads, TooManyFetches: the pictures of too many requests of the tenant are being read.
            Unavailable: those of too many requests in all, or the client is gone.
        """
        body, end = self._body, time.monotonic() + BATCH_S
        check_messages(body, self._context)
        if body.deliver is not None:
            check_places(body.deliver.url, INDEX, len(body.contents), "contents")
        check_recipe(body, self._reader)
        with self._context.long_reads.place(caller().tenant):
            fill(addressed_fields(body))
            folders = [job_folder(each) for each in (self._id, *self._ids)]
            note_unsaved(self._context.database, folders, len(folders))
            contents = ContentReader(body.contents, self._context, end).contents()
            items = {i: self._item(i, content) for i, content in contents}
        self._items = [items[i] for i in range(len(items))]
        return self._with_recipe()

    def renewed_items(self) -> list[BatchItem]:
        """Return the jobs with their presets looked up anew. Raises as `items`."""
        self._reader, self._requests = self._new_reader(), {}
        check_recipe(self._body, self._reader)
        self._items = [self._renewed(i, item) for i, item in enumerate(self._items)]
        return self._with_recipe()

    def _with_recipe(self) -> list[BatchItem]:
        """Store the pictures that the jobs share; return the jobs."""
        if all(item.problem for item in self._items):
            raise self._refusal(self._items)
        self.shared = self._reader.store()
        return self._items

    def _item(self, index: int, content: ReadContent) -> BatchItem:
        id = self._ids[index]
        if isinstance(content, InvalidInput):
            return self._failed(id, index, content, sent_name(self._body.contents[index]))
        size = (content.width, content.height)
        stored = StoredImage(job_blob(id, content.sha256), content.sha256, *size, name=content.name)
        try:
            request = self._request(stored)
        except InvalidInput as error:
            return self._failed(id, index, error, content.name)
        self._bytes += files_bytes([len(content.data)])
        self._planned += planned_bytes(request)
        self._cost += planned_cost(request) + self._styles.add(request)
        queue = self._context.queue
        queue.check_limits(owner(), self._bytes + self._planned, self._cost + self._styles.shared)
        self._context.disks.check(queue.reserved_bytes() + self._planned)
        self.folders.append(job_folder(id))
        self._context.blobs.put(stored.blob, content.data)
        self._contents[index] = stored
        return BatchItem(self._submission(id, index, request, len(content.data)))

    def _renewed(self, index: int, item: BatchItem) -> BatchItem:
        """Return a job with its presets looked up anew."""
        content = self._contents.get(index)
        if content is None:
            return item
        try:
            return replace(item, new=replace(item.new, request=self._request(content)))
        except InvalidInput as error:
            del self._contents[index]
            remove_unsaved(self._context.blobs, [job_folder(item.new.id)])
            return self._failed(item.new.id, index, error, content.name)

    def _new_reader(self) -> RequestReader:
        return RequestReader(self._id, requested_options(self._body), self._context)

    def _request(self, content: StoredImage) -> TransferRequest:
        """Return the request of one job. Raises InvalidInput, or BodyTooLarge for all of them."""
        if (size := (content.width, content.height)) not in self._requests:
            request, named = painted_as(self._body, self._reader, content)
            self._reader.check_memory(request, named, request.lane)
            self._requests[size] = request
        return replace(self._requests[size], content=content)

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
            files=[size] if size else [],
        )

    def _refusal(self, items: list[BatchItem]) -> InvalidInput:
        """Return the error of a batch of which nothing can be painted."""
        errors = []
        for i, item in enumerate(items):
            for found in item.problem.get("errors", []) if item.problem else []:
                loc = f"contents.{i}" if found["loc"] == "content" else found["loc"]
                errors.append(FieldError(loc, found["msg"]))
        none_fits = {item.problem["type"] for item in items if item.problem} == {problem_type(DoesNotFit.slug)}
        return (DoesNotFit if none_fits else InvalidInput)(list(dict.fromkeys(errors)))
