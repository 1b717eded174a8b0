"""Request bodies: JSON, or the same JSON as a part of multipart/form-data beside the files it names."""

from __future__ import annotations

import json
from typing import Any

from flask import Request

from service.errors import MalformedBody, UnsupportedMediaType

PART = "request"


class ApiRequest(Request):
    """A request whose body is a JSON object, whichever way it came."""

    def get_json(self, *args: Any, **kwargs: Any) -> Any:
        """The body's JSON object; unlike Flask's, never silent about what is wrong with it.

        Raises:
            UnsupportedMediaType: neither JSON nor multipart/form-data.
            MalformedBody: not JSON, or not an object.
        """
        if self.mimetype == "multipart/form-data":
            text: str | bytes | None = self.form.get(PART)
            if text is None:
                raise MalformedBody(f"the form has no part {PART!r} with the request's JSON")
        elif self.is_json:
            text = self.get_data()
        else:
            raise UnsupportedMediaType("send application/json, or multipart/form-data with a part 'request'")
        return _object(text)


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise MalformedBody("the body must be a JSON object")
    return body
