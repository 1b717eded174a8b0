"""Responses of the web server itself: an RFC 9457 problem, after which the connection ends."""

from __future__ import annotations

import contextlib
import json
import socket
import uuid
from http import HTTPStatus

from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
    UnsupportedTransferCoding,
)

from service.errors import web_problem

RETRY_S = 5  # seconds after which to try again if the web server is full
LONGEST_DETAIL = 200  # characters; gunicorn's messages quote what the client sent
STATUSES: dict[type[Exception], HTTPStatus] = {  # of gunicorn's errors; the first that fits counts
    InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,  # the application's fault
    InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
    ConfigurationProblem: HTTPStatus.INTERNAL_SERVER_ERROR,
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ParseException: HTTPStatus.BAD_REQUEST,
    NoMoreData: HTTPStatus.BAD_REQUEST,
}


class Refusal(Exception):
    """A request that the web server doesn't pass on.

    Attributes:
        retry_after: seconds.
        request_id: by which the log has more about it.
    """

    def __init__(
        self, status: HTTPStatus, detail: str, retry_after: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.request_id = request_id

    def response(self) -> bytes:
        """Return the whole response, head and body."""
        problem = web_problem(self.status, self.detail)
        if self.request_id:
            problem["request_id"] = self.request_id
        body = json.dumps(problem).encode()
        head = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "Content-Type: application/problem+json",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
        ]
        if self.retry_after is not None:
            head.append(f"Retry-After: {self.retry_after}")
        if self.request_id is not None:
            head.append(f"X-Request-ID: {self.request_id}")
        return "\r\n".join([*head, "", ""]).encode() + body


def refusal_for(error: Exception) -> Refusal:
    """Return the refusal for an error of gunicorn's parser or of the application."""
    if isinstance(error, Refusal):
        return error
    status = next((status for kind, status in STATUSES.items() if isinstance(error, kind)), None)
    if status is None or status is HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = "an unexpected error; the service's log has it, by this request_id"
        return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, detail, request_id=uuid.uuid4().hex)
    detail = "the request ends too early" if isinstance(error, NoMoreData) else str(error)
    return Refusal(status, detail[:LONGEST_DETAIL])


def too_busy() -> Refusal:
    """Return the refusal of a request that found no memory or no thread in time."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the web server is full; try again soon", RETRY_S)


def send(sock: socket.socket, data: bytes) -> None:
    """Send a few bytes to a client that may be gone, or may not read."""
    with contextlib.suppress(OSError):  # then the connection ends without them
        sock.send(data)
