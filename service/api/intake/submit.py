"""The submission of a POST with pictures as a job: in the end, either all of it is stored or nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from flask import Response, after_this_request, request

from service.api.auth import caller, owner
from service.api.context import context
from service.api.http.access_log import JOB, traceparent
from service.api.limits import limits, note_amounts
from service.api.schemas.parameters import NewBatchHeaders
from service.api.schemas.requests import PaintingBody
from service.errors import Overtaken
from service.jobs.idempotency import REPLAYED, RepeatKey
from service.jobs.queue import Submission, new_id
from service.jobs.request import job_folder
from service.jobs.result_bytes import planned_bytes
from service.storage.schema import JobRow
from service.storage.unsaved import remove_unsaved, removed_if_undone

LOOK_UPS = 3  # of presets that are replaced again and again


def repeat_key(header: NewBatchHeaders, body: PaintingBody) -> RepeatKey | None:
    """Return the key by which a repeated POST is recognised, if its caller sent an Idempotency-Key."""
    if not header.idempotency_key:
        return None
    return RepeatKey(owner(), header.idempotency_key, body.digest(), body.former_digest())


def repeated(key: RepeatKey | None) -> JobRow | None:
    """Return the job that an earlier POST with this key made, if there is one."""
    job = context().queue.repeated(key) if key else None
    if job:
        request.environ[JOB] = job.id
        mark_replayed()
    return job


def mark_replayed() -> None:
    """Say in the answer that an earlier request made the job."""

    def mark(response: Response) -> Response:
        response.headers[REPLAYED] = "true"
        return response

    after_this_request(mark)


def check_room(more: int = 0) -> None:
    """Raise NoSpace if the results of all unfinished jobs, and `more` bytes, may bring the disk below its floor."""
    context().disks.check(context().queue.reserved_bytes() + more)


def submitted(take_in: Callable[[str, float], Submission]) -> JobRow:
    """Submit a new job and return it; or the job of a POST with the same key that came at the same time.

    `take_in` gets the job's id and the bytes that there is room for, looks its presets up, stores the pictures and
    returns the submission. It is called once more if a preset was replaced meanwhile.

    Raises:
        LimitExceeded: it is too much for one of the tenant's limits.
        QueueFull, TooManyJobs: too many jobs wait already.
        NoSpace: the disk is nearly full, or the caller has stored too much.
        Overtaken: a preset was replaced each time.
    """
    check_room()
    room = context().queue.room(owner(), limits(), context().recent_amounts.of(caller().tenant))
    for _ in range(LOOK_UPS - 1):
        with suppress(Overtaken):
            return _submitted(take_in, room)
    return _submitted(take_in, room)


def _submitted(take_in: Callable[[str, float], Submission], room: float) -> JobRow:
    id = new_id()
    with removed_if_undone(context().blobs, [job_folder(id)]):
        new = replace(take_in(id, room), trace=traceparent())
        check_room(planned_bytes(new.request))
        job = context().queue.submit(new, note_amounts)
    if job.id != id:
        remove_unsaved(context().blobs, [job_folder(id)])
        mark_replayed()
    context().wake(new.request.lane)
    request.environ[JOB] = job.id
    return job
