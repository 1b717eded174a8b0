"""Requests that the service refuses, each for another reason, with bodies of any size."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
BOUNDARY = "refused"
HEADER = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)


@dataclass(frozen=True)
class Refused:
    """A request that is refused with `status` by a service with `settings`, as in `caller_limit=1`."""

    status: int
    body: Callable[[int], bytes]
    path: str = "/v1/transfers"
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": JSON})
    settings: dict[str, Any] = field(default_factory=dict)


def picture(bytes: int = 100) -> str:
    """Return base64 of a good picture of 8 x 8 pixels whose file has about so many bytes."""
    pixels = zlib.compress(b"".join(b"\0" + bytes_ for bytes_ in [b"\x80" * 8] * 8))
    chunks = [(b"IHDR", HEADER), (b"prVt", b"\0" * max(bytes - 100, 0)), (b"IDAT", pixels), (b"IEND", b"")]
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _large(size: int) -> str:
    """Return a good picture whose base64 has `size` bytes."""
    return picture(size * 3 // 4)


def _transfer(**fields: Any) -> Callable[[int], bytes]:
    """Return a transfer's body with a large, good content image and with these fields, which are wrong."""
    return lambda size: _json({"content": _large(size), "styles": [{"image": picture()}]} | fields)


def _text(name: str, text: str) -> Callable[[int], bytes]:
    """Return a transfer's body with one large text: `text` with its last letter repeated."""
    return lambda size: _json({"content": picture(), "styles": [{"image": picture()}], name: text + text[-1] * size})


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


def _preset(**fields: Any) -> Callable[[int], bytes]:
    return lambda size: _json({"images": [{"image": _large(size)}]} | fields)


def _form(request: dict[str, Any], name: str = "request") -> Callable[[int], bytes]:
    """Return a form whose file part `photo` is large."""

    def body(size: int) -> bytes:
        part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{json.dumps(request)}\r\n'
        file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="p"\r\n\r\n'
        return (part + file).encode() + b"\0" * size + f"\r\n--{BOUNDARY}--\r\n".encode()

    return body


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
STYLES = [{"image": picture()}]
PUT: dict[str, Any] = {"path": "/v1/styles/refused", "method": "PUT"}
KINDS: dict[str, Refused] = {
    "content: not base64": Refused(422, _text("content", "!")),
    "content: no picture": Refused(422, _text("content", "A")),
    "content: a wrong data: URL": Refused(422, _text("content", "data:image/png,A")),
    "content: an http URL": Refused(422, _text("content", "https://a")),
    "content: file: in JSON": Refused(422, _text("content", "file:a")),
    "init: no picture": Refused(422, _text("init", "A")),
    "init.job: no id": Refused(422, lambda size: _transfer(init={"job": "a" * size})(100)),
    "init: unknown fields": Refused(422, _transfer(init={"job": "a", "jobs": "b"})),
    "init: another transfer that isn't there": Refused(422, _transfer(init={"job": "a"})),
    "styles: all weights 0": Refused(422, _transfer(styles=[{"image": picture(), "weight": 0}])),
    "styles: preset and image": Refused(422, _transfer(styles=[{"image": picture(), "preset": "a"}])),
    "styles: a preset that isn't there": Refused(422, _transfer(styles=[{"preset": "nowhere"}])),
    "styles: a preset's name": Refused(422, _transfer(styles=[{"preset": "A B"}])),
    "styles: missing": Refused(422, lambda size: _json({"content": _large(size)})),
    "variants: not base64": Refused(422, _transfer(variants=[{"init": "!"}])),
    "style_layers: no such layer": Refused(422, _transfer(style_layers={"relu9_9": 1.0})),
    "unknown field": Refused(422, _transfer(zoom=1)),
    "unknown field, large": Refused(422, _text("zoom", "A")),
    "wrong type": Refused(422, _transfer(size="512")),
    "out of range": Refused(422, _transfer(size=5)),
    "preset: description": Refused(422, _preset(description="\0"), **PUT),
    "preset: warm": Refused(422, _preset(warm=[7]), **PUT),
    "preset: all weights 0": Refused(422, lambda n: _json({"images": [{"image": _large(n), "weight": 0}]}), **PUT),
    "score: unknown field": Refused(422, _transfer(image=picture(), zoom=1), path="/v1/scores"),
    "JSON: cut short": Refused(400, lambda size: _transfer()(size)[:-1]),
    "JSON: a list": Refused(400, lambda size: _json([_large(size)])),
    "form: no picture": Refused(422, _form({"content": "file:photo", "styles": STYLES}), headers=FORM),
    "form: no such part": Refused(422, _form({"content": "file:foto", "styles": STYLES}), headers=FORM),
    "form: cut short": Refused(400, lambda size: _form({})(size)[:-40], headers=FORM),
    "form: no part `request`": Refused(400, _form({}, "reqest"), headers=FORM),
    "no key": Refused(401, _transfer(), settings={"api_keys": "secret"}),
    "a page of another site": Refused(
        403, _transfer(), headers={"Content-Type": JSON, "Sec-Fetch-Site": "cross-site"}
    ),
    "no such path": Refused(404, _transfer(), path="/v1/nowhere"),
    "no such method": Refused(405, _transfer(), path="/v1/scores", method="DELETE"),
    "a pack that is none": Refused(
        422, bytes, path="/v1/styles/refused/pack", method="PUT", headers={"Content-Type": "application/octet-stream"}
    ),
    "larger than bodies may be": Refused(413, _transfer(), settings={"max_body_mb": 1}),
    "another media type": Refused(415, _transfer(), headers={"Content-Type": "text/plain"}),
    "compressed": Refused(415, _transfer(), headers={"Content-Type": JSON, "Content-Encoding": "gzip"}),
    "Idempotency-Key": Refused(422, _transfer(), headers={"Content-Type": JSON, "Idempotency-Key": "a b"}),
    "too many jobs of a caller": Refused(429, _transfer(), settings={"caller_limit": 1}),
    "a full queue": Refused(503, _transfer(), settings={"queue_limit": 1}),
}
