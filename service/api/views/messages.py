"""The webhooks of transfers and the deliveries of their pictures, as their resources show them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from service.errors import StorageError
from service.jobs.deliveries import Deliveries
from service.jobs.resource import transfer_resource
from service.storage.records import ENDED
from service.storage.schema import JobRow

logger = logging.getLogger(__name__)


def messages_in(job: JobRow, callback: dict[str, Any] | None, pictures: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a transfer's resource shows of its webhook and its pictures; `pictures` are those of some jobs."""
    return {"callback": callback} | ({"delivery": pictures[job.id]} if job.id in pictures else {})


def messages_of(job: JobRow, deliveries: Deliveries) -> dict[str, Any]:
    """Return the state of a transfer's webhook and of its pictures' delivery; before its end there is nothing.

    Raises StorageError.
    """
    if job.status not in ENDED:
        return {}
    callback = deliveries.of_job(job.id) if job.callback_url else None
    return messages_in(job, callback, deliveries.of_pictures([job]))


def with_messages(job: JobRow, deliveries: Deliveries) -> dict[str, Any]:
    """Return a transfer with the state of its messages.

    They are as the row alone has them where they can't be looked up: what the caller asked for is done anyway.
    """
    try:
        return transfer_resource(job) | messages_of(job, deliveries)
    except StorageError as error:
        logger.warning("job %s: the state of its messages isn't known: %s", job.id, error.detail)
        return transfer_resource(job)
