"""A batch as callers see it: the JSON of API responses and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.jobs.batch_course import batch_json
from service.jobs.batches import BatchState
from service.storage.schema import BatchRow


@dataclass(frozen=True)
class BatchSnapshot:
    """A batch at one moment.

    Attributes:
        state: how far it is.
        eta_seconds: seconds until its end, as far as they are known.
        callback: its webhook as callers see it; None if there is none (yet).
    """

    batch: BatchRow
    state: BatchState
    eta_seconds: float | None
    callback: dict[str, Any] | None


def batch_resource(look: BatchSnapshot) -> dict[str, Any]:
    """Return a batch as JSON."""
    return batch_json(look.batch, look.state.sums, look.state.fraction, look.eta_seconds, look.callback)
