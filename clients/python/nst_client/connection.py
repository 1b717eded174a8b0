"""Requests to the service: keys, repeats of what failed in passing, and errors as exceptions."""

from __future__ import annotations

import json
import random
import re
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any

import httpx

from nst_client.errors import NotFound, NotUnderstood, Problem, Unreachable
from nst_client.patience import FIRST_WAIT_S, LONGEST_WAIT_S, PATIENCE_S, OnWait, Patience

Json = Mapping[str, Any]
Files = Mapping[str, tuple[str, bytes]]

CONNECT_S = 10.0
ANSWER_S = 90.0  # seconds without a byte; the service answers a waiting request after 60 s
BINARY = "application/octet-stream"  # media type of packs and ONNX files
ERRNO = re.compile(r"^\[Errno -?\d+\] ")  # before the words of an error of the system


class Connection:
    """HTTP to one service. All methods may be called from several threads."""

    def __init__(
        self, url: str, key: str | None, *, patience_s: float = PATIENCE_S, on_wait: OnWait | None = None
    ) -> None:
        """Open no connection yet. For `patience_s` and `on_wait` see Client.

        Raises:
            Unreachable: the URL or the key is none that can be sent.
        """
        self._patience_s = patience_s
        self._on_wait = on_wait
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

    def patience(self) -> Patience:
        """Return the time for the repeats of a request that begins."""
        return Patience(self._patience_s, self._on_wait)

    def _repeated(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request, again where that helps: after connections that broke, and errors that pass with time.

        Raises:
            Problem: the answer is an error.
            Unreachable: there is none.
        """
        patience, pause, repeated = self.patience(), FIRST_WAIT_S, False
        while True:
            try:
                return self._once(method, path, **request)
            except (Problem, Unreachable) as error:
                if repeated and method == "DELETE" and isinstance(error, NotFound):
                    return httpx.Response(HTTPStatus.NO_CONTENT)
                patience.wait(error, random.uniform(0.5, 1.0) * pause)  # noqa: S311 - no secret
            pause, repeated = min(2 * pause, LONGEST_WAIT_S), True

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
