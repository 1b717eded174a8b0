"""Presets, scores and transfers' files as JSON for callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.jobs.resource import iso
from service.storage.schema import JobRow, PresetRow

Endings = Mapping[str, tuple[str, dict[str, Any] | None]]
"""A job's id -> its status and error."""


def style_resource(row: PresetRow, endings: Endings) -> dict[str, Any]:
    """Return a preset as JSON; `endings` holds the task that computes its Grams, if there is one."""
    here = f"/v1/styles/{row.name}"
    shown = ("sha256", "width", "height", "weight", "scale")
    return {
        "name": row.name,
        "description": row.description,
        "images": [{key: image[key] for key in shown} for image in row.images],
        "pack": row.pack and {key: row.pack[key] for key in ("model", "layers", "sizes")},
        "warm": row.warm and _warm(row.warm, endings),
        "created_at": iso(row.created_at),
        "links": {"self": here, "image": f"{here}/image", "pack": f"{here}/pack"},
    }


def _warm(warm: dict[str, Any], endings: Endings) -> dict[str, Any]:
    status, error = endings.get(warm["job"], (None, None))
    return {"sizes": warm["sizes"], "status": status, "error": error}


def file_resource(id: str, loc: str, image: Mapping[str, Any]) -> dict[str, Any]:
    """Return a picture of the transfer's request as JSON."""
    shown = {key: image.get(key) for key in ("sha256", "width", "height", "weight", "scale")}
    link = f"/v1/transfers/{id}/files/{image['sha256']}" if image["blob"] else None
    return {"loc": loc, **shown, "link": link}


def score_resource(row: JobRow) -> dict[str, Any]:
    """Return a score as JSON, with its losses once they are there."""
    result = row.result or {}
    return {
        "id": row.id,
        "status": row.status,
        "losses": result.get("losses"),
        "layers": result.get("layers"),
        "error": row.error,
        "engine": row.engine,
        "links": {"self": f"/v1/scores/{row.id}"},
    }
