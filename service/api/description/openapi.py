"""The application: Flask whose views describe themselves, with what flask-openapi3 can't know added to that."""

from __future__ import annotations

from flask import request
from flask_openapi3 import Info, OpenAPI

from service import __version__
from service.api.description.extras import SECURITY_SCHEMES, complete
from service.api.http import problems
from service.api.http.body import ApiRequest
from service.api.schemas.responses import Problem
from service.errors import NotFound

INFO = Info(
    title="Neural style transfer",
    version=__version__,
    description="POST a photo and a style, get a picture back that looks painted (Gatys, Ecker, Bethge 2016).",
)


class Api(OpenAPI):
    """Flask that reads bodies as JSON or as a form, and answers every error as problem+json."""

    request_class = ApiRequest

    def __init__(self) -> None:
        super().__init__(
            "service",
            info=INFO,
            security_schemes=SECURITY_SCHEMES,
            doc_ui=False,
            static_folder=None,
            validation_error_model=Problem,
            validation_error_callback=problems.refuse,
        )
        self.json.sort_keys = False  # type: ignore[attr-defined]
        problems.register(self)
        self.url_map.merge_slashes = False
        self.before_request(_check_path)

    def generate_spec_json(self) -> None:
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        complete(self.spec_json)


def operation_id(*, name: str, path: str, method: str) -> str:
    """What generated clients call an operation: as its view is called."""
    return name


def _check_path() -> None:
    """Refuse a second spelling of a path: a proxy's rule for /metrics must hold for all that leads there."""
    if request.environ["PATH_INFO"].startswith("//"):  # which werkzeug would make one
        raise NotFound("there is no such path: it begins with two slashes")
