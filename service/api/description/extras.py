"""What the views can't say of themselves in the API's description: schemas whole, errors, headers, forms, keys."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from http import HTTPStatus
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import errors
from service.api.http import problems
from service.api.http.body import MAX_PART_NAME, MAX_PARTS, PACK_TYPE, PART
from service.api.http.json_body import MAX_JSON
from service.api.http.same_origin import ANY_HOST
from service.api.schemas import requests, responses
from service.api.schemas.fields import SMALLEST_IMAGE
from service.api.schemas.parameters import ID
from service.errors import FieldError, InvalidInput, ServiceError

Json = dict[str, Any]

SECURITY_SCHEMES: Any = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of NST_API_KEYS."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same."},
}
SECURITY: list[Json] = [{"bearer": []}, {"key": []}, {}]
"""Either of them, or none where NST_API_KEYS is empty."""

KEPT = "/v1/"  # what asks for a key, and has tags
STREAM = "text/event-stream"
STREAMED = (
    'id: 14\nevent: progress\ndata: {"status": "running", "iteration": 31, "iterations": 90, "fraction": 0.12}\n\n'
)
BODY_ERRORS = ("400", "413", "415")

PROBLEMS: dict[str, tuple[str, ServiceError]] = {
    "400": (
        "The body can't be read.",
        errors.MalformedBody("the body is not JSON: Expecting value"),
    ),
    "401": ("No key of this service was given.", errors.Unauthorized("give a key of this service")),
    "403": (
        "A page of another site asked, without a key.",
        errors.Forbidden(
            "pages of 'https://app.example.com' may not do this: NST_CORS_ORIGINS doesn't name that origin"
        ),
    ),
    "404": ("There is no such thing.", errors.NotFound("there is no style 'harbour'")),
    "406": (
        "No format that Accept takes.",
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
        InvalidInput([FieldError("styles.0.weight", "Input should be greater than or equal to 0")]),
    ),
    "421": (
        "The Host isn't one of this service's, and there are no keys.",
        errors.Misdirected("this service isn't known as 'app.example.com': NST_HOSTS doesn't name that host"),
    ),
    "429": ("The caller has too many jobs waiting.", errors.TooManyJobs("100 of your jobs wait", retry_after=30)),
    "500": ("An error that nobody foresaw, or a store that failed.", errors.StorageError("a file could not be read")),
    "507": (
        "The disk is nearly full, or the caller's files take as much as they may.",
        errors.NoSpace("the disk is nearly full: 12.5 MiB are free", retry_after=60),
    ),
    "503": ("The queue is full, or a part of the service is away.", errors.Unavailable("no worker is alive")),
}
DONE = {
    "200": "It is there, or done.",
    "201": "It was made.",
    "202": "It was taken in, and is carried out.",
    "204": "It is done; there is nothing to say.",
}
TAG = {"type": "string", "description": "Names this state of it, for If-None-Match.", "examples": ['"2c26b46b"']}
HEADERS: dict[str, Json] = {
    "ETag": TAG,
    "Cache-Control": {
        "type": "string",
        "description": "How long it keeps.",
        "examples": ["private, no-cache"],
    },
    "Location": {"type": "string", "description": "Where it is.", "examples": [f"/v1/transfers/{ID}"]},
    "Preference-Applied": {"type": "string", "description": "The wait that was kept to.", "examples": ["wait=30"]},
    "Retry-After": {"type": "integer", "description": "In how many seconds to try again.", "examples": [30]},
    "WWW-Authenticate": {"type": "string", "description": "How to give a key.", "examples": ["Bearer"]},
    "X-Request-ID": {
        "type": "string",
        "description": "Names the request in the log.",
        "examples": ["5f2c"],
    },
}
IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETag of what the caller has: 304 where that is still so.",
    "schema": {"type": "string"},
}

TRACEPARENT: Json = {
    "name": "traceparent",
    "in": "header",
    "required": False,
    "description": "The trace that this belongs to (W3C Trace Context); the job and its webhook go on in it.",
    "schema": {"type": "string"},
}

MOSAIC = {"styles": [{"preset": "mosaic"}], "size": 64}
SMALLEST: dict[str, Json] = {
    "StyleBody": {"images": [{"image": SMALLEST_IMAGE}], "description": "Grey"},
    "TransferBody": {"content": SMALLEST_IMAGE, "iterations": 10} | MOSAIC,
    "ScoreBody": {"content": SMALLEST_IMAGE, "image": SMALLEST_IMAGE} | MOSAIC,
}
"""Bodies that work as they are where the service's own presets are there, for those who try."""


