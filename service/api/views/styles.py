"""/v1/styles: presets, with their packs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from flask import Response, url_for
from flask_openapi3 import Tag

from service.api.auth import caller, owner
from service.api.context import context
from service.api.description.media import files
from service.api.description.operations import Operations
from service.api.http.access_log import traceparent
from service.api.http.body import PACK_TYPE, PackRequest
from service.api.http.caching import REVALIDATE, file
from service.api.http.disposition import disposition
from service.api.http.paging import from_cursor, page_of
from service.api.intake.learning import NewLearning, new_learning
from service.api.intake.preset_options import check_options, packed_options
from service.api.intake.remote_pictures import fetch_pictures
from service.api.intake.request_pictures import request_pictures
from service.api.schemas.parameters import NewStylePath, PageQuery, StylePath
from service.api.schemas.preset_requests import StyleBody, StyleChanges
from service.api.schemas.preset_responses import StyleOut, StylePage
from service.api.schemas.preset_versions import (
    DeleteStyleQuery,
    RestoreBody,
    StyleVersionsOut,
    version_resource,
)
from service.api.schemas.resources import Outcomes, learning_jobs, style_resource
from service.api.schemas.responses import Problem
from service.api.sharing import check_change, check_sharing, check_state, may_change_shared
from service.api.views.on_demand import made
from service.api.views.stored_files import remove_left_files
from service.errors import InvalidInput, OtherModel
from service.jobs.idempotency import RepeatKey
from service.jobs.memory_check import check_style_memory
from service.jobs.queue import Submission, new_id
from service.jobs.request import StoredStyle
from service.jobs.tasks import PackTask, WarmTask
from service.painters.packed import joined, parted
from service.pictures.images import UnreadableImage, digest
from service.pictures.sizes import LADDER, style_size_errors
from service.pictures.style_image import StyleImage
from service.storage.database import Transaction
from service.storage.lanes import ENGINE
from service.storage.preset_schema import PresetRow, PresetState
from service.storage.records import Warming
from service.styles.packs import Pack, UnusablePack, with_facts
from service.styles.preset_changes import PresetChanges, change_preset
from service.styles.preset_files import pack_key, read_pack
from service.styles.preset_painters import PackedPainter

blueprint = Operations(
    "styles",
    __name__,
    url_prefix="/v1/styles",
    abp_tags=[Tag(name="styles", description="Presets: styles saved under a name.")],
    abp_responses={"422": Problem},
)

SAVED: dict[Any, Any] = {"200": StyleOut, "201": StyleOut}
CHANGED: dict[Any, Any] = {"200": StyleOut} | dict.fromkeys(("400", "404", "409"), Problem)
PACK = files(PACK_TYPE)


@blueprint.put("/<name>", responses=SAVED | dict.fromkeys(("400", "429", "503"), Problem))
def save_style(path: NewStylePath, body: StyleBody) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Save a preset, or replace the one of that name"""
    context().disks.check()
    check_sharing(body.shared)
    check_change(path.name)
    fetch_pictures(body)
    images = [StyleImage(entry.image, entry.weight, entry.scale) for entry in body.images]
    for i, image in enumerate(images):
        for size in body.warm:
            if errors := style_size_errors(f"images.{i}.scale", [(image, image.scale)], size):
                raise InvalidInput(errors)
            check_style_memory(f"images.{i}.scale", [(image, image.scale)], size, context().registry.capacities())
    sized = [(image, image.scale) for image in images]
    options = body.options.given() if body.options else {}
    check_options(options, sized)
    if body.warm:
        context().queue.check_limits(owner())
    with new_learning("painter.", sized, body.painter) if body.painter else nullcontext() as learning:
        try:
            saved = context().presets.put(
                path.name,
                body.description,
                images,
                also=lambda session, row: _submit_tasks(session, row, body, learning),
                owner=owner(),
                options=options,
                shared=body.shared,
                allowance=request_pictures().allowance,
                check=check_state,
            )
        except UnreadableImage as error:  # its thumbnail can't be made
            raise InvalidInput.field("images", str(error)) from error
    if body.warm or learning:
        context().wake(ENGINE)
    remove_left_files()
    return _saved(*saved)


