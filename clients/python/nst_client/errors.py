"""Errors of the client: what the service answers (RFC 9457 problems), and what keeps it from answering."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import httpx


class ClientError(Exception):
    """An error of this package."""


class Unreachable(ClientError):
    """The service could not be reached, or it did not answer in time."""


class NotUnderstood(ClientError):
    """The answer isn't the service's: a page that a proxy shows, for example."""


class StillRunning(ClientError):
    """The job has not ended within the time given. It goes on."""


@dataclass(frozen=True)
class FieldError:
    """An error of one field: its dotted path in the request, and what is wrong with it."""

    loc: str
    msg: str


class Problem(ClientError):
    """An answer that is an error, or leads to another address.

    `status` is the HTTP status, `type` the kind as a URN, and `errors` the wrong fields. `limit` names the limit
    that is used up (429). `request_id` finds the request in the service's log. `retry_after` is in seconds, None
    where time doesn't help. `raw` is the whole problem.
    """

    def __init__(self, raw: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.raw = raw
        self.type = str(raw.get("type", "about:blank"))
        self.title = str(raw.get("title", ""))
        self.status = int(raw.get("status", 0))
        self.detail = str(raw.get("detail", ""))
        self.errors = [FieldError(entry["loc"], entry["msg"]) for entry in raw.get("errors") or ()]
        self.limit: Mapping[str, Any] | None = raw.get("limit")
        self.request_id: str | None = raw.get("request_id")
        self.retry_after = retry_after
        super().__init__(f"{self.title}: {self.detail}" if self.detail else self.title)

    @classmethod
    def of(cls, response: httpx.Response) -> Problem:
        """Return the problem of an answer whose body was read; the class is that of its status."""
        kind = KINDS.get(response.status_code, Problem)
        return kind(_raw(response), _retry_after(response.headers.get("Retry-After", "")))


class Unauthorized(Problem):
    """The key is missing or wrong (401)."""


class Forbidden(Problem):
    """The key lacks a scope (403)."""


class NotFound(Problem):
    """It doesn't exist (404)."""


class Conflict(Problem):
    """It isn't there yet, or something else has the name (409)."""


class InvalidInput(Problem):
    """Fields of the request are wrong; `errors` names them (422)."""


class LimitExceeded(Problem):
    """A limit is used up (429)."""


class Unavailable(Problem):
    """The service, or a part of it, has no room or doesn't answer (503)."""


class JobFailed(Problem):
    """A job that ended without a result. `status` is that of the job's own problem, `id` the job's."""

    id: str

    @classmethod
    def of_job(cls, id: str, problem: Mapping[str, Any]) -> Self:
        """Return the error of a job."""
        error = cls(problem)
        error.id = id
        return error


KINDS: Mapping[int, type[Problem]] = {
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidInput,
    HTTPStatus.TOO_MANY_REQUESTS: LimitExceeded,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
}


def _raw(response: httpx.Response) -> Mapping[str, Any]:
    """Return the body of an error as a problem; a proxy's page or redirection becomes one as well."""
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        try:
            raw = response.json()
        except ValueError:
            raw = None
        if isinstance(raw, dict):
            return {"status": response.status_code} | raw
    title = f"HTTP {response.status_code} {response.reason_phrase}"
    leads_to = {"detail": f"leads to {response.headers['Location']}"} if response.has_redirect_location else {}
    return {"title": title, "status": response.status_code} | leads_to


def _retry_after(header: str) -> float | None:
    """Return the seconds of a Retry-After, which may also be a date; None if there is none that can be read."""
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None
