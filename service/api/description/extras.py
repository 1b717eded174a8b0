"""OpenAPI extras: what flask-openapi3 leaves out of the description (schemas, errors, headers, forms, keys)."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from http import HTTPStatus
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.description.media import BINARY
from service.api.description.texts import (
    DONE,
    HEADERS,
    IF_NONE_MATCH,
    PROBLEMS,
    SECURITY,
    SMALLEST,
    STREAMED,
    TRACEPARENT,
)
from service.api.http import problems
from service.api.http.body import MAX_PART_NAME, MAX_PARTS, PACK_TYPE
from service.api.http.form import PART
from service.api.http.json_body import MAX_JSON
from service.api.http.paths import is_api
from service.api.http.same_origin import ANY_HOST
from service.api.schemas import (
    batch_responses,
    estimate_responses,
    key_requests,
    key_responses,
    option_responses,
    preset_requests,
    preset_responses,
    preset_versions,
    requests,
    responses,
    usage_responses,
)
from service.jobs.idempotency import HEADER, REPLAYED

Json = dict[str, Any]

SCHEMAS = (
    batch_responses,
    key_requests,
    key_responses,
    option_responses,
    preset_requests,
    preset_responses,
    preset_versions,
    requests,
    responses,
    estimate_responses,
    usage_responses,
)
REFERENCE = "#/components/schemas/"
STREAM = "text/event-stream"
STREAMED_MEDIA = {STREAM, "application/zip"}  # of responses that are made while they are sent, and have no ETag
NAMED_FILES = (
    "/v1/transfers/{id}/image",
    "/v1/transfers/{id}/sheet",
    "/v1/batches/{id}/zip",
    "/v1/styles/{name}/pack",
    "/v1/styles/{name}/painter/model",
)
"""Files with a Content-Disposition. Pictures as they were sent have it where they came with a name."""
NEW_JOBS = ("/v1/transfers", "/v1/scores")  # POSTs that can wait for the job that they submit
LOCATED = {
    *(("post", path) for path in (*NEW_JOBS, "/v1/batches", "/v1/styles/{name}/restore")),
    *(("put", f"/v1/styles/{{name}}{part}") for part in ("", "/pack", "/painter")),
    ("patch", "/v1/styles/{name}"),
}
"""Operations that name the path of what they made or changed, as every 201 does."""
API_ERRORS = ("401", "403", "429", "500", "503")  # errors of every operation under /v1
WRITE_ERRORS = ("507",)  # also errors of operations that change something
BODY_ERRORS = ("400", "413", "415")  # errors of operations with a body


def complete(document: Json) -> None:
    """Complete the description that flask-openapi3 made from the views."""
    schemas = _schemas() | _forms()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _complete(path, method, operation, schemas)
    document["components"]["schemas"] = {name: schemas[name] for name in sorted(_named(document["paths"], schemas))}


def _named(part: Any, schemas: Json) -> set[str]:
    """Return the names of all schemas that a part of the document refers to, directly or through others."""
    found: set[str] = set()
    entries = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for entry in entries:
        found |= _named(entry, schemas)
    reference = part.get("$ref") if isinstance(part, dict) else None
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        found |= {name} | _named(schemas[name], schemas)
    return found


def _schemas() -> Json:
    """Return all schemas as pydantic makes them; flask-openapi3 would leave out, for example, their examples."""
    models = [(model, "validation") for module in SCHEMAS for model in _models(module)]
    _, found = models_json_schema(models, ref_template=f"{REFERENCE}{{model}}")  # type: ignore[arg-type]
    for schema in found["$defs"].values():
        _drop_defaults(schema.get("properties", {}))
    return dict(found["$defs"])


def _drop_defaults(properties: Json) -> None:
    """Remove the defaults of objects and of unions: clients that generators write with them don't compile."""
    for schema in properties.values():
        kinds = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
        if schema.get("default") is not None and ("$ref" in schema or len(kinds) > 1):
            del schema["default"]


def _models(module: ModuleType) -> Iterator[type[BaseModel]]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, BaseModel) and found.__module__ == module.__name__:
            yield found


