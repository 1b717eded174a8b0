"""Fields that the schemas share: images, and options with the ranges that service.options gives."""

from __future__ import annotations

from dataclasses import MISSING, replace
from typing import Annotated, Any

from flask import g, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.api.http.form import PART
from service.api.intake.request_pictures import RequestPictures, request_pictures
from service.api.schemas.addressed import name_in, read_addressed
from service.api.schemas.encoded import bytes_of
from service.api.schemas.invalid import invalid
from service.api.schemas.parameters import ID, MAX_INDEX
from service.api.schemas.patterns import JOB
from service.errors import InvalidInput, shown
from service.network.layers import LAYERS
from service.options import OPTIONS
from service.pictures.file_names import form_file_name, safe_name
from service.pictures.images import ImageFile, UnreadableImage, digest

FILE_PART = "file:"
NAMED_PARTS = "named_parts"  # key in Flask's `g`: the form's parts that fields have named
INIT_NAMES = tuple(choice for choice in OPTIONS["init"].metadata["choices"] if choice != "image")


def option(name: str) -> Any:
    """Return the pydantic field of one option of TransferOptions."""
    return Field(_default(name), **_rules(name), json_schema_extra=_layers_schema(name))


def optional_option(name: str) -> Any:
    """Return the pydantic field of an option that may be missing: its schema has no default."""

    def change(schema: dict[str, Any]) -> None:
        schema.update(_layers_schema(name))
        schema.pop("default", None)

    return Field(None, **_rules(name), json_schema_extra=change)


def _default(name: str) -> Any:
    declared = OPTIONS[name]
    return declared.default if declared.default_factory is MISSING else declared.default_factory()


def _rules(name: str) -> dict[str, Any]:
    meta, default = OPTIONS[name].metadata, _default(name)
    bounds = {} if name.endswith("_layers") or meta["choices"] else {"ge": meta["low"], "le": meta["high"]}
    example = meta["high"] / 2 if default is None else default
    return bounds | {"description": meta["doc"], "examples": [example]}


def _layers_schema(name: str) -> dict[str, Any]:
    """Return what the schema of an option with layers has beside its type; for other options it is empty."""
    if not name.endswith("_layers"):
        return {}
    low, high = (OPTIONS[name].metadata[bound] for bound in ("low", "high"))
    return {
        "propertyNames": {"enum": list(LAYERS)},
        "additionalProperties": {"type": "number", "minimum": low, "maximum": high},
        "minProperties": 1,
    }


def read_image(value: object) -> ImageFile:
    """Return the image that a text holds or names: base64, a data: URL, or `file:<part name>` of this form.

    An object may hold the text as `data`, with a `name` beside it; a part of a form has its file's name. An object
    with a `url` gives an AddressedImage. Raises PydanticCustomError if the image can't be read.
    """
    return image_of(value, request_pictures())


def image_of(value: object, pictures: RequestPictures) -> ImageFile:
    """Return an image as `read_image` does, as one of these pictures."""
    if isinstance(value, dict) and "url" in value:
        return read_addressed(value)
    value, name = _named(value)
    if not isinstance(value, str):
        raise invalid("must be a string: base64, a data: URL or file:<part name>")
    try:
        image = pictures.read(value, _bytes)
    except UnreadableImage as error:
        raise invalid(str(error)) from None
    return replace(image, name=name or _part_name(value))


def _named(value: object) -> tuple[object, str]:
    """Return an image's text and name, from the text alone or from an object that has both."""
    if not isinstance(value, dict):
        return value, ""
    name = value.get("name", "")
    if not {"data"} <= set(value) <= {"data", "name"} or not isinstance(name, str):
        raise invalid('as an object it must be {"data": base64, "name": file name} or {"url": "https://…"}')
    return value["data"], safe_name(name)


def _part_name(value: str) -> str:
    """Return the file name of the form's part that a text names; empty if it names none."""
    part = request.files.get(value.removeprefix(FILE_PART)) if value.startswith(FILE_PART) else None
    return form_file_name(part.filename or "") if part else ""


def _bytes(value: str) -> bytes:
    if value.startswith(FILE_PART):
        return _file(value.removeprefix(FILE_PART))
    if value[:8].lower().startswith(("http://", "https://")):
        raise invalid('is a URL alone: write {"url": "https://…"}, or send the image itself')
    return bytes_of(value)


def _file(part: str) -> bytes:
    if request.mimetype != "multipart/form-data":
        raise invalid("file: names a part of a multipart/form-data request; send base64 in JSON")
    if part not in request.files:
        raise invalid(f"the form has no file part {shown(part)}")
    g.setdefault(NAMED_PARTS, set()).add(part)
    stream = request.files[part].stream
    stream.seek(0)
    return stream.read()


