"""Several pictures of one photograph at the studio: strengths, seeds, a walk; what they take; sheet and files."""

from __future__ import annotations

import json
import re
import zipfile
from typing import Any

import numpy as np
import pytest
from front_door import RunningService, b64, png
from playwright.sync_api import Route, expect
from studio.test_studio_access import check
from studio.visiting import LASTING, Visit, file

pytestmark = pytest.mark.slow

SMALL = {"size": "64", "iterations": "2"}


def unnamed(shown: Any) -> Any:
    """What the API shows, without the names of files."""
    if isinstance(shown, dict):
        return {key: unnamed(value) for key, value in shown.items() if key != "name"}
    return [unnamed(entry) for entry in shown] if isinstance(shown, list) else shown


@pytest.fixture
def drafting(visit: Visit, photo_png: bytes, texture: np.ndarray) -> Visit:
    visit.choose_content(file("photo.png", photo_png))
    visit.add_styles(file("a.png", png(texture[:64, :64])))
    visit.set(**SMALL)
    return visit


def choose(visit: Visit, series: str) -> None:
    visit.at(f"[name=series][value={series}]").check(force=True)


def asked(visit: Visit) -> dict[str, Any]:
    """The request as the page shows it in code."""
    visit.at("#copy-code").click()
    found = re.search(r"request=(\{.*\})'", visit.at("#code").inner_text())
    visit.page.keyboard.press("Escape")
    assert found is not None
    request: dict[str, Any] = json.loads(found[1])
    return request


def test_a_series_is_sent_and_all_of_its_pictures_can_be_taken(drafting: Visit, texture: np.ndarray) -> None:
    visit = drafting
    choose(visit, "seeds")
    assert asked(visit)["variants"] == [{"init": "random", "seed": seed} for seed in range(4)]
    choose(visit, "walk")
    expect(visit.at("#series-hint")).to_contain_text("two styles")
    visit.at("#paint").click()
    expect(visit.at("[data-loc=variants] .problem")).to_contain_text("two styles")
    expect(visit.at("[name=series][value=walk]")).to_be_focused()
    visit.add_styles(file("b.png", png(texture[64:128, :64])))
    expect(visit.at("[data-loc=variants] .problem")).to_be_hidden()
    expect(visit.at("#series-hint")).to_have_text("Five pictures, from a.png to b.png.")
    walk = asked(visit)["variants"]
    assert [[style["weight"] for style in step["styles"]] for step in walk] == [
        [1], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [1]
    ]  # fmt: skip
    visit.at(".draw-mask").first.click()
    visit.at("#brush-all").click()
    visit.at("#brush-use").click()
    expect(visit.at("#series-hint")).to_contain_text("take their masks out")
    visit.at("#paint").click()
    expect(visit.at("[data-loc=variants] .problem")).to_contain_text("take their masks out")
    visit.at("#mix .mask").click()
    expect(visit.at("#series-hint")).to_have_text("Five pictures, from a.png to b.png.")
    choose(visit, "strengths")
    expect(visit.at("#strength")).to_be_disabled()
    expect(visit.at("#summary")).to_contain_text("4 pictures")
    id = visit.paint()
    expect(visit.at("#stage")).to_be_focused()
    visit.done()
    job = visit.service.job(id)
    assert [own["strength"] for own in job["options"]["variants"]] == [0.2, 0.4, 0.6, 0.8]
    with visit.page.expect_download() as third:
        visit.at("#strip .save").nth(2).click()
    image = visit.service.get(f"{job['links']['image']}?variant=2").content
    assert third.value.path().read_bytes() == image
    with visit.page.expect_download() as every:
        visit.at("#save-all").click()
    with zipfile.ZipFile(every.value.path()) as pictures:
        assert pictures.testzip() is None
        assert every.value.suggested_filename == "photo - a + b - all.zip"
        assert pictures.namelist()[0] == "photo - a + b - 1 - strength 0.2.png"
        assert len(pictures.namelist()) == 4
        assert pictures.read(pictures.namelist()[2]) == image
    with visit.page.expect_download() as sheet:
        visit.at("#sheet").click()
    assert sheet.value.path().read_bytes() == visit.service.get(job["links"]["sheet"]).content
    assert sheet.value.suggested_filename == "photo - a + b - sheet.jpg"
    check(visit)


