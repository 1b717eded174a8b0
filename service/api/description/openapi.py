"""The Flask application with an OpenAPI description of its views."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3 import Info, OpenAPI

from service import __version__
from service.api.description.extras import complete
from service.api.description.texts import SECURITY_SCHEMES
from service.api.http import problems
from service.api.http.body import ApiRequest
from service.api.schemas.responses import Problem
from service.errors import NotFound
from service.storage.json_text import write_json

INFO = Info(
    title="Neural style transfer",
    version=__version__,
    description="POST a photo and a style, get a picture back that looks painted (Gatys, Ecker, Bethge 2016).",
)


class StrictJson(DefaultJSONProvider):
    """JSON of responses, in which a number that isn't finite becomes null; keys stay in their order."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return write_json(obj, **{"default": self.default, "ensure_ascii": self.ensure_ascii} | kwargs)


class Api(OpenAPI):
    """A Flask app that reads bodies as JSON or as a form, and answers every error as problem+json."""

    request_class = ApiRequest
    json_provider_class = StrictJson

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
        problems.register(self)
        self.url_map.merge_slashes = False
        self.before_request(_check_path)

    def generate_spec_json(self) -> None:
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        complete(self.spec_json)


def _check_path() -> None:
    """Refuse a second spelling of a path: a proxy's rule for /metrics must cover every path that leads there."""
    if request.environ["PATH_INFO"].startswith("//"):  # werkzeug would read it as one slash
        raise NotFound("there is no such path: it begins with two slashes")
