"""Pictures as they were sent: content and style images of transfers and presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from service.api.caching import FOREVER
from service.api.parts import parts
from service.images import SENT_TYPES, media_type_of

BINARY = {"schema": {"type": "string", "format": "binary"}}
ORIGINAL: dict[Any, Any] = {"200": {"content": dict.fromkeys(SENT_TYPES, BINARY)}}


def original(image: Mapping[str, Any], cache_control: str = FOREVER) -> Response:
    """The file of an image that a row speaks of, byte for byte."""
    data = parts().blobs.get(image["blob"])
    response = Response(data, mimetype=media_type_of(data))
    response.set_etag(image["sha256"])
    response.headers["Cache-Control"] = cache_control
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response.make_conditional(request)  # type: ignore[return-value]