def _submit_tasks(session: Transaction, row: PresetRow, body: StyleBody, learning: NewLearning | None) -> None:
    """Submit the tasks of a new preset, its warming and its learning, and note them in the preset's row."""
    if body.warm:
        task = WarmTask(StoredStyle(row.name, 1.0, 1.0, row.images), tuple(body.warm))
        job = context().queue.submit_in(session, Submission(new_id(), task, owner(), trace=traceparent()))
        row.warm = Warming(job.id, body.warm)
    if learning is not None:
        row.learning = learning.submit(session, row)


@blueprint.get("", responses={"200": StylePage})
def list_styles(query: PageQuery) -> dict[str, Any]:
    """List presets, in the order of their names"""
    (after,) = from_cursor(query.cursor, str) if query.cursor else ("",)
    found = context().presets.page(after, query.limit + 1)
    rows, cursor = page_of(found, query.limit, lambda row: (row.name,))
    outcomes = _outcomes(rows)
    return {"items": [style_resource(row, outcomes) for row in rows], "next": cursor}


@blueprint.get("/<name>", responses={"200": StyleOut, "404": Problem})
def get_style(path: StylePath) -> dict[str, Any]:
    """Show a preset"""
    row = context().presets.get(path.name)
    return style_resource(row, _outcomes([row]))


@blueprint.patch("/<name>", responses=CHANGED)
def change_style(path: StylePath, body: StyleChanges) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Change a preset's name, description or options

    All of it or nothing. Its pictures, its Gram matrices and its painter stay. 409 if another preset has the name.
    """
    context().disks.check()
    check_sharing(body.shared)
    options = None if body.options is None else body.options.given()

    def check(state: PresetState) -> None:
        check_state(state)
        if options is not None:
            check_options(options, [(image, image.scale) for image in state.images if image.file.blob], state.pack)

    changes = PresetChanges(body.name, body.description, options, body.shared)
    moves_shared = may_change_shared()
    row = change_preset(context().database, path.name, changes, check, caller().tenant, moves_shared=moves_shared)
    return _saved(row, is_new=False)


def _saved(row: PresetRow, is_new: bool) -> tuple[dict[str, Any], int, dict[str, str]]:
    location = {"Location": url_for("styles.get_style", name=row.name)}
    return style_resource(row, _outcomes([row])), 201 if is_new else 200, location


def _outcomes(rows: Sequence[PresetRow]) -> Outcomes:
    """Return the outcomes of the presets' jobs, read in one query."""
    jobs = [row.warm.job for row in rows if row.warm]
    jobs += [job for row in rows for job in (*learning_jobs(row), row.sample) if job]
    return context().queue.outcomes(jobs) if jobs else {}


@blueprint.put("/<name>/pack", responses=SAVED | dict.fromkeys(("409", "415", "429", "503"), Problem))
def save_style_pack(path: NewStylePath, raw: PackRequest) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Save a preset from the pack of another service

    It has the painter that the pack holds, if there is one, at once, and those options that need no pictures.
    """
    context().disks.check()
    check_change(path.name)
    data = raw.get_file(PACK_TYPE)
    context().presets.check_limits(path.name, owner(), len(data))
    with context().long_reads.place(caller().tenant):
        plain, painter, pack = _read_pack(data)
    if pack.model != context().model_sha256():
        raise OtherModel(
            f"its Gram matrices are of the model {pack.model}, this service's is {context().model_sha256()}"
        )
    if painter and painter.record.model != pack.model:
        raise OtherModel(f"its painter learned from the model {painter.record.model}, this service's is {pack.model}")
    options = packed_options(pack)
    saved = context().presets.put_pack(
        path.name, plain, pack, owner=owner(), painter=painter, options=options, check=check_state
    )
    remove_left_files()
    return _saved(*saved)


def _read_pack(data: bytes) -> tuple[bytes, PackedPainter | None, Pack]:
    """Return a pack's file without its painter, the painter, and what the file holds. Raises InvalidInput."""
    try:
        plain, painter = parted(data)
        return plain, painter, Pack.from_bytes(plain, request_pictures().allowance)
    except UnusablePack as error:
        raise InvalidInput.field("pack", str(error)) from error


