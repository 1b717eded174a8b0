"""Files that a call writes: their formats, and their names where a transfer has several pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nst_client.command.refused import Refused
from nst_client.transfers import FORMATS, Transfer

READ = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff", ".heic", ".heif")
"""Endings of the pictures that the service reads."""
MOST_STEPS = 1000  # of a blend; the service allows far fewer
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


def format_of(fields: Mapping[str, Any], output: Path | None = None) -> str:
    """Return the format that a recipe asks for: by its options, by the ending of the output's name, or png.

    Raises:
        Refused: the name says another format than the options, or names one that the service doesn't make.
    """
    ending = output.suffix.lower() if output else ""
    named = FORMATS.get(ending)
    if ending in READ and not named:
        raise Refused(f"{output}: the service makes {', '.join(SUFFIXES)}, not {ending[1:]}")
    asked = str(fields.get("format", named or "png"))
    if asked not in SUFFIXES:
        raise Refused(f"format {asked}: the service makes {', '.join(SUFFIXES)}")
    if named and asked != named:
        raise Refused(f"{output} is {named} by its name, but the format asked for is {asked}: change one of them")
    if (own := _formats_of_variants(fields) - {asked}) and (named or output is None):
        raise Refused(f"variants have the format {', '.join(sorted(own))}, but the files are named as {asked}")
    return asked


def _formats_of_variants(fields: Mapping[str, Any]) -> set[str]:
    return {str(variant["format"]) for variant in _variants(fields) if "format" in variant}


def _variants(fields: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the variants of a recipe; what is none is left to the service, which refuses it."""
    given = fields.get("variants")
    return [entry for entry in given if isinstance(entry, Mapping)] if isinstance(given, list) else []


def pictures_of(fields: Mapping[str, Any]) -> int:
    """Return how many pictures a transfer by this recipe has."""
    blend = fields.get("blend")
    if not isinstance(blend, Mapping):
        return max(1, len(_variants(fields)))
    steps = blend.get("steps")
    return int(steps) + 1 if isinstance(steps, int | float) and 0 < steps < MOST_STEPS else 1


def files_of(output: Path, pictures: int) -> list[Path]:
    """Return the file of each picture of a transfer: with several, `out-0.png` is the first."""
    if pictures == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{i}{output.suffix}") for i in range(pictures)]


def save(transfer: Transfer, output: Path) -> Iterator[Path]:
    """Save all pictures of a transfer that has succeeded; yield each file."""
    for i, file in enumerate(files_of(output, transfer.variants)):
        yield transfer.save(file, i)
