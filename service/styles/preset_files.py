"""The files of presets: each state of a preset has a folder of its own."""

from __future__ import annotations

from service.pictures import images
from service.storage.blobs import Blobs
from service.storage.schema import PresetState
from service.styles.packs import Pack
from service.styles.preset_painters import painter_folders

FOLDER = "styles"
PACK_DIGEST = ".sha256"  # suffix of the file that holds the digest of a pack made by a worker


def version_folder(version: str) -> str:
    """Return the folder of a state of a preset."""
    return f"{FOLDER}/{version}"


def preset_folders(row: PresetState) -> list[str]:
    """Return the folders of a state of a preset: its own, and that of its painter if it has one."""
    return [version_folder(row.version), *painter_folders(row)]


def thumbnail_key(version: str) -> str:
    """Return the key of the thumbnail of a preset's version."""
    return f"{version_folder(version)}/thumbnail.jpg"


def pack_key(version: str, model: str) -> str:
    """Return the key of a pack of a preset's version for a model."""
    return f"{version_folder(version)}/pack-{model}.safetensors"


def is_pack_of(key: str, model: str) -> bool:
    """Return whether the key is that of a pack for this model."""
    return key.endswith(f"/{pack_key('', model).rpartition('/')[2]}")


def save_pack(blobs: Blobs, version: str, pack: Pack) -> None:
    """Store a pack that a worker made for a preset's version, with its digest beside it."""
    key, data = pack_key(version, pack.model), pack.to_bytes()
    blobs.put(key, data)
    blobs.put(f"{key}{PACK_DIGEST}", images.digest(data).encode())
