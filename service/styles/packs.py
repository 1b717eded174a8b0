"""Packs: a preset's Gram matrices for a ladder of sizes in one safetensors file.

Tensors are `<size>/<layer>`, float32, C x C, for an output of so many pixels on its long edge, and `thumbnail`, the
bytes of a JPEG. The metadata's key `preset` holds JSON: version, model, description and the images' facts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from service.decoding import files
from service.decoding.allowance import Allowance
from service.decoding.foreign import format_of
from service.network.checked_tensors import TensorHeader, UnusableTensors, check_version, read_checked
from service.network.layers import CHANNELS, LAYERS
from service.network.safetensors_header import METADATA as FILE_METADATA
from service.network.safetensors_header import begins_as_safetensors, header_of, with_metadata
from service.pictures.images import UnreadableImage
from service.pictures.style_image import StyleImage
from service.settings.numbers import as_whole
from service.storage.stored_files import StoredImage

VERSION = 1
METADATA = "preset"  # key of the preset's JSON in the file's metadata
THUMBNAIL = "thumbnail"
OPTIONS = "options"  # key of the preset's options in its JSON; left out where it has none
SYMMETRIC = 1e-5  # largest |G - G^T| beside the largest |G|
LARGEST_ENTRY = 1e12  # of a Gram matrix: float32 holds its square, summed and weighted
SEMIDEFINITE = 1e-4  # how far below 0 an eigenvalue may be, beside the largest

FACTS: dict[str, Any] = {"sha256": str, "width": int, "height": int, "weight": (int, float), "scale": (int, float)}
LARGEST = 10**6  # of any number in an image's facts
MAX_IMAGES = 16
MAX_SIZES = 64
SHA256 = re.compile("[0-9a-f]{64}")
LONGEST_NAME = 60  # characters of a name that are shown
SIZE = re.compile("[1-9][0-9]{0,4}")  # pixels

Gram = npt.NDArray[np.float32]


class UnusablePack(UnusableTensors):
    """A file that is no pack, or a broken one; the message says why."""

    kind = "pack"


@dataclass(frozen=True, eq=False)
class Pack:
    """A preset without its pictures.

    Attributes:
        model: SHA-256 of the model that the Grams are of.
        description: the preset's.
        images: facts of each image: sha256, width, height, weight, scale.
        thumbnail: a JPEG file.
        ladder: size -> layer -> the average of the images' Grams.
        options: those that the preset's transfers begin with, as they came: whoever saves the preset checks them.
    """

    model: str
    description: str
    images: Sequence[Mapping[str, Any]]
    thumbnail: bytes
    ladder: Mapping[int, Mapping[str, Gram]]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layers(self) -> list[str]:
        """The layers that every size has."""
        return sorted(next(iter(self.ladder.values())))

    @property
    def nbytes(self) -> int:
        """The bytes of its Grams."""
        return sum(gram.nbytes for grams in self.ladder.values() for gram in grams.values())

    def grams(self, size: float, layers: Collection[str]) -> dict[str, Gram]:
        """Return the Grams of the size nearest to `size` (pixels), by ratio."""
        nearest = min(self.ladder, key=lambda rung: abs(math.log(rung / size)))
        return {layer: self.ladder[nearest][layer] for layer in layers}

    def to_bytes(self) -> bytes:
        """Return the pack as a safetensors file."""
        preset = {"version": VERSION, "model": self.model, "description": self.description, "images": self.images}
        tensors: dict[str, npt.NDArray[Any]] = {
            f"{size}/{layer}": gram for size, grams in self.ladder.items() for layer, gram in grams.items()
        }
        tensors[THUMBNAIL] = np.frombuffer(self.thumbnail, np.uint8)
        return save(tensors, {METADATA: json.dumps(preset, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes, allowance: Allowance | None = None) -> Pack:
        """Read a pack's file, which may come from anywhere: everything in it is checked.

        What its thumbnail takes counts in `allowance`.

        Raises:
            UnusablePack: it is no pack, or a broken one.
        """
        _check_kind(data)
        tensors, preset = read_checked(data, METADATA, check_tensors, UnusablePack)
        check_version(preset, VERSION, UnusablePack)
        thumbnail = tensors.pop(THUMBNAIL).tobytes()
        return cls(
            _text(preset, "model", 64),
            _text(preset, "description", 2000),
            _images(preset.get("images")),
            _thumbnail(thumbnail, allowance),
            _ladder(tensors),
            _options(preset.get(OPTIONS, {})),
        )


def with_facts(data: bytes, description: str, options: Mapping[str, Any]) -> bytes:
    """Return a pack's file with this description and these options, which a preset may have got since it was made.

    Only the header is written anew.
    """
    header = header_of(data)
    facts = json.loads(header[FILE_METADATA][METADATA])
    told = {name: value for name, value in facts.items() if name != OPTIONS} | {"description": description}
    if options:
        told[OPTIONS] = dict(options)
    return data if told == facts else with_metadata(data, {METADATA: json.dumps(told, sort_keys=True)})


def image_facts(image: StyleImage[StoredImage]) -> dict[str, Any]:
    """Return the facts of a style image that a pack holds."""
    file = image.file
    size = {"width": file.width, "height": file.height}
    return {"sha256": file.sha256} | size | {"weight": image.weight, "scale": image.scale}


def _check_kind(data: bytes) -> None:
    """Raise UnusablePack for a file that doesn't begin as a pack does; the message says what it is."""
    if begins_as_safetensors(data):
        return
    format = format_of(data)
    found = f"a {format} file" if format else "no safetensors file" if data else "empty"
    raise UnusablePack(f"it is {found}; a pack is the safetensors file that GET /v1/styles/{{name}}/pack gives")


