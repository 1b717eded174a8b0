"""A job as its callers see it: the JSON of the API's answers and of webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from service.storage.schema import ENDED, JobRow


def transfer_resource(row: JobRow) -> dict[str, Any]:
    """The job as its row has it, not checked again: rows of other versions stay readable."""
    return {
        "id": row.id,
        "status": row.status,
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "finished_at": iso(row.finished_at),
        "progress": progress_resource(row),
        "options": _options(row),
        "result": row.result and {key: value for key, value in row.result.items() if key != "blob"},
        "error": row.error,
        "timings": row.timings or {},
        "style_cache": row.style_cache,
        "engine": row.engine,
        "callback": None,
        "links": _links(row),
    }


def progress_resource(row: JobRow) -> dict[str, Any]:
    """How far the job is."""
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


def iso(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _options(row: JobRow) -> dict[str, Any]:
    request = row.request
    options = dict(request["options"])
    if request["first"]:
        options["init"] = _image(request["first"])
    given = {"content": _image(request["content"]), "styles": [_style(style) for style in request["styles"]]}
    deadline_s = None if row.deadline_at is None else round(row.deadline_at - row.created_at, 3)
    return given | options | {"priority": row.priority, "deadline_s": deadline_s, "callback_url": row.callback_url}


def _style(style: dict[str, Any]) -> dict[str, Any]:
    source = {"preset": style["preset"]} if style["preset"] else {"image": _image(style["images"][0])}
    return source | {"weight": style["weight"], "scale": style["scale"]}


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
    return links
