"""/docs: the API's description as a page; its files come from a Python package, not from another site."""

from __future__ import annotations

from pathlib import Path

import flask_openapi3_swagger
from flask import Blueprint, Response, send_from_directory

from service.errors import NotFound

blueprint = Blueprint("docs", __name__, url_prefix="/docs")

FILES = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
SERVED = ("css/swagger-ui.css", "js/swagger-ui-bundle.js")
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
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Neural style transfer: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/css/swagger-ui.css">
<div id="docs"></div>
<script src="docs/js/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""
START = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null,
  defaultModelRendering: "model", defaultModelExpandDepth: 2, // fields with what they mean, before an example
});
"""


@blueprint.get("")
def page() -> Response:
    return Response(PAGE, mimetype="text/html", headers=HEADERS)


@blueprint.get("/start.js")
def start() -> Response:
    return Response(START, mimetype="text/javascript", headers=HEADERS)


@blueprint.get("/<path:name>")
def file(name: str) -> Response:
    if name not in SERVED:
        raise NotFound(f"there is no {name!r} among the files of /docs")
    return send_from_directory(FILES, name)
