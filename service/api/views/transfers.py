"""/v1/transfers: jobs that paint pictures, with their pictures and files."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request, url_for
from flask_openapi3 import Tag

from service.api.auth import caller, owner
from service.api.context import context
from service.api.description.media import files
from service.api.description.operations import Operations
from service.api.http.caching import FOREVER, REVALIDATE, file
from service.api.http.disposition import disposition
from service.api.http.negotiation import preferred
from service.api.http.paging import from_cursor, page_of
from service.api.intake.intake import take_in
from service.api.intake.request_pictures import request_pictures
from service.api.intake.samples import note_sample
from service.api.intake.submit import repeat_key, repeated, submitted
from service.api.live.waiting import preferred_wait
from service.api.schemas.parameters import (
    ImageQuery,
    NewJobHeaders,
    TransferFilePath,
    TransferPath,
    TransfersQuery,
    TransferStylePath,
)
from service.api.schemas.requests import TransferBody
from service.api.schemas.resources import file_resource
from service.api.schemas.responses import Problem, TransferFilesOut, TransferOut, TransferPage
from service.api.views.awaited import awaited
from service.api.views.messages import messages_in, messages_of, with_messages
from service.api.views.originals import ORIGINAL, original
from service.api.views.queue_places import queue_in, queue_of
from service.api.views.stored_files import (
    delete_job,
    job_preview,
    picture_of,
    result_of,
    transfer_file,
    unread_picture,
)
from service.errors import InvalidInput, MissingFile, NotFound
from service.jobs.idempotency import RepeatKey
from service.jobs.input_pictures import files_of
from service.jobs.queue import Submission
from service.jobs.request import TransferRequest, job_folder
from service.jobs.resource import transfer_resource
from service.jobs.result_names import picture_name, sheet_name
from service.outbound.hosts import WEBHOOKS
from service.pictures.images import FORMATS, MEDIA_TYPES
from service.pictures.style_image import heaviest
from service.storage.kinds import TRANSFER
from service.storage.records import ENDED, PaintedPicture
from service.storage.schema import JobRow
from service.storage.stored_files import StoredFile, StoredImage

blueprint = Operations(
    "transfers",
    __name__,
    url_prefix="/v1/transfers",
    abp_tags=[Tag(name="transfers", description="Jobs that paint a content image in a style.")],
    abp_responses={"422": Problem},
)

NEW: dict[Any, Any] = {"200": TransferOut} | dict.fromkeys(("400", "413", "429", "503"), Problem)
JPEG = files("image/jpeg")
PICTURE = files(*MEDIA_TYPES.values())


@blueprint.post("", responses=NEW | {"202": TransferOut})
def create_transfer(header: NewJobHeaders, body: TransferBody) -> tuple[Response, int]:
    """Submit a transfer

    202 with the job. With `Prefer: wait=N` the response waits up to N seconds, and is 200 if the job ends in time.
    """
    key = repeat_key(header, body)
    job = repeated(key) or submitted(lambda id, room: _submission(id, body, key, room))
    note_sample(job)
    seconds, waited = preferred_wait(header.prefer), False
    if seconds is not None:
        job, waited = awaited(job, seconds)
    response = jsonify(_resource(job))
    response.headers["Location"] = url_for("transfers.get_transfer", id=job.id)
    if waited:
        response.headers["Preference-Applied"] = f"wait={seconds:g}"
    return response, 200 if job.status in ENDED else 202


def _submission(id: str, body: TransferBody, key: RepeatKey | None, room: float) -> Submission:
    taken = take_in(id, body, context(), room)
    return Submission(
        id,
        taken.request,
        owner(),
        body.priority,
        body.deadline_s,
        body.callback_url,
        body.deliver.model_dump() if body.deliver else None,
        key,
        files=taken.files,
    )


@blueprint.get("", responses={"200": TransferPage})
def list_transfers(query: TransfersQuery) -> dict[str, Any]:
    """List transfers, newest first"""
    before = from_cursor(query.cursor, float, str) if query.cursor else None
    found = context().queue.page(query.status, before, query.limit + 1)
    rows, cursor = page_of(found, query.limit, lambda row: (row.created_at, row.id))
    places, pictures = context().line.places(rows), context().deliveries.of_pictures(rows)
    callbacks = context().deliveries.of_jobs([row.id for row in rows if row.callback_url])
    items = [
        transfer_resource(row, wanted)
        | {"queue": queue_in(places, row)}
        | messages_in(row, callbacks.get(row.id), pictures)
        for row, wanted in context().queue.with_requests(rows)
    ]
    return {"items": items, "next": cursor}


@blueprint.get("/<id>", responses={"200": TransferOut, "404": Problem})
def get_transfer(path: TransferPath) -> dict[str, Any]:
    """Show a transfer"""
    job = context().queue.get(path.id, TRANSFER)
    return transfer_resource(job) | messages_of(job, context().deliveries) | {"queue": queue_of(job)}


def _resource(job: JobRow) -> dict[str, Any]:
    """Return a transfer with its messages and its place in the queue."""
    return with_messages(job, context().deliveries) | {"queue": queue_of(job)}


@blueprint.get("/<id>/image", responses=PICTURE | dict.fromkeys(("404", "406", "409"), Problem))
def get_transfer_image(path: TransferPath, query: ImageQuery) -> Response:
    """The picture, or one of the variants

    As it was made, or as PNG, JPEG or WebP if `Accept` prefers that. A variant that is named can be had as soon as it
    is finished, and stays if the transfer fails or is canceled; the picture without a name once the transfer has
    succeeded.
    """
    job = context().queue.get(path.id, TRANSFER)
    picture = picture_of(job, query.variant)
    media_type = preferred(request.headers.get("Accept", ""), picture.media_type)
    if media_type == picture.media_type:
        response = _file(path.id, picture, media_type)
    else:
        response = _transcoded(path.id, query.variant or 0, picture, media_type)
    if job.status not in ENDED:  # a file that is found damaged until then is painted again
        response.headers["Cache-Control"] = REVALIDATE
    response.vary.add("Accept")
    name = picture_name(TransferRequest.of(job), query.variant or 0, FORMATS.get(media_type, "png"))
    response.headers["Content-Disposition"] = disposition(name)
    return response


@blueprint.get("/<id>/content", responses=ORIGINAL | {"404": Problem})
def get_transfer_content(path: TransferPath) -> Response:
    """The content image of a transfer, as it was sent"""
    image = _request_of(path.id).content
    if not image.blob:
        raise NotFound("there is no content: it could not be read, and the transfer of a batch failed with it")
    return original(image, lambda: transfer_file(path.id, image))


@blueprint.get("/<id>/styles/<index>", responses=ORIGINAL | {"404": Problem})
def get_transfer_style(path: TransferStylePath) -> Response:
    """A style image of a transfer, as it was sent

    For an entry that is a preset, its picture with the largest weight.
    """
    styles = _request_of(path.id).base.styles
    pictures = styles[path.index].images if path.index < len(styles) else ()
    if not pictures or not pictures[0].file.blob:
        raise NotFound(f"there is no picture of a style {path.index}: there are {len(styles)} styles, counted from 0")
    image = heaviest(pictures).file
    return original(image, lambda: _style_file(path.id, image))


def _style_file(id: str, image: StoredImage) -> bytes:
    """Return a style's picture; a preset's picture may be gone with the preset. Raises NotFound."""
    try:
        return transfer_file(id, image)
    except MissingFile as error:
        if image.blob.startswith(f"{job_folder(id)}/"):
            raise
        raise NotFound("the picture was a preset's, and is gone with it") from error


@blueprint.get("/<id>/files", responses={"200": TransferFilesOut, "404": Problem})
def list_transfer_files(path: TransferPath) -> dict[str, Any]:
    """List the pictures of a transfer's request

    Content, style images, masks and initial images, each with its place in the request. Those of a preset are the
    pictures that it had then.
    """
    return {"items": [file_resource(path.id, picture) for picture in files_of(_request_of(path.id))]}


@blueprint.get("/<id>/files/<sha256>", responses=ORIGINAL | {"404": Problem})
def get_transfer_file(path: TransferFilePath) -> Response:
    """One of the pictures of a transfer's request, as it was sent"""
    found = (picture.image for picture in files_of(_request_of(path.id)))
    image = next((image for image in found if image.sha256 == path.sha256 and image.blob), None)
    if image is None:
        raise NotFound("the transfer has no such picture")
    return original(image, lambda: _style_file(path.id, image))


