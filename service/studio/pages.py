"""The studio's page at /, and the files that it is made of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, request

from service.errors import NotFound
from service.options import OPTIONS, TransferOptions
from service.pictures import formats
from service.pictures.sizes import MAX_PIXELS

FOLDER = Path(__file__).parent / "static"
PAGE = "index.html"
MEDIA_TYPES = {  # not the machine's table, which on some machines has another type for .js
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # may be cached, but is checked each time: an upgrade shows at once
}

blueprint = Blueprint("studio", __name__)


@dataclass(frozen=True)
class StaticFile:
    """A file of the page; `digest` is the SHA-256 of its bytes, so that each version has its own ETag."""

    data: bytes
    media_type: str
    digest: str

    @classmethod
    def read(cls, path: Path) -> StaticFile:
        data = path.read_bytes()
        return cls(data, MEDIA_TYPES[path.suffix], hashlib.sha256(data).hexdigest())


def _read_all() -> dict[str, StaticFile]:
    """Return the files by their paths below the folder. They are few and small, so memory holds them."""
    return {
        path.relative_to(FOLDER).as_posix(): StaticFile.read(path)
        for path in FOLDER.rglob("*")
        if path.suffix in MEDIA_TYPES
    }


def _service_module() -> StaticFile:
    """Return a JavaScript module with the service's formats and defaults, so that the page doesn't repeat them."""
    types = [formats.MEDIA_TYPES[name] for name in formats.READABLE]
    starts = [[start.hex(), formats.MEDIA_TYPES[name]] for name, known in formats.STARTS.items() for start in known]
    sizes = [OPTIONS["size"].metadata[bound] for bound in ("low", "high")]
    lines = [
        "// Made by service/studio/pages.py: what this service takes.",
        f"export const OPTION_DEFAULTS = Object.freeze({json.dumps(TransferOptions().as_dict())});",
        f"export const SIZES = Object.freeze({json.dumps(sizes)});",
        f"export const PICTURE_TYPES = Object.freeze({json.dumps(types)});",
        f"export const MAX_PIXELS = {MAX_PIXELS};",
        f"export const PICTURE_STARTS = Object.freeze({json.dumps(starts)});",
    ]
    data = "\n".join([*lines, ""]).encode()
    return StaticFile(data, MEDIA_TYPES[".js"], hashlib.sha256(data).hexdigest())


FILES = _read_all() | {"js/service.js": _service_module()}


@blueprint.get("/")
def page() -> Response:
    return file(PAGE)


@blueprint.get("/studio/<path:name>")
def file(name: str) -> Response:
    """Send one of the page's files. Raises NotFound for other names."""
    if name not in FILES:
        raise NotFound(f"the studio has no file {name!r}")
    found = FILES[name]
    response = Response(found.data, mimetype=found.media_type, headers=HEADERS)
    response.set_etag(found.digest)
    return response.make_conditional(request)  # type: ignore[return-value]
