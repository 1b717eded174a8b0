"""make figures: send the requests of docs/figures.md to a service, and keep the pictures that they paint."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from skimage import data

from scripts.client import ROOT, get, running_service, save_preset, transfer
from scripts.starters import discs, ink, mosaic, strokes
from service.decoding import files
from service.pictures import sheet

PAGE, FOLDER = ROOT / "docs" / "figures.md", ROOT / "docs" / "figures"
PHOTOGRAPHS = ("coffee", "astronaut", "chelsea", "rocket")
STYLE_PX = 768
STYLES = {
    "strokes": partial(strokes.draw, seed=7),
    "mosaic": partial(mosaic.draw, seed=1),
    "ink": partial(ink.draw, seed=1),
    "discs": partial(discs.draw, seed=1),
}
SHIFT = 8  # pixels of the photograph between the two frames
QUALITY = 85
MAX_BYTES = 250_000
LABELS = {  # of the figures that are drawn here and aren't the service's own sheets
    "masks": (
        "mask: sky strokes, the rest mosaic",
        "strength_map: more from left to right",
        "protect: an ellipse around the cup",
        "style_mask: the painting's sky",
        "style_mask: the painting's field",
    ),
    "init": (
        "first frame",
        "second frame from the photograph, 15 iterations",
        "second frame from the first one's result, 15 iterations",
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which of the page's figures; all by default")
    names = parser.parse_args().names
    FOLDER.mkdir(exist_ok=True)
    parts = pictures()
    began = time.monotonic()
    with running_service(ROOT / "demo") as url:
        for name, style in STYLES.items():
            save_preset(url, name, style(STYLE_PX))
        for name, requests in figures():
            if not names or name in names:
                save(name, draw(url, name, requests, parts))
    print(f"Drawn in {time.monotonic() - began:.0f} s.")
    return 0


def figures() -> Iterator[tuple[str, list[str]]]:
    """Return the page's figures, each with the requests beneath it."""
    for section in PAGE.read_text().split("\n## ")[1:]:
        name = re.search(r"\(figures/(\w+)\.jpg\)", section)
        if name:
            yield name[1], re.findall(r"```json\n(.*?)```", section, re.DOTALL)


def pictures() -> dict[str, Image.Image]:
    """Return the pictures that the requests name as `file:…`."""
    parts = {name: Image.fromarray(getattr(data, name)()) for name in PHOTOGRAPHS}
    coffee = parts["coffee"]
    width, height = coffee.size
    parts["frame1"] = coffee.crop((0, 0, width - 2 * SHIFT, height))
    parts["frame2"] = coffee.crop((2 * SHIFT, 0, width, height))
    rgb = np.asarray(parts["rocket"]).astype(np.int16)
    blue = Image.fromarray(np.where(rgb[..., 2] - rgb[..., 0] > 15, 255, 0).astype(np.uint8))
    parts["sky"] = blue.filter(ImageFilter.MedianFilter(9)).filter(ImageFilter.GaussianBlur(2))
    parts["ground"] = ImageChops.invert(parts["sky"])
    ramp = np.geomspace(0.02, 1, width)
    parts["ramp"] = Image.fromarray(np.tile((255 * ramp).astype(np.uint8), (height, 1)))
    parts["cup"] = Image.new("L", coffee.size)
    ImageDraw.Draw(parts["cup"]).ellipse((155, 55, 425, 305), 255)
    parts["cup"] = parts["cup"].filter(ImageFilter.GaussianBlur(12))
    upper = np.arange(STYLE_PX)[:, None] < 0.6 * STYLE_PX
    parts["upper"] = Image.fromarray(np.where(np.broadcast_to(upper, (STYLE_PX,) * 2), 255, 0).astype(np.uint8))
    parts["lower"] = ImageChops.invert(
        parts["upper"].transform(
            (STYLE_PX,) * 2, Image.Transform.AFFINE, (1, 0, 0, 0, 1, -0.15 * STYLE_PX), fillcolor=255
        )
    )
    parts["painting"] = STYLES["strokes"](STYLE_PX)
    return parts


def draw(url: str, name: str, requests: list[str], parts: dict[str, Image.Image]) -> Image.Image:
    """Draw a figure: the sheet of its only job, or the pictures of all its jobs under labels of our own."""
    jobs: list[dict[str, Any]] = []
    for request in requests:
        ready = request.replace('"ID"', json.dumps(jobs[0]["id"])) if jobs else request
        jobs.append(transfer(url, json.loads(ready), parts, name))
    if name not in LABELS:
        whole = Image.open(io.BytesIO(get(url + jobs[0]["links"]["sheet"]).content))
        return without_photograph(whole, jobs[0]["result"]["width"])
    painted = [get(f"{url}{job['links']['image']}").content for job in jobs]
    cells = [(label, partial(files.decode, picture)) for label, picture in zip(LABELS[name], painted, strict=True)]
    return Image.open(io.BytesIO(sheet.contact_sheet(cells)))


def without_photograph(picture: Image.Image, width: int) -> Image.Image:
    """Cut the first cell, the content image, off a sheet of one row; all cells are equally wide."""
    return picture.crop((width + sheet.GAP, 0, *picture.size))


def save(name: str, figure: Image.Image) -> None:
    path = FOLDER / f"{name}.jpg"
    figure.save(path, quality=QUALITY, optimize=True)
    if path.stat().st_size > MAX_BYTES:
        sys.exit(f"{path} has {path.stat().st_size} bytes, more than {MAX_BYTES}")


if __name__ == "__main__":
    sys.exit(main())
