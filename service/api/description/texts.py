"""Texts and examples of the description that belong to no single view."""

from __future__ import annotations

from typing import Any

from service import errors
from service.api.schemas.fields import SMALLEST_IMAGE
from service.api.schemas.parameters import ID
from service.errors import FieldError, InvalidInput, ServiceError

Json = dict[str, Any]

SECURITY_SCHEMES: Any = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of this service."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key of this service."},
}
SECURITY: list[Json] = [{"bearer": []}, {"key": []}, {}]
"""Either header, or none where the service has no keys."""

STREAMED = (
    'id: 14\nevent: progress\ndata: {"status": "running", "iteration": 31, "iterations": 90, "fraction": 0.12}\n\n'
)

PROBLEMS: dict[str, tuple[str, ServiceError]] = {
    "400": (
        "The body can't be read.",
        errors.MalformedBody("the body is not JSON: Expecting value"),
    ),
    "401": ("The request has no valid key.", errors.Unauthorized("give a key of this service")),
    "403": (
        "The key lacks the scope for this; or the request is from a page of another site, and there are no keys.",
        errors.MissingScope("POST /v1/transfers takes a key with the scope run"),
    ),
    "404": ("It doesn't exist.", errors.NotFound("there is no preset 'harbour'")),
    "406": (
        "No format is one that Accept takes.",
        errors.NotAcceptable("the picture is there as image/png, image/jpeg, image/webp; Accept takes none of these"),
    ),
    "409": ("Not yet, or not with this model.", errors.NotReady("there is no picture: the transfer is running")),
    "413": (
        "The body is too large.",
        errors.BodyTooLarge("the request body is larger than 64 MiB (NST_MAX_BODY_MB)"),
    ),
    "415": (
        "The body is of another media type.",
        errors.UnsupportedMediaType("send application/json, or multipart/form-data with a part 'request'"),
    ),
    "422": (
        "A field is wrong or unknown, or the job takes more memory than a worker has.",
        InvalidInput([FieldError("styles.0.weight", "must be at least 0")]),
    ),
    "421": (
        "The host isn't one of this service's, and there are no keys.",
        errors.Misdirected("this service isn't known as 'app.example.com': NST_HOSTS doesn't name that host"),
    ),
    "429": (
        "A limit of the tenant or the caller is used up. The problem names it in `limit`, and RateLimit tells of it.",
        errors.LimitExceeded("waiting_jobs", 50, 50, "50 of your jobs wait, and 50 may", retry_after=30),
    ),
    "500": ("An unexpected error, or a store that failed.", errors.StorageError("a file could not be read")),
    "507": (
        "The disk is nearly full, or the caller's files take as much as they may.",
        errors.NoSpace("the disk is nearly full: 12.5 MiB are free", retry_after=60),
    ),
    "503": ("The queue is full, or a part of the service doesn't answer.", errors.Unavailable("no worker is alive")),
}
DONE = {
    "200": "The resource, or the result.",
    "201": "It was created.",
    "202": "The job was accepted, and will be carried out.",
    "204": "Done; the response has no body.",
}
TAG = {
    "type": "string",
    "description": "Identifies this state of the resource, for If-None-Match.",
    "examples": ['"2c26b46b"'],
}
HEADERS: dict[str, Json] = {
    "ETag": TAG,
    "Cache-Control": {
        "type": "string",
        "description": "How long the response may be cached.",
        "examples": ["private, no-cache"],
    },
    "Content-Disposition": {
        "type": "string",
        "description": "The name to save the file under (RFC 6266).",
        "examples": ['inline; filename="photo - mosaic.png"'],
    },
    "Location": {"type": "string", "description": "Path of the resource.", "examples": [f"/v1/transfers/{ID}"]},
    "Idempotency-Replayed": {
        "type": "string",
        "description": "true where an earlier request with this Idempotency-Key made the job.",
        "examples": ["true"],
    },
    "Preference-Applied": {"type": "string", "description": "The wait that was applied.", "examples": ["wait=30"]},
    "RateLimit": {
        "type": "string",
        "description": "What is left of the limits that concern this request (draft-ietf-httpapi-ratelimit-headers).",
        "examples": ['"requests";r=19;t=1, "waiting_jobs";r=12'],
    },
    "RateLimit-Policy": {
        "type": "string",
        "description": "The limits that concern this request.",
        "examples": ['"requests";q=20;w=2, "waiting_jobs";q=50;qu="jobs"'],
    },
    "Retry-After": {"type": "integer", "description": "Seconds to wait before the next try.", "examples": [30]},
    "WWW-Authenticate": {"type": "string", "description": "How to give a key.", "examples": ["Bearer"]},
    "X-Request-ID": {
        "type": "string",
        "description": "Id of the request in the log.",
        "examples": ["5f2c"],
    },
}


def _request_header(name: str, description: str) -> Json:
    """Return the description of a header that a request may have."""
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
    }


IF_NONE_MATCH = _request_header("If-None-Match", "ETag of the state that the caller has: 304 if it is unchanged.")
TRACEPARENT = _request_header(
    "traceparent", "The trace of this request (W3C Trace Context), which the job and its webhook continue."
)

MOSAIC = {"styles": [{"preset": "mosaic"}], "size": 64}
SMALLEST: dict[str, Json] = {
    "StyleBody": {"images": [{"image": SMALLEST_IMAGE}], "description": "Grey"},
    "StyleChanges": {"description": "Grey, and a little softer", "options": {"strength": 0.4}},
    "RestoreBody": {"version": "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d"},
    "PainterBody": {"size": 512, "minutes": 1.0},
    "TransferBody": {"content": SMALLEST_IMAGE, "iterations": 10} | MOSAIC,
    "BatchBody": {"contents": [SMALLEST_IMAGE, SMALLEST_IMAGE], "iterations": 10} | MOSAIC,
    "KeyBody": {"name": "laptop", "scopes": ["read", "run"]},
    "RotateBody": {"grace_s": 3600.0},
    "TenantBody": {"name": "acme"},
    "TenantChanges": {"limits": {"waiting_jobs": 50}},
    "ScoreBody": {"content": SMALLEST_IMAGE, "image": SMALLEST_IMAGE} | MOSAIC,
}
"""Example bodies, which work as they are on a service that has its own presets; a version has another id there."""
