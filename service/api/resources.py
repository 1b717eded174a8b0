"""Rows -> the JSON that answers hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from service.jobs.queue import ENDED
from service.storage.schema import JobRow, PresetRow


def style_resource(row: PresetRow) -> dict[str, Any]:
    here = f"/v1/styles/{row.name}"
    shown = ("sha256", "width", "height", "weight", "scale")
    return {
        "name": row.name,
        "description": row.description,
        "images": [{key: image[key] for key in shown} for image in row.images],
        "created_at": _iso(row.created_at),
        "links": {"self": here, "image": f"{here}/image"},
    }


def transfer_resource(row: JobRow) -> dict[str, Any]:
    """The job as its row has it, not checked again: rows of other versions stay readable."""
    return {
        "id": row.id,
        "status": row.status,
        "created_at": _iso(row.created_at),
        "started_at": _iso(row.started_at),
        "finished_at": _iso(row.finished_at),
        "progress": _progress(row),
        "options": _options(row.request),
        "result": row.result and {key: value for key, value in row.result.items() if key != "blob"},
        "error": row.error,
        "timings": row.timings or {},
        "style_cache": row.style_cache,
        "engine": row.engine,
        "links": _links(row),
    }


def _progress(row: JobRow) -> dict[str, Any]:
    now, iterations = row.progress or {}, row.request["options"]["iterations"]
    ended = row.status == "succeeded"
    iteration = row.result["iterations"] if ended and row.result else now.get("iteration", 0)
    return {
        "iteration": iteration,
        "iterations": iterations,
        "fraction": 1.0 if ended else now.get("fraction", 0.0),
        "eta_seconds": 0.0 if ended else now.get("eta_seconds"),
        "losses": now.get("losses"),
    }


def _options(request: dict[str, Any]) -> dict[str, Any]:
    options = dict(request["options"])
    if request["first"]:
        options["init"] = _image(request["first"])
    return {"content": _image(request["content"]), "styles": [_style(style) for style in request["styles"]]} | options


def _style(style: dict[str, Any]) -> dict[str, Any]:
    source = {"preset": style["preset"]} if style["preset"] else {"image": _image(style["images"][0])}
    return source | {"weight": style["weight"], "scale": style["scale"]}


def _image(image: dict[str, Any]) -> dict[str, Any]:
    return {key: image[key] for key in ("sha256", "width", "height")}


def _links(row: JobRow) -> dict[str, str]:
    here = f"/v1/transfers/{row.id}"
    links = {"self": here}
    if row.status not in ENDED:
        links["cancel"] = f"{here}/cancel"
    if row.result:
        links["image"] = f"{here}/image"
    return links


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
