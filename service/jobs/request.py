"""A job's request as its row holds it: pictures by blob key, all options filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from service.errors import FieldError, InvalidInput
from service.options import PAINTER, TransferOptions, unknown_options
from service.pictures.style_image import StyleImage
from service.storage.blob_folders import JOBS
from service.storage.kinds import SCORE, TRANSFER
from service.storage.lanes import ENGINE, PAINT, Lane
from service.storage.schema import JobRow
from service.storage.stored_files import (
    StoredFile,
    StoredImage,
    StoredPainter,
    style_image_from_json,
    style_image_to_json,
)
from service.storage.typed_json import Json, number_in, object_in, objects_in

CHECKPOINT = "checkpoint"  # prefix of states from which another worker goes on
PHOTO = "photo"  # prefix of photographs to learn from
UNFINISHED = (CHECKPOINT, PHOTO)  # prefixes of files that only an unfinished job needs
RESULT = "result"  # prefix of finished pictures
SHEET = "sheet"  # prefix of their contact sheet


@dataclass(frozen=True)
class StoredStyle:
    """An entry of `styles`: a preset as it was when the job was submitted, or one image.

    Attributes:
        weight: its share in the average of its region.
        images: its images; a style mask is the mask of the only one.
        pack: the file of a preset that has no pictures.
        mask: over the content image: white where this style goes.
        painter: the weights of the preset's painter, for the method "painter".
    """

    preset: str | None
    weight: float
    scale: float
    images: tuple[StyleImage[StoredImage], ...]
    pack: StoredFile | None = None
    mask: StoredImage | None = None
    painter: StoredPainter | None = None

    @property
    def style_mask(self) -> StoredImage | None:
        """The mask over its only image: white where that counts."""
        return self.images[0].mask if self.images else None

    def sized(self) -> list[tuple[StyleImage[StoredImage], float]]:
        """Return each image that has a weight, with its size relative to the output's; empty for a pack."""
        if self.pack is not None or not self.weight:
            return []
        return [(image, self.scale * image.scale) for image in self.images if image.weight > 0]

    def to_json(self) -> Json:
        return {
            "preset": self.preset,
            "weight": self.weight,
            "scale": self.scale,
            "images": [style_image_to_json(image) for image in self.images],
            "pack": _json_of(self.pack),
            "mask": _json_of(self.mask),
            "style_mask": _json_of(self.style_mask),
        } | ({"painter": self.painter.to_json()} if self.painter else {})

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> StoredStyle:
        style_mask = _image_in(json, "style_mask")
        images = tuple(style_image_from_json(image, style_mask) for image in objects_in(json, "images"))
        pack = StoredFile.from_json(object_in(json, "pack")) if json.get("pack") else None
        painter = StoredPainter.from_json(object_in(json, "painter")) if json.get("painter") else None
        weight, scale = number_in(json, "weight", 1.0), number_in(json, "scale", 1.0)
        return cls(json.get("preset"), weight, scale, images, pack, _image_in(json, "mask"), painter)


@dataclass(frozen=True)
class Painting:
    """One picture that a job paints.

    Attributes:
        options: as they were stored; they are checked before the picture is painted.
        unknown_options: options of another version, which are shown and refused.
        initial_image: the image that came with the request, for the init "image".
        protect, strength_map: masks over the content.
        label: its caption on the contact sheet.
    """

    styles: tuple[StoredStyle, ...] = ()
    options: TransferOptions = TransferOptions()
    initial_image: StoredImage | None = None
    protect: StoredImage | None = None
    strength_map: StoredImage | None = None
    label: str = ""
    unknown_options: Mapping[str, Any] = field(default_factory=dict)

    def check_options(self) -> None:
        """Raise InvalidInput if the options aren't among those that can be painted today."""
        if self.unknown_options:
            raise InvalidInput(
                [FieldError(name, "is an option of another version") for name in sorted(self.unknown_options)]
            )
        self.options.check()

    def to_json(self) -> Json:
        return {
            "styles": [style.to_json() for style in self.styles],
            "options": self.options.as_dict() | dict(self.unknown_options),
            "first": _json_of(self.initial_image),
            "protect": _json_of(self.protect),
            "strength_map": _json_of(self.strength_map),
            "label": self.label,
        }

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> Painting:
        return cls().variant(json, {})

    def variant(self, json: Mapping[str, Any], own: Mapping[str, Any]) -> Painting:
        """Read another painting. It shares each part whose JSON is equal in `own`, this painting's JSON.

        Variants mostly differ in an option or two, and a page of 200 transfers may have 3200 of them.
        """
        fields = {}
        for name, (key, read) in _READERS.items():
            if key in json:
                is_same = key in own and own[key] == json[key]
                fields[name] = getattr(self, name) if is_same else read(json, key)
        return Painting(**fields)


