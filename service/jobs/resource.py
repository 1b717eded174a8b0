"""A job as callers see it: the JSON of API responses and webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.errors import ProblemJson
from service.jobs.links import link
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.storage.records import ENDED, JobProgress, JobUsage, PaintedPicture, TransferResult
from service.storage.schema import JobRow
from service.storage.stored_files import StoredImage


@dataclass(frozen=True)
class Outcome:
    """How far a job is that a preset names; all None if the job isn't kept."""

    status: str | None = None
    error: ProblemJson | None = None
    usage: JobUsage | None = None


NOT_KEPT = Outcome()
LAST_MOMENT = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()  # that ISO 8601 can write


def transfer_resource(row: JobRow, request: TransferRequest | None = None) -> dict[str, Any]:
    """Return a transfer from its row, without checking it again: rows of earlier versions stay readable.

    `request` is its request where the row was read without it.
    """
    request, result = request or TransferRequest.of(row), row.transfer_result
    return {
        "id": row.id,
        "status": row.status,
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "finished_at": iso(row.finished_at),
        "progress": _progress(row, request, result),
        "options": _options(row, request),
        "result": result and _result(result),
        "error": row.error,
        "timings": row.timings or {},
        "style_cache": row.style_cache,
        "engine": row.engine,
        "usage": usage_resource(row),
        "queue": None,
        "callback": None,
        "delivery": _delivery(row),
        "links": _links(row, result),
    }


def _delivery(row: JobRow) -> dict[str, Any] | None:
    """Return how far the delivery of the pictures is, as far as the job's row says."""
    if row.deliver is None:
        return None
    status = "skipped" if row.status in ("failed", "canceled") else "pending"
    return {"status": status, "attempts": 0, "error": None}


def usage_resource(job: JobRow | Outcome) -> dict[str, Any] | None:
    """Return what an ended job has cost; None for other jobs, and for those of earlier versions."""
    return job.usage.to_json() if job.usage and job.status in ENDED else None


def progress_resource(row: JobRow) -> dict[str, Any]:
    """Return the progress of a transfer."""
    return _progress(row, TransferRequest.of(row), row.transfer_result)


def _progress(row: JobRow, request: TransferRequest, result: TransferResult | None) -> dict[str, Any]:
    progress, ended = row.progress or JobProgress(), row.status == "succeeded"
    return {
        "iteration": result.iterations if ended and result else progress.iteration,
        "iterations": request.iterations,
        "fraction": 1.0 if ended else progress.fraction,
        "eta_seconds": 0.0 if ended else progress.eta_seconds,
        "losses": progress.losses,
        "pictures": len(row.finished_pictures),
    }


def iso(seconds: float | None) -> str | None:
    """Return seconds since 1970 as ISO 8601 in UTC; what rows hold beyond year 9999 is shown as its end."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(min(LAST_MOMENT, seconds), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _result(result: TransferResult) -> dict[str, Any]:
    """Return a transfer's result without the keys of its files."""
    variants = [_picture(picture) for picture in result.pictures]
    return variants[0] | {"iterations": result.iterations, "variants": variants}


def _picture(picture: PaintedPicture) -> dict[str, Any]:
    """Return a picture as JSON; what rows of earlier versions don't hold is left out. Losses may still follow."""
    shown = {
        "sha256": picture.sha256,
        "width": picture.width,
        "height": picture.height,
        "media_type": picture.media_type,
        "iterations": picture.iterations,
        "stopped": picture.stopped,
    }
    return {name: value for name, value in shown.items() if value is not None} | {"losses": picture.losses}


def _options(row: JobRow, request: TransferRequest) -> dict[str, Any]:
    base = _painting(request.base)
    own = [{k: v for k, v in _painting(one).items() if v != base.get(k)} for one in request.variants]
    deadline_s = None if row.deadline_at is None else round(row.deadline_at - row.created_at, 3)
    terms = {"priority": row.priority, "deadline_s": deadline_s, "callback_url": row.callback_url}
    return {"content": _image(request.content)} | base | {"variants": own} | terms


def _painting(painting: Painting) -> dict[str, Any]:
    """Return one picture's styles and options, with the defaults filled in."""
    options = painting.options.as_dict()
    if painting.initial_image:
        options["init"] = _image(painting.initial_image)
    masks = {"protect": _maybe(painting.protect), "strength_map": _maybe(painting.strength_map)}
    styles = [_style(style) for style in painting.styles]
    return dict(painting.unknown_options) | {"styles": styles} | options | masks


def _style(style: StoredStyle) -> dict[str, Any]:
    source = (
        {"preset": style.preset}
        if style.preset
        else {"image": _maybe(style.images[0].file if style.images else None)}
    )
    masks = {"mask": style.mask, "style_mask": style.style_mask}
    shown = {name: _image(mask) for name, mask in masks.items() if mask}
    return source | {"weight": style.weight, "scale": style.scale} | shown


def _maybe(image: StoredImage | None) -> dict[str, Any] | None:
    return _image(image) if image else None


def _image(image: StoredImage) -> dict[str, Any]:
    shown: dict[str, Any] = {"sha256": image.sha256, "width": image.width, "height": image.height}
    return shown | ({"name": image.name} if image.name else {})


def _links(row: JobRow, result: TransferResult | None) -> dict[str, str]:
    here = link(f"/v1/transfers/{row.id}")
    links = {"self": here, "events": f"{here}/events"}
    if row.batch is not None:
        links["batch"] = link(f"/v1/batches/{row.batch}")
    if row.status not in ENDED:
        links["cancel"] = f"{here}/cancel"
    if row.preview:
        links["preview"] = f"{here}/preview"
    if result:
        links["image"] = f"{here}/image"
        if result.sheet:
            links["sheet"] = f"{here}/sheet"
    return links
