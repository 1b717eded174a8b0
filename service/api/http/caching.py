"""Cache-Control, ETags and gzip: one rule for every GET. And the memory of large responses."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from http import HTTPStatus

from flask import Flask, Response, g, request

from service.api.auth import caller
from service.api.context import context
from service.api.http.held_responses import LARGE
from service.api.http.paths import is_api
from service.api.http.problems import problem_response
from service.errors import Unavailable
from service.storage.schema import DEFAULT_TENANT

FOREVER = "private, max-age=31536000, immutable"  # files that never change
REVALIDATE = "private, no-cache"  # may be kept, but each use asks, by ETag, whether it is unchanged
NEVER = "no-store"  # the state of this moment, and errors

DESCRIPTION = "/openapi.json"
GZIP_FROM, GZIP_TO = 1024, 8 * 2**20  # bytes of JSON that is sent compressed: less gains nothing, more costs too long
GZIP_LEVEL = 4


def file(
    data: Callable[[], bytes], media_type: str, etag: str, rule: str, *, blob: str = "", weak: bool = False
) -> Response:
    """Return the response with a file, or 304 for callers who have the file of this ETag.

    `data` returns the file's bytes, and is called only if the file is sent. `rule` is its Cache-Control. With `weak`,
    files with the same ETag may differ in their bytes, but not in their use. A large file is read from `blob`, whose
    size counts from before that.

    Raises Unavailable if too many large files are being sent.
    """
    response = Response(mimetype=media_type)
    response.set_etag(etag, weak)
    response.headers["Cache-Control"] = rule
    response.make_conditional(request)
    if response.status_code == HTTPStatus.OK:
        _hold(context().blobs.size_of(blob) if blob else 0)
        response.set_data(data())
    return response


def _hold(size: int) -> None:
    """Count the bytes of this request's response until it is sent. Raises Unavailable if they are too many."""
    if size >= LARGE:
        tenant = caller().tenant if "caller" in g else DEFAULT_TENANT
        context().responses.hold(request.environ, tenant, size)


def register(app: Flask) -> None:
    """Give every GET's response its Cache-Control, and JSON of the API an ETag; compress it for who takes that.

    Count the bytes of every such response that isn't streamed.
    """
    app.after_request(_count)  # the last of the three: what is registered later runs first
    app.after_request(_compress)
    app.after_request(_add_rule)


def _add_rule(response: Response) -> Response:
    """Add Cache-Control unless the view has set it. Add an ETag to the API's JSON; answer 304 if it matches."""
    if is_api(request.path):  # another key sees other things
        response.vary.update(("Authorization", "X-API-Key"))
    if request.method not in ("GET", "HEAD") or "Cache-Control" in response.headers:
        return response
    kept = is_api(request.path) or request.path == DESCRIPTION
    response.headers["Cache-Control"] = REVALIDATE if kept and response.status_code < 400 else NEVER  # noqa: PLR2004
    if response.status_code == 200 and kept and response.is_json:  # noqa: PLR2004
        response.add_etag()
        response.make_conditional(request)
    return response


def _compress(response: Response) -> Response:
    """Compress JSON that has an ETag. Its ETag becomes weak: the bytes differ, and If-None-Match takes it too.

    Pictures are compressed already, streams must not be held back, and problems are short.
    """
    if not response.is_json or "ETag" not in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    length = response.calculate_content_length() or 0
    if GZIP_FROM <= length <= GZIP_TO and request.accept_encodings.quality("gzip"):
        response.set_data(gzip.compress(response.get_data(), GZIP_LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        response.set_etag(response.get_etag()[0] or "", weak=True)
    return response


def _count(response: Response) -> Response:
    """Count the bytes of a response until it is sent; answer 503 if they are too many."""
    is_read = request.method in ("GET", "HEAD")  # what a POST has done isn't answered with 503
    if is_read and not response.is_streamed and response.status_code != HTTPStatus.NOT_MODIFIED:
        try:
            _hold(response.calculate_content_length() or 0)
        except Unavailable as error:
            return _add_rule(problem_response(error))
    return response
