"""Contact sheets to look at: every pair at every size with the default options, or what two weights do (--own)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench import engine, pictures
from bench.pictures import Pair
from service.engine.stylize import stylize
from service.options import TransferOptions
from service.pictures import images
from service.pictures.images import Picture

GAP = 8  # pixels between pictures
LABEL = 22  # pixels of height for a line of text
CELL = 512  # pixels on the long edge of a picture in a sheet, at most
OWN_PAIR, OWN_SIZE = "coffee", 384  # pixels
OWN_ROWS: dict[str, tuple[float, ...]] = {"content_weight": (0.03, 0.15, 0.6), "tv_weight": (0.0, 0.5, 2.0)}

Cell = tuple[str, Picture]
"""The label above a picture, and the picture."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the sheets and, in full size, the outputs"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024], help="long edges in pixels")
    parser.add_argument("--pairs", nargs="+", choices=pictures.names(), default=pictures.names())
    parser.add_argument("--own", action="store_true", help="only the sheet of our own painting and its weights")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.own:
        _save(_weights_sheet(OWN_SIZE), args.out / "weights.jpg")
        return
    for size in args.sizes:
        rows = [_pair_row(name, size, args.out) for name in args.pairs]
        _save(rows, args.out / f"sheet-{size}.jpg")


def _pair_row(name: str, size: int, folder: Path) -> list[Cell]:
    """Return content, style and output, and write the output into the folder in full size."""
    pair = pictures.pair(name)
    output = _stylized(pair, size, {})
    (folder / f"{name}-{size}.png").write_bytes(images.encode(output))
    print(f"{name} at {size} px", flush=True)
    content, style = pair.at(min(size, CELL)).content, pair.at(min(size, CELL)).style
    return [(f"{name}, {size} px", content), ("style", style), ("output", output)]


def _weights_sheet(size: int) -> list[list[Cell]]:
    """Return a row for each weight: the style image, then an output for each of the weight's values."""
    pair = pictures.pair(OWN_PAIR)
    return [
        [("style", pair.at(size).style)]
        + [(f"{option} {value:g}", _stylized(pair, size, {option: value})) for value in values]
        for option, values in OWN_ROWS.items()
    ]


def _stylized(pair: Pair, size: int, chosen: dict[str, Any]) -> Picture:
    options = TransferOptions(size=size, **chosen)
    content = images.resize_long_edge(pair.content, size)
    grams_at = engine.grams_at(engine.extractor(), pair.style, list(options.style_layers))
    return stylize(engine.encoder(engine.precision()), content, grams_at, options).picture


def _save(rows: Sequence[Sequence[Cell]], file: Path) -> None:
    """Save rows of pictures, each under its label; a row is as high as its first picture, reduced to CELL pixels."""
    lines = [np.asarray(_line(row)) for row in rows]
    width = max(line.shape[1] for line in lines)
    filled = [np.pad(line, ((0, GAP), (0, width - line.shape[1]), (0, 0)), constant_values=255) for line in lines]
    file.write_bytes(images.encode(np.concatenate(filled), "jpeg"))
    print(file)


def _line(cells: Sequence[Cell]) -> Image.Image:
    first = cells[0][1]
    height = images.resize_long_edge(first, min(CELL, max(first.shape[:2]))).shape[0]
    fitted = [(text, images.resize(p, round(p.shape[1] * height / p.shape[0]), height)) for text, p in cells]
    width = sum(picture.shape[1] + GAP for _, picture in fitted) - GAP
    line = Image.new("RGB", (width, height + LABEL), "white")
    x = 0
    for text, picture in fitted:
        ImageDraw.Draw(line).text((x + 2, 2), text, fill="black", font=ImageFont.load_default(LABEL - 7))
        line.paste(Image.fromarray(picture), (x, LABEL))
        x += picture.shape[1] + GAP
    return line


if __name__ == "__main__":
    main()
