"""make demo: start the service, have it paint a photograph through the API, and show the result.

The preset's painter paints first, in one pass, then the optimiser.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from typing import Any

from PIL import Image
from skimage import data

from scripts.client import ROOT, get, has_painter, running_service, submit, transfer, wait_for_starters
from service.styles.starters.loading import STARTERS

FOLDER = ROOT / "demo"
GAP = 8  # pixels between the pictures of the strip
PRESET = STARTERS[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="long edge of the output in pixels")
    size = parser.parse_args().size
    FOLDER.mkdir(exist_ok=True)
    content = Image.fromarray(data.coffee())  # type: ignore[no-untyped-call]
    style = Image.open(PRESET.picture).convert("RGB")
    content.save(FOLDER / "content.png")
    style.save(FOLDER / "style.png")
    with running_service(FOLDER) as url:
        wait_for_starters(url)
        print(f"The service runs at {url}. Sending the photograph, with the preset {PRESET.name!r} …", flush=True)
        request = {"content": "file:photo", "styles": [{"preset": PRESET.name}], "size": size}
        quick = painted_at_once(url, request, content)
        job = transfer(url, request, {"photo": content}, "optimiser")
        pictures = [saved(url, one, f"{name}.png") for name, one in (("painter", quick), ("output", job)) if one]
        print(f"The optimiser took {job['timings']['total_s']:.1f} s: {losses(job)}.")
        if quick:
            print(f"The painter's picture:    {losses(measured(url, quick))}.")
    side_by_side([content, style, *pictures]).save(FOLDER / "strip.png")
    side_by_side([style, pictures[-1]]).save(FOLDER / "pair.jpg")
    print(f"The picture:              {FOLDER / 'output.png'}")
    columns = "Content | style | painter | optimiser" if quick else "Content | style | output"
    print(f"{columns}: {FOLDER / 'strip.png'}")
    return 0


def painted_at_once(url: str, request: dict[str, Any], content: Image.Image) -> dict[str, Any] | None:
    """Have the preset's painter paint, and print its time; return the job, or nothing if it has no painter."""
    if not has_painter(url, PRESET.name):
        print(f"The preset {PRESET.name!r} has no painter yet: only the optimiser paints.", flush=True)
        return None
    first, _ = timed(url, request, content)
    seconds, job = timed(url, request, content)
    print(f"Its painter took {seconds:.2f} s from POST to answer ({first:.2f} s the first time).", flush=True)
    return job


def timed(url: str, request: dict[str, Any], content: Image.Image) -> tuple[float, dict[str, Any]]:
    """Return the seconds from POST to answer of a painter's transfer, and the job."""
    begun = time.monotonic()
    job = submit(url, request | {"method": "painter"}, {"photo": content}, {"Prefer": "wait=60"})
    if job["status"] != "succeeded":
        sys.exit(f"the painter's transfer is {job['status']}: {job['error']}")
    return time.monotonic() - begun, job


def measured(url: str, job: dict[str, Any]) -> dict[str, Any]:
    """Return a painter's job with its losses, which are measured when no other job waits."""
    for _ in range(120):
        found: dict[str, Any] = get(url + job["links"]["self"]).json()
        if found["result"]["losses"]:
            return found
        time.sleep(0.5)
    sys.exit("the losses of the painter's picture were not measured")


def saved(url: str, job: dict[str, Any], name: str) -> Image.Image:
    """Save a job's picture in the demo's folder, and return it."""
    file = FOLDER / name
    file.write_bytes(get(url + job["links"]["image"]).content)
    return Image.open(io.BytesIO(file.read_bytes())).convert("RGB")


def losses(job: dict[str, Any]) -> str:
    found = job["result"]["losses"]
    return f"content loss {found['content']:.3f}, style loss {found['style']:.3f}"


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures side by side, all as high as the last one."""
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
    return sheet


if __name__ == "__main__":
    sys.exit(main())
