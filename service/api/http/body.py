"""Request bodies: JSON, or the same JSON as a part of multipart/form-data beside the files that it names."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import IO, Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from service.api.http.form import PART, FormParser
from service.api.http.json_body import MAX_JSON, read_object
from service.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType, shown

MAX_PARTS = 600  # of a form: 500 contents of a batch, and the pictures of its recipe
MAX_PART_NAME = 100  # characters
PACK_TYPE = "application/octet-stream"


class ApiRequest(Request):
    """A request whose body is a JSON object, as JSON or as a part of a form."""

    form_data_parser_class = FormParser

    def get_json(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body's JSON object, an empty one if there is neither a body nor a media type.

        None if there is a media type alone: what that means depends on the operation (WholeBody).

        Raises:
            UnsupportedMediaType: it is neither JSON nor multipart/form-data.
            MalformedBody: it is not JSON, or not an object.
            BodyTooLarge: without its pictures it is larger than any request needs.
        """
        self._check_body()
        if self.mimetype == "multipart/form-data":
            return read_object(self._json_part())
        if self.is_json:
            data = self.get_data()
            return read_object(data) if data else None
        if not self.mimetype and not self.get_data():
            return {}
        raise UnsupportedMediaType("send application/json, or multipart/form-data with a part 'request'")

    def get_file(self, media_type: str) -> bytes:
        """Return the body, which is one file of this media type.

        Raises:
            UnsupportedMediaType: it has another media type.
        """
        if self.mimetype != media_type:
            raise UnsupportedMediaType(f"send the file as {media_type}")
        self._check_body()
        return self.get_data()

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        """Keep a form's files in memory, as their body is already: there may be no place for temporary files."""
        return BytesIO()

    def _check_body(self) -> None:
        if self.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaType("send the body as it is, without Content-Encoding")
        # Our web server passes on every body with its length. From another one, werkzeug may cut a body at the limit.
        limit = self.max_content_length
        if self.content_length is None and limit is not None and len(self.get_data()) >= limit:
            raise RequestEntityTooLarge

    def _json_part(self) -> bytes:
        """Return the form's part that holds the JSON. Raises MalformedBody, BodyTooLarge."""
        _check_parts([*self.form.items(multi=True), *self.files.items(multi=True)])
        if PART in self.files:
            part = self.files[PART].stream.read(MAX_JSON + 1)
        elif PART in self.form:
            part = self.form[PART].encode("utf-8", "surrogateescape")
        else:
            raise MalformedBody(f"the form has no part {PART!r} with the request's JSON")
        if len(part) > MAX_JSON:
            raise BodyTooLarge(
                f"the form's part {PART!r} is larger than {MAX_JSON / 2**20:g} MiB: send files as parts"
            )
        return part


class PackRequest(ApiRequest):
    """A request whose body is a pack. The description of a view gets `mimetypes` from its parameter `raw`."""

    mimetypes = (PACK_TYPE,)


def _check_parts(parts: Sequence[tuple[str | None, object]]) -> None:
    """Raise MalformedBody for a part that comes twice, has no usable name, or is a text beside the JSON."""
    seen: set[str] = set()
    for given, content in parts:
        name = given or ""  # None where its Content-Disposition can't be read
        if not name or len(name) > MAX_PART_NAME or not name.isprintable():
            raise MalformedBody(
                f"the form's part {shown(name)} has no name of 1 to {MAX_PART_NAME} printable characters"
            )
        if name in seen:
            raise MalformedBody(f"the form has the part {shown(name)} twice")
        if isinstance(content, str) and name != PART:
            raise MalformedBody(
                f"the form's part {shown(name)} is no file: it has neither a file name nor a media type"
            )
        seen.add(name)
