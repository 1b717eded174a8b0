"""A job as callers see it: the JSON of API responses and webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from service.jobs.request import iterations as iterations_of
from service.storage.schema import ENDED, JobRow


def transfer_resource(row: JobRow) -> dict[str, Any]:
    """Return a transfer from its row, without checking it again: rows of earlier versions stay readable."""
    return {
        "id": row.id,
        "status": row.status,
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "finished_at": iso(row.finished_at),
        "progress": progress_resource(row),
        "options": _options(row),
        "result": row.result and _result(row.result),
        "error": row.error,
        "timings": row.timings or {},
        "style_cache": row.style_cache,
        "engine": row.engine,
        "callback": None,
        "links": _links(row),
    }


def progress_resource(row: JobRow) -> dict[str, Any]:
    """Return the progress of a job."""
    now, iterations = row.progress or {}, iterations_of(row.request)
    ended = row.status == "succeeded"
    iteration = row.result["iterations"] if ended and row.result else now.get("iteration", 0)
    return {
        "iteration": iteration,
        "iterations": iterations,
        "fraction": 1.0 if ended else now.get("fraction", 0.0),
        "eta_seconds": 0.0 if ended else now.get("eta_seconds"),
        "losses": now.get("losses"),
    }


def iso(seconds: float | None) -> str | None:
    """Return seconds since 1970 as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _result(result: dict[str, Any]) -> dict[str, Any]:
    """Return a job's result without the keys of its files; results of earlier versions have one picture."""
    variants = result.get("variants") or [result]
    return _picture(result) | {"variants": [_picture(variant) for variant in variants]}


def _picture(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("blob", "sheet", "sheet_sha256", "variants")}


def _options(row: JobRow) -> dict[str, Any]:
    request = row.request
    request_fields = {"content": _image(request["content"])} | _painting(request)
    base = _painting(request)
    own = [{k: v for k, v in _painting(one).items() if v != base[k]} for one in request.get("variants", ())]
    deadline_s = None if row.deadline_at is None else round(row.deadline_at - row.created_at, 3)
    terms = {"priority": row.priority, "deadline_s": deadline_s, "callback_url": row.callback_url}
    return request_fields | {"variants": own} | terms


def _painting(painting: dict[str, Any]) -> dict[str, Any]:
    """Return one picture's styles and options, with the defaults filled in."""
    options = dict(painting["options"])
    if painting["first"]:
        options["init"] = _image(painting["first"])
    masks = {name: _maybe(painting.get(name)) for name in ("protect", "strength_map")}
    return {"styles": [_style(style) for style in painting["styles"]]} | options | masks


def _style(style: dict[str, Any]) -> dict[str, Any]:
    source = {"preset": style["preset"]} if style["preset"] else {"image": _image(style["images"][0])}
    masks = {name: _image(style[name]) for name in ("mask", "style_mask") if style.get(name)}
    return source | {"weight": style["weight"], "scale": style["scale"]} | masks


def _maybe(image: dict[str, Any] | None) -> dict[str, Any] | None:
    return image and _image(image)


def _image(image: dict[str, Any]) -> dict[str, Any]:
    return {key: image[key] for key in ("sha256", "width", "height")}


def _links(row: JobRow) -> dict[str, str]:
    here = f"/v1/transfers/{row.id}"
    links = {"self": here, "events": f"{here}/events"}
    if row.status not in ENDED:
        links["cancel"] = f"{here}/cancel"
    if row.preview:
        links["preview"] = f"{here}/preview"
    if row.result:
        links["image"] = f"{here}/image"
        if row.result.get("sheet"):
            links["sheet"] = f"{here}/sheet"
    return links
