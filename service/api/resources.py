"""A preset as its callers see it."""

from __future__ import annotations

from typing import Any

from service.jobs.resource import iso
from service.storage.schema import PresetRow


def style_resource(row: PresetRow) -> dict[str, Any]:
    here = f"/v1/styles/{row.name}"
    shown = ("sha256", "width", "height", "weight", "scale")
    return {
        "name": row.name,
        "description": row.description,
        "images": [{key: image[key] for key in shown} for image in row.images],
        "created_at": iso(row.created_at),
        "links": {"self": here, "image": f"{here}/image"},
    }
