"""What /openapi.json can't say and a valid request needs: pictures, presets that are there, a host for webhooks.

schemathesis loads this file.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urljoin

import requests
import schemathesis
from PIL import Image

REPEAT_KEY = "Idempotency-Key"
WEBHOOK_HOST = "127.0.0.1:9"  # where nobody listens
PRESETS = ["mosaic", "waves", "ink"]  # some that come with the service, and which no request changes
OWN = "harbour"  # a preset that requests make, change and delete
UNTOUCHED = [*PRESETS, "default"]  # the tenant whose limits are those of all requests
TO_COME = "2099-12-31T00:00:00Z"
VALUES = {
    "BlendBody.from": PRESETS,
    "BlendBody.to": PRESETS,
    "KeyBody.expires_at": [TO_COME, None],
    "KeyBody.tenant": ["default", None],
    "StyleEntry.preset": PRESETS,
    "TransferBody.callback_url": [f"http://{WEBHOOK_HOST}/done", None],
}
"""Fields of bodies, and the values that are right on this service."""
ONE_OF = {"StyleEntry": ("preset", "image")}  # a body has either of these fields
PAINTED = 8  # one in so many accepted transfers is not canceled at once
LONGEST_QUERY = 3000  # characters; a whole line may have 4094
STREAM = "text/event-stream"
EVENT = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {"event": {"enum": ["progress", "preview", "done"]}, "data": {"type": "string"}},
}

_numbers = itertools.count()


def pictures() -> list[str]:
    """Return small pictures as the API takes them."""
    colours = Image.linear_gradient("L").resize((24, 16)).convert("RGB")
    texts = [_text(colours, format) for format in ("PNG", "JPEG", "WEBP")]
    return [*texts, f"data:image/png;base64,{texts[0]}"]


def _text(image: Image.Image, format: str) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format)
    return base64.b64encode(buffer.getvalue()).decode()


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Narrow the schemas of what a request names to what is there."""
    schemas = raw_schema["components"]["schemas"]
    for name, values in VALUES.items():
        schema, _, field = name.partition(".")
        schemas[schema]["properties"][field] = {"enum": values}
    for name, fields in ONE_OF.items():
        schemas[name] = {"oneOf": [_with_one(schemas[name], field, fields) for field in fields]}
    for part in _parts(raw_schema):
        if part.get("type") == "string" and str(part.get("description", "")).startswith("An image: base64"):
            part["enum"] = pictures()
    for part in _parts(raw_schema["paths"]):
        if STREAM in part:
            part[STREAM]["schema"] = EVENT  # schemathesis reads it as that of one event
        if "multipart/form-data" in part:
            form = part["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]
            _as_one_part(schemas[form])
        if {} in part.get("security", ()):
            part["security"].remove({})  # this service has a key


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Leave what all requests need as it is; make each key for repeats another one, as bodies differ."""
    if case.path_parameters and case.path_parameters.get("name") in UNTOUCHED:
        case.path_parameters["name"] = OWN
    if case.headers and case.headers.get(REPEAT_KEY):
        case.headers[REPEAT_KEY] = f"{case.headers[REPEAT_KEY]}{next(_numbers)}"


@schemathesis.hook
def filter_query(context: Any, query: Any) -> bool:
    """Leave out queries that make a line longer than the web server reads, which is 414 whatever is asked."""
    return len(quote(str(query), errors="replace")) < LONGEST_QUERY


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Cancel what was accepted, but one in PAINTED transfers: workers needn't paint all the time.

    Each batch is canceled, as its transfers are in no list where those that run for long are found.
    """
    accepted = case.method == "POST" and response.status_code == HTTPStatus.ACCEPTED
    if accepted and (case.path == "/v1/batches" or (case.path == "/v1/transfers" and next(_numbers) % PAINTED)):
        cancel = urljoin(response.request.url, f"{response.json()['links']['self']}/cancel")
        requests.post(cancel, headers={"X-API-Key": os.environ["KEY"]}, timeout=60)


def _with_one(schema: dict[str, Any], wanted: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of an object with one of these fields and none of the others."""
    properties = {name: field for name, field in schema["properties"].items() if name == wanted or name not in fields}
    return schema | {"properties": properties, "required": [wanted]}


def _as_one_part(form: dict[str, Any]) -> None:
    """Let a form have the JSON of the example alone: files would have to be named in it."""
    request = form["properties"]["request"]
    request["enum"] = [json.dumps(json.loads(example)) for example in request["examples"]]
    form["additionalProperties"] = False


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects of a document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _parts(child)
