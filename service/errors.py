"""Every error the service raises on purpose, each with the HTTP status it becomes.

ServiceError                500
├─ InvalidInput             422  one or more fields are wrong; names each
│  └─ DoesNotFit            422  the transfer takes more memory than a worker has
├─ MalformedBody            400  the body can't be read at all
├─ Unauthorized             401
├─ Forbidden                403  a page of another site, which NST_CORS_ORIGINS doesn't name
├─ NotFound                 404
├─ NotAcceptable            406  no format that the caller takes
├─ NotReady                 409  asked for what isn't there yet
├─ OtherModel               409  Gram matrices of another model than this service's
├─ UnsupportedMediaType     415
├─ TooManyJobs              429  the caller has too many jobs waiting
├─ Unavailable              503  a part the service needs is missing or down
│  ├─ ModelUnavailable      503  models/vgg19.onnx is missing or not to the contract
│  └─ QueueFull             503  too many jobs are waiting
├─ NoSpace                   507  the disk has too little room left for more, or the caller has as much as it may have
├─ StorageError             500  database or blobs failed
│  ├─ DatabaseError         503  perhaps only for now
│  │  └─ DatabaseFull       507  there was no room to write
│  ├─ BlobNotFound          404
│  ├─ BlobsFull             507  there was no room to write
│  └─ DamagedFile           500  a file is not what its row says
│     └─ MissingFile        500  a file that a row speaks of is not there any more
└─ TransferFailed           500  a job could not be finished
   ├─ Diverged              500  the optimiser found no better image, not even with smaller steps
   └─ DeadlineExceeded      504  it wasn't finished in the time its caller gave it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: `loc` is its dotted path in the request, as in `styles.0.weight`."""

    loc: str
    msg: str


class ServiceError(Exception):
    """Base of all errors raised on purpose; `detail` is written for the caller.

    `retry_after` is in how many seconds another try may go well, where that is known.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, errors: Sequence[FieldError] = (), *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after

    def problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem."""
        problem: dict[str, Any] = {
            "type": f"urn:nst:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            problem["errors"] = [{"loc": e.loc, "msg": e.msg} for e in self.errors]
        return problem


class InvalidInput(ServiceError):
    """One or more fields are wrong."""

    status = 422
    slug = "invalid-input"
    title = "Invalid input"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{e.loc}: {e.msg}" if e.loc else e.msg for e in errors), errors)

    @classmethod
    def field(cls, loc: str, msg: str) -> InvalidInput:
        return cls([FieldError(loc, msg)])


class DoesNotFit(InvalidInput):
    """A transfer takes more memory than a worker has."""

    slug = "does-not-fit"
    title = "Does not fit into memory"


class MalformedBody(ServiceError):
    status = 400
    slug = "malformed-body"
    title = "Malformed body"


class Unauthorized(ServiceError):
    status = 401
    slug = "unauthorized"
    title = "Unauthorized"


class Forbidden(ServiceError):
    """It may not be asked from there."""

    status = 403
    slug = "forbidden"
    title = "Forbidden"


class NotFound(ServiceError):
    status = 404
    slug = "not-found"
    title = "Not found"


class NotAcceptable(ServiceError):
    """The caller takes none of the formats that there are."""

    status = 406
    slug = "not-acceptable"
    title = "Not acceptable"


class NotReady(ServiceError):
    status = 409
    slug = "not-ready"
    title = "Not there yet"


class OtherModel(ServiceError):
    """Gram matrices that were computed with another model."""

    status = 409
    slug = "other-model"
    title = "Another model"


class UnsupportedMediaType(ServiceError):
    status = 415
    slug = "unsupported-media-type"
    title = "Unsupported media type"


class TooManyJobs(ServiceError):
    """The caller has as many jobs waiting as one may have."""

    status = 429
    slug = "too-many-jobs"
    title = "Too many jobs"


class Unavailable(ServiceError):
    status = 503
    slug = "unavailable"
    title = "Service unavailable"


class ModelUnavailable(Unavailable):
    slug = "model-unavailable"
    title = "Model unavailable"


class QueueFull(Unavailable):
    """As many jobs wait as the service takes."""

    slug = "queue-full"
    title = "Queue full"


class NoSpace(ServiceError):
    """Nothing more is stored: the disk is nearly full, or the caller has as much as it may have."""

    status = 507
    slug = "no-space"
    title = "No space"


class StorageError(ServiceError):
    slug = "storage-error"
    title = "Storage error"


class DatabaseError(StorageError):
    """The database failed, perhaps only for now: worth another try."""

    status = 503


class DatabaseFull(DatabaseError):
    """The database found no room to write; what it was to write was taken back."""

    status = 507
    slug = "no-space"
    title = "No space"


class BlobsFull(StorageError):
    """A file found no room; nothing of it is left."""

    status = 507
    slug = "no-space"
    title = "No space"


class DamagedFile(StorageError):
    """A stored file is not what its row says that it is."""

    slug = "damaged-file"
    title = "Damaged file"


class MissingFile(DamagedFile):
    """A file that a row speaks of is not there any more."""

    slug = "missing-file"
    title = "Missing file"


class BlobNotFound(StorageError):
    """There is no blob of that key."""

    status = 404
    slug = "not-found"
    title = "Not found"


class TransferFailed(ServiceError):
    slug = "transfer-failed"
    title = "Transfer failed"


class Diverged(TransferFailed):
    slug = "diverged"
    title = "Optimisation failed"


class DeadlineExceeded(TransferFailed):
    """The job wasn't finished in the time its caller gave it."""

    status = 504
    slug = "deadline-exceeded"
    title = "Deadline exceeded"
