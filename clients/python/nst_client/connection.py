"""Requests to the service: keys, repeats of what failed in passing, and errors as exceptions."""

from __future__ import annotations

import json
import logging
import random
import re
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any

import httpx

from nst_client.errors import NotFound, NotUnderstood, Problem, Unreachable

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]
Files = Mapping[str, tuple[str, bytes]]

TRIES = 6  # of one request
PATIENCE_S = 120.0  # seconds that the repeats of one request wait in all
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
CONNECT_S = 10.0
ANSWER_S = 90.0  # seconds without a byte; the service answers a waiting request after 60 s
BINARY = "application/octet-stream"  # media type of packs and ONNX files
PASSING = (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE)
WITH_TIME = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INSUFFICIENT_STORAGE)  # where the answer has a Retry-After
ERRNO = re.compile(r"^\[Errno -?\d+\] ")  # before the words of an error of the system
BROKEN = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)


class Connection:
    """HTTP to one service. All methods may be called from several threads."""

    def __init__(self, url: str, key: str | None, *, patience_s: float = PATIENCE_S) -> None:
        """Open no connection yet. `patience_s` bounds the seconds that the repeats of one request wait in all.

        Raises:
            Unreachable: the URL or the key is none that can be sent.
        """
        self._patience_s = patience_s
        if key and not all("!" <= character <= "~" for character in key):
            raise Unreachable("the key has a blank or a character outside ASCII, as no key has")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        try:
            self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout, verify=_trusted())
        except httpx.InvalidURL as error:
            raise Unreachable(f"{url!r} is no address of a service: {error}") from error

    def close(self) -> None:
        self._http.close()

    def get(
        self, path: str, query: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return self._repeated("GET", path, params=query, headers=headers)

    def read(self, path: str, query: Mapping[str, str | int] | None = None) -> Json:
        """Get a JSON object."""
        return _object(self.get(path, query))

    def picture(self, path: str, query: Mapping[str, str | int] | None = None, media_type: str = "*/*") -> bytes:
        """Get the file of a picture. Raises NotUnderstood if the answer is something else."""
        response = self.get(path, query, {"Accept": media_type})
        _check_type(response, "image/")
        return response.content

    def file(self, path: str, media_type: str) -> bytes:
        """Get a file of this type. Raises NotUnderstood if the answer is something else."""
        response = self.get(path, headers={"Accept": media_type})
        _check_type(response, media_type)
        return response.content

    def delete(self, path: str) -> None:
        """Delete a resource; one that is gone after a repeat was deleted by the first try."""
        self._repeated("DELETE", path)

    def post(
        self, path: str, body: Json, files: Files, idempotency_key: str | None, answer_s: float = ANSWER_S
    ) -> Json:
        """Post a body with its files; the answer may take `answer_s` seconds to begin.

        All tries have one Idempotency-Key, so they make one job.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        timeout = httpx.Timeout(answer_s, connect=CONNECT_S)
        return _object(self._repeated("POST", path, headers=headers, timeout=timeout, **_content(body, files)))

    def post_safely(self, path: str) -> Json:
        """Post without a body what may be repeated, as a cancel."""
        return _object(self._repeated("POST", path))

    def put(self, path: str, body: Json, files: Files) -> Json:
        return _object(self._repeated("PUT", path, **_content(body, files)))

    def put_file(self, path: str, data: bytes, media_type: str) -> Json:
        return _object(self._repeated("PUT", path, content=data, headers={"Content-Type": media_type}))

    @contextmanager
    def streamed(
        self, path: str, media_type: str, headers: Mapping[str, str] | None = None, read_s: float = ANSWER_S
    ) -> Iterator[httpx.Response]:
        """Open an answer whose body comes bit by bit. It isn't repeated.

        Raises:
            Problem: it is an error.
            NotUnderstood: it has another type than `media_type`.
            Unreachable: the connection can't be made, or it breaks while the caller reads.
        """
        timeout = httpx.Timeout(read_s, connect=CONNECT_S)
        try:
            with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise Problem.of(response)
                _check_type(response, media_type)
                yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _repeated(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request, again where that helps: after connections that broke, and errors that pass with time.

        Raises:
            Problem: the answer is an error.
            Unreachable: there is none.
        """
        left = self._patience_s
        for number in range(1, TRIES + 1):
            try:
                return self._once(method, path, **request)
            except (Problem, Unreachable) as error:
                if number > 1 and method == "DELETE" and isinstance(error, NotFound):
                    return httpx.Response(HTTPStatus.NO_CONTENT)
                pause = _pause(error, number)
                if pause is None or pause > left or number == TRIES:
                    raise
                left -= pause
                logger.info("%s %s: %s; again in %.1f s", method, path, error, pause)
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if not response.is_success:
            raise Problem.of(response)
        return response

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        reason = ERRNO.sub("", str(error)) or type(error).__name__
        return Unreachable(f"{self._http.base_url}: {reason}")


@cache
def _trusted() -> ssl.SSLContext:
    """Return what TLS trusts, read once: it takes longer than a request."""
    return httpx.create_ssl_context()


def _pause(error: Problem | Unreachable, number: int) -> float | None:
    """Return the seconds to wait before the next try; None if it would meet with the same error."""
    if isinstance(error, Unreachable):
        passes, named = isinstance(error.__cause__, BROKEN), None
    else:
        named = error.retry_after
        passes = error.status in PASSING or (error.status in WITH_TIME and named is not None)
    if not passes:
        return None
    own = min(FIRST_WAIT_S * 2 ** (number - 1), LONGEST_WAIT_S)
    return named if named is not None else random.uniform(0.5, 1.0) * own  # noqa: S311 - no secret


def _object(response: httpx.Response) -> Json:
    """Return the JSON object of an answer. Raises NotUnderstood if it is something else."""
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _not_from_the_service(response, "JSON object")
    return found


def _check_type(response: httpx.Response, beginning: str) -> None:
    """Raise NotUnderstood unless the media type of an answer begins so, or it has no body."""
    found = response.headers.get("Content-Type", "").lower()
    if response.status_code != HTTPStatus.NO_CONTENT and not found.startswith(beginning):
        raise _not_from_the_service(response, beginning.removesuffix("/"))


def _not_from_the_service(response: httpx.Response, wanted: str) -> NotUnderstood:
    kind = response.headers.get("Content-Type", "no type")
    return NotUnderstood(f"{response.url}: the answer isn't from the service: no {wanted}, but {kind}")


def _content(body: Json, files: Files) -> dict[str, Any]:
    """Return a body in the form that httpx takes: JSON alone, or a form with the JSON in its part `request`."""
    if not files:
        return {"json": body}
    return {"data": {"request": json.dumps(body)}, "files": files}
