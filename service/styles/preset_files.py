"""The blobs of presets: their folders and keys."""

from __future__ import annotations

from service.storage.schema import PresetState
from service.styles.preset_painters import painter_folders

FOLDER = "styles"


def version_folder(version: str) -> str:
    """Return the folder of a state of a preset."""
    return f"{FOLDER}/{version}"


def preset_folders(row: PresetState) -> list[str]:
    """Return the folders of a state of a preset: its own, and that of its painter if it has one."""
    return [version_folder(row.version), *painter_folders(row)]


def pack_key(version: str, model: str) -> str:
    return f"{FOLDER}/{version}/pack-{model}.safetensors"


def is_pack_of(key: str, model: str) -> bool:
    """Return whether the key is that of a pack for this model."""
    return key.endswith(f"/{pack_key('', model).rpartition('/')[2]}")


def thumbnail_key(version: str) -> str:
    return f"{FOLDER}/{version}/thumbnail.jpg"