def _complete(path: str, method: str, operation: Json, schemas: Json) -> None:
    rest = operation.get("description", "").replace("<br/>", "\n").strip()
    operation["description"] = rest or operation["summary"] + "."
    if path not in ANY_HOST:
        operation["responses"].setdefault("421", {})
    if is_api(path):
        operation["security"] = SECURITY
        for status in API_ERRORS if method == "get" else API_ERRORS + WRITE_ERRORS:
            operation["responses"].setdefault(status, {})
    _complete_parameters(operation)
    _complete_body(operation, schemas)
    if "parameters" not in operation and "requestBody" not in operation:
        operation["responses"].pop("422", None)
    has_etag = method == "get" and is_api(path) and not STREAMED_MEDIA & set(_media(operation))
    if has_etag:
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "The caller's copy is still current."}
    for status, response in operation["responses"].items():
        _complete_response(status, response, method, path)
        if has_etag and status in ("200", "304"):
            response["headers"]["ETag"] = _header("ETag")
        if status in DONE and any(parameter["name"] == HEADER for parameter in operation.get("parameters", ())):
            response["headers"][REPLAYED] = _header(REPLAYED)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _media(operation: Json) -> Json:
    return dict(operation["responses"].get("200", {}).get("content", {}))


def _complete_parameters(operation: Json) -> None:
    """Remove examples, descriptions and null (no parameter can be null) from the parameters' schemas."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        for name in ("description", "example"):
            schema.pop(name, None)
        choices = [choice for choice in schema.pop("anyOf", ()) if choice.get("type") != "null"]
        if len(choices) == 1:
            schema.update(choices[0])
        elif choices:
            schema["anyOf"] = choices
        if schema.get("default", "") is None:
            del schema["default"]


def _complete_body(operation: Json, schemas: Json) -> None:
    if "requestBody" not in operation:
        return
    operation["requestBody"]["required"] = True
    content = operation["requestBody"]["content"]
    if PACK_TYPE in content:
        content[PACK_TYPE] = BINARY
    else:
        schema = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        operation["requestBody"]["required"] = bool(schemas[schema].get("required"))
        content["application/json"]["example"] = SMALLEST[schema]
        content["multipart/form-data"] = {"schema": _reference(_form_of(schema))}
    operation.setdefault("parameters", []).append(TRACEPARENT)
    for status in BODY_ERRORS:
        operation["responses"].setdefault(status, {})


def _reference(schema: str) -> Json:
    return {"$ref": f"{REFERENCE}{schema}"}


def _form_of(body: str) -> str:
    """Return the name of the form's schema for a body; generated clients name their models after it."""
    return f"{body.removesuffix('Body')}Form"


def _forms() -> Json:
    """Return the schemas of all forms: the JSON of a body as one part, and the files that it names as others."""
    return {_form_of(body): _form(_reference(body), example) for body, example in SMALLEST.items()}


def _form(schema: Json, example: Json) -> Json:
    part = {"type": "string", "maxLength": MAX_JSON, "contentMediaType": "application/json", "contentSchema": schema}
    words = "The JSON of this request, which names the files beside it as file:<part name>."
    return {
        "type": "object",
        "description": "A request as a form, with its files beside its JSON.",
        "required": [PART],
        "properties": {PART: part | {"description": words, "examples": [json.dumps(example)]}},
        "propertyNames": {"pattern": f"^[ -~]{{1,{MAX_PART_NAME}}}$"},
        "maxProperties": MAX_PARTS,
        "additionalProperties": BINARY["schema"],
    }


def _complete_response(status: str, response: Json, method: str, path: str) -> None:
    response["headers"] = {name: _header(name) for name in _headers_of(status, method, path)}
    if status in DONE:
        response["description"] = DONE[status]
        if STREAM in response.get("content", {}):
            response["content"][STREAM]["example"] = STREAMED
    if status in PROBLEMS:
        description, error = PROBLEMS[status]
        schema = _reference(responses.Problem.__name__)
        response["description"] = description
        response["content"] = {problems.MEDIA_TYPE: {"schema": schema, "example": error.problem()}}


def _header(name: str) -> Json:
    schema = dict(HEADERS[name])
    return {"description": schema.pop("description"), "schema": schema}


def _headers_of(status: str, method: str, path: str) -> list[str]:
    names = ["X-Request-ID"]
    if is_api(path) and status not in ("401", "421"):
        names += ["RateLimit", "RateLimit-Policy"]
    if method == "get" and status in ("200", "304") and is_api(path):
        names += ["Cache-Control"]
    if method == "get" and status == "200" and path in NAMED_FILES:
        names += ["Content-Disposition"]
    if status == "201" or (status in ("200", "202") and (method, path) in LOCATED):
        names += ["Location"]
    if status in ("200", "202") and method == "post" and path in NEW_JOBS:
        names += ["Preference-Applied"]
    if status == str(HTTPStatus.UNAUTHORIZED.value):
        names += ["WWW-Authenticate"]
    return names + (["Retry-After"] if status in ("429", "503", "507") else [])
