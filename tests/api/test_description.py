"""The API's description: OpenAPI 3.1, complete, and true of what the service answers."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import MISSING
from typing import TYPE_CHECKING, Any

import pytest
import requests
from flask import Flask
from front_door import RunningService, b64

from service.api import limits
from service.api.schemas.fields import SMALLEST_IMAGE
from service.api.schemas.patterns import WORDS
from service.decoding.files import check_image
from service.network.layers import LAYERS
from service.options import OPTIONS

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Json = dict[str, Any]

OPEN = ("Out", "Page", "Problem", "Health", "Form")  # ends of the names of schemas that allow further fields
WITHOUT_BODY = (
    ("patch", "/v1/styles/{name}"),
    ("put", "/v1/styles/{name}/painter"),
    ("post", "/v1/keys/{id}/rotate"),
    ("post", "/v1/styles/{name}/restore"),
)
"""Operations that take no body, too, as all of its fields are optional."""
OPTIONAL = {"RateLimit", "RateLimit-Policy", "Preference-Applied", "Retry-After", "Idempotency-Replayed"}
"""Headers that an answer has only where there was reason to."""
DESCRIBED = {"Location", "Preference-Applied", "ETag", "Retry-After"}
"""Headers that no answer has without the description saying so."""


@pytest.fixture(scope="module")
def document(service: RunningService) -> Json:
    document: Json = service.get("/openapi.json").json()
    return document


@pytest.fixture(scope="module")
def operations(document: Json) -> dict[tuple[str, str], Json]:
    return {(method, path): found for path, item in document["paths"].items() for method, found in item.items()}


def properties(document: Json) -> Iterator[tuple[str, Json]]:
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema["properties"].items():
            yield f"{name}.{field}", described


def patterns(described: object) -> Iterator[str]:
    """Yield the regular expressions of a description, without those of the names of a form's parts."""
    if isinstance(described, dict):
        if isinstance(pattern := described.get("pattern"), str):
            yield pattern
        described = [value for name, value in described.items() if name != "propertyNames"]
    if isinstance(described, list):
        for part in described:
            yield from patterns(part)


