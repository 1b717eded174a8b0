"""Files at the studio: sent with a bar, smaller if that is wished, refused when chosen, and kept by their names."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from front_door import RunningService, png
from picture_files import encoded, png_chunk
from PIL import Image
from playwright.sync_api import expect
from studio.test_studio_access import check
from studio.test_studio_presets import slow_down
from studio.visiting import Visit, file

pytestmark = pytest.mark.slow

QUICK = {"size": "64", "iterations": "2"}
LEFT_TO_RIGHT = 6  # EXIF orientation: the file's first row is the picture's right side
PICTURE = np.zeros((40, 40, 3), np.uint8)
END = len(png_chunk(b"IEND", b""))


@pytest.fixture(scope="module")
def large(texture: np.ndarray) -> bytes:
    """Noise, 1200 x 900: a file of 3 MB."""
    return png(np.random.default_rng(0).integers(0, 255, (900, 1200, 3), np.uint8))


def test_an_upload_shows_a_bar_and_names_are_kept(visit: Visit, large: bytes, texture: np.ndarray) -> None:
    visit.choose_content(file("Zoë's “Hafen”.png", large[:-END]))  # which has all of its pixels
    visit.add_styles(file("Stoff; früh.png", png(texture[:64, :64])))
    visit.set(**QUICK)
    slow_down(visit, len(large) / 3)
    visit.at("#paint").click()
    expect(visit.at("#paint-sending")).to_contain_text(re.compile(r"[\d.]+ [kM]B of 3\.\d MB sent"))
    check(visit)
    visit.done()
    expect(visit.at("#job-styles")).to_have_text("Stoff; früh")
    options = visit.service.job(visit.shown())["options"]
    assert options["content"]["name"] == "Zoë's “Hafen”.png"
    assert (options["content"]["width"], options["styles"][0]["image"]["name"]) == (1200, "Stoff; früh.png")
    with visit.page.expect_download() as download:
        visit.at("#download").click()
    assert download.value.suggested_filename == "Zoë's “Hafen” - Stoff; früh.png"
    header = visit.service.get(f"/v1/transfers/{visit.shown()}/image").headers["Content-Disposition"]
    assert "Zo%C3%AB%27s%20%E2%80%9CHafen%E2%80%9D%20-%20Stoff%3B%20fr%C3%BCh.png" in header
    visit.at("#again").click()
    expect(visit.at("#content-name")).to_have_text("Zoë's “Hafen”.png")
    expect(visit.at("#mix strong")).to_have_text("Stoff; früh.png")


def test_pictures_are_sent_smaller_if_that_is_wished(visit: Visit, service: RunningService, large: bytes) -> None:
    upright = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = LEFT_TO_RIGHT
    half = np.zeros((300, 400, 3), np.uint8)
    half[:, 200:] = (250, 10, 10)
    Image.fromarray(half).save(upright, "JPEG", exif=exif, quality=95)
    visit.choose_content(file("turned.jpg", upright.getvalue(), "image/jpeg"))
    visit.add_styles(file("noise.png", large))
    visit.set(**QUICK)
    expect(visit.at("#shrink-words")).to_contain_text("48 \u00d7 64")
    visit.at("#shrink").check()
    options = service.job(visit.paint())["options"]
    visit.done()
    assert (options["content"]["width"], options["content"]["height"]) == (48, 64)
    assert (options["styles"][0]["image"]["width"], options["styles"][0]["image"]["height"]) == (64, 48)
    assert (options["content"]["name"], options["styles"][0]["image"]["name"]) == ("turned.jpg", "noise.png")
    sent = service.get(f"/v1/transfers/{visit.shown()}/content").content
    pixels = np.asarray(Image.open(io.BytesIO(sent)).convert("RGB")).astype(int)
    assert np.abs(pixels[-10:] - (250, 10, 10)).mean() < 8  # upright: red is below
    assert pixels[:10].mean() < 8
    visit.reload()
    expect(visit.at("#shrink")).to_be_checked()


def test_a_photograph_that_is_too_large_is_sent_smaller_unasked(visit: Visit, service: RunningService) -> None:
    large = io.BytesIO()
    Image.new("L", (9000, 7200), 90).save(large, "PNG")
    visit.choose_content(file("large.png", large.getvalue()))
    visit.add_styles(file("large too.png", large.getvalue()))
    visit.set(**QUICK)
    expect(visit.at("#shrink-words")).to_contain_text("reads 64 megapixels at most: 64 \u00d7 51")
    expect(visit.at("#shrink")).to_be_checked()
    expect(visit.at("#shrink")).to_be_disabled()
    options = service.job(visit.paint())["options"]
    visit.done()
    assert (options["content"]["width"], options["styles"][0]["image"]["width"]) == (64, 64)


def test_transparency_survives_being_sent_smaller(visit: Visit, service: RunningService) -> None:
    rgba = np.random.default_rng(1).integers(0, 255, (200, 300, 4), np.uint8)
    rgba[:, :150, 3] = 0
    rgba[:, 150:, 3] = 255
    visit.choose_content(file("cut out.png", png(rgba)))
    visit.add_styles(file("noise.png", png(rgba[..., :3])))
    visit.set(**QUICK)
    visit.at("#shrink").check()
    id = visit.paint()
    visit.done()
    sent = np.asarray(Image.open(io.BytesIO(service.get(f"/v1/transfers/{id}/content").content)))
    assert sent.shape == (43, 64, 4)
    assert (sent[:, :30, 3].max(), sent[:, 34:, 3].min()) == (0, 255)


def test_a_file_that_the_service_does_not_read_is_refused_when_chosen(visit: Visit) -> None:
    for name, data, words in (
        ("IMG_1.HEIC", encoded(PICTURE, "HEIC"), "a HEIC file, which the service reads and this browser"),
        ("scan.tif", encoded(PICTURE, "TIFF"), "a TIFF file, which the service reads and this browser"),
        ("new.avif", encoded(PICTURE, "AVIF")[:200], "is an AVIF file, but a broken one"),
        ("new.jxl", b"\xff\x0a" + bytes(40), "format JPEG XL, which"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format SVG, which"),
        ("head.png", png(np.zeros((40, 40, 3), np.uint8))[:30], "is a PNG file, but a broken one"),
        ("notes.txt", b"not a picture, only words", "be read as a picture"),
    ):
        visit.choose_content(file(name, data, ""))
        expect(visit.at("#invite .problem")).to_contain_text(f"“{name}”")
        expect(visit.at("#invite .problem")).to_contain_text(words)
