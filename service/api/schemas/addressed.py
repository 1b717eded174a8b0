"""Images that a body names by their address; service.api.intake.remote_pictures fetches them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from service.api.context import context
from service.api.schemas.invalid import invalid
from service.errors import InvalidInput
from service.pictures.file_names import safe_name
from service.pictures.images import ImageFile

_PICTURE = re.compile(r"[^/]{1,200}\.(?:png|jpe?g|webp|gif|bmp|avif|heic|heif|tiff?)", re.IGNORECASE)


@dataclass(frozen=True)
class AddressedImage(ImageFile):
    """An image that isn't fetched yet: it has a URL, and no bytes."""

    url: str = ""


def read_addressed(value: dict[str, object]) -> AddressedImage:
    """Return the image of `{"url": …}`, perhaps with a `name`. Raises PydanticCustomError if it isn't allowed."""
    url, name = value["url"], value.get("name", "")
    if set(value) - {"url", "name"} or not isinstance(url, str) or not isinstance(name, str):
        raise invalid('as an address it must be {"url": "https://…"}, perhaps with "name": file name')
    try:
        context().fetches.check(url)
    except InvalidInput as error:
        raise invalid(error.errors[0].msg) from None
    return AddressedImage(b"", 0, 0, "", safe_name(name) or name_in(url), url)


def name_in(url: str) -> str:
    """Return the name of the picture's file, if the URL's path ends in one; else that may be a secret."""
    try:
        last = unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:  # it isn't a URL
        return ""
    return safe_name(last) if _PICTURE.fullmatch(last) else ""
