"""/v1/styles/{name}/painter: the network that a preset learns."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Response, url_for
from flask_openapi3 import Tag

from service.api.context import context
from service.api.description.media import files
from service.api.description.operations import Operations
from service.api.http.caching import REVALIDATE, file
from service.api.http.disposition import disposition
from service.api.intake.checks import pack_errors
from service.api.intake.learning import new_learning
from service.api.intake.remote_pictures import fetch_pictures
from service.api.intake.submit import check_room
from service.api.live.streams import Shown
from service.api.schemas.parameters import StylePath, WatchHeaders
from service.api.schemas.preset_requests import PainterBody
from service.api.schemas.preset_responses import PainterOut
from service.api.schemas.resources import learning_jobs, learning_progress, learning_statuses, painter_resource
from service.api.schemas.responses import Problem
from service.api.sharing import check_state
from service.api.views.event_stream import EVENTS, event_stream
from service.api.views.on_demand import made
from service.api.views.stored_files import job_preview, remove_left_files
from service.errors import DatabaseError, InvalidInput, NotFound, NotReady
from service.jobs.idempotency import RepeatKey
from service.jobs.links import link
from service.jobs.queue import Queue
from service.jobs.tasks import OnnxTask, following_id
from service.options import TransferOptions
from service.storage.kinds import LEARN
from service.storage.lanes import ENGINE
from service.storage.preset_schema import PresetRow
from service.storage.records import ENDED, PresetPainter
from service.storage.schema import JobRow
from service.storage.stored_files import StoredFile
from service.styles.presets import Presets

blueprint = Operations(
    "painters",
    __name__,
    url_prefix="/v1/styles",
    abp_tags=[Tag(name="painters", description="Networks that presets learn, which paint in one pass.")],
    abp_responses={"404": Problem},
)

NEW: dict[Any, Any] = {"202": PainterOut} | dict.fromkeys(("400", "413", "422", "429", "503"), Problem)
JPEG, ONNX = files("image/jpeg"), files("application/octet-stream")


@blueprint.put("/<name>/painter", responses=NEW)
def learn_painter(path: StylePath, body: PainterBody) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Teach a preset's painter

    A painter is a network that paints in this style in one pass. It learns from pictures that the service draws, and
    from the photographs given. A painter that is there paints until the new one is ready.
    """
    check_room()
    preset = context().presets.own(path.name)
    check_state(preset)
    _check_pack(preset, body.size)
    images = [(image, image.scale) for image in preset.images if image.file.blob]
    fetch_pictures(body)
    with new_learning("", images, body) as learning:
        preset = context().painters.begin(path.name, learning.submit, check_state)
    remove_left_files()  # the painter that the one there replaced
    context().wake(ENGINE)
    here = url_for("painters.get_painter", name=path.name)
    return _shown(preset, context().presets, context().queue), 202, {"Location": here}


@blueprint.get("/<name>/painter", responses={"200": PainterOut})
def get_painter(path: StylePath) -> dict[str, Any]:
    """Show a preset's painter"""
    presets = context().presets
    return _shown(presets.get(path.name), presets, context().queue)


@blueprint.delete("/<name>/painter", responses={"204": None})
def delete_painter(path: StylePath) -> tuple[str, int]:
    """Delete a preset's painter

    Also ends its learning.
    """
    context().painters.remove(path.name, check_state)
    remove_left_files()
    return "", 204


@blueprint.get("/<name>/painter/model", responses=ONNX | dict.fromkeys(("409", "429", "507"), Problem))
def get_painter_model(path: StylePath) -> Response:
    """A preset's painter as an ONNX file

    Its input `photograph` and its output `painting` are N x 3 x H x W, RGB in [0, 1], with free H and W of at least
    16. Its metadata name the preset, the size that it learned for, and the model that it learned from.
    That of a painter that came with a pack is made by a worker the first time.
    """
    preset = context().presets.get(path.name)
    painter = preset.painter
    if painter is None:
        raise NotReady(f"the preset {path.name!r} has no painter yet")
    if not painter.onnx:
        painter = _with_model(preset, painter)
    response = file(
        lambda: context().painters.model(painter),
        "application/octet-stream",
        painter.onnx_sha256,
        REVALIDATE,
        blob=painter.onnx,
    )
    response.headers["Content-Disposition"] = disposition(f"{path.name}.onnx", "attachment")
    return response


