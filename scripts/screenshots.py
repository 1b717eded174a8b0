"""make screenshots: photograph the studio for docs/studio, at four widths in both themes."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Page
from skimage import data

from scripts.browser import executable, running_browser
from scripts.client import ROOT, png, running_service, save_preset, transfer, wait_for_starters

FOLDER = ROOT / "docs" / "studio"
SIZES = {
    "wide": (1440, 1420),
    "tablet": (820, 1180),
    "phone": (390, 844),
    "presets": (1440, 900),
    "learning": (1920, 1080),
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PHOTOGRAPHS = ("chelsea", "rocket", "astronaut", "coffee")
SMALL, LARGE = 256, 512  # pixels on the long edge: of the gallery's pictures, of the one on the stage
GALLERY = ("linocut", "risograph", "watercolour", "woven", "waves", "glass")  # presets, the newest last
MIX = ("strokes", "mosaic")
TAUGHT, DELETED = "cells", "launch"
OWN = {TAUGHT: "immunohistochemistry", DELETED: "rocket"}  # presets that are no starters, and their pictures
QUALITIES, MAX_BYTES = (86, 80, 74), 250_000  # the first quality that fits is used
HALF = 0.4  # share of the work after which the picture on the stage is worth a photograph
LEARNED = 0.15  # and of its time after which a painter's are
WAIT_MS = 300_000


def main() -> int:
    if executable() is None:
        sys.exit("chromium isn't installed: apt-get install chromium-headless-shell")
    FOLDER.mkdir(parents=True, exist_ok=True)
    photographs = {name: Image.fromarray(getattr(data, name)()) for name in (*PHOTOGRAPHS, *OWN.values())}
    with running_service(ROOT / "demo") as url, running_browser() as browser:
        wait_for_starters(url)
        for i, preset in enumerate(GALLERY):
            name = PHOTOGRAPHS[i % len(PHOTOGRAPHS)]
            request = {"content": f"file:{name}", "styles": [{"preset": preset}], "size": SMALL}
            transfer(url, request, photographs, f"{name}, {preset}")
        for preset, name in OWN.items():
            save_preset(url, preset, photographs[name])
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(url)
        paint_on(page, photographs["coffee"], MIX)
        page.wait_for_function("share => document.getElementById('bar').value > share", arg=HALF)
        shoot(page, "tablet")
        page.locator("#compare").wait_for()
        shoot(page, "wide")
        shoot(page, "phone")
        delete_preset(page)
        shoot(page, "presets")
        teach_preset(page)
        shoot(page, "learning", "#lessons-box")
    return 0


def paint_on(page: Page, photograph: Image.Image, presets: Iterable[str]) -> None:
    """Fill in the page as a person would: a photograph, a mix of two presets, Paint."""
    file: Any = {"name": "coffee.png", "mimeType": "image/png", "buffer": png(photograph)}
    page.set_input_files("#content-file", file)
    for preset in presets:
        page.locator(f'[data-preset="{preset}"]').click()
    page.locator("#mix li:last-child [data-field=weight]").fill("0.4")
    page.locator("#size").fill(str(LARGE))
    page.locator("#paint").click()


def delete_preset(page: Page) -> None:
    """Delete a preset, and open the list of what can be had back."""
    page.locator("#manage-presets").click()
    page.get_by_label(f"Delete {DELETED}").click()
    page.get_by_label(f"Yes, delete {DELETED}").click()
    page.locator("#undo").get_by_label("Close").click()
    page.locator("#lately summary").click()


def teach_preset(page: Page) -> None:
    """Teach a preset a painter, until there is something to see of how it learns."""
    page.locator("#manage-close").click()
    for preset in (*MIX, TAUGHT):
        page.locator(f'[data-preset="{preset}"]').click()
    page.get_by_label(f"Teach it: {TAUGHT}").click()
    page.locator("#lessons .curve").wait_for()
    page.wait_for_function("share => document.querySelector('#lessons progress').value > share", arg=LEARNED)


def shoot(page: Page, name: str, middle: str | None = None) -> None:
    """Photograph the page in both themes: its beginning, or with an element in the middle."""
    width, height = SIZES[name]
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("scrollTo(0, 0)")
    if middle:
        page.locator(middle).evaluate("element => element.scrollIntoView({block: 'center'})")
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        save(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), FOLDER / f"{name}-{theme}.jpg")


def save(picture: Image.Image, path: Path) -> None:
    for quality in QUALITIES:
        picture.save(path, quality=quality, optimize=True)
        if path.stat().st_size <= MAX_BYTES:
            return
    sys.exit(f"{path} has {path.stat().st_size} bytes, more than {MAX_BYTES}")


if __name__ == "__main__":
    sys.exit(main())