def test_a_finished_picture_s_request_is_shown_as_it_was_made(coming: Visit, photo_png: bytes, mask: bytes) -> None:
    visit = coming
    own = {"image": b64(photo_png), "weight": 0.5, "mask": b64(mask)}
    options = {"size": 64, "iterations": 2, "strength": 0.3, "tolerance": 0.5, "protect": b64(mask)}
    made = visit.service.transfer(photo_png, own, {"image": b64(photo_png)}, **options)
    visit.arrive(f"/#/{made['id']}")
    visit.at("#job-code").click()
    expect(visit.at("#code-dialog")).to_be_visible()
    found = re.search(r"request=(\{.*\})'", visit.at("#code").inner_text())
    parts = re.findall(r"-F '(\w+)=@\"([^\"]+)\"'", visit.at("#code").inner_text())
    with visit.page.expect_download() as download:
        visit.at("#code-pictures").click()
    assert found is not None
    with zipfile.ZipFile(download.value.path()) as pictures:
        files = {part: (name, pictures.read(name)) for part, name in parts}
    again = visit.service.post_form({"request": found[1]}, files).json()
    assert unnamed(again["options"]) == made["options"]  # only files of a form have names
    visit.service.ended(again["id"])


@pytest.fixture
def mask(photo: np.ndarray) -> bytes:
    """In the photograph's shape, white above."""
    grey = np.zeros(photo.shape[:2], np.uint8)
    grey[: len(grey) // 2] = 255
    return png(grey)


def ended(size: int, iterations: int, seconds: float, **options: Any) -> dict[str, Any]:
    """A transfer that took so long to paint, and waited as long, as far as the studio reads it."""
    usual = {"iterations": iterations, "levels": 3, "tolerance": 0.001, "optimizer": "lbfgs", "method": "optimize"}
    return {
        "options": usual | {"variants": []} | options,
        "result": {"width": size, "height": size, "iterations": iterations},
        "timings": {"queued_s": seconds, "total_s": 2 * seconds},
    }


def test_what_it_takes_is_said_before(drafting: Visit, texture: np.ndarray) -> None:
    visit = drafting
    measured: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        status = re.search(r"status=(\w+)", route.request.url)
        items = {"succeeded": measured, "queued": waiting}.get(status[1] if status else "", [])
        route.fulfill(json={"items": items, "next": None})

    visit.page.route("**/v1/transfers?status=*", answer)
    size = 2 * max(
        visit.page.evaluate("createImageBitmap(document.querySelector('#after')).then((b) => [b.width, b.height])")
    )
    visit.set(size=str(size), iterations="40")
    refresh = "studioModule('forecast.js').then((forecast) => forecast.refreshForecast())"
    visit.page.evaluate(refresh)
    expect(visit.at("#estimate")).to_have_text("How long it takes isn\u2019t known here yet")
    waiting += [{}, {}]
    visit.page.evaluate(refresh)
    expect(visit.at("#estimate")).to_have_text("After 2 other pictures")
    measured += [
        ended(size, 20, 10.0),
        ended(size, 20, 12.0),
        ended(20 * size, 20, 1e6),
        ended(size, 20, 1.0, levels=1),
    ]
    visit.page.evaluate(refresh)
    height, width = visit.page.evaluate(
        "createImageBitmap(document.querySelector('#after')).then((b) => [b.height, b.width])"
    )
    share = min(height, width) / max(height, width)
    seconds = round(22 * share)
    expect(visit.at("#estimate")).to_have_text(f"About {seconds} s, after 2 other pictures")
    choose(visit, "strengths")
    expect(visit.at("#estimate")).to_contain_text(re.compile(r"^About [\d.]+ (s|min), after"))


def test_progress_is_in_percent_and_a_level_is_a_piece_of_the_curve(visit: Visit) -> None:
    """Two levels of 5 iterations, the second four times as dear and with higher losses; one event is missing."""
    progress = """async ([points]) => {
        const { beginCurve, addToCurve } = await studioModule("curve.js");
        const { showProgress } = await studioModule("progress.js");
        beginCurve("none");
        for (const [iteration, fraction, total] of points) showProgress({
            status: "running", iteration, iterations: 10, fraction, eta_seconds: 9, losses: { total } });
    }"""
    coarse = [[k, 0.04 * k, 0.5 / k] for k in range(1, 6)]
    fine = [[k, 0.2 + 0.16 * (k - 5), 0.4 / (k - 5)] for k in range(7, 11)]
    visit.page.evaluate(progress, [[*coarse, *fine[:-1]]])
    expect(visit.at("#step")).to_have_text("84 % painted")
    assert visit.page.evaluate("document.getElementById('bar').value") == pytest.approx(0.84)
    expect(visit.at("#loss-when")).to_have_text("Loss after 9")
    pieces = visit.page.evaluate(
        "[...document.querySelectorAll('#curve polyline')].map((line) => line.points.length)"
    )
    assert pieces == [5, 3]


def test_the_others_that_go_first_are_counted_and_a_series_shows_what_is_done(
    visit: Visit, service: RunningService, photo_png: bytes, texture_png: bytes
) -> None:
    body = {"content": b64(photo_png), "styles": [{"image": b64(texture_png)}]}
    lasting = {"size": int(LASTING["size"]), "iterations": int(LASTING["iterations"])}
    series = {"variants": [{"iterations": 1}, {}, {"seed": 1}]}
    ids = [service.post(body | lasting | more).json()["id"] for more in (series, {}, {})]
    try:
        looked_at_while_others_are_painted(visit, ids[0])
        visit.open(f"/#/{ids[2]}")
        visit.reload()
        expect(visit.at("#step")).to_have_text("Waiting: 1 other picture first")
        visit.arrive(f"/#/{ids[0]}")
        kept_when_canceled(visit)
    finally:
        for id in ids:
            service.cancel(id)
            service.ended(id)


def looked_at_while_others_are_painted(visit: Visit, series: str) -> None:
    """A finished picture can be looked at and saved; the stage goes back to what is being painted."""
    visit.open(f"/#/{series}")
    first, painted, waiting = (visit.at("#strip .choose").nth(i) for i in range(3))
    expect(first.locator("img")).to_have_attribute("src", re.compile("blob:"))
    expect(painted).to_have_attribute("aria-pressed", "true")
    expect(waiting).to_be_disabled()
    first.click()
    visit.at("#compare").wait_for()
    with visit.service.halted("service worker"):
        check(visit)
    expect(visit.at("#strip .save:visible")).to_have_count(1)
    with visit.page.expect_download() as download:
        visit.at("#download").click()
    image = visit.service.get(f"/v1/transfers/{series}/image?variant=0").content
    assert download.value.path().read_bytes() == image
    assert download.value.suggested_filename == "painting - 1 - iterations 1.png"
    painted.click()
    expect(visit.at("#compare")).to_be_hidden()
    expect(visit.at("#after")).to_have_attribute("alt", re.compile("as far as it is"))


def kept_when_canceled(visit: Visit) -> None:
    visit.at("#cancel").click()
    visit.until("Canceled")
    expect(visit.at("#job-why")).to_have_text("Canceled. 1 of 3 pictures is done.")
    visit.at("#compare").wait_for()
    expect(visit.at("#strip .choose").first).to_have_attribute("aria-pressed", "true")
    expect(visit.at("#strip .choose").nth(1)).to_be_disabled()
    expect(visit.at("#download")).to_be_visible()
    check(visit)
    visit.reload()
    expect(visit.at("#strip .save:visible")).to_have_count(1)
    visit.at("#compare").wait_for()
