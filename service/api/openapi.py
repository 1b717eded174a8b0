"""The API's own description: what flask-openapi3 makes of the views, completed by what it can't know."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask_openapi3 import Info, OpenAPI

from service import __version__
from service.api import problems
from service.api.body import PART, ApiRequest
from service.api.schemas import Problem

INFO = Info(
    title="Neural style transfer",
    version=__version__,
    description="POST a photo and a style, get a picture back that looks painted (Gatys, Ecker, Bethge 2016).",
)

FORM = {
    "type": "object",
    "required": [PART],
    "properties": {
        PART: {"type": "string", "description": "The JSON of this request; it names files as file:<part>."}
    },
    "additionalProperties": {"type": "string", "format": "binary"},
}


class Api(OpenAPI):
    """Flask that reads bodies as JSON or as a form, and answers every error as problem+json."""

    request_class = ApiRequest

    def __init__(self) -> None:
        super().__init__(
            "service",
            info=INFO,
            doc_ui=False,
            static_folder=None,
            validation_error_model=Problem,
            validation_error_callback=problems.validation_response,
        )
        self.json.sort_keys = False  # type: ignore[attr-defined]
        problems.register(self)

    def generate_spec_json(self) -> None:
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        for path in self.spec_json["paths"].values():
            for operation in path.values():
                _complete(operation)


def _complete(operation: dict[str, Any]) -> None:
    if "requestBody" in operation:
        operation["requestBody"]["content"]["multipart/form-data"] = {"schema": FORM}
        for status in (
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        ):
            operation["responses"].setdefault(str(status.value), {"description": status.phrase})
    for status, response in operation["responses"].items():
        if status >= "400":
            schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
            response["content"] = {problems.MEDIA_TYPE: {"schema": schema}}
