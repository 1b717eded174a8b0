"""What the studio says of transfers: their pictures, how long they took, how they ended; what files it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from front_door import RunningService, b64, eventually, png
from picture_files import encoded
from playwright.sync_api import expect
from studio.test_studio_access import check
from studio.visiting import LASTING, Visit, file

from service.pictures.formats import MEDIA_TYPES

pytestmark = pytest.mark.slow

SMALL = {"size": 64, "iterations": 2}


@pytest.fixture(scope="module")
def style(texture: np.ndarray) -> dict[str, str]:
    return {"image": b64(png(texture[:64, :96]))}


def submitted(service: RunningService, content: bytes, style: dict[str, str], **options: Any) -> str:
    response = service.post({"content": b64(content), "styles": [style]} | options)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def shown(visit: Visit, id: str) -> None:
    visit.arrive(f"/#/{id}")
    visit.at("#job-caption").wait_for()


def seconds(taken: float) -> int:
    """Return seconds as the page rounds them."""
    return max(1, int(taken + 0.5))


def test_all_pictures_of_a_transfer_can_be_seen_and_taken(
    coming: Visit, photo_png: bytes, style: dict[str, str]
) -> None:
    visit = coming
    variants = [{"strength": 0.2}, {"strength": 0.8, "format": "webp"}, {"seed": 3, "init": "random"}]
    job = visit.service.transfer(photo_png, style, **SMALL, variants=variants)
    shown(visit, job["id"])
    buttons = visit.at("#strip .choose")
    expect(buttons).to_have_text(["strength 20 %", "strength 80 %, format webp", "init random, seed 3"])
    expect(visit.at("#job-facts")).to_contain_text("3 pictures")
    for i in (1, 2, 0):
        buttons.nth(i).click()
        expect(buttons.nth(i)).to_have_attribute("aria-pressed", "true")
        expect(visit.at("#strip [aria-pressed=true]")).to_have_count(1)
        label = ("strength 0.2.png", "strength 0.8, format webp.webp", "init random, seed 3.png")[i]
        expect(visit.at("#download")).to_have_attribute("download", f"painting - {i + 1} - {label}")
        with visit.page.expect_download() as download:
            visit.at("#download").click()
        delivered = visit.service.get(f"{job['links']['image']}?variant={i}").content
        assert download.value.path().read_bytes() == delivered
        visit.at("#job-details").evaluate("details => details.open = true")
        loss = job["result"]["variants"][i]["losses"]["content"]
        expect(visit.at("#job-options dd").filter(has_text=f"{loss:.3g}").first).to_be_visible()
        visit.at("#compare").fill("70")
        expect(visit.at("#compare")).to_have_attribute("aria-valuetext", "70 % photograph, 30 % painting")
    visit.page.wait_for_function(
        "() => [...document.querySelectorAll('#strip img')].every((image) => image.naturalWidth > 0)"
    )
    check(visit)
    expect(visit.at(f'#wall a[href="#/{job["id"]}"]')).to_contain_text("3 pictures · 64 px · Paint")
    visit.at("#job-new").click()
    expect(visit.at("#strip")).to_be_hidden()


def test_the_time_in_the_queue_is_told_apart(coming: Visit, photo_png: bytes, style: dict[str, str]) -> None:
    visit = coming
    service, lasting = visit.service, {"size": int(LASTING["size"]), "iterations": int(LASTING["iterations"])}
    first = submitted(service, photo_png, style, **lasting)
    behind = submitted(service, photo_png, style, **SMALL)
    never = submitted(service, photo_png, style, **SMALL)
    late = submitted(service, photo_png, style, **SMALL, deadline_s=2)
    try:
        shown(visit, behind)
        expect(visit.at("#after")).to_have_attribute("alt", "The photograph that is to be painted")
        eventually(lambda: service.job(first)["status"] == "running", 60, "it never began")
        service.cancel(never)
        assert service.ended(late)["status"] == "failed"
    finally:
        service.cancel(first)
    said = {}
    for id in (first, behind, never, late):
        queued, total = (service.ended(id)["timings"][name] for name in ("queued_s", "total_s"))
        shown(visit, id)
        said[id] = visit.at("#job-facts").inner_text(), queued, total
    assert "canceled after " in said[first][0]
    words, queued, total = said[behind]
    assert queued > 1
    assert f"waited {seconds(queued)} s, painted in {seconds(total - queued)} s" in words
    assert "canceled after waiting for" in said[never][0]
    assert f"failed after waiting for {seconds(said[late][2])} s" in said[late][0]
    assert ["painted" in said[id][0] for id in (first, behind, never, late)] == [False, True, False, False]
    expect(visit.at("#after")).to_have_attribute("alt", "The photograph")


def test_the_draft_after_a_transfer_that_never_began_is_not_faint(
    visit: Visit, photo_png: bytes, style: dict[str, str]
) -> None:
    id = submitted(visit.service, photo_png, style, **SMALL, deadline_s=0.001)
    visit.service.ended(id)
    visit.choose_content(file("photo.png", photo_png))
    visit.at("html[data-draft=saved]").wait_for()
    shown(visit, id)
    expect(visit.at("#frame.waiting")).to_have_count(1)
    visit.at("#job-new").click()
    expect(visit.at("#content-name")).to_be_visible()
    expect(visit.at("#frame.waiting")).to_have_count(0)


def test_the_picture_stays_while_the_settings_are_scrolled(visit: Visit, photo_png: bytes) -> None:
    visit.choose_content(file("photo.png", photo_png))
    for i in range(6):
        visit.add_styles(file(f"{i}.png", photo_png))
    for width in (1440, 1200):
        visit.page.set_viewport_size({"width": width, "height": 700})
        visit.page.evaluate("scrollTo(0, 0)")
        visit.page.evaluate("scrollTo(0, 500)")
        visit.page.wait_for_function("scrollY === 500")
        top = visit.at("#frame").evaluate("frame => frame.getBoundingClientRect().top")
        assert 0 <= top < 200, width
        canvas = visit.at("#canvas").evaluate("canvas => canvas.getBoundingClientRect().top")
        assert canvas == pytest.approx(16, abs=2), width
    visit.page.set_viewport_size({"width": 1200, "height": 400})  # less than the stage takes
    assert visit.at("#stage").evaluate("stage => stage.getBoundingClientRect().bottom") <= 400
    visit.at("#change-content").scroll_into_view_if_needed()
    expect(visit.at("#change-content")).to_be_in_viewport(ratio=1)
    assert visit.page.evaluate("scrollY") == 500  # the stage scrolls by itself


def test_what_the_service_reads_is_taken_and_another_format_refused_when_it_is_chosen(
    visit: Visit, photo: np.ndarray
) -> None:
    data = b"\0\0\0\x0cjP  \r\n\x87\n"  # JPEG 2000
    for name, media_type in (("photo.jp2", "image/jp2"), ("photo.png", "image/png")):
        other = file(name, data, media_type)
        visit.choose_content(other)
        refused = visit.at("#invite .problem")
        expect(refused).to_contain_text(f"“{name}” is a file in the format JPEG 2000, which this service")
        expect(refused).to_contain_text("PNG, JPEG, WebP, GIF, BMP, AVIF, TIFF or HEIC")
        visit.page.set_input_files("#style-file", [other])
        expect(visit.at("#styles .problem").first).to_contain_text(name)
        expect(visit.at("#mix li")).to_have_count(0)
    assert visit.at("#content-file").get_attribute("accept") == ",".join(MEDIA_TYPES.values())
    for kind in ("png", "jpeg", "webp", "gif", "bmp", "avif"):
        visit.choose_content(file(f"photo.{kind}", encoded(photo, kind.upper()), f"image/{kind}"))
        expect(visit.at("#content-name")).to_have_text(f"photo.{kind}")