@blueprint.get("/<id>/sheet", responses=JPEG | {"404": Problem, "409": Problem})
def get_transfer_sheet(path: TransferPath) -> Response:
    """The contact sheet of a transfer with variants

    The content image and all variants, small and labelled.
    """
    sheet = result_of(context().queue.get(path.id, TRANSFER)).sheet
    if sheet is None:
        raise NotFound("a transfer without variants has no sheet")
    if sheet.sha256:
        response = _file(path.id, sheet, "image/jpeg")
    else:  # a row of an earlier version holds no digest
        response = file(lambda: job_preview(path.id, TRANSFER, sheet.blob), "image/jpeg", sheet.blob, FOREVER)
    response.headers["Content-Disposition"] = disposition(sheet_name(_request_of(path.id)))
    return response


def _transcoded(id: str, variant: int, picture: PaintedPicture, media_type: str) -> Response:
    """Return the response with a picture in another format than it was made in."""
    format = FORMATS[media_type]
    quality = _request_of(id).paintings[variant].options.quality

    def converted() -> bytes:
        allowance, tenant = request_pictures().allowance, caller().tenant
        return context().conversions.converted(unread_picture(id, picture), format, quality, tenant, allowance)

    return file(converted, media_type, f"{picture.sha256}-{format}", FOREVER)


