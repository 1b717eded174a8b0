"""/v1/transfers: jobs."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request, url_for
from flask_openapi3 import APIBlueprint, Tag

from service.api.auth import require_key
from service.api.intake import take_in
from service.api.paging import from_cursor, to_cursor
from service.api.parts import parts
from service.api.resources import transfer_resource
from service.api.schemas import Problem, TransferBody, TransferOut, TransferPage, TransferPath, TransfersQuery
from service.api.waiting import preferred_wait
from service.errors import NotReady, ServiceError
from service.images import MEDIA_TYPES
from service.jobs.queue import ENDED, new_id
from service.jobs.request import FOLDER

blueprint = APIBlueprint(
    "transfers",
    __name__,
    url_prefix="/v1/transfers",
    abp_tags=[Tag(name="transfers", description="Jobs that paint a content image in a style.")],
    abp_responses={"401": Problem, "422": Problem},
)
blueprint.before_request(require_key)

BINARY = {"schema": {"type": "string", "format": "binary"}}
PICTURE: dict[Any, Any] = {"200": {"content": dict.fromkeys(MEDIA_TYPES.values(), BINARY)}}


@blueprint.post("", responses={"200": TransferOut, "202": TransferOut, "400": Problem, "413": Problem})
def post_transfer(body: TransferBody) -> tuple[Response, int]:
    """Submit a transfer. With `Prefer: wait=N` the answer waits up to N seconds for its end."""
    id = new_id()
    try:
        asked = take_in(id, body, parts())
    except ServiceError:
        parts().blobs.delete_all(f"{FOLDER}/{id}")
        raise
    job = parts().queue.submit(id, asked.as_json())
    seconds, waited = preferred_wait(request.headers.get("Prefer", "")), False
    if seconds is not None:
        job, waited = parts().waiting.until_ended(parts().queue, job, seconds)
    response = jsonify(transfer_resource(job))
    response.headers["Location"] = url_for("transfers.get_transfer", id=id)
    if waited:
        response.headers["Preference-Applied"] = f"wait={seconds:g}"
    return response, 200 if job.status in ENDED else 202


@blueprint.get("", responses={"200": TransferPage})
def list_transfers(query: TransfersQuery) -> dict[str, Any]:
    """List transfers, newest first."""
    before = from_cursor(query.cursor, int)[0] if query.cursor else None
    rows = parts().queue.page(query.status, before, query.limit + 1)
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    cursor = to_cursor(rows[-1].number) if more else None
    return {"items": [transfer_resource(row) for row in rows], "next": cursor}


@blueprint.get("/<id>", responses={"200": TransferOut, "404": Problem})
def get_transfer(path: TransferPath) -> dict[str, Any]:
    """Show a transfer."""
    return transfer_resource(parts().queue.get(path.id))


@blueprint.get("/<id>/image", responses=PICTURE | {"404": Problem, "409": Problem})
def get_transfer_image(path: TransferPath) -> Response:
    """The picture."""
    job = parts().queue.get(path.id)
    if job.result is None:
        raise NotReady(f"there is no picture: the transfer is {job.status}")
    response = Response(parts().blobs.get(job.result["blob"]), mimetype=job.result["media_type"])
    response.set_etag(job.result["sha256"])
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response.make_conditional(request)  # type: ignore[return-value]


@blueprint.post("/<id>/cancel", responses={"202": TransferOut, "404": Problem})
def cancel_transfer(path: TransferPath) -> tuple[dict[str, Any], int]:
    """Cancel a transfer. It is no error if it has ended, or was canceled before."""
    return transfer_resource(parts().queue.cancel(path.id)), 202


@blueprint.delete("/<id>", responses={"204": None, "404": Problem})
def delete_transfer(path: TransferPath) -> tuple[str, int]:
    """Cancel a transfer, and remove it and its files."""
    parts().queue.delete(path.id)
    parts().blobs.delete_all(f"{FOLDER}/{path.id}")
    return "", 204