def check_tensors(found: Mapping[str, TensorHeader]) -> None:
    """Raise UnusablePack for other tensors than a pack has, or too many of them."""
    _check_names([name for name in found if name != THUMBNAIL])
    for name, tensor in found.items():
        if name != THUMBNAIL:
            _check_matrix(name, tensor)
    if THUMBNAIL not in found or found[THUMBNAIL].dtype != "uint8" or len(found[THUMBNAIL].shape) != 1:
        raise UnusablePack("it has no thumbnail")


def _check_names(names: Sequence[str]) -> None:
    if len(names) > MAX_SIZES * len(LAYERS):
        raise UnusablePack(f"it holds {len(names)} tensors; {MAX_SIZES} sizes of {len(LAYERS)} layers are the most")
    for name in names:
        size, _, layer = name.partition("/")
        if not SIZE.fullmatch(size) or layer not in LAYERS:
            raise UnusablePack(f"it holds {name[:LONGEST_NAME]!r}, which is no <size>/<layer>")
    sizes = {name.partition("/")[0] for name in names}
    if not 0 < len(sizes) <= MAX_SIZES:
        raise UnusablePack(f"it must have 1 to {MAX_SIZES} sizes, all with the same layers")


def _text(preset: dict[str, Any], name: str, longest: int) -> str:
    value = preset.get(name)
    if not isinstance(value, str) or len(value) > longest or not _is_plain(value):
        raise UnusablePack(f"its {name} is not a text of at most {longest} characters")
    return value


def _is_plain(text: str) -> bool:
    """Return whether a database takes the text: valid Unicode without a zero."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _images(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_IMAGES:
        raise UnusablePack(f"it must say something of 1 to {MAX_IMAGES} images")
    for image in value:
        if not isinstance(image, dict) or set(image) != set(FACTS):
            raise UnusablePack(f"each of its images must have {', '.join(FACTS)}")
    return [_facts(image) for image in value]


def _facts(image: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: as_whole(image[name]) if kind is int else image[name] for name, kind in FACTS.items()}
    for name, kind in FACTS.items():
        if not _is_fact(facts[name], kind):
            form = "SHA-256" if kind is str else f"number from 0 to {LARGEST:,}"
            raise UnusablePack(f"the {name} of an image is of the wrong kind: it must be a {form}")
    return facts


def _is_fact(value: Any, kind: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    return bool(SHA256.fullmatch(value) if isinstance(value, str) else 0 <= value <= LARGEST)  # NaN fails too


def _options(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnusablePack("its options are no object")
    return value


def _thumbnail(data: bytes, allowance: Allowance | None) -> bytes:
    try:
        return files.thumbnail(data, allowance)  # encoded anew: bytes from elsewhere are never served
    except UnreadableImage as error:
        raise UnusablePack(f"its thumbnail: {error}") from error


def _ladder(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[int, dict[str, Gram]]:
    ladder: dict[int, dict[str, Gram]] = {}
    for name, gram in tensors.items():
        size, _, layer = name.partition("/")
        _check_gram(name, gram)
        ladder.setdefault(int(size), {})[layer] = gram
    if len({frozenset(grams) for grams in ladder.values()}) > 1:
        raise UnusablePack(f"it must have 1 to {MAX_SIZES} sizes, all with the same layers")
    return dict(sorted(ladder.items()))


def _check_matrix(name: str, tensor: TensorHeader) -> None:
    """Raise UnusablePack unless a tensor has the dtype and shape of a Gram matrix of its layer."""
    rows, *columns = tensor.shape or (0,)
    if tensor.dtype != "float32" or not rows or columns != [rows]:
        raise UnusablePack(f"{name} is not a square float32 matrix: {tensor.dtype} {tensor.shape}")
    block = int(name.partition("/relu")[2][0])
    if rows > CHANNELS[block - 1]:
        raise UnusablePack(f"{name} has {rows} channels, where VGG19 has {CHANNELS[block - 1]}")


def _check_gram(name: str, gram: npt.NDArray[Any]) -> None:
    """Raise UnusablePack unless a Gram matrix is symmetric and, but for rounding, positive semidefinite."""
    largest = float(np.abs(gram).max())
    if largest > LARGEST_ENTRY:
        raise UnusablePack(f"{name} has entries of {largest:.3g}, where {LARGEST_ENTRY:.3g} is the most")
    if float(np.abs(gram - gram.T).max()) > SYMMETRIC * largest:
        raise UnusablePack(f"{name} is not symmetric")
    values = np.linalg.eigvalsh(gram.astype(np.float64))  # of 512 channels, which are 1 MiB, it takes 0.012 s
    if values[0] < -SEMIDEFINITE * max(values[-1], 0.0):
        raise UnusablePack(f"{name} is not positive semidefinite")