@dataclass(frozen=True)
class TransferRequest:
    """A whole transfer: the base painting, and the variants that are painted instead of it, if there are any."""

    kind: ClassVar[str] = TRANSFER
    content: StoredImage
    base: Painting
    variants: tuple[Painting, ...] = ()

    @property
    def paintings(self) -> tuple[Painting, ...]:
        """All pictures that the job paints."""
        return self.variants or (self.base,)

    @property
    def lane(self) -> Lane:
        """The lane of its job: painters alone paint it, or it needs the model."""
        painted = all(one.options.method == PAINTER and not one.options.iterations for one in self.paintings)
        return PAINT if painted else ENGINE

    @property
    def size(self) -> int:
        """Pixels on the long edge of every picture."""
        return self.base.options.size

    @property
    def iterations(self) -> int:
        """Iterations at most, of all pictures."""
        counts = [painting.options.iterations for painting in self.paintings]
        return sum(count for count in counts if isinstance(count, int))  # stored options may be anything

    def check_options(self) -> None:
        """Raise InvalidInput if a picture's options aren't among those that can be painted today."""
        for painting in self.paintings:
            painting.check_options()

    def to_json(self) -> Json:
        variants = [painting.to_json() for painting in self.variants]
        return {"content": self.content.to_json(), **self.base.to_json(), "variants": variants}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> TransferRequest:
        """Read a row of any version, without checking its options."""
        base = Painting.from_json(json)
        variants = tuple(base.variant(variant, json) for variant in objects_in(json, "variants"))
        return cls(StoredImage.from_json(object_in(json, "content")), base, variants)

    @classmethod
    def of(cls, row: JobRow) -> TransferRequest:
        """Read the request of a transfer's or a score's row; one that is damaged reads as one without pictures."""
        return cls.from_json(row.request if isinstance(row.request, dict) else {})


@dataclass(frozen=True)
class ScoreRequest:
    """A score: the picture to be judged, and the transfer whose losses judge it, which isn't carried out."""

    kind: ClassVar[str] = SCORE
    lane: ClassVar[Lane] = ENGINE
    transfer: TransferRequest
    picture: StoredImage

    def to_json(self) -> Json:
        return self.transfer.to_json() | {"picture": self.picture.to_json()}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> ScoreRequest:
        return cls(TransferRequest.from_json(json), StoredImage.from_json(object_in(json, "picture")))


def _image_in(json: Mapping[str, Any], name: str) -> StoredImage | None:
    return StoredImage.from_json(object_in(json, name)) if json.get(name) else None


_READERS: Mapping[str, tuple[str, Callable[[Mapping[str, Any], str], Any]]] = {
    "styles": ("styles", lambda json, key: tuple(StoredStyle.from_json(style) for style in objects_in(json, key))),
    "options": ("options", lambda json, key: TransferOptions.stored(object_in(json, key))),
    "unknown_options": ("options", lambda json, key: unknown_options(object_in(json, key))),
    "initial_image": ("first", _image_in),
    "protect": ("protect", _image_in),
    "strength_map": ("strength_map", _image_in),
    "label": ("label", lambda json, key: str(json[key])),
}
"""Field of a painting -> its key in the row, and the function that reads it."""


def _json_of(file: StoredFile | None) -> Json | None:
    return None if file is None else file.to_json()


def blobs(request: Any) -> Iterator[str]:
    """Yield the keys of all files that a request of any kind refers to, in JSON of any version."""
    return _texts(request, "blob")


def style_digests(request: Any) -> Iterator[str]:
    """Yield the SHA-256 of the style pictures of a request of any kind, with their masks, in JSON of any version.

    A preset that came as a pack has none: the digests of its images are what its sender says.
    """
    if isinstance(request, list):
        for entry in request:
            yield from style_digests(entry)
    elif isinstance(request, dict):
        for key, entry in request.items():
            if key not in ("styles", "style"):
                yield from style_digests(entry)
            else:
                for style in entry if isinstance(entry, list) else [entry]:
                    if not (isinstance(style, dict) and style.get("pack")):
                        yield from _texts(style, "sha256")


def _texts(json: Any, key: str) -> Iterator[str]:
    """Yield the texts of this key in JSON, at any depth."""
    if isinstance(json, list):
        for entry in json:
            yield from _texts(entry, key)
    elif isinstance(json, dict):
        if isinstance(json.get(key), str):
            yield json[key]
        for entry in json.values():
            yield from _texts(entry, key)


def job_folder(id: str) -> str:
    """Return the folder of a job's own files."""
    return f"{JOBS}/{id}"


def job_blob(id: str, name: str) -> str:
    """Return the key of one of a job's own files."""
    return f"{job_folder(id)}/{name}"
