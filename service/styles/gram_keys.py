"""The keys of cached Gram matrices: names of blobs, which tell what the Gram matrices are of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from service.pictures.images import RENDITION
from service.storage.blob_folders import GRAMS

PREFIX = 16  # characters of an image's SHA-256 in the keys of its Grams


@dataclass(frozen=True)
class GramKey:
    """The properties that a style image's Grams depend on.

    Attributes:
        model: SHA-256 of the model file.
        image: SHA-256 of the style image's file.
        width, height: pixels that the image was brought to.
        layers: names, sorted.
        treatment: what was done to its colours first; empty for nothing.
        mask: SHA-256 of the mask over it; empty for none.
        rendition: version of the code that makes pixels from files.
    """

    model: str
    image: str
    width: int
    height: int
    layers: tuple[str, ...]
    treatment: str = ""
    mask: str = ""
    rendition: str = RENDITION

    @property
    def blob(self) -> str:
        """Key of the blob that holds these Grams. It begins with the image, by which they can be found."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
        return f"{image_prefix(self.image)}{digest}.safetensors"


def image_prefix(image: str) -> str:
    """Return how the keys of all Grams of an image begin; `image` is the SHA-256 of its file."""
    return f"{GRAMS}/{image[:PREFIX]}-"


def prefix_in(blob: str) -> str:
    """Return the `image_prefix` in a blob's key; empty for blobs of earlier versions, which have none."""
    start, dash, _ = blob.rpartition("-")
    return start + dash
