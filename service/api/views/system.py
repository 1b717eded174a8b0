"""/livez, /readyz and /openapi.json: whether the service is alive and ready, and its API's description."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app, request
from flask_openapi3 import OpenAPI, Tag

from service.api.context import context
from service.api.description.operations import Operations
from service.api.intake.submit import check_room
from service.api.schemas.responses import Health, Problem
from service.errors import ServiceError, Unavailable
from service.jobs.worker_models import model_notes

blueprint = Operations("system", __name__, abp_tags=[Tag(name="system")])


@blueprint.get("/livez", responses={"200": Health})
def livez() -> dict[str, str]:
    """Check that the process answers"""
    return {"status": "alive"}


@blueprint.get("/readyz", responses={"200": Health, "503": Problem})
def readyz() -> dict[str, Any]:
    """Check that a transfer posted now would be carried out

    Database, blobs, room on the disk, model and a live worker are there, and there is room for a request's body;
    the presets that come with the service are saved.
    `notes` has what is odd all the same.
    """
    reasons = _unready()
    if reasons:
        raise Unavailable("; ".join(reasons))
    notes = model_notes(context().settings.model, context().registry.models())
    return {"status": "ready"} | ({"notes": notes} if notes else {})


def _unready() -> list[str]:
    reasons = []
    try:
        if not context().settings.model.is_file():
            reasons.append("there is no model; build it with: python -m export")
    except OSError as error:  # as where a folder above it can't be entered
        reasons.append(f"the model can't be read: {error.strerror}")
    found = context()
    stored = found.database.check, check_room, _check_blobs, found.starters.check
    for check in (found.fullness.check, *stored, found.registry.check):
        try:
            check()
        except ServiceError as error:
            reasons.append(error.public)
    return list(dict.fromkeys(reasons))  # several checks read the database


def _check_blobs() -> None:
    """Raise StorageError if the blobs can't be used: one that isn't there is noticed at once, another in a second."""
    context().blobs.check_there()
    context().blobs_check.check()


@blueprint.get("/openapi.json", doc_ui=False)
def openapi() -> dict[str, Any]:
    return cast(OpenAPI, current_app).api_doc | {"servers": [{"url": request.script_root or "/"}]}
