"""/v1/styles/{name}/image and the like: the pictures of presets."""

from __future__ import annotations

from contextlib import suppress

from flask import Response
from flask_openapi3 import Tag

from service.api.auth import caller
from service.api.context import context
from service.api.description.media import files as media
from service.api.description.operations import Operations
from service.api.http.caching import REVALIDATE, file
from service.api.intake.request_pictures import request_pictures
from service.api.schemas.parameters import StyleImagePath, StylePath
from service.api.schemas.responses import Problem
from service.api.views.originals import ORIGINAL, original
from service.api.views.stored_files import unread_picture
from service.errors import NotFound
from service.pictures.images import digest
from service.storage.kinds import TRANSFER
from service.storage.readback import read_back
from service.styles.preset_files import read_thumbnail
from service.styles.starters.loading import BY_NAME, is_built_in

blueprint = Operations(
    "style_pictures",
    __name__,
    url_prefix="/v1/styles",
    abp_tags=[Tag(name="styles", description="Presets: styles saved under a name.")],
    abp_responses={"422": Problem},
)

THUMBNAIL = media("image/jpeg")
PAINTED = media("image/jpeg", "image/webp")


@blueprint.get("/<name>/image", responses=THUMBNAIL | {"404": Problem})
def get_style_thumbnail(path: StylePath) -> Response:
    """A thumbnail of a preset"""
    row = context().presets.get(path.name)
    # not FOREVER: the preset can get another picture
    return file(lambda: read_thumbnail(context().blobs, row), "image/jpeg", row.version, REVALIDATE)


@blueprint.get("/<name>/painted", responses=PAINTED | {"404": Problem})
def get_style_painted(path: StylePath) -> Response:
    """A photograph painted in a preset, small

    For the service's own presets one that comes with it. For others the picture of the first transfer with the preset
    alone, as long as that transfer is kept; 404 until there is one.
    """
    row = context().presets.get(path.name)
    if is_built_in(row):
        picture = BY_NAME[row.name].painted.read_bytes()
        return file(lambda: picture, "image/webp", digest(picture), REVALIDATE)
    sample, painted = row.sample or "", None
    with suppress(NotFound):
        painted = context().queue.get(sample, TRANSFER).transfer_result
    if painted is None:
        raise NotFound(f"there is no picture that was painted in {path.name!r} yet, or it is gone")

    def thumbnail() -> bytes:
        picture = unread_picture(sample, painted.pictures[0])
        return context().conversions.thumbnail(picture, caller().tenant, request_pictures().allowance)

    return file(thumbnail, "image/jpeg", sample, REVALIDATE)  # not FOREVER: the preset can get another picture


@blueprint.get("/<name>/images/<index>", responses=ORIGINAL | {"404": Problem})
def get_style_picture(path: StyleImagePath) -> Response:
    """A style image of a preset, as it was sent

    A preset that came as a pack has none.
    """
    row = context().presets.get(path.name)
    if path.index >= len(row.images) or not row.images[path.index].file.blob:
        raise NotFound(f"the preset {path.name!r} has no picture {path.index}")
    image = row.images[path.index].file
    # not FOREVER: the preset can get other pictures
    return original(image, lambda: read_back(context().blobs, image.blob, image.sha256), REVALIDATE)
