"""Batches as rows, without files."""

from __future__ import annotations

from jobs.submitting import REQUEST

from service.jobs.batches import Batches, BatchItem
from service.jobs.idempotency import RepeatKey
from service.jobs.queue import Submission, new_id
from service.storage.schema import BatchRow


def submitted(
    batches: Batches, count: int, owner: str = "", key: RepeatKey | None = None, hook: str | None = None
) -> BatchRow:
    items = [BatchItem(Submission(new_id(), REQUEST, owner)) for _ in range(count)]
    return batches.submit(new_id(), items, hook, key)
