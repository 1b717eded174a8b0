"""Request bodies: JSON, or the same JSON as a part of multipart/form-data beside the files it names."""

from __future__ import annotations

import json
from typing import Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from service.errors import MalformedBody, UnsupportedMediaType

PART = "request"
PACK_TYPE = "application/octet-stream"


class ApiRequest(Request):
    """A request whose body is a JSON object, whichever way it came."""

    def get_json(self, *args: Any, **kwargs: Any) -> Any:
        """The body's JSON object; unlike Flask's, never silent about what is wrong with it.

        Raises:
            UnsupportedMediaType: neither JSON nor multipart/form-data.
            MalformedBody: not JSON, or not an object.
        """
        self._check_body()
        if self.mimetype == "multipart/form-data":
            return _object(self._json_part())
        if self.is_json:
            return _object(self.get_data())
        raise UnsupportedMediaType("send application/json, or multipart/form-data with a part 'request'")

    def get_file(self, media_type: str) -> bytes:
        """The body, which is one file of this type.

        Raises:
            UnsupportedMediaType: it isn't.
        """
        if self.mimetype != media_type:
            raise UnsupportedMediaType(f"send the file as {media_type}")
        self._check_body()
        return self.get_data()

    def _check_body(self) -> None:
        if self.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaType("send the body as it is, without Content-Encoding")
        if self.content_length is None:
            self._check_length(len(self.get_data()))

    def _check_length(self, length: int) -> None:
        # A body in chunks says its length at its end alone, and is cut at the limit without an error.
        if self.max_content_length is not None and length >= self.max_content_length:
            raise RequestEntityTooLarge

    def _json_part(self) -> str | bytes:
        if PART in self.files:
            return self.files[PART].stream.read()
        if PART not in self.form:
            raise MalformedBody(f"the form has no part {PART!r} with the request's JSON")
        return self.form[PART]


class PackRequest(ApiRequest):
    """A request whose body is a pack; a view that takes it as `raw` says so in the API's description."""

    mimetypes = (PACK_TYPE,)


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise MalformedBody("the body must be a JSON object")
    return body
