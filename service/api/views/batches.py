"""/v1/batches: many pictures painted alike, submitted, watched, fetched and removed together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from flask import Response, jsonify, request, url_for
from flask_openapi3 import Tag

from service.api.auth import caller, owner
from service.api.context import AppContext, context
from service.api.description.media import files
from service.api.description.operations import Operations
from service.api.http.access_log import JOB
from service.api.http.caching import NEVER
from service.api.http.disposition import disposition
from service.api.http.paging import from_cursor, page_of
from service.api.http.zip_stream import Part, zipped
from service.api.intake.batch import BatchReader
from service.api.intake.submit import LOOK_UPS, check_room, mark_replayed, repeat_key
from service.api.live.batch_events import DONE, batch_resumed_at
from service.api.schemas.batch_responses import BatchItemsPage, BatchOut, BatchPage
from service.api.schemas.parameters import BatchesQuery, BatchItemsQuery, BatchPath, NewBatchHeaders, WatchHeaders
from service.api.schemas.requests import BatchBody
from service.api.schemas.resources import batch_item_resource
from service.api.schemas.responses import Problem
from service.api.views.event_stream import EVENTS, LIVE, live_response
from service.api.views.queue_places import queue_in
from service.api.views.stored_files import remove_left_files
from service.errors import LimitExceeded, NoSpace, NotReady, Overtaken, QueueFull, StorageError
from service.jobs.batch_resource import BatchSnapshot, batch_resource
from service.jobs.batches import BatchState
from service.jobs.idempotency import RepeatKey
from service.jobs.queue import new_id
from service.jobs.result_bytes import planned_bytes
from service.jobs.result_names import picture_name
from service.pictures.images import FORMATS
from service.storage.readback import BlobFile
from service.storage.records import BatchSums, JobUsage
from service.storage.schema import BatchRow, JobRow
from service.storage.unsaved import REMOVAL_S, remove_unsaved, removed_if_undone

logger = logging.getLogger(__name__)

blueprint = Operations(
    "batches",
    __name__,
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
    if batch := _repeated(key):
        resource = _resource(batch)
    else:
        batch = _submitted_once(body, key)
        resource = _new_resource(batch)
    request.environ[JOB] = batch.id
    response = jsonify(resource)
    response.headers["Location"] = url_for("batches.get_batch", id=batch.id)
    return response, 202


def _repeated(key: RepeatKey | None) -> BatchRow | None:
    """Return the batch that an earlier POST with this key made, if there is one."""
    batch = context().batches.repeated(key) if key else None
    if batch:
        mark_replayed()
    return batch


def _submitted_once(body: BatchBody, key: RepeatKey | None) -> BatchRow:
    """Submit a batch; where it is refused, return the one that a POST with the same key has made meanwhile.

    That one may be what leaves no room for it.
    """
    try:
        return _submitted(body, key)
    except (LimitExceeded, QueueFull, NoSpace):
        if batch := _repeated(key):
            return batch
        raise


def _submitted(body: BatchBody, key: RepeatKey | None) -> BatchRow:
    """Submit a batch; or return that of a POST with the same key that came at the same time.

    Its contents are read once, even where a preset is replaced meanwhile.
    """
    id = new_id()
    check_room()
    context().batches.check_limits(owner(), len(body.contents))
    reader = BatchReader(id, body, context())
    with removed_if_undone(context().blobs, reader.folders):
        items = reader.items()
        for left in reversed(range(LOOK_UPS)):
            check_room(sum(planned_bytes(item.new.request) for item in items))
            try:
                batch = context().batches.submit(id, items, body.callback_url, key, reader.shared)
                break
            except Overtaken:
                if not left:
                    raise
                items = reader.renewed_items()
    if batch.id != id:
        remove_unsaved(context().blobs, reader.folders, REMOVAL_S)
        mark_replayed()
    for lane in {item.new.request.lane for item in items}:
        context().wake(lane)
    return batch


@blueprint.get("/<id>", responses={"200": BatchOut, "404": Problem})
def get_batch(path: BatchPath) -> dict[str, Any]:
    """Show a batch"""
    return _resource(context().batches.get(path.id))


def _resource(batch: BatchRow) -> dict[str, Any]:
    return batch_resource(*_snapshots([batch], context()))


def _new_resource(batch: BatchRow) -> dict[str, Any]:
    """Return a batch that was just submitted; where its jobs can't be looked up, as if all of them wait.

    It is there anyway: who gets an error would submit it again.
    """
    try:
        return _resource(batch)
    except StorageError as error:
        logger.warning("batch %s: its jobs can't be looked up: %s", batch.id, error.detail)
        sums = BatchSums.of({"queued": batch.total}, 0.0, JobUsage())
        return batch_resource(BatchSnapshot(batch, BatchState(sums, fraction=0.0), None, None))


def _snapshot(id: str, app: AppContext) -> BatchSnapshot:
    """Return a batch as it is now. Raises NotFound."""
    return _snapshots([app.batches.get(id)], app)[0]


def _snapshots(batches: Sequence[BatchRow], app: AppContext) -> list[BatchSnapshot]:
    """Return batches as they are now."""
    states = app.batches.states(batches)
    last = app.batches.last_waiting([batch.id for batch in batches if batch.finished_at is None])
    ends = app.line.until_ends(last.values())
    callbacks = app.deliveries.of_jobs([batch.id for batch in batches if batch.callback_url])
    return [
        BatchSnapshot(batch, states[batch.id], _eta(batch, states[batch.id], last, ends), callbacks.get(batch.id))
        for batch in batches
    ]


def _eta(batch: BatchRow, state: BatchState, last: Mapping[str, str], ends: Mapping[str, float]) -> float | None:
    """Return the seconds until a batch ends: with the last of those that wait, or of those that run."""
    if batch.finished_at is not None:
        return 0.0
    return ends.get(last[batch.id]) if batch.id in last else state.running_eta


@blueprint.get("", responses={"200": BatchPage})
def list_batches(query: BatchesQuery) -> dict[str, Any]:
    """List batches, newest first"""
    before = from_cursor(query.cursor, float, str) if query.cursor else None
    found = context().batches.page(query.status, before, query.limit + 1)
    rows, cursor = page_of(found, query.limit, lambda row: (row.created_at, row.id))
    return {"items": [batch_resource(look) for look in _snapshots(rows, context())], "next": cursor}


@blueprint.get("/<id>/items", responses={"200": BatchItemsPage, "404": Problem})
def list_batch_items(path: BatchPath, query: BatchItemsQuery) -> dict[str, Any]:
    """List the transfers of a batch, in the order of its contents"""
    batch = context().batches.get(path.id)
    after = from_cursor(query.cursor, int)[0] if query.cursor else -1
    found = context().batches.items(batch, after, query.limit + 1, query.status)
    rows, cursor = page_of(found, query.limit, lambda row: (row.batch_index,))
    places = context().line.places(rows)
    items = [
        batch_item_resource(row, wanted, queue_in(places, row))
        for row, wanted in context().batches.with_requests(rows)
    ]
    return {"items": items, "next": cursor}


@blueprint.get("/<id>/zip", responses=ZIP | {"404": Problem, "409": Problem, "503": Problem})
def get_batch_zip(path: BatchPath) -> Response:
    """The finished pictures of a batch as one zip file

    Those that are there by now, in the order of the contents, named as each is alone. It is made while it is sent.
    """
    batch = context().batches.get(path.id)
    context().zips.hold(request.environ, caller().tenant, 1)
    rows = [row for row in context().batches.items(batch) if row.finished_pictures]
    if not rows:
        raise NotReady("there is no picture of this batch (yet)")
    response = Response(zipped(_parts(rows, context()), caller().still_counts), mimetype="application/zip")
    response.headers["Cache-Control"] = NEVER
    response.headers["Content-Disposition"] = disposition(f"batch-{batch.id}.zip", "attachment")
    return response


def _parts(rows: Sequence[JobRow], app: AppContext) -> Iterator[Part]:
    """Yield the pictures that transfers have finished, each with its name.

    Raises ConnectionAbortedError if a transfer was deleted meanwhile: without its pictures the zip file isn't whole.
    """
    gone = {row.id for row in rows}
    for row, wanted in app.batches.with_requests(rows):
        gone.remove(row.id)
        for i, picture in enumerate(row.finished_pictures):
            name = picture_name(wanted, i, FORMATS.get(picture.media_type, "png"))
            yield name, BlobFile(app.blobs, picture).pieces
    if gone:
        raise ConnectionAbortedError("pictures were deleted while they were sent")


@blueprint.get("/<id>/events", responses=EVENTS | {"404": Problem, "503": Problem})
def watch_batch(header: WatchHeaders, path: BatchPath) -> Response:
    """Watch a batch

    A stream of Server-Sent Events: `progress` and, at its end, `done`, both with the batch as it is then. 204 if
    nothing is left to send.
    """
    batch = context().batches.get(path.id)
    number = batch_resumed_at(header.last_event_id, batch)
    if number >= DONE:
        return Response(status=204, headers=LIVE)
    app, may_go_on = context(), caller().still_counts
    look = partial(_snapshot, batch.id, app)
    return live_response(lambda connection: app.batch_streams.stream(batch.id, look, number, connection, may_go_on))


@blueprint.post("/<id>/cancel", responses={"202": BatchOut, "404": Problem})
def cancel_batch(path: BatchPath) -> tuple[dict[str, Any], int]:
    """Cancel all transfers of a batch that have not ended

    It is no error if all have ended, or were canceled before.
    """
    return _resource(context().batches.cancel(path.id)), 202


@blueprint.delete("/<id>", responses={"204": None, "404": Problem})
def delete_batch(path: BatchPath) -> tuple[str, int]:
    """Cancel a batch, and remove it with its transfers and their files

    Where it has very many files, the last ones are removed later.
    """
    context().batches.delete(path.id)
    remove_left_files()
    return "", 204
