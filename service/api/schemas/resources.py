"""Presets, scores and transfers' files as JSON for callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.api.schemas.preset_responses import PainterStatus
from service.jobs.input_pictures import InputPicture
from service.jobs.links import link
from service.jobs.request import TransferRequest
from service.jobs.resource import NOT_KEPT, Outcome, iso, usage_resource
from service.jobs.tasks import following_id
from service.pictures.style_image import StyleImage
from service.storage.preset_schema import PresetRow
from service.storage.records import ENDED, JobProgress, PresetPack, Warming
from service.storage.schema import JobRow
from service.storage.stored_files import StoredImage
from service.storage.tenant_limits import TenantLimits, limits_from
from service.storage.tenant_schema import KeyRow, TenantRow
from service.storage.typed_json import Json
from service.styles.starters.loading import is_built_in
from service.tenants.scopes import from_text, in_order

Outcomes = Mapping[str, Outcome]
"""A job's id -> its outcome."""

PAINTER_PATHS = {"self": "", "events": "/events", "preview": "/preview", "model": "/model"}
"""A painter's links, each with its path below the painter's."""


def style_resource(row: PresetRow, outcomes: Outcomes) -> dict[str, Any]:
    """Return a preset as JSON; `outcomes` holds its jobs, as far as they are kept."""
    here = link(f"/v1/styles/{row.name}")
    built_in = is_built_in(row)
    shown = built_in or outcomes.get(row.sample or "", NOT_KEPT).status == "succeeded"
    parts = ["image", *(["painted"] if shown else []), "pack", "painter"]
    return {
        "name": row.name,
        "version": row.version,
        "description": row.description,
        "images": [_style_image(image) for image in row.images],
        "pack": row.pack and _pack(row.pack),
        "warm": row.warm and _warm(row.warm, outcomes),
        "painter": _painter_status(row, *learning_statuses(row, outcomes)),
        "options": row.options or {},
        "built_in": built_in,
        "shared": row.shared,
        "created_at": iso(row.created_at),
        "links": {"self": here} | {part: f"{here}/{part}" for part in parts},
    }


def _style_image(image: StyleImage[StoredImage]) -> dict[str, Any]:
    file = image.file
    size = {"width": file.width, "height": file.height}
    return {"sha256": file.sha256} | size | {"weight": image.weight, "scale": image.scale, "name": file.name or None}


def _pack(pack: PresetPack) -> dict[str, Any]:
    return {"model": pack.model, "layers": pack.layers, "sizes": pack.sizes}


def _warm(warm: Warming, outcomes: Outcomes) -> dict[str, Any]:
    job = outcomes.get(warm.job, NOT_KEPT)
    return {"sizes": warm.sizes, "status": job.status, "error": job.error, "usage": usage_resource(job)}


def learning_jobs(row: PresetRow) -> list[str]:
    """Return the ids of a preset's newest learning and of the comparison that follows it."""
    return [row.learning, following_id(row.learning)] if row.learning else []


def learning_statuses(row: PresetRow, outcomes: Outcomes) -> tuple[str | None, str | None]:
    """Return the statuses of a preset's newest learning and of its comparison, while these are kept."""
    learning, comparison = (outcomes.get(id, NOT_KEPT).status for id in learning_jobs(row) or ("", ""))
    return learning, comparison


def painter_resource(row: PresetRow, job: JobRow | None, comparison: str | None) -> dict[str, Any]:
    """Return a preset's painter as JSON.

    `job` is its newest learning, and `comparison` the status of what follows that, while they are kept.
    """
    painter, status = row.painter, _painter_status(row, job.status if job else None, comparison)
    learning = status in ("queued", "learning") and job is not None and job.status not in ENDED
    progress = (job.progress if job and learning else None) or JobProgress()
    here = link(f"/v1/styles/{row.name}/painter")
    return {
        "status": status,
        "fraction": progress.fraction if learning else float(status in ("learning", "ready")),
        "eta_seconds": progress.eta_seconds,
        "steps": progress.iteration if learning or painter is None else painter.steps or None,
        "seconds": (painter and painter.seconds) or None,
        "photos": painter and painter.photos,
        "size": painter and painter.size,
        "bytes": (painter and painter.bytes) or None,
        "sha256": (painter and painter.onnx_sha256) or None,
        "judged": (painter and painter.judged) or None,
        "losses": list(job.progress.curve) if job and job.progress else [],
        "error": job.error if job else None,
        "usage": usage_resource(job or NOT_KEPT),
        "links": {name: here + path for name, path in PAINTER_PATHS.items()},
    }


