"""/v1/batches: many pictures painted alike, submitted, watched, fetched and removed together."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response, jsonify, request, url_for
from flask_openapi3 import APIBlueprint, Tag

from service.api.auth import caller, owner
from service.api.context import AppContext, context
from service.api.description.media import files
from service.api.description.openapi import operation_id
from service.api.http.access_log import JOB
from service.api.http.caching import NEVER
from service.api.http.disposition import disposition
from service.api.http.paging import from_cursor, to_cursor
from service.api.http.zip_stream import zipped
from service.api.intake.batch import BatchReader
from service.api.intake.submit import LOOK_UPS, mark_replayed, repeat_key
from service.api.limits import limits
from service.api.live.batch_events import DONE, batch_events
from service.api.schemas.batch_responses import BatchItemsPage, BatchOut
from service.api.schemas.parameters import BatchItemsQuery, BatchPath, NewBatchHeaders, WatchHeaders
from service.api.schemas.requests import BatchBody
from service.api.schemas.resources import batch_item_resource, batch_resource
from service.api.schemas.responses import Problem
from service.api.views.event_stream import EVENTS, LIVE
from service.errors import NotReady, Overtaken
from service.jobs.idempotency import RepeatKey
from service.jobs.names import picture_name
from service.jobs.queue import new_id
from service.jobs.request import TransferRequest
from service.pictures.images import MEDIA_TYPES
from service.storage.pictures import StoredFile
from service.storage.readback import BlobFile
from service.storage.schema import BatchRow, JobRow
from service.storage.unsaved import remove_unsaved, removed_if_undone

blueprint = APIBlueprint(
    "batches",
    __name__,
    operation_id_callback=operation_id,
    url_prefix="/v1/batches",
    abp_tags=[Tag(name="batches", description="Many pictures painted alike.")],
    abp_responses={"422": Problem},
)

NEW: dict[Any, Any] = {"202": BatchOut} | dict.fromkeys(("400", "413", "429", "503"), Problem)
ZIP = files("application/zip")


@blueprint.post("", responses=NEW)
def create_batch(header: NewBatchHeaders, body: BatchBody) -> tuple[Response, int]:
    """Submit a batch

    Up to 500 contents, each painted as that of a transfer. One that can't be read fails alone; if none can be
    painted, the whole batch is refused.
    """
    key = repeat_key(header, body)
    batch = context().batches.repeated(key) if key else None
    if batch:
        mark_replayed()
    else:
        batch = _submitted(body, key)
    request.environ[JOB] = batch.id
    response = jsonify(_resource(batch))
    response.headers["Location"] = url_for("batches.get_batch", id=batch.id)
    return response, 202


def _submitted(body: BatchBody, key: RepeatKey | None) -> BatchRow:
    """Submit a batch; or return that of a POST with the same key that came at the same time.

    Its contents are read once, even where a preset is replaced meanwhile.
    """
    id = new_id()
    context().disks.check(context().queue.reserved_bytes())
    context().queue.check_limits(owner(), 1)
    reader = BatchReader(id, body, context())
    with removed_if_undone(context().blobs, reader.folders):
        items = reader.items()
        for left in reversed(range(LOOK_UPS)):
            try:
                batch = context().batches.submit(id, items, body.callback_url, key, reader.shared_bytes)
                break
            except Overtaken:
                if not left:
                    raise
                items = reader.renewed_items()
    if batch.id != id:
        remove_unsaved(context().blobs, reader.folders)
        mark_replayed()
    for lane in {item.new.request.lane for item in items}:
        context().wake(lane)
    return batch


@blueprint.get("/<id>", responses={"200": BatchOut, "404": Problem})
def get_batch(path: BatchPath) -> dict[str, Any]:
    """Show a batch"""
    return _resource(context().batches.get(path.id))


def _resource(batch: BatchRow) -> dict[str, Any]:
    return _shown(batch, context())


def _shown(batch: BatchRow, app: AppContext) -> dict[str, Any]:
    state, last = app.batches.state(batch), app.batches.last_waiting(batch)
    eta = app.line.until_end(last) if last else state.running_eta
    callback = app.deliveries.of_job(batch.id) if batch.callback_url else None
    return batch_resource(batch, state, eta) | {"callback": callback}


@blueprint.get("/<id>/items", responses={"200": BatchItemsPage, "404": Problem})
def list_batch_items(path: BatchPath, query: BatchItemsQuery) -> dict[str, Any]:
    """List the transfers of a batch, in the order of its contents"""
    batch = context().batches.get(path.id)
    after = from_cursor(query.cursor, int)[0] if query.cursor else -1
    rows = context().batches.items(batch, after, query.limit + 1, query.status)
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return {
        "items": [batch_item_resource(row) for row in rows],
        "next": to_cursor(rows[-1].batch_index) if more else None,
    }


@blueprint.get("/<id>/zip", responses=ZIP | {"404": Problem, "409": Problem})
def get_batch_zip(path: BatchPath) -> Response:
    """The finished pictures of a batch as one zip file

    Those that are there by now, in the order of the contents, named as each is alone. It is made while it is sent.
    """
    batch = context().batches.get(path.id)
    rows = [row for row in context().batches.items(batch) if row.transfer_result]
    if not rows:
        raise NotReady("there is no picture of this batch (yet)")
    blobs = context().blobs
    parts = [(name, BlobFile(blobs, file).read) for row in rows for name, file in _pictures(row)]
    response = Response(zipped(parts), mimetype="application/zip")
    response.headers["Cache-Control"] = NEVER
    response.headers["Content-Disposition"] = disposition(f"batch-{batch.id}.zip", "attachment")
    return response


def _pictures(row: JobRow) -> list[tuple[str, StoredFile]]:
    """Return the pictures of a transfer, each with its name."""
    wanted, result = TransferRequest.of(row), row.transfer_result
    formats = {media_type: format for format, media_type in MEDIA_TYPES.items()}
    return [
        (picture_name(wanted, i, formats.get(picture.media_type, "png")), picture)
        for i, picture in enumerate(result.pictures if result else ())
    ]


@blueprint.get("/<id>/events", responses=EVENTS | {"404": Problem, "503": Problem})
def watch_batch(header: WatchHeaders, path: BatchPath) -> Response:
    """Watch a batch

    A stream of Server-Sent Events: `progress` and, at its end, `done`, both with the batch as it is then. 204 if
    nothing is left to send.
    """
    batch = context().batches.get(path.id)
    if batch.finished_at is not None and header.last_event_id == str(DONE):
        return Response(status=204, headers=LIVE)
    app, tenant, streams = context(), caller().tenant, context().streams
    streams.take_place(tenant, limits().streams)
    events = batch_events(
        lambda: _shown(app.batches.get(batch.id), app),
        app.watch,
        request.environ.get("gunicorn.socket"),
        caller().still_counts,
    )
    response = Response(events, mimetype="text/event-stream", headers=LIVE)
    response.call_on_close(partial(streams.free_place, tenant))
    return response


@blueprint.post("/<id>/cancel", responses={"202": BatchOut, "404": Problem})
def cancel_batch(path: BatchPath) -> tuple[dict[str, Any], int]:
    """Cancel all transfers of a batch that have not ended

    It is no error if all have ended, or were canceled before.
    """
    return _resource(context().batches.cancel(path.id)), 202


@blueprint.delete("/<id>", responses={"204": None, "404": Problem})
def delete_batch(path: BatchPath) -> tuple[str, int]:
    """Cancel a batch, and remove it with its transfers and their files"""
    remove_unsaved(context().blobs, context().batches.delete(path.id))
    return "", 204