def _request_of(id: str) -> TransferRequest:
    """Return the request of a transfer. Raises NotFound."""
    return TransferRequest.of(context().queue.get(id, TRANSFER))


def _file(id: str, stored: StoredFile, media_type: str) -> Response:
    """Return the response with a file that never changes."""
    return file(lambda: transfer_file(id, stored), media_type, stored.sha256, FOREVER, blob=stored.blob)


@blueprint.post("/<id>/cancel", responses={"202": TransferOut, "404": Problem})
def cancel_transfer(path: TransferPath) -> tuple[dict[str, Any], int]:
    """Cancel a transfer

    It is no error if it has ended, or was canceled before.
    """
    context().queue.get(path.id, TRANSFER)
    return _resource(context().queue.cancel(path.id)), 202


@blueprint.post("/<id>/callback", responses={"202": TransferOut, "404": Problem, "409": Problem})
def send_transfer_callback(path: TransferPath) -> tuple[dict[str, Any], int]:
    """Send the webhook of a transfer again

    Under the same `webhook-id` and within a minute, whether it was delivered or not. `callback` of the transfer says
    what becomes of it. 409 while the transfer has not ended, 422 if it has no `callback_url` that is allowed.
    """
    job = context().queue.get(path.id, TRANSFER)
    if job.callback_url is None:
        raise InvalidInput.field(WEBHOOKS.field, "the transfer was submitted without one, so it has no webhook")
    context().webhook_hosts.check_url(job.callback_url)
    return _resource(context().queue.call_back(job.id)), 202


@blueprint.delete("/<id>", responses={"204": None, "404": Problem})
def delete_transfer(path: TransferPath) -> tuple[str, int]:
    """Cancel a transfer, and remove it and its files"""
    delete_job(path.id, TRANSFER)
    return "", 204