def validator(schema: Json) -> Draft202012Validator:
    """Load jsonschema only where it is used: this takes a second."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return Draft202012Validator(schema)


def choices(schema: Json) -> list[Json]:
    either: list[Json] = schema.get("anyOf", [schema])
    return either


@pytest.mark.slow
def test_it_is_openapi_3_1(document: Json) -> None:
    from openapi_spec_validator import validate  # noqa: PLC0415 - loads jsonschema

    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_form_of_a_text_has_words_for_its_errors(document: Json) -> None:
    assert set(patterns(document)) == set(WORDS)


def test_every_field_says_what_it_is_with_an_example(document: Json) -> None:
    found = dict(properties(document))
    assert len(found) > 100
    for name, schema in found.items():
        assert schema.get("description"), name
        assert schema.get("examples"), name
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        assert schema.get("additionalProperties") is False or name.endswith(OPEN), name


@pytest.mark.slow
def test_examples_are_what_their_fields_take(document: Json) -> None:
    parts = {"components": document["components"]}  # which schemas refer to
    for name, schema in properties(document):
        check = validator(schema | parts)
        for example in schema["examples"]:
            errors = [error.message for error in check.iter_errors(example)]
            assert not errors or example == [] or not_whole(schema), (name, errors)


def not_whole(schema: Json) -> bool:
    """Return whether an example may be cut short: those of whole resources are."""
    return any("$ref" in choice for choice in choices(schema)) or schema.get("type") == "array"


def test_every_number_of_a_request_has_its_range(document: Json) -> None:
    for name, schema in properties(document):
        for choice in choices(schema) if name.split(".")[0].endswith(("Body", "Entry")) else ():
            if choice.get("type") in ("number", "integer"):
                assert {"minimum", "exclusiveMinimum"} & set(choice), name
                assert "maximum" in choice, name


@pytest.mark.parametrize("body", ["TransferBody", "ScoreBody", "VariantBody"])
def test_options_are_described_as_the_engine_has_them(document: Json, body: str) -> None:
    fields = document["components"]["schemas"][body]["properties"]
    for name, option in OPTIONS.items():
        if name == "size" and body == "VariantBody":
            continue
        schema, meta = fields[name], option.metadata
        assert schema["description"] == meta["doc"]
        if name.endswith("_layers"):
            assert schema["propertyNames"]["enum"] == list(LAYERS)
            assert schema["additionalProperties"]["maximum"] == meta["high"]
            assert option.default_factory is not MISSING
            assert schema["default"] == option.default_factory()
        elif meta["choices"]:
            assert name == "init" or tuple(schema["enum"]) == meta["choices"]
        else:
            (number,) = [choice for choice in choices(schema) if choice.get("type") != "null"]
            assert (number["minimum"], number["maximum"]) == (meta["low"], meta["high"])
            assert schema["default"] == option.default


def test_every_operation_says_what_it_does_and_what_can_go_wrong(operations: dict[tuple[str, str], Json]) -> None:
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names) > 20
    for (method, path), operation in operations.items():
        assert operation["summary"] and operation["description"] and operation["tags"], path
        assert "`" not in operation["summary"], path
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], (path, parameter["name"])
            # one of a header would be sent by those who only try
            assert ("example" in parameter) == (parameter["in"] != "header"), (path, parameter["name"])
        for status, response in operation["responses"].items():
            assert response["description"], (path, status)
            assert all(header["description"] for header in response["headers"].values())
            if status >= "400":
                (media,) = response["content"].values()
                assert media["example"]["status"] == int(status), (path, status)
        assert (operation.get("security") is not None) == path.startswith("/v1/")
        if path.startswith("/v1/"):
            assert {"401", "500", "503"} <= set(operation["responses"]), path
            takes = any(parameter["name"] != "If-None-Match" for parameter in operation.get("parameters", ()))
            assert ("422" in operation["responses"]) == (takes or "requestBody" in operation), path
        if "requestBody" in operation:
            assert operation["requestBody"]["required"] != ((method, path) in WITHOUT_BODY), path
            assert {"400", "413", "415"} <= set(operation["responses"]), path
        if method == "get" and path.startswith("/v1/") and not path.endswith(("/events", "/zip")):
            assert "304" in operation["responses"], path


def test_the_days_of_usage_are_dates_or_times(operations: dict[tuple[str, str], Json]) -> None:
    days = [one for one in operations["get", "/v1/usage"]["parameters"] if one["name"] in ("from", "to")]
    assert [[choice["format"] for choice in one["schema"]["anyOf"]] for one in days] == [["date", "date-time"]] * 2


def test_every_number_of_an_address_has_its_bounds(operations: dict[tuple[str, str], Json]) -> None:
    numbers = [
        parameter
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if parameter["schema"].get("type") in ("integer", "number")
    ]
    assert len(numbers) > 5
    assert all({"minimum", "maximum"} <= set(number["schema"]) for number in numbers), numbers


def test_what_takes_images_takes_them_as_json_and_as_a_form(
    document: Json, operations: dict[tuple[str, str], Json]
) -> None:
    both = {path for (_, path), found in operations.items() if "multipart/form-data" in media_of(found)}
    takes_images = {"/v1/styles/{name}", "/v1/styles/{name}/painter"}
    takes_images |= {"/v1/transfers", "/v1/batches", "/v1/scores", "/v1/estimates"}
    plain = {"/v1/styles/{name}/restore", "/v1/keys", "/v1/keys/{id}/rotate", "/v1/tenants", "/v1/tenants/{name}"}
    assert both == takes_images | plain  # as every body
    for operation in operations.values():
        content = media_of(operation)
        if form := content.get("multipart/form-data"):
            name = form["schema"]["$ref"].rpartition("/")[2]
            part = document["components"]["schemas"][name]["properties"]["request"]
            assert part["contentSchema"] == content["application/json"]["schema"]


def media_of(operation: Json) -> Json:
    content: Json = operation.get("requestBody", {}).get("content", {})
    return content


def test_the_image_that_is_shown_can_be_read() -> None:
    assert check_image(base64.b64decode(SMALLEST_IMAGE)).width == 8


@pytest.mark.slow
def test_answers_are_what_the_description_says(
    service: RunningService, document: Json, operations: dict[tuple[str, str], Json], photo_png: bytes
) -> None:
    parts = {"components": document["components"]}  # which schemas refer to
    service.put_style("described", photo_png, warm=[64])
    job = service.transfer(photo_png, {"preset": "described"}, size=64, iterations=2)
    score = {"content": b64(photo_png), "image": b64(photo_png), "styles": [{"preset": "described"}], "size": 64}
    transfer = {name: score[name] for name in ("content", "styles")}
    answers = [
        ("get", "/v1/styles", service.get("/v1/styles")),
        ("get", "/v1/styles/{name}", service.get("/v1/styles/described")),
        ("get", "/v1/styles/{name}", service.get("/v1/styles/nobody")),
        ("put", "/v1/styles/{name}", service.put_style("described", photo_png)),
        ("put", "/v1/styles/{name}", service.put_style("described", b"no picture")),
        ("get", "/v1/transfers", service.get("/v1/transfers?limit=3")),
        ("get", "/v1/transfers", service.get("/v1/transfers?limit=many")),
        ("get", "/v1/transfers/{id}", service.get(job["links"]["self"])),
        ("get", "/v1/transfers/{id}/image", service.get(job["links"]["image"])),
        ("get", "/v1/transfers/{id}/image", service.get(job["links"]["image"], headers={"Accept": "text/plain"})),
        ("get", "/v1/transfers/{id}/sheet", service.get(f"{job['links']['self']}/sheet")),
        ("get", "/v1/transfers/{id}/preview", service.get(f"{job['links']['self']}/preview")),
        ("get", "/v1/transfers/{id}/content", service.get(f"{job['links']['self']}/content")),
        ("post", "/v1/transfers/{id}/cancel", service.cancel(job["id"])),
        ("post", "/v1/transfers", service.post({"content": b64(photo_png)})),
        ("post", "/v1/transfers", service.post([])),
        ("post", "/v1/scores", service.post_to("/v1/scores", score)),
        ("post", "/v1/scores", service.post_to("/v1/scores", score, Prefer="wait=60")),
        ("post", "/v1/estimates", service.post_to("/v1/estimates", transfer)),
        ("get", "/v1/transfers/{id}/events", service.get(f"{job['links']['self']}/events")),
        ("get", "/livez", service.get("/livez")),
        ("get", "/readyz", service.get("/readyz")),
    ]
    for method, path, answer in answers:
        response = operations[method, path]["responses"][str(answer.status_code)]
        media_type = answer.headers["Content-Type"].partition(";")[0]
        assert media_type in response["content"], (path, answer.status_code)
        assert set(response["headers"]) - OPTIONAL <= set(answer.headers), (path, answer.headers)
        assert DESCRIBED & set(answer.headers) <= set(response["headers"]), (path, answer.headers)
        if re.search("json$", media_type):
            schema = response["content"][media_type]["schema"]
            errors = [e.message for e in validator(schema | parts).iter_errors(answer.json())]
            assert not errors, (path, errors)


@pytest.mark.slow
def test_the_example_of_each_body_works_as_it_is(
    service: RunningService, operations: dict[tuple[str, str], Json], photo_png: bytes
) -> None:
    service.put_style("mosaic", photo_png)
    examples = {key: media_of(found)["application/json"]["example"] for key, found in operations.items()
                if "application/json" in media_of(found)}  # fmt: skip
    assert len(examples) == 12  # those of keys and tenants: tests/tenants/
    grey = f"{service.url}/v1/styles/grey"
    for method in ("put", "patch"):
        assert requests.request(method, grey, json=examples[method, "/v1/styles/{name}"], timeout=60).ok
    assert service.put_style("grey", photo_png).status_code == 200
    (former,) = service.get("/v1/styles/grey/versions").json()["items"]
    restore = examples["post", "/v1/styles/{name}/restore"] | {"version": former["version"]}
    assert service.post_to("/v1/styles/grey/restore", restore).status_code == 200
    painter = f"{service.url}/v1/styles/mosaic/painter"
    example = examples["put", "/v1/styles/{name}/painter"]
    assert requests.put(painter, json=example, timeout=60).status_code == 202
    assert requests.delete(painter, timeout=60).status_code == 204
    for path in ("/v1/transfers", "/v1/scores"):
        answer = service.post_to(path, examples["post", path], Prefer="wait=60")
        assert answer.json()["status"] == "succeeded", answer.text
    assert service.post_to("/v1/batches", examples["post", "/v1/batches"]).json()["counts"]["failed"] == 0
    assert service.post_to("/v1/estimates", examples["post", "/v1/estimates"]).status_code == 200


def test_limits_of_a_route_that_is_not_there_keep_the_service_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.CONCERNED, "GET /v1/nowhere", limits.JOBS)
    with pytest.raises(LookupError, match="GET /v1/nowhere"):
        limits.register(Flask("of-the-test"))
