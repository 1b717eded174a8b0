"""/v1/styles: presets."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for
from flask_openapi3 import APIBlueprint, Tag

from service.api.auth import require_key
from service.api.paging import from_cursor, to_cursor
from service.api.parts import parts
from service.api.resources import style_resource
from service.api.schemas import NewStylePath, PageQuery, Problem, StyleBody, StyleOut, StylePage, StylePath
from service.styles.presets import PresetImage

blueprint = APIBlueprint(
    "styles",
    __name__,
    url_prefix="/v1/styles",
    abp_tags=[Tag(name="styles", description="Presets: styles saved under a name.")],
    abp_responses={"401": Problem, "422": Problem},
)
blueprint.before_request(require_key)

PICTURE: dict[Any, Any] = {"200": {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}}


@blueprint.put("/<name>", responses={"200": StyleOut, "201": StyleOut, "400": Problem})
def put_style(path: NewStylePath, body: StyleBody) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Save a preset, or replace the one of that name."""
    images = [PresetImage(entry.image, entry.weight, entry.scale) for entry in body.images]
    row, is_new = parts().presets.put(path.name, body.description, images)
    location = {"Location": url_for("styles.get_style", name=path.name)}
    return style_resource(row), 201 if is_new else 200, location


@blueprint.get("", responses={"200": StylePage})
def list_styles(query: PageQuery) -> dict[str, Any]:
    """List presets in the order of their names."""
    (after,) = from_cursor(query.cursor, str) if query.cursor else ("",)
    rows = parts().presets.page(after, query.limit + 1)
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return {"items": [style_resource(row) for row in rows], "next": to_cursor(rows[-1].name) if more else None}


@blueprint.get("/<name>", responses={"200": StyleOut, "404": Problem})
def get_style(path: StylePath) -> dict[str, Any]:
    """Show a preset."""
    return style_resource(parts().presets.get(path.name))


@blueprint.get("/<name>/image", responses=PICTURE | {"404": Problem})
def get_style_image(path: StylePath) -> Response:
    """A thumbnail of a preset."""
    row = parts().presets.get(path.name)
    response = Response(parts().presets.thumbnail(row), mimetype="image/jpeg")
    response.set_etag(row.version)
    response.headers["Cache-Control"] = "no-cache"  # may be kept, but the name can get another picture
    return response.make_conditional(request)  # type: ignore[return-value]


@blueprint.delete("/<name>", responses={"204": None, "404": Problem})
def delete_style(path: StylePath) -> tuple[str, int]:
    """Delete a preset. Transfers that use it are not harmed."""
    parts().presets.delete(path.name)
    return "", 204