@blueprint.get("/<name>/pack", responses=PACK | dict.fromkeys(("404", "429", "507"), Problem))
def get_style_pack(path: StylePath) -> Response:
    """The Gram matrices of a preset, and its painter, as one file

    A safetensors file for a ladder of sizes, to be sent to another service. The first time a worker makes it. It
    holds the painter that the preset has, if that learned from the Gram matrices' model. 422 if the preset's pictures
    are too narrow or too large for all of these sizes.
    """
    row = context().presets.get(path.name)
    model = row.pack.model if row.pack else context().model_sha256()
    painter = row.painter if row.painter and row.painter.model == model else None
    said = [row.description, row.options, *([painter.judged] if painter else [])]
    facts = digest(json.dumps(said, sort_keys=True).encode())
    etag = f"{row.version}-{model}-{facts[:16]}" + (f"-{painter.sha256}" if painter else "")

    def data() -> bytes:
        plain = with_facts(_plain_pack(row, model), row.description, row.options or {})
        return joined(plain, context().painters.weights(painter), painter) if painter else plain

    blob = row.pack.blob if row.pack else pack_key(row.version, model)
    response = file(data, PACK_TYPE, etag, REVALIDATE, blob=blob)
    response.headers["Content-Disposition"] = disposition(f"{row.name}.safetensors", "attachment")
    return response


def _plain_pack(row: PresetRow, model: str) -> bytes:
    """Return a preset's Grams as a file, which a worker makes the first time."""

    def find() -> bytes | None:
        return read_pack(context().blobs, row, model)

    task = PackTask(StoredStyle(row.name, 1.0, 1.0, row.images), row.version, row.description, row.thumbnail)
    key = RepeatKey("packs", f"{row.version}-{model}", row.version)
    if found := find():
        return found
    _check_pack_sizes(task)
    return made("the pack", task, key, find)


def _check_pack_sizes(task: PackTask) -> None:
    """Refuse a pack of pictures that fit no size of the ladder, or not its least one into every worker's memory."""
    if not task.sizes:
        words = f"its pictures are too narrow or too large for each size from {LADDER[0]} to {LADDER[-1]}"
        raise InvalidInput.field("name", words)
    check_style_memory("name", task.style.sized(), task.sizes[0], context().registry.capacities())


@blueprint.delete("/<name>", responses={"204": None, "404": Problem})
def delete_style(path: StylePath, query: DeleteStyleQuery) -> tuple[str, int]:
    """Delete a preset

    Transfers that use it are not harmed. It can be had back for a while, as one of its versions. With `?purge=true`
    it is removed for good, with all of its versions and, as soon as no transfer needs them, its files.
    """
    if query.purge == "true":
        context().versions.purge(path.name, check_state)
    else:
        context().presets.delete(path.name, check_state)
    remove_left_files()
    return "", 204


@blueprint.get("/<name>/versions", responses={"200": StyleVersionsOut, "404": Problem})
def list_style_versions(path: StylePath) -> dict[str, Any]:
    """List the former states of a preset, newest first

    What was replaced or deleted is kept as long as an ended transfer is.
    """
    return {"items": [version_resource(row) for row in context().versions.former(path.name)]}


@blueprint.post("/<name>/restore", responses={"200": StyleOut, "400": Problem, "404": Problem})
def restore_style(path: StylePath, body: RestoreBody) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Make a former state of a preset the current one

    The newest one, if the body names none. It has its pictures, pack, painter and options. The current one, if there
    is one, becomes a version itself. One that was shared is shared again, which takes a key that may share.
    """
    row = context().versions.restore(path.name, body.version, check_state)
    remove_left_files()
    return _saved(row, is_new=False)
