"""Presets, scores and transfers' files as JSON for callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.errors import ProblemJson
from service.jobs.files import InputPicture
from service.jobs.resource import iso
from service.pictures.style_image import StyleImage
from service.storage.pictures import StoredImage
from service.storage.records import PresetPack, Warming
from service.storage.schema import JobRow, PresetRow

Outcomes = Mapping[str, tuple[str, ProblemJson | None]]
"""A job's id -> its status and error."""


def style_resource(row: PresetRow, outcomes: Outcomes) -> dict[str, Any]:
    """Return a preset as JSON; `outcomes` holds the task that computes its Grams, if there is one."""
    here = f"/v1/styles/{row.name}"
    return {
        "name": row.name,
        "description": row.description,
        "images": [_style_image(image) for image in row.images],
        "pack": row.pack and _pack(row.pack),
        "warm": row.warm and _warm(row.warm, outcomes),
        "created_at": iso(row.created_at),
        "links": {"self": here, "image": f"{here}/image", "pack": f"{here}/pack"},
    }


def _style_image(image: StyleImage[StoredImage]) -> dict[str, Any]:
    file = image.file
    size = {"width": file.width, "height": file.height}
    return {"sha256": file.sha256} | size | {"weight": image.weight, "scale": image.scale}


def _pack(pack: PresetPack) -> dict[str, Any]:
    return {"model": pack.model, "layers": pack.layers, "sizes": pack.sizes}


def _warm(warm: Warming, outcomes: Outcomes) -> dict[str, Any]:
    status, error = outcomes.get(warm.job, (None, None))
    return {"sizes": warm.sizes, "status": status, "error": error}


def file_resource(id: str, picture: InputPicture) -> dict[str, Any]:
    """Return a picture of the transfer's request as JSON."""
    image = picture.image
    return {
        "loc": picture.loc,
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "weight": picture.weight,
        "scale": picture.scale,
        "link": f"/v1/transfers/{id}/files/{image.sha256}" if image.blob else None,
    }


def score_resource(row: JobRow) -> dict[str, Any]:
    """Return a score as JSON, with its losses once they are there."""
    result = row.score_result
    return {
        "id": row.id,
        "status": row.status,
        "losses": result and result.losses,
        "layers": result and result.layers,
        "error": row.error,
        "engine": row.engine,
        "links": {"self": f"/v1/scores/{row.id}"},
    }
