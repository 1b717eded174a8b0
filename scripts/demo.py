"""make demo: start the service, have it paint a photograph through the API, and show the result."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from PIL import Image
from skimage import data

from scripts.client import ROOT, get, running_service, save_preset, transfer
from scripts.starters import strokes

FOLDER = ROOT / "demo"
GAP = 8  # pixels between the pictures of the strip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="long edge of the output in pixels")
    size = parser.parse_args().size
    FOLDER.mkdir(exist_ok=True)
    content, style = Image.fromarray(data.coffee()), strokes.draw(768, 7)  # type: ignore[no-untyped-call]
    content.save(FOLDER / "content.png")
    style.save(FOLDER / "style.png")
    with running_service(FOLDER) as url:
        print(f"The service runs at {url}. Saving the style as a preset, sending the photograph …", flush=True)
        save_preset(url, "strokes", style)
        request = {"content": "file:photo", "styles": [{"preset": "strokes"}], "size": size}
        job = transfer(url, request, {"photo": content}, "painting")
        output = FOLDER / "output.png"
        output.write_bytes(get(url + job["links"]["image"]).content)
    picture = Image.open(io.BytesIO(output.read_bytes())).convert("RGB")
    strip([content, style, picture], FOLDER / "strip.png")
    strip([style, picture], FOLDER / "pair.jpg")
    losses, timings = job["result"]["losses"], job["timings"]
    print(
        f"Done in {timings['total_s']:.1f} s: content loss {losses['content']:.3f}, style loss {losses['style']:.3f}."
    )
    print(f"The picture:              {output}\nContent | style | output: {FOLDER / 'strip.png'}")
    return 0


def strip(pictures: list[Image.Image], to: Path) -> None:
    """Save pictures side by side, all as high as the last one."""
    height = pictures[-1].height
    images = [
        picture.resize((round(picture.width * height / picture.height), height), Image.Resampling.LANCZOS)
        for picture in pictures
    ]
    sheet = Image.new("RGB", (sum(i.width for i in images) + GAP * (len(images) - 1), height), "white")
    x = 0
    for image in images:
        sheet.paste(image, (x, 0))
        x += image.width + GAP
    sheet.save(to)


if __name__ == "__main__":
    sys.exit(main())
