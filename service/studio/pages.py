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
}
CHECKED = "no-cache"  # may be cached, but is checked each time: an upgrade shows at once
KEPT = "public, max-age=31536000, immutable"  # isn't asked for again: other bytes have another address

blueprint = Blueprint("studio", __name__)


@dataclass(frozen=True)
class StaticFile:
    """A file of the page; `digest` is the SHA-256 of its bytes, so that each version has its own ETag."""

    data: bytes
    media_type: str
    digest: str

    @classmethod
    def of(cls, data: bytes, suffix: str) -> StaticFile:
        return cls(data, MEDIA_TYPES[suffix], hashlib.sha256(data).hexdigest())

    def response(self, cache_control: str) -> Response:
        response = Response(self.data, mimetype=self.media_type, headers=HEADERS | {"Cache-Control": cache_control})
        response.set_etag(self.digest)
        return response.make_conditional(request)  # type: ignore[return-value]


def _read_all() -> dict[str, StaticFile]:
    """Return the files by their paths below the folder. They are few and small, so memory holds them."""
    return {
        path.relative_to(FOLDER).as_posix(): StaticFile.of(path.read_bytes(), path.suffix)
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
    return StaticFile.of("\n".join([*lines, ""]).encode(), ".js")


FILES = _read_all() | {"js/service.js": _service_module()}
VERSION = hashlib.sha256("".join(FILES[name].digest for name in sorted(FILES)).encode()).hexdigest()[:16]
_page = StaticFile.of(FILES[PAGE].data.replace(b'="studio/', f'="studio/{VERSION}/'.encode()), ".html")


@blueprint.get("/")
def page() -> Response:
    """Send the page, which names its files with their version."""
    return _page.response(CHECKED)


@blueprint.get("/studio/<version>/<path:name>")
def file(version: str, name: str) -> Response:
    """Send one of the page's files. Raises NotFound for other names.

    During an upgrade of several servers a page of another version may ask: it gets this version's file, which
    browsers check each time.
    """
    if name not in FILES:
        raise NotFound(f"the studio has no file {name!r}")
    return FILES[name].response(KEPT if version == VERSION else CHECKED)
