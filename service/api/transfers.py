"""/v1/transfers: jobs."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request, url_for
from flask_openapi3 import APIBlueprint, Tag

from service.api.auth import caller, require_key
from service.api.bodies import TransferBody
from service.api.caching import FOREVER
from service.api.intake import take_in
from service.api.paging import from_cursor, to_cursor
from service.api.parts import parts
from service.api.schemas import (
    ImageQuery,
    NewTransferHeaders,
    Problem,
    TransferOut,
    TransferPage,
    TransferPath,
    TransfersQuery,
)
from service.api.submitting import submitted
from service.api.waiting import preferred_wait
from service.errors import NotFound, NotReady
from service.images import MEDIA_TYPES
from service.jobs.idempotency import RepeatKey
from service.jobs.queue import Submission
from service.jobs.request import job_folder
from service.jobs.resource import transfer_resource
from service.storage.schema import ENDED, JobRow

blueprint = APIBlueprint(
    "transfers",
    __name__,
    url_prefix="/v1/transfers",
    abp_tags=[Tag(name="transfers", description="Jobs that paint a content image in a style.")],
    abp_responses={"401": Problem, "422": Problem},
)
blueprint.before_request(require_key)

BINARY = {"schema": {"type": "string", "format": "binary"}}
NEW: dict[Any, Any] = {"200": TransferOut} | dict.fromkeys(("400", "413", "429", "503"), Problem)
JPEG: dict[Any, Any] = {"200": {"content": {"image/jpeg": BINARY}}}
PICTURE: dict[Any, Any] = {"200": {"content": dict.fromkeys(MEDIA_TYPES.values(), BINARY)}}


@blueprint.post("", responses=NEW | {"202": TransferOut})
def post_transfer(header: NewTransferHeaders, body: TransferBody) -> tuple[Response, int]:
    """Submit a transfer. With `Prefer: wait=N` the answer waits up to N seconds for its end."""
    job = _repeated(header, body) or _submitted(header, body)
    seconds, waited = preferred_wait(request.headers.get("Prefer", "")), False
    if seconds is not None:
        job, waited = parts().waiting.until_ended(job, seconds)
    response = jsonify(transfer_resource(job))
    response.headers["Location"] = url_for("transfers.get_transfer", id=job.id)
    if waited:
        response.headers["Preference-Applied"] = f"wait={seconds:g}"
    return response, 200 if job.status in ENDED else 202


def _repeated(header: NewTransferHeaders, body: TransferBody) -> JobRow | None:
    """The job that the same POST made before."""
    key = _repeat_key(header, body)
    return parts().queue.repeated(key) if key else None


def _submitted(header: NewTransferHeaders, body: TransferBody) -> JobRow:
    key = _repeat_key(header, body)
    terms = (body.priority, body.deadline_s, body.callback_url, key)
    return submitted(lambda id: Submission(id, take_in(id, body, parts()).as_json(), caller(), *terms))


def _repeat_key(header: NewTransferHeaders, body: TransferBody) -> RepeatKey | None:
    return RepeatKey(caller(), header.idempotency_key, body.digest()) if header.idempotency_key else None


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
    job = parts().queue.get(path.id, "transfer")
    callback = parts().deliveries.of_job(job.id) if job.callback_url else None
    return transfer_resource(job) | {"callback": callback}


@blueprint.get("/<id>/image", responses=PICTURE | {"404": Problem, "409": Problem})
def get_transfer_image(path: TransferPath, query: ImageQuery) -> Response:
    """The picture, or one of the variants."""
    job = _succeeded(path.id)
    pictures = job.get("variants") or [job]
    if query.variant >= len(pictures):
        raise NotFound(f"there is no variant {query.variant}: there are {len(pictures)}, from 0")
    picture = pictures[query.variant]
    return _file(picture["blob"], picture["media_type"], picture["sha256"])


@blueprint.get("/<id>/sheet", responses=JPEG | {"404": Problem, "409": Problem})
def get_transfer_sheet(path: TransferPath) -> Response:
    """The contact sheet: the content image and all variants, labelled."""
    job = _succeeded(path.id)
    if not job.get("sheet"):
        raise NotFound("a transfer without variants has no sheet")
    return _file(job["sheet"], "image/jpeg", job["sheet"])


def _succeeded(id: str) -> dict[str, Any]:
    """The result of a transfer. Raises NotReady."""
    job = parts().queue.get(id, "transfer")
    if job.result is None:
        partial = "; /preview has what there is of it" if job.preview else ""
        raise NotReady(f"there is no picture: the transfer is {job.status}{partial}")
    return job.result


def _file(blob: str, media_type: str, etag: str) -> Response:
    """A file that never changes."""
    response = Response(parts().blobs.get(blob), mimetype=media_type)
    response.set_etag(etag)
    response.headers["Cache-Control"] = FOREVER
    return response.make_conditional(request)  # type: ignore[return-value]


@blueprint.post("/<id>/cancel", responses={"202": TransferOut, "404": Problem})
def cancel_transfer(path: TransferPath) -> tuple[dict[str, Any], int]:
    """Cancel a transfer. It is no error if it has ended, or was canceled before."""
    parts().queue.get(path.id, "transfer")
    return transfer_resource(parts().queue.cancel(path.id)), 202


@blueprint.delete("/<id>", responses={"204": None, "404": Problem})
def delete_transfer(path: TransferPath) -> tuple[str, int]:
    """Cancel a transfer, and remove it and its files."""
    parts().queue.get(path.id, "transfer")
    parts().queue.delete(path.id)
    parts().blobs.delete_all(job_folder(path.id))
    return "", 204
