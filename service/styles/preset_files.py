"""The files of presets: each state of a preset has a folder of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress

from service.decoding import files
from service.errors import BlobNotFound, DamagedFile, MissingFile, StorageError
from service.pictures import images
from service.pictures.images import ImageFile
from service.pictures.style_image import StyleImage, heaviest
from service.storage.blob_folders import STYLES
from service.storage.blobs import Blobs
from service.storage.counted import files_bytes
from service.storage.left import Left
from service.storage.preset_schema import PresetRow, PresetState, PresetVersionRow
from service.storage.readback import has_digest, is_whole_jpeg, read_back
from service.storage.stored_files import StoredImage
from service.styles.packs import Pack
from service.styles.preset_painters import painter_folders, painter_left

logger = logging.getLogger(__name__)

PACK_DIGEST = ".sha256"  # suffix of the file that holds the digest of a pack made by a worker


def counted_bytes(files: Iterable[bytes]) -> int:
    """Return what the files of a preset count for its owner in bytes."""
    return files_bytes(map(len, files))


def version_folder(version: str) -> str:
    """Return the folder of a state of a preset."""
    return f"{STYLES}/{version}"


def preset_folders(row: PresetState) -> list[str]:
    """Return the folders of a state of a preset: its own, and that of its painter if it has one."""
    return [version_folder(row.version), *painter_folders(row)]


def left_of(row: PresetRow | PresetVersionRow) -> list[Left]:
    """Return what is left of a state of a preset when it goes: its folders, with its bytes."""
    painter = painter_left(row)
    own = row.bytes - sum(left.bytes for left in painter)
    return [Left(version_folder(row.version), row.tenant, row.owner, max(0, own)), *painter]


def save_image(blobs: Blobs, blob: str, style: StyleImage[ImageFile]) -> StyleImage[StoredImage]:
    """Write a style image's file; return the image as its preset's row holds it."""
    image = style.file
    blobs.put(blob, image.data)
    stored = StoredImage(blob, image.sha256, image.width, image.height, name=image.name)
    return StyleImage(stored, style.weight, style.scale)


def thumbnail_key(version: str) -> str:
    """Return the key of the thumbnail of a preset's version."""
    return f"{version_folder(version)}/thumbnail.jpg"


def pack_key(version: str, model: str) -> str:
    """Return the key of a pack of a preset's version for a model."""
    return f"{version_folder(version)}/pack-{model}.safetensors"


def digest_key(pack: str) -> str:
    """Return the key of the digest of a pack that a worker made; packs that presets came as have none."""
    return f"{pack}{PACK_DIGEST}"


def is_pack_of(key: str, model: str) -> bool:
    """Return whether the key is that of a pack for this model."""
    return key.endswith(f"/{pack_key('', model).rpartition('/')[2]}")


def save_pack(blobs: Blobs, version: str, pack: Pack) -> None:
    """Store a pack that a worker made for a preset's version, with its digest beside it.

    It is a cache of Gram matrices: the sweep knows it by its digest, which is therefore written first, and may remove
    it.
    """
    key, data = pack_key(version, pack.model), pack.to_bytes()
    blobs.put_cached(digest_key(key), images.digest(data).encode())
    blobs.put_cached(key, data)


def read_pack(blobs: Blobs, preset: PresetState, model: str) -> bytes | None:
    """Return the file of a preset's pack for a model; None where it has to be made (again).

    Raises:
        DamagedFile: the pack that the preset came as is damaged or missing.
    """
    if preset.pack:
        return read_back(blobs, preset.pack.blob, preset.pack.sha256)
    key = pack_key(preset.version, model)
    try:
        return read_back(blobs, key, blobs.get(digest_key(key)).decode(errors="replace"))
    except (BlobNotFound, MissingFile):
        return None
    except DamagedFile as error:
        logger.warning("%s: it is made anew", error.detail)
        return None


def read_thumbnail(blobs: Blobs, preset: PresetState) -> bytes:
    """Return a small JPEG of a preset's heaviest image, made anew where the file is damaged or missing.

    Raises:
        DamagedFile: the image or pack that it would be made from is damaged or missing too.
    """
    key = thumbnail_key(preset.version)
    try:
        data = blobs.get(key)
        if is_whole_jpeg(data) if preset.thumbnail is None else has_digest(data, preset.thumbnail):
            return data
    except BlobNotFound:
        pass
    logger.warning("the file %s is damaged or missing: it is made anew", key)
    data = _make_thumbnail(blobs, preset)
    with suppress(StorageError):  # the next request has it made again
        blobs.put(key, data)
    return data


def _make_thumbnail(blobs: Blobs, preset: PresetState) -> bytes:
    if preset.pack:
        return Pack.from_bytes(read_back(blobs, preset.pack.blob, preset.pack.sha256)).thumbnail
    image = heaviest(preset.images).file
    return files.thumbnail(read_back(blobs, image.blob, image.sha256))
