"""make starter-samples: paint a photograph in each starter, small, for the studio's shelf of presets."""

from __future__ import annotations

import io
import sys

from PIL import Image
from skimage import data

from scripts.client import ROOT, get, running_service, transfer, wait_for_starters
from service.styles.starters.loading import STARTERS, Starter

BOX = (100, 0, 400, 300)  # of the photograph, which is skimage's cat (CC0): its face
SIZE = 384  # pixels, of what is painted
SMALL = 192  # pixels, of what is kept: a tile of the shelf has 96 CSS pixels
QUALITIES, MAX_BYTES = (80, 70, 60, 50), 12_000  # the first quality that fits is used


def main() -> int:
    photograph = Image.fromarray(data.chelsea()).crop(BOX)
    with running_service(ROOT / "demo") as url:
        wait_for_starters(url)
        for starter in STARTERS:
            request = {"content": "file:photo", "styles": [{"preset": starter.name}], "size": SIZE}
            job = transfer(url, request, {"photo": photograph}, starter.name)
            write(Image.open(io.BytesIO(get(url + job["links"]["image"]).content)), starter)
    return 0


def write(picture: Image.Image, starter: Starter) -> None:
    starter.painted.parent.mkdir(exist_ok=True)
    small = picture.convert("RGB").resize((SMALL, SMALL), Image.Resampling.LANCZOS)
    for quality in QUALITIES:
        small.save(starter.painted, quality=quality, method=6)
        if starter.painted.stat().st_size <= MAX_BYTES:
            break
    print(f"{starter.painted}: {starter.painted.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    sys.exit(main())
