"""/v1/transfers/{id}/events and /preview: a transfer while it runs."""

from __future__ import annotations

from functools import partial

from flask import Response
from flask_openapi3 import Tag

from service.api.context import context
from service.api.description.media import files
from service.api.description.operations import Operations
from service.api.http.caching import REVALIDATE, file
from service.api.live.streams import Shown
from service.api.schemas.parameters import TransferPath, WatchHeaders
from service.api.schemas.responses import Problem
from service.api.views.event_stream import EVENTS, event_stream
from service.api.views.messages import with_messages
from service.api.views.stored_files import job_preview
from service.errors import NotReady
from service.storage.kinds import TRANSFER

blueprint = Operations(
    "live",
    __name__,
    url_prefix="/v1/transfers",
    abp_tags=[Tag(name="transfers")],
    abp_responses={"404": Problem},
)

JPEG = files("image/jpeg")


@blueprint.get("/<id>/events", responses=EVENTS | {"503": Problem})
def watch_transfer(header: WatchHeaders, path: TransferPath) -> Response:
    """Watch a transfer

    A stream of Server-Sent Events: `progress`, `preview` and, at its end, `done` with the whole transfer. `Last-
    Event-ID` resumes it: the newest states are always sent, those in between may be left out. 204 if nothing is left
    to send, which also keeps an EventSource from reconnecting.
    """
    shown = Shown(done=partial(with_messages, deliveries=context().deliveries))
    return event_stream(context().queue.get(path.id, TRANSFER), header, shown)


@blueprint.get("/<id>/preview", responses=JPEG | {"409": Problem})
def get_transfer_preview(path: TransferPath) -> Response:
    """The newest preview of a transfer

    A JPEG of 512 pixels at most. A canceled transfer keeps its last one.
    """
    job = context().queue.get(path.id, TRANSFER)
    if job.preview is None:
        raise NotReady(f"there is no preview: the transfer is {job.status}")
    blob, event = job.preview.blob, job.preview.event
    # weak: the file may be newer than the row
    return file(lambda: job_preview(path.id, TRANSFER, blob), "image/jpeg", str(event), REVALIDATE, weak=True)
