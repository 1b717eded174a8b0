"""Former states of presets: parameters, body and answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from service.api.schemas.described import DATE_TIME, TIME, VERSION, described
from service.api.schemas.parameters import Query, example
from service.api.schemas.patterns import STATE
from service.api.schemas.request_base import WholeBody
from service.jobs.resource import iso
from service.storage.preset_schema import PresetVersionRow


class DeleteStyleQuery(Query):
    purge: Literal["true", "false"] = Field(
        "false", description="Whether to remove it and its versions for good.", **example("true")
    )


class RestoreBody(WholeBody):
    """Which former state of a preset becomes the current one."""

    example = '{"version": "…"}'

    version: str | None = Field(
        None, pattern=STATE, description="Its id, as listed; by default that of the newest one.", examples=[VERSION]
    )


class StyleVersionOut(BaseModel):
    """A former state of a preset."""

    version: str = described("Its id.", VERSION)
    ended_at: str = described("When it ended (ISO 8601).", TIME, json_schema_extra=DATE_TIME)
    reason: Literal["replaced", "deleted"] = described("Why it ended.", "replaced")
    description: str = described("The description that it had.", "A harbour at night")
    images: int = described("Number of its pictures.", 1, ge=0)
    pack: bool = described("Whether it came as a pack.", False)
    painter: bool = described("Whether it has a painter.", False)
    bytes: int = described("What its files take.", 48_211, ge=0)


class StyleVersionsOut(BaseModel):
    """The former states of a preset that are still kept, newest first."""

    items: list[StyleVersionOut] = described("The former states.", [])


def version_resource(row: PresetVersionRow) -> dict[str, Any]:
    """Return a former state of a preset as JSON."""
    return {
        "version": row.version,
        "ended_at": iso(row.ended_at),
        "reason": row.reason,
        "description": row.description,
        "images": len(row.images),
        "pack": row.pack is not None,
        "painter": row.painter is not None,
        "bytes": row.bytes,
    }
