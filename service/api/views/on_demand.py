"""Files that a worker makes when they are first asked for: the only jobs that a GET submits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from service.api.auth import caller, owner
from service.api.context import context
from service.api.http.access_log import traceparent
from service.api.http.same_origin import check_work
from service.api.views.awaited import awaited
from service.errors import JobFailed, NotFound, Unavailable
from service.jobs.idempotency import RepeatKey
from service.jobs.queue import Submission, new_id
from service.jobs.tasks import Task
from service.storage.lanes import ENGINE
from service.storage.records import ENDED

MADE_S = 60.0  # seconds that a caller waits
AGAIN_S = 1.0  # seconds after which a caller may ask again for a file that is gone

Found = TypeVar("Found")


def made(what: str, task: Task, key: RepeatKey, find: Callable[[], Found | None]) -> Found:
    """Let a worker do a task, and wait for what `find` then finds; requests of one key at the same time share it.

    `what` names the thing in errors, as in "the pack".

    Raises:
        Forbidden: a page of another site asks for it, and no key is asked for.
        Unavailable: it takes longer than MADE_S or the client waits, was canceled, or is gone since it was made.
        JobFailed: the task failed.
        LimitExceeded: it is too much for one of the tenant's limits.
        QueueFull, TooManyJobs: too many jobs wait already.
    """
    check_work()
    context().disks.check()
    own = replace(key, owner=f"{key.owner} of {caller().tenant}")  # no tenant sees how another's job went
    job = context().queue.submit(Submission(new_id(), task, owner(), repeat=own, trace=traceparent()))
    context().wake(ENGINE)
    job, _ = awaited(job, MADE_S)
    found = find()
    if found is None and job.status not in ENDED:
        raise Unavailable(f"{what} is still being made: ask again", retry_after=MADE_S / 4)
    with suppress(NotFound):  # so that a try that failed is made anew; another who waited may have done so
        context().queue.delete(job.id)
    if found is None and job.status != "failed":  # the sweep may remove a pack, and a caller replace the preset
        raise Unavailable(f"{what} was removed while it was made: ask again", retry_after=AGAIN_S)
    if found is None:
        raise JobFailed(f"{what} could not be made: {job.error['detail'] if job.error else job.status}")
    return found