def note_parts(values: list[Any]) -> None:
    """Note the form's parts that images name which are read later."""
    named = (_text(value) for value in values)
    parts = {text.removeprefix(FILE_PART) for text in named if text.startswith(FILE_PART)}
    g.setdefault(NAMED_PARTS, set()).update(parts)


def sent_name(value: object) -> str:
    """Return the file name that an image was sent with, readable or not; empty if there is none."""
    given, url = (value.get("name"), value.get("url")) if isinstance(value, dict) else (None, None)
    name = safe_name(given) if isinstance(given, str) else _part_name(_text(value))
    return name or (name_in(url) if isinstance(url, str) else "")


def sent_as(value: object) -> object:
    """Return an image as JSON that is equal for equal images which were sent in the same way."""
    part = request.files.get(_text(value).removeprefix(FILE_PART)) if _text(value).startswith(FILE_PART) else None
    if part is None:
        return value
    part.stream.seek(0)
    return {"file": digest(part.stream.read()), "name": part.filename}


def _text(value: object) -> str:
    """Return the text of an image that was sent with it or by it; empty if there is none."""
    text = value.get("data") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


def check_all_named() -> None:
    """Refuse a form with a part that its JSON doesn't name; call it after all of the JSON was read.

    Raises InvalidInput.
    """
    if request.mimetype == "multipart/form-data":
        for part in request.files:
            if part not in g.get(NAMED_PARTS, ()) and part != PART:
                raise InvalidInput.field(PART, f"the form has a part {shown(part)} that the request doesn't name")


SMALLEST_IMAGE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR4nGNgYGBgYBjuBAAB+AABzk0XbgAAAABJRU5ErkJggg=="
)
"""A PNG of eight by eight pixels, in base64."""

IMAGE_TEXT = {
    "type": "string",
    "description": "An image: base64 or base64url of a PNG, JPEG, WebP, GIF, BMP, AVIF or TIFF file (HEIC where "
    "pillow-heif is installed), a data: URL of it, or, in a multipart/form-data request, `file:<part name>`.",
    "examples": [SMALLEST_IMAGE, "data:image/png;base64," + SMALLEST_IMAGE, "file:photo"],
}

NAMED_IMAGE = {
    "type": "object",
    "description": "An image with its file name, which the transfer shows and its results are named after.",
    "properties": {
        "data": IMAGE_TEXT,
        "name": {"type": "string", "description": "The file's name.", "examples": ["photo.jpg"]},
    },
    "required": ["data"],
    "additionalProperties": False,
}

ADDRESSED_IMAGE = {
    "type": "object",
    "description": "An image by its address, which the service fetches; NST_IMAGE_HOSTS or NST_IMAGE_BUCKETS must "
    "allow it.",
    "properties": {
        "url": {
            "type": "string",
            "description": "An http://, https:// or s3:// URL, without user name and password.",
            "examples": ["https://cdn.example.com/photo.jpg"],
        },
        "name": {
            "type": "string",
            "description": "The file's name; by default that in the URL's path, if it ends as a picture's.",
            "examples": ["photo.jpg"],
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}

IMAGE_SCHEMA: dict[str, Any] = {"anyOf": [IMAGE_TEXT, NAMED_IMAGE, ADDRESSED_IMAGE]}

ImageField = Annotated[ImageFile, BeforeValidator(read_image), WithJsonSchema(IMAGE_SCHEMA)]


def picture(doc: str, *default: Any) -> Any:
    """Return the pydantic field of an image."""
    return Field(*default, description=doc, examples=[SMALLEST_IMAGE])


class JobInit(BaseModel):
    """The result of another transfer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    job: str = Field(pattern=JOB, description="The transfer's id.", examples=[ID])
    variant: int = Field(0, ge=0, le=MAX_INDEX, description="Which of its pictures; the first is 0.", examples=[0])


def read_first_image(value: object) -> str | ImageFile | JobInit:
    """Return the option `init`: one of its names, an image, or a transfer whose result is the initial image."""
    if isinstance(value, dict) and not {"data", "url"} & set(value):
        return JobInit.model_validate(value)
    if isinstance(value, str) and value in INIT_NAMES:
        return value
    try:
        return read_image(value)
    except PydanticCustomError as error:
        names = ", ".join(INIT_NAMES)
        raise invalid(f'must be {names}, an image or {{"job": id}}; as an image it is {error.message()}') from None


InitField = Annotated[
    str | ImageFile | JobInit,
    BeforeValidator(read_first_image),
    WithJsonSchema({"anyOf": [{"enum": list(INIT_NAMES)}, *IMAGE_SCHEMA["anyOf"], JobInit.model_json_schema()]}),
]
