"""Response bodies of batches."""

from __future__ import annotations

from pydantic import BaseModel

from service.api.schemas.described import TIME, described, status
from service.api.schemas.parameters import ID, Status
from service.api.schemas.responses import CallbackOut, Problem
from service.api.schemas.usage_responses import PlaceOut, UsageOut

COUNTS = {"total": 100, "queued": 58, "running": 1, "succeeded": 40, "failed": 1, "canceled": 0}


class CountsOut(BaseModel):
    """The transfers of a batch by status; those that were deleted before it ended are only in the total."""

    total: int = described("Contents of the batch.", 100, ge=1)
    queued: int = described("Transfers that wait.", 58, ge=0)
    running: int = described("Transfers that run.", 1, ge=0)
    succeeded: int = described("Transfers that have succeeded.", 40, ge=0)
    failed: int = described("Transfers that have failed.", 1, ge=0)
    canceled: int = described("Transfers that were canceled.", 0, ge=0)


class BatchOut(BaseModel):
    """A batch: transfers that one request submitted together."""

    id: str = described("Its id.", ID)
    status: Status = status("batch")
    created_at: str = described("When it was submitted (ISO 8601).", TIME)
    finished_at: str | None = described("When the last of its transfers ended.", TIME)
    counts: CountsOut = described("Its transfers by status.", COUNTS)
    fraction: float = described("Share of the work that is done; each transfer counts the same.", 0.42, ge=0, le=1)
    eta_seconds: float | None = described(
        "Seconds until it ends, other callers' turns included, as far as can be told.", 310.5, ge=0
    )
    cost: float = described("Megapixel-evaluations that its transfers were expected to take.", 790.0, ge=0)
    usage: UsageOut = described(
        "What its transfers have taken so far.",
        {"megapixel_evaluations": 331.2, "compute_s": 1210.5, "bytes_in": 18300000, "bytes_out": 16500000},
    )
    callback: CallbackOut | None = described("State of the webhook, once the batch has ended.", None, None)
    links: dict[str, str] = described("Paths of what belongs to it.", {"self": f"/v1/batches/{ID}"})


class BatchPage(BaseModel):
    """Some of the batches, newest first."""

    items: list[BatchOut] = described("The batches.", [])
    next: str | None = described("The next page's `cursor`; null on the last page.", "WzE3NjQyMDAwMDAuMCwiMGQyZiJd")


class BatchItemOut(BaseModel):
    """One transfer of a batch."""

    index: int = described("Place of its content in `contents`, from 0.", 3, ge=0)
    id: str = described("The transfer's id.", ID)
    status: Status = status("transfer")
    name: str | None = described("File name of its content; null if it came without one.", "photo.jpg")
    error: Problem | None = described("Why it failed; null unless it has.", None)
    usage: UsageOut | None = described("What it has cost, once it has ended.", None)
    queue: PlaceOut | None = described("Its place among the jobs that wait, while it waits.", None)
    links: dict[str, str] = described("Paths of the transfer and its picture.", {"self": f"/v1/transfers/{ID}"})


class BatchItemsPage(BaseModel):
    """Some of the transfers of a batch, in the order of its contents."""

    items: list[BatchItemOut] = described("The transfers.", [])
    next: str | None = described("The next page's `cursor`; null on the last page.", "WzQ5XQ")
