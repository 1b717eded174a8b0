"""The options that a preset carries: checked when it is saved, and begun with by transfers with it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from service.api.http.wording import in_words
from service.api.schemas.preset_requests import PresetOptions
from service.api.schemas.requests import StyleEntry
from service.errors import FieldError, InvalidInput, shown
from service.options import OF_PRESET, TransferOptions
from service.pictures.sizes import HasSize, style_size_errors
from service.settings.numbers import as_whole
from service.storage.records import PresetPack
from service.styles.packs import Pack

LOC = "options"
LONGEST = 300  # characters of what is said of a pack's options, which come from anywhere


def sole_preset(entries: Sequence[StyleEntry]) -> str | None:
    """Return the name of the preset that a transfer's styles consist of; None if there are others, or none."""
    return entries[0].preset if len(entries) == 1 else None


def check_options(
    options: Mapping[str, Any], images: Sequence[tuple[HasSize, float]], pack: PresetPack | None = None
) -> None:
    """Check the options of a preset together and against its pictures, each with its scale, or its pack.

    Raises InvalidInput: its fields begin with `options.`.
    """
    try:
        TransferOptions.of(**options)
    except InvalidInput as error:
        raise InvalidInput([FieldError(f"{LOC}.{e.loc}", e.msg) for e in error.errors]) from error
    if "size" in options and (errors := style_size_errors(f"{LOC}.size", images, options["size"])):
        raise InvalidInput(errors)
    if pack and (unusable := unusable_with(options, pack.layers)):
        raise InvalidInput([FieldError(f"{LOC}.{name}", why) for name, why in unusable.items()])


def packed_options(pack: Pack) -> dict[str, Any]:
    """Return the options that a pack's preset begins with. Those that need its pictures are left out.

    Raises InvalidInput.
    """
    if unknown := sorted(set(pack.options) - set(OF_PRESET)):
        raise InvalidInput.field("pack", f"its options have {shown(unknown[0])}, which no preset can carry")
    try:
        whole = {name: as_whole(value) for name, value in pack.options.items()}
        options = PresetOptions.model_validate(whole).given()
        TransferOptions.of(**options)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise InvalidInput.field("pack", f"its options: {where}: {in_words(wrong)}"[:LONGEST]) from None
    except InvalidInput as error:
        raise InvalidInput.field("pack", f"its options: {error.detail[:LONGEST]}") from error
    unusable = unusable_with(options, pack.layers)
    return {name: value for name, value in options.items() if name not in unusable}


def unusable_with(options: Mapping[str, Any], layers: Sequence[str]) -> dict[str, str]:
    """Return the options that a preset without pictures can't use, each with the reason; `layers` are its pack's."""
    found = {}
    if options.get("color", "style") != "style":
        found["color"] = "it came as a pack, and has no picture to treat for this"
    if options.get("init") == "style":
        found["init"] = "it came as a pack, and has no picture to begin with"
    if missing := sorted(set(options.get("style_layers", ())) - set(layers)):
        found["style_layers"] = f"its pack has no Gram matrices of {', '.join(missing)}"
    return found
