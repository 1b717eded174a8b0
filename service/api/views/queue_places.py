"""The places of waiting jobs, as their resources show them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from service.api.context import context
from service.errors import StorageError
from service.jobs.line import Place
from service.storage.schema import JobRow

logger = logging.getLogger(__name__)


def queue_in(places: Mapping[str, Place], job: JobRow) -> dict[str, Any] | None:
    """Return a job's `queue`: its place among those that were looked up; None if it has none."""
    place = places.get(job.id)
    return place.to_json() if place else None


def queue_of(job: JobRow) -> dict[str, Any] | None:
    """Return a job's `queue`, None too where that can't be read: the job is there anyway."""
    try:
        return queue_in(context().line.places([job]), job)
    except StorageError as error:
        logger.warning("job %s: its place isn't known: %s", job.id, error.detail)
        return None
