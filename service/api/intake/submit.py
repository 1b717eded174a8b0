"""How a POST that brings pictures becomes a job: either all of it is there in the end, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import request

from service.api.auth import caller
from service.api.context import parts
from service.api.http.access_log import JOB, traceparent
from service.api.schemas.parameters import NewJobHeaders
from service.api.schemas.requests import PaintingBody
from service.jobs.idempotency import RepeatKey
from service.jobs.queue import Submission, new_id
from service.jobs.request import job_folder
from service.storage.schema import JobRow
from service.storage.unsaved import remove_unsaved, removed_if_undone


def repeat_key(header: NewJobHeaders, body: PaintingBody) -> RepeatKey | None:
    """What a POST is known by, if its caller gave it a key."""
    return RepeatKey(caller(), header.idempotency_key, body.digest()) if header.idempotency_key else None


def repeated(key: RepeatKey | None) -> JobRow | None:
    """The job that the same POST made before."""
    job = parts().queue.repeated(key) if key else None
    if job:
        request.environ[JOB] = job.id
    return job


def submitted(take_in: Callable[[str], Submission]) -> JobRow:
    """A new job, its pictures stored; or, if the same POST came in at the same time, the one that this made.

    `take_in` stores the pictures of the job whose id it is given.

    Raises:
        NoSpace: the disk is nearly full, or the caller has stored too much.
    """
    id = new_id()
    parts().disks.check()
    parts().queue.check_limits(caller(), 1)
    with removed_if_undone(parts().blobs, [job_folder(id)]):
        job = parts().queue.submit(replace(take_in(id), trace=traceparent()))
    if job.id != id:
        remove_unsaved(parts().blobs, [job_folder(id)])
    parts().wake()
    request.environ[JOB] = job.id
    return job
