"""A finished transfer, and the file of its picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service.engine.stylize import Result
from service.errors import InvalidInput
from service.options import TransferOptions
from service.painting.output_file import OutputFile
from service.pictures import images
from service.pictures.images import Alpha


@dataclass(frozen=True)
class Outcome:
    """A finished transfer.

    Attributes:
        result: the engine's result.
        style_cache: what the Gram cache had, as in `Tally.cache`.
        style_s, optimize_s: seconds for the style Grams and for the rest.
        options, alpha: as in the order.
    """

    result: Result
    style_cache: str
    style_s: float
    optimize_s: float
    options: TransferOptions
    alpha: Alpha | None

    def save(self, path: str | Path) -> None:
        """Write the picture in the format that the path's suffix says: .png, .jpg, .jpeg or .webp.

        The file is whole, or what was there stays as it was.

        Raises:
            InvalidInput: another suffix, a JPEG of a picture with transparency, or a path that can't be written.
        """
        output = OutputFile(path)
        if output.format == "jpeg" and self.alpha is not None:
            raise InvalidInput.field("output", "a JPEG has no transparency to keep")
        output.write(images.encode(self.result.picture, output.format, self.options.quality, self.alpha))
