"""All errors that the service raises on purpose, each with its HTTP status.

ServiceError                500
├─ InvalidInput             422  one or more fields are wrong; each is named
│  ├─ DoesNotFit            422  the transfer takes more memory than a worker has
│  └─ Overtaken             422  what was looked up for it was removed before it was stored
├─ MalformedBody            400  the body can't be read at all
├─ BodyTooLarge             413  larger than a body may be, or with more in it than a request needs
├─ Unauthorized             401
├─ Forbidden                403  not allowed to this origin, to this key, or to anybody
│  └─ MissingScope          403  the key lacks the scope that this takes
├─ NotFound                 404
├─ NotAcceptable            406  no format that the caller accepts
├─ NotReady                 409  the requested thing isn't ready yet
├─ NameTaken                409  another preset or tenant has the name
├─ OtherModel               409  Gram matrices of another model than this service's
├─ UnsupportedMediaType     415
├─ Misdirected              421  the request names a host that isn't this service's
├─ LimitExceeded            429  the tenant, or the caller, has used a limit up
│  ├─ TooManyJobs           429  the caller has too many jobs waiting
│  ├─ TooManyFetches        429  the tenant fetches too many pictures at a time
│  └─ TooManyReads          429  pictures or packs of too many requests of the tenant are being read
├─ Unavailable              503  a part that the service needs is missing or down
│  ├─ ModelUnavailable      503  models/vgg19.onnx is missing or doesn't meet the contract
│  │  └─ MixedModels        503  the workers compute with different models
│  └─ QueueFull             503  too many jobs are waiting
├─ NoSpace                  507  the disk is nearly full, or the caller has used its quota
├─ StorageError             500  database or blobs failed
│  ├─ DatabaseError         503  perhaps only for now
│  │  └─ DatabaseFull       507  there was no room to write
│  ├─ BlobNotFound          404
│  ├─ BlobsFull             507  there was no room to write
│  ├─ BlobsGone             503  their folder was moved away, perhaps only for now
│  └─ DamagedFile           500  a file differs from what its row says
│     └─ MissingFile        500  a file that a row refers to is gone
└─ JobFailed                500  a job could not be finished
   ├─ Diverged              500  the optimiser found no better image, not even with smaller steps
   └─ DeadlineExceeded      504  it wasn't finished within its caller's time limit
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, NotRequired, TypedDict

MAX_ERRORS = 20  # fields that a response names
MAX_DETAIL = 1000  # characters of a message in a response
MAX_LOC = 200  # characters of a field's path in a response
SERVER_FAULT = 500  # the first status for which the service is at fault
MAX_SHOWN = 100  # characters of a caller's text in a message

_INSIDE = r"""(?: [^/\n'":;()\[\]] | [:;](?=[^\s'"]) | \([^()/\n]*\) | \[[^][/\n]*\] | (?<=\w)'(?=\w) )"""
"""A part of a folder's name, blanks too: a character, or brackets in pairs. A colon before a blank ends a path."""

_PATH = re.compile(
    rf"""
    (?: (?:file|sqlite):// | (?<![\w.:/<-]) | (?<=:)(?=/[^/]) ) /+ (?!v1/)
    (?: (?!\s) {_INSIDE}{{1,255}} (?<!\s) /+ )*
    ([^\s/:;,'"()\[\]]+) /*
    """,
    re.X,
)


def shown(text: str) -> str:
    """Return a caller's text as a message may show it: quoted, and its end cut where it is long."""
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")


def cut(text: str, length: int) -> str:
    """Return the text; if it is longer than `length` characters, an ellipsis replaces its end."""
    return text if len(text) <= length else text[: length - 1] + "…"


def without_paths(text: str) -> str:
    """Return the text with the last name alone of each absolute path: callers needn't know where things lie here.

    Nothing says where a path with blanks ends. Rather than show a part of one, words between two paths are lost.
    """
    return _PATH.sub(r"\1", text)


@dataclass(frozen=True)
class FieldError:
    """An error of one field: `loc` is its dotted path in the request, as in `styles.0.weight`."""

    loc: str
    msg: str


class LimitJson(TypedDict):
    """A limit of a tenant or a caller: its name, its value, and what is used of it now."""

    name: str
    value: float
    used: float


class ProblemJson(TypedDict):
    """An error as an RFC 9457 problem, as responses and rows hold it; `more_errors` counts the fields left out.

    Responses also name the request, by which the service's log has more about it, where the service is at fault.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[dict[str, str]]]
    more_errors: NotRequired[int]
    limit: NotRequired[LimitJson]
    request_id: NotRequired[str]


def problem_type(slug: str) -> str:
    """Return the URN of a kind of problem."""
    return f"urn:nst:problem:{slug}"


def web_problem(status: HTTPStatus, detail: str) -> ProblemJson:
    """Return the problem of an HTTP error that comes from the web server or its framework."""
    slug = status.phrase.lower().replace(" ", "-")
    return {"type": problem_type(slug), "title": status.phrase, "status": status.value, "detail": detail}


class ServiceError(Exception):
    """Base of all errors raised on purpose.

    Attributes:
        detail: what happened; written for the caller, unless `said` is set.
        said: what the caller is told instead of a detail that names files of this machine or quotes a library. Then
            the detail is for the log, and for who starts the service.
        retry_after: seconds after which a retry may succeed; None if that isn't known. A 503 has a
            `Retry-After` all the same (service.api.http.problems).
    """

    said: str = ""
    retry_after: float | None = None
    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self, detail: str, errors: Sequence[FieldError] = (), *, said: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.said = said or self.said
        self.errors = tuple(errors)
        self.retry_after = self.retry_after if retry_after is None else retry_after

    @property
    def public(self) -> str:
        """Return what the caller is told; where the service is at fault, no path of this machine is in it."""
        text = self.said or self._detail()
        return cut(text if self.status < SERVER_FAULT else without_paths(text), MAX_DETAIL)

    def problem(self) -> ProblemJson:
        """Return the error as an RFC 9457 problem: at most MAX_ERRORS fields, and how many more there are."""
        problem: ProblemJson = {
            "type": problem_type(self.slug),
            "title": self.title,
            "status": self.status,
            "detail": self.public,
        }
        if self.errors:
            problem["errors"] = [{"loc": e.loc, "msg": e.msg} for e in self._named()]
        if self._more():
            problem["more_errors"] = self._more()
        return problem

    def _detail(self) -> str:
        return self.detail

    def _named(self) -> list[FieldError]:
        return [FieldError(cut(e.loc, MAX_LOC), cut(e.msg, MAX_DETAIL)) for e in self.errors[:MAX_ERRORS]]

    def _more(self) -> int:
        return max(len(self.errors) - MAX_ERRORS, 0)


class InvalidInput(ServiceError):
    """One or more fields are wrong."""

    status = 422
    slug = "invalid-input"
    title = "Invalid input"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(_joined(errors), errors)

    def _detail(self) -> str:
        return _joined(self._named()) + (f"; and {self._more():,} more" if self._more() else "")

    @classmethod
    def field(cls, loc: str, msg: str) -> InvalidInput:
        return cls([FieldError(loc, msg)])


def _joined(errors: Sequence[FieldError]) -> str:
    return "; ".join(f"{e.loc}: {e.msg}" if e.loc else e.msg for e in errors)


class DoesNotFit(InvalidInput):
    """A transfer takes more memory than a worker has."""

    slug = "does-not-fit"
    title = "Does not fit into memory"


class Overtaken(InvalidInput):
    """Something that was looked up for a request was removed before the request was stored: look it up again."""


class MalformedBody(ServiceError):
    """The body can't be read at all."""

    status = 400
    slug = "malformed-body"
    title = "Malformed body"


class BodyTooLarge(ServiceError):
    """The body is larger than one may be, or holds more than any request needs."""

    status = 413
    slug = "body-too-large"
    title = "Body too large"


class Unauthorized(ServiceError):
    """The request has no key that counts."""

    status = 401
    slug = "unauthorized"
    title = "Unauthorized"


class Forbidden(ServiceError):
    """The request is understood, and not allowed: to its origin, to its key, or to anybody."""

    status = 403
    slug = "forbidden"
    title = "Forbidden"


class MissingScope(Forbidden):
    """The key of the request may not do this."""

    slug = "missing-scope"
    title = "Missing scope"


class NotFound(ServiceError):
    """There is no such thing, or it is another tenant's."""

    status = 404
    slug = "not-found"
    title = "Not found"


class NotAcceptable(ServiceError):
    """The caller accepts none of the available formats."""

    status = 406
    slug = "not-acceptable"
    title = "Not acceptable"


class NotReady(ServiceError):
    """The requested thing isn't there yet."""

    status = 409
    slug = "not-ready"
    title = "Not there yet"


class NameTaken(ServiceError):
    """A name that another preset or tenant has."""

    status = 409
    slug = "name-taken"
    title = "Name taken"


class OtherModel(ServiceError):
    """Gram matrices that were computed with another model."""

    status = 409
    slug = "other-model"
    title = "Another model"


class UnsupportedMediaType(ServiceError):
    """The body has another media type than the route takes."""

    status = 415
    slug = "unsupported-media-type"
    title = "Unsupported media type"


class Misdirected(ServiceError):
    """The request names a host that isn't this service's."""

    status = 421
    slug = "misdirected-request"
    title = "Misdirected request"


class LimitExceeded(ServiceError):
    """The tenant, or the caller, has used a limit up.

    Attributes:
        limit: its name: as in service.settings.limits, or of a limit that all have.
        value: what it allows.
        used: what is used of it now, in its unit.
    """

    status = 429
    slug = "limit-exceeded"
    title = "Limit exceeded"
    retry_after = 3600.0  # where time alone doesn't help: something has to be deleted, or the limit raised

    def __init__(
        self, limit: str, value: float, used: float, detail: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.limit = limit
        self.value = value
        self.used = used

    def problem(self) -> ProblemJson:
        return {**super().problem(), "limit": {"name": self.limit, "value": self.value, "used": round(self.used, 3)}}


class TooManyJobs(LimitExceeded):
    """The caller has as many waiting jobs, or pictures of batches that wait, as one caller may have."""

    slug = "too-many-jobs"
    title = "Too many jobs"


class TooManyFetches(LimitExceeded):
    """The tenant fetches as many pictures by address as one tenant may at a time."""

    slug = "too-many-fetches"
    title = "Too many fetches"


class TooManyReads(LimitExceeded):
    """As many requests of the tenant read for long as may at a time: batches, pictures by address, and packs."""

    slug = "too-many-reads"
    title = "Too many reads"


class Unavailable(ServiceError):
    """A part that the service needs is missing or down."""

    status = 503
    slug = "unavailable"
    title = "Service unavailable"


class ModelUnavailable(Unavailable):
    """The model file is missing, or doesn't meet the contract."""

    said = "there is no model that can be used; it is built with: python -m export"
    slug = "model-unavailable"
    title = "Model unavailable"


class MixedModels(ModelUnavailable):
    """The workers compute with different models."""

    said = ""


class QueueFull(Unavailable):
    """As many jobs wait as the service accepts."""

    slug = "queue-full"
    title = "Queue full"


class NoSpace(ServiceError):
    """Nothing more is stored: the disk is nearly full, or the caller has used its quota."""

    status = 507
    slug = "no-space"
    title = "No space"


class StorageError(ServiceError):
    """The database or the blobs failed."""

    said = "the files of the service can't be read or written now"
    slug = "storage-error"
    title = "Storage error"


class DatabaseError(StorageError):
    """The database failed, perhaps only for now: worth another try.

    `undone` is True if certainly nothing of the transaction was kept, and False if it failed during the commit.
    """

    said = "the database fails"
    status = 503
    undone = False


class DatabaseFull(DatabaseError):
    """The database found no room to write; the transaction was rolled back."""

    said = "the database found no room to write"
    status = 507
    undone = True
    slug = "no-space"
    title = "No space"


class BlobsFull(StorageError):
    """A file found no room; nothing of it is left."""

    said = "there is no room for a file"
    status = 507
    slug = "no-space"
    title = "No space"


class BlobsGone(StorageError):
    """The folder of the blobs isn't where it was opened, perhaps only for now."""

    status = 503


class DamagedFile(StorageError):
    """A stored file differs from what its row says."""

    said = ""  # the detail names the file as its job's caller knows it
    slug = "damaged-file"
    title = "Damaged file"


class MissingFile(DamagedFile):
    """A file that a row refers to is gone."""

    slug = "missing-file"
    title = "Missing file"


class BlobNotFound(StorageError):
    """There is no blob of that key."""

    said = "the file is gone"
    status = 404
    slug = "not-found"
    title = "Not found"


class JobFailed(ServiceError):
    """A job of any kind could not be finished. The slug says "transfer" because callers compare it."""

    slug = "transfer-failed"
    title = "Transfer failed"


class Diverged(JobFailed):
    """The optimiser found no better image, not even with smaller steps."""

    slug = "diverged"
    title = "Optimisation failed"


class DeadlineExceeded(JobFailed):
    """The job wasn't finished within its caller's time limit."""

    status = 504
    slug = "deadline-exceeded"
    title = "Deadline exceeded"
