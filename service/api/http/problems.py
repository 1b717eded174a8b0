"""Errors as RFC 9457 problem+json."""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import NoReturn

from flask import Flask, Response, json, request
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.exceptions import NotFound as RoutingNotFound

from service.api.http.access_log import REQUEST_ID
from service.api.http.body import MAX_PARTS
from service.api.http.json_body import MAX_JSON
from service.api.http.suggestion import suggestion
from service.api.http.wording import in_words
from service.errors import (
    MAX_ERRORS,
    SERVER_FAULT,
    BodyTooLarge,
    FieldError,
    InvalidInput,
    NotFound,
    ServiceError,
    shown,
    web_problem,
)
from service.options import OF_PRESET, OPTIONS

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
NO_FIELD = "there is no such field"
RETRY_S = 5  # seconds after which to try again after a 503 that doesn't know better


def register(app: Flask) -> None:
    """Answer every error of the app with a problem."""
    app.register_error_handler(ServiceError, problem_response)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _unexpected)


def problem_response(error: ServiceError) -> Response:
    """Return the response for an error of the service, with the headers that belong to its status."""
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR or error.said:
        logger.error("%s %s: %s", request.method, request.path, error.detail)
    response = _response(error.problem())
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def refuse(error: ValidationError) -> NoReturn:
    """Raise InvalidInput with pydantic's findings, each with its field.

    flask-openapi3 would also accept a response, and abort with it. But then a frame of the exception's own traceback
    keeps the exception, and with it the body, until the garbage collector runs.
    """
    found = error.errors(include_url=False, include_input=False)
    for entry in found:
        _let_go(entry)
    errors = [_field_error(entry) for entry in found]
    for k, entry in enumerate(found[:MAX_ERRORS]):  # further ones aren't shown
        if errors[k].msg == NO_FIELD and (name := suggestion(error.title, entry["loc"])):
            errors[k] = replace(errors[k], msg=f"{NO_FIELD}; did you mean {name}?")
    raise InvalidInput(errors) from None


def _let_go(found: ErrorDetails) -> None:
    """Remove the frames from a validator's ValueError, which pydantic keeps (see service.api.schemas.invalid)."""
    raised = found.get("ctx", {}).get("error")
    if isinstance(raised, BaseException):
        raised.__traceback__ = raised.__context__ = raised.__cause__ = None


def _field_error(found: ErrorDetails) -> FieldError:
    loc = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return FieldError(loc, _no_field(loc))
    return FieldError(loc, in_words(found))


def _no_field(loc: str) -> str:
    parent, _, name = loc.rpartition(".")
    if parent == "options" and name in OPTIONS:
        return f"belongs to each transfer; a preset can carry {', '.join(OF_PRESET)}"
    return NO_FIELD


def _from_http(error: HTTPException) -> Response:
    if isinstance(error.response, Response):
        return error.response
    if isinstance(error, RequestEntityTooLarge):
        return problem_response(_too_large(error))
    if isinstance(error, RoutingNotFound):
        return problem_response(NotFound(f"there is nothing at {shown(request.path)}"))
    if isinstance(error, MethodNotAllowed):
        return _not_allowed(sorted(error.valid_methods or ()))
    status = HTTPStatus(error.code or 500)
    return _response(web_problem(status, error.description or status.description))


def _not_allowed(methods: Sequence[str]) -> Response:
    detail = f"{request.path} takes {', '.join(methods)}, not {request.method}"
    response = _response(web_problem(HTTPStatus.METHOD_NOT_ALLOWED, detail))
    response.headers["Allow"] = ", ".join(methods)
    return response


def _too_large(error: RequestEntityTooLarge) -> BodyTooLarge:
    """Return the error that names the limit; werkzeug has one error for all limits, so its traceback has to tell."""
    raised_in = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)][-1]
    if raised_in == "next_event":
        return BodyTooLarge(f"the form has more than {MAX_PARTS} parts")
    if raised_in in ("receive_data", "parse", "_text"):
        return BodyTooLarge(f"a text in the form is larger than {MAX_JSON / 2**20:g} MiB: send files as parts")
    limit = (request.max_content_length or 0) / 2**20
    return BodyTooLarge(f"the request body is larger than {limit:g} MiB (NST_MAX_BODY_MB)")


def _unexpected(error: Exception) -> Response:
    logger.exception("%s %s failed", request.method, request.path)
    return _response(ServiceError("an unexpected error; the service's log has it, by this request_id").problem())


def _response(problem: Mapping[str, object]) -> Response:
    status = int(str(problem["status"]))
    if status >= SERVER_FAULT and REQUEST_ID in request.environ:
        problem = {**problem, "request_id": request.environ[REQUEST_ID]}
    response = Response(json.dumps(problem), status=status, mimetype=MEDIA_TYPE)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_S)
    return response
