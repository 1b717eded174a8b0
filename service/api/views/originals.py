"""Pictures as they were sent: content and style images of transfers and presets."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Response

from service.api.description.media import files
from service.api.http.caching import FOREVER, file
from service.api.http.disposition import disposition
from service.decoding.formats import media_type_of
from service.pictures.formats import MEDIA_TYPES
from service.storage.stored_files import StoredImage

ORIGINAL = files(*MEDIA_TYPES.values())


def original(image: StoredImage, read: Callable[[], bytes], rule: str = FOREVER) -> Response:
    """Return the response with an image's file, byte for byte as it was sent."""
    response = file(read, "", image.sha256, rule, blob=image.blob)
    if response.status_code == HTTPStatus.OK:
        response.mimetype = media_type_of(response.get_data())
    response.headers["X-Content-Type-Options"] = "nosniff"
    if image.name:
        response.headers["Content-Disposition"] = disposition(image.name)
    return response
