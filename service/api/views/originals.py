"""Pictures as they were sent: content and style images of transfers and presets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Response

from service.api.description.media import files
from service.api.http.caching import FOREVER, file
from service.pictures.images import SENT_TYPES, media_type_of

ORIGINAL = files(*SENT_TYPES)


def original(image: Mapping[str, Any], read: Callable[[], bytes], rule: str = FOREVER) -> Response:
    """Return the response with an image's file, byte for byte as it was sent; `image` is its entry in a row."""
    response = file(read, "", image["sha256"], rule)
    if response.status_code == HTTPStatus.OK:
        response.mimetype = media_type_of(response.get_data())
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
