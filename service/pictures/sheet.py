"""The contact sheet: small pictures in a grid, each with its label beneath."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont

from service.pictures import images
from service.pictures.images import Picture

CELL = 320  # pixels on the long edge of each picture
GAP = 12
FONT = 15  # pixels
LINES = 3  # of a label at most
INK, PAPER = "#222222", "#ffffff"

Cell = tuple[str, Callable[[], Picture]]
"""A label, and a function that returns the picture, H x W x 3 uint8."""


def contact_sheet(cells: Sequence[Cell]) -> bytes:
    """Return the contact sheet as a JPEG: one row of up to six pictures, or a grid that is nearly square."""
    columns = len(cells) if len(cells) <= 6 else math.ceil(math.sqrt(len(cells)))  # noqa: PLR2004
    small = [(label, Image.fromarray(images.resize_long_edge(picture(), CELL))) for label, picture in cells]
    font = ImageFont.load_default(FONT)
    width = max(image.width for _, image in small)
    labels = [_wrapped(label, font, width) for label, _ in small]
    text = max(label.count("\n") + 1 for label in labels) * round(FONT * 1.3)
    cell = (width + GAP, max(image.height for _, image in small) + text + GAP)
    rows = math.ceil(len(small) / columns)
    sheet = Image.new("RGB", (columns * cell[0] + GAP, rows * cell[1] + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, ((_, image), label) in enumerate(zip(small, labels, strict=True)):
        x, y = GAP + i % columns * cell[0], GAP + i // columns * cell[1]
        sheet.paste(image, (x, y))
        draw.multiline_text((x, y + image.height + 3), label, INK, font)
    return images.encode_image(sheet, "jpeg", 90)


def _wrapped(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Break a label at spaces into lines that fit; what would be too many lines ends in an ellipsis."""
    lines = [""]
    for word in label.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    lines = [line for line in lines if line]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"{lines[LINES - 1]} …"]
    return "\n".join(_shortened(line, font, width) for line in lines)


def _shortened(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return as much of a line as fits, with an ellipsis if something is left out."""
    if font.getlength(line) <= width:
        return line
    kept = line.removesuffix("…").rstrip()
    while kept and font.getlength(f"{kept}…") > width:
        kept = kept[:-1]
    return f"{kept}…"