def _painter_status(row: PresetRow, learning: str | None, comparison: str | None) -> PainterStatus:
    """Return the status of a preset's painter: it is ready once it is compared with the optimiser.

    `learning` and `comparison` are the statuses of its newest learning and of what follows, while these are kept.
    """
    if learning is not None and learning not in ENDED:
        return "queued" if learning == "queued" else "learning"
    if learning is not None and row.painter is not None and comparison is not None and comparison not in ENDED:
        return "learning"
    if row.painter is not None:
        return "ready"
    return "failed" if learning == "failed" else "none"


def learning_progress(row: JobRow) -> dict[str, Any]:
    """Return the progress of a learning as its events show it."""
    progress = row.progress or JobProgress()
    return {
        "steps": progress.iteration,
        "fraction": 1.0 if row.status == "succeeded" else progress.fraction,
        "eta_seconds": progress.eta_seconds,
        "losses": list(progress.curve),
    }


def file_resource(id: str, picture: InputPicture) -> dict[str, Any]:
    """Return a picture of the transfer's request as JSON."""
    image = picture.image
    return {
        "loc": picture.loc,
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "name": image.name or None,
        "weight": picture.weight,
        "scale": picture.scale,
        "link": link(f"/v1/transfers/{id}/files/{image.sha256}") if image.blob else None,
    }


def batch_item_resource(row: JobRow, request: TransferRequest, queue: Json | None) -> dict[str, Any]:
    """Return one transfer of a batch as JSON, with its place in the queue."""
    here = link(f"/v1/transfers/{row.id}")
    return {
        "index": row.batch_index,
        "id": row.id,
        "status": row.status,
        "name": request.content.name or None,
        "error": row.error,
        "usage": usage_resource(row),
        "queue": queue,
        "links": {"self": here} | ({"image": f"{here}/image"} if row.transfer_result else {}),
    }


def key_resource(row: KeyRow) -> dict[str, Any]:
    """Return a key as JSON; the key itself isn't known."""
    return {
        "id": row.id,
        "tenant": row.tenant,
        "name": row.name,
        "scopes": in_order(from_text(row.scopes)),
        "created_at": iso(row.created_at),
        "last_used_at": iso(row.last_used_at),
        "expires_at": iso(row.expires_at),
        "revoked_at": iso(row.revoked_at),
        "links": {"self": link(f"/v1/keys/{row.id}")},
    }


def tenant_resource(
    row: TenantRow, defaults: TenantLimits, used: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Return a tenant as JSON; `defaults` are the limits of tenants without values of their own."""
    own = limits_from(row.limits)
    return {
        "name": row.name,
        "created_at": iso(row.created_at),
        "limits": own.to_json(),
        "limits_in_force": own.over(defaults).to_json(),
        "used": used,
        "links": {"self": link(f"/v1/tenants/{row.name}")},
    }


def score_resource(row: JobRow, queue: Json | None) -> dict[str, Any]:
    """Return a score as JSON, with its losses once they are there, and its place in the queue."""
    result = row.score_result
    return {
        "id": row.id,
        "status": row.status,
        "losses": result and result.losses,
        "layers": result and result.layers,
        "error": row.error,
        "engine": row.engine,
        "usage": usage_resource(row),
        "queue": queue,
        "links": {"self": link(f"/v1/scores/{row.id}")},
    }