def _with_model(preset: PresetRow, painter: PresetPainter) -> PresetPainter:
    """Let a worker make the ONNX file of a painter that came with a pack; return the painter with it."""

    def find() -> PresetPainter | None:
        found = context().presets.get(preset.name).painter
        return found if found and found.onnx else None

    key = RepeatKey("models", painter.blob, painter.sha256)
    task = OnnxTask(StoredFile(painter.blob, painter.sha256), preset.name, preset.version)
    return made("the ONNX file", task, key, find)


@blueprint.get("/<name>/painter/preview", responses=JPEG | {"409": Problem})
def get_painter_preview(path: StylePath) -> Response:
    """Four pictures as the painter paints them now

    A JPEG of 512 pixels at most, while it learns and until the job is no longer kept.
    """
    job = _learning(context().queue, context().presets.get(path.name))
    if job is None or job.preview is None:
        raise NotReady(f"there is no preview of a painter of {path.name!r}")
    id, blob, event = job.id, job.preview.blob, job.preview.event
    # weak: the file may be newer than the row
    return file(lambda: job_preview(id, LEARN, blob), "image/jpeg", f"{id}-{event}", REVALIDATE, weak=True)


@blueprint.get("/<name>/painter/events", responses=EVENTS | {"409": Problem, "503": Problem})
def watch_painter(header: WatchHeaders, path: StylePath) -> Response:
    """Watch a painter while it learns

    A stream of Server-Sent Events as a transfer's: `progress`, `preview` and, at its end, `done` with the painter. A
    `progress` with the status `succeeded` says that it has learned: `done` comes when it is compared as well.
    """
    presets, queue, painter = context().presets, context().queue, link(f"/v1/styles/{path.name}/painter")
    preset = presets.get(path.name)
    job = _learning(queue, preset)
    if job is None:
        raise NotReady(f"the preset {path.name!r} isn't learning")

    def done(row: JobRow) -> dict[str, Any]:
        with suppress(NotFound):  # it may have another name by now
            return _shown(presets.get(path.name), presets, queue)
        return painter_resource(preset, row, None)

    def is_followed(row: JobRow) -> bool:
        try:
            followers = queue.outcomes([following_id(row.id)])
        except DatabaseError:  # it may be back soon
            return True
        return any(outcome.status not in ENDED for outcome in followers.values())

    return event_stream(job, header, Shown(learning_progress, done, lambda row: f"{painter}/preview", is_followed))


def _check_pack(preset: PresetRow, size: int) -> None:
    """Raise InvalidInput for a preset whose pack lacks what a learning computes with."""
    pack, options = preset.pack, TransferOptions(size=size)
    if pack and (errors := pack_errors("name", pack, options, context().model_sha256())):
        raise InvalidInput(errors)


def _shown(preset: PresetRow, presets: Presets, queue: Queue) -> dict[str, Any]:
    """Return the painter of a preset as JSON."""
    job, (_, comparison) = _learning(queue, preset), learning_statuses(preset, queue.outcomes(learning_jobs(preset)))
    if comparison in ENDED:  # its end enters the losses, and adds its cost to the learning's: read again
        job = _learning(queue, preset)
    with suppress(NotFound):
        preset = presets.get(preset.name)
    return painter_resource(preset, job, comparison)


def _learning(queue: Queue, preset: PresetRow) -> JobRow | None:
    """Return the newest learning of a preset while its job is kept."""
    if preset.learning is not None:
        with suppress(NotFound):
            return queue.get(preset.learning, LEARN)
    return None
