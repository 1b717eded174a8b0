"""/docs: the API's description as a page; Swagger UI comes from a Python package, not from another site."""

from __future__ import annotations

from pathlib import Path

import flask_openapi3_swagger
from flask import Blueprint, Response, send_from_directory

from service.errors import NotFound

blueprint = Blueprint("docs", __name__, url_prefix="/docs")

PAGE = Path(__file__).parent / "page"
SWAGGER = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
SERVED = {"start.js": PAGE, "page.css": PAGE, "css/swagger-ui.css": SWAGGER, "js/swagger-ui-bundle.js": SWAGGER}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@blueprint.get("")
def page() -> Response:
    return Response((PAGE / "index.html").read_bytes(), mimetype="text/html", headers=HEADERS)


@blueprint.get("/<path:name>")
def file(name: str) -> Response:
    if name not in SERVED:
        raise NotFound(f"there is no {name!r} among the files of /docs")
    response = send_from_directory(SERVED[name], name)
    if SERVED[name] == PAGE:
        response.headers.update(HEADERS)
    return response