def complete(document: Json) -> None:
    """Completes what flask-openapi3 made of the views."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _complete(path, method, operation)
    schemas = _schemas()
    document["components"]["schemas"] = {name: schemas[name] for name in sorted(_named(document["paths"], schemas))}


def _named(part: Any, schemas: Json) -> set[str]:
    """The schemas that a part of the document refers to, and those that these refer to."""
    if isinstance(part, list):
        return set().union(*(_named(entry, schemas) for entry in part))
    if not isinstance(part, dict):
        return set()
    found = set().union(*(_named(entry, schemas) for entry in part.values()))
    if isinstance(reference := part.get("$ref"), str):
        name = reference.rpartition("/")[2]
        found |= {name} | _named(schemas[name], schemas)
    return found


def _schemas() -> Json:
    """As pydantic has them: flask-openapi3 leaves out what it doesn't know, examples among that."""
    models = [(model, "validation") for module in (requests, responses) for model in _models(module)]
    _, found = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    return dict(found["$defs"])


def _models(module: ModuleType) -> Iterator[type[BaseModel]]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, BaseModel) and found.__module__ == module.__name__ and found is not requests.Body:
            yield found


def _complete(path: str, method: str, operation: Json) -> None:
    rest = operation.get("description", "").replace("<br/>", "\n").strip()
    operation["description"] = rest or operation["summary"] + "."
    if path not in ANY_HOST:
        operation["responses"].setdefault("421", {})
    if path.startswith(KEPT):
        operation["security"] = SECURITY
        for status in ("500", "503", *(() if method == "get" else ("403", "507"))):
            operation["responses"].setdefault(status, {})
    _complete_parameters(operation)
    _complete_body(operation)
    if "parameters" not in operation and "requestBody" not in operation:
        operation["responses"].pop("422", None)
    if method == "get" and path.startswith(KEPT) and STREAM not in _media(operation):
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "It is still what the caller has."}
    for status, response in operation["responses"].items():
        _complete_response(status, response, method, path)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _media(operation: Json) -> Json:
    return dict(operation["responses"].get("200", {}).get("content", {}))


def _complete_parameters(operation: Json) -> None:
    """The example and the description stand beside the schema; text from a URL or a header is never null."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        for name in ("description", "example"):
            schema.pop(name, None)
        choices = [choice for choice in schema.pop("anyOf", ()) if choice.get("type") != "null"]
        for choice in choices:
            schema.update(choice)
        if schema.get("default", "") is None:
            del schema["default"]


def _complete_body(operation: Json) -> None:
    if "requestBody" not in operation:
        return
    content = operation["requestBody"]["content"]
    if PACK_TYPE in content:
        content[PACK_TYPE] = {"schema": {"type": "string", "format": "binary"}}
    else:
        schema = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        content["application/json"]["example"] = SMALLEST[schema]
        content["multipart/form-data"] = {"schema": _form(content["application/json"]["schema"], SMALLEST[schema])}
    operation.setdefault("parameters", []).append(TRACEPARENT)
    for status in BODY_ERRORS:
        operation["responses"].setdefault(status, {})


def _form(schema: Json, example: Json) -> Json:
    """The same JSON as one part, beside the files that it names."""
    part = {"type": "string", "maxLength": MAX_JSON, "contentMediaType": "application/json", "contentSchema": schema}
    words = "The JSON of this request, which names the files beside it as file:<part name>."
    return {
        "type": "object",
        "required": [PART],
        "properties": {PART: part | {"description": words, "examples": [json.dumps(example)]}},
        "propertyNames": {"pattern": f"^[ -~]{{1,{MAX_PART_NAME}}}$"},
        "maxProperties": MAX_PARTS,
        "additionalProperties": {"type": "string", "format": "binary"},
    }


def _complete_response(status: str, response: Json, method: str, path: str) -> None:
    response["headers"] = {name: _header(name) for name in _headers_of(status, method, path)}
    if status in DONE:
        response["description"] = DONE[status]
        if STREAM in response.get("content", {}):
            response["content"][STREAM]["example"] = STREAMED
    if status in PROBLEMS:
        description, error = PROBLEMS[status]
        schema = {"$ref": f"#/components/schemas/{responses.Problem.__name__}"}
        response["description"] = description
        response["content"] = {problems.MEDIA_TYPE: {"schema": schema, "example": error.problem()}}


def _header(name: str) -> Json:
    schema = dict(HEADERS[name])
    return {"description": schema.pop("description"), "schema": schema}


def _headers_of(status: str, method: str, path: str) -> list[str]:
    names = ["X-Request-ID"]
    if method == "get" and status in ("200", "304") and path.startswith(KEPT):
        names += ["ETag", "Cache-Control"]
    if status == "201" or (method in ("put", "post") and status in ("200", "202")):
        names += ["Location"]
    if method == "post" and status == "200":
        names += ["Preference-Applied"]
    if status == str(HTTPStatus.UNAUTHORIZED.value):
        names += ["WWW-Authenticate"]
    return names + (["Retry-After"] if status in ("429", "503", "507") else [])
