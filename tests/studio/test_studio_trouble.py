"""What goes wrong while somebody is at the studio: files, fields, limits, a service that goes away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broker.parts import Part
from front_door import START_S, RunningService, eventually, png
from playwright.sync_api import Browser, expect
from studio.visiting import LASTING, NO_ROOM, Visit, file

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {"max_body_mb": 1.5, "caller_limit": 1}
MANY_POINTS = "() => [...document.querySelectorAll('#curve polyline')].some((piece) => piece.points.length > 5)"
PASSES = """async (limit) => {
    const [{ isPassing }, { Problem }] = await Promise.all(["patience.js", "api.js"].map(studioModule));
    return isPassing(new Problem(429, { type: "urn:nst:problem:limit-exceeded", detail: "", limit }, 3600));
}"""  # whether the page waits where a tenant's limit refuses for an hour
ITERATION = "Number(document.getElementById('loss-when').textContent.split(' ')[2] ?? 0)"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trouble")


@pytest.fixture(scope="module")
def worker(narrow_model: Path, data: Path) -> Iterator[Part]:
    with Part("worker", narrow_model, data, **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def service(narrow_model: Path, data: Path, worker: Part) -> Iterator[RunningService]:
    """A web server that takes small bodies and few waiting jobs, which a test may stop and start, and a worker."""
    with Part("web", narrow_model, data, **SETTINGS) as running:
        eventually(running.is_ready, 60, "not ready")
        yield running


@pytest.fixture
def painting(browser: Browser, service: RunningService, photo_png: bytes, texture_png: bytes) -> Iterator[Visit]:
    """Somebody whose picture is being painted, and would be for long."""
    with Visit.of(browser, service) as visit:
        ready(visit, photo_png, texture_png)
        visit.set(**LASTING)
        visit.paint()
        visit.until("Painting")
        yield visit
        service.cancel(visit.shown())
        service.ended(visit.shown())


def ready(visit: Visit, photo: bytes, texture: bytes) -> None:
    visit.choose_content(file("photo.png", photo))
    visit.add_styles(file("texture.png", texture))


def iteration(visit: Visit) -> int:
    return int(visit.page.evaluate(ITERATION))


def painted_past(visit: Visit, before: int) -> None:
    visit.page.wait_for_function(f"n => {ITERATION} > n", arg=before)


def test_a_picture_sharpens_a_reload_goes_on_watching_and_it_is_canceled(painting: Visit) -> None:
    painting.page.wait_for_function(MANY_POINTS)
    painting.at("#left").filter(has_text="left").wait_for()
    source = painting.at("#after").get_attribute("src")
    painting.page.wait_for_function("src => document.getElementById('after').src !== src", arg=source)
    assert painting.page.evaluate("document.getElementById('bar').value") > 0
    id, before = painting.shown(), iteration(painting)
    painting.reload()
    painting.until("Painting")
    painted_past(painting, before)
    assert painting.shown() == id
    expect(painting.at("#mix strong")).to_have_text("texture.png")
    expect(painting.at("#summary")).to_contain_text("photo.png")
    assert painting.page.evaluate(MANY_POINTS)
    painting.at("#cancel").click()
    painting.until("Canceled")
    assert painting.service.job(id)["status"] == "canceled"
    expect(painting.at("#job-why")).to_contain_text("how far it had come")
    expect(painting.at("#after")).to_be_visible()
    expect(painting.at(f'#wall a[href="#/{id}"]')).to_contain_text("Canceled")
    expect(painting.at("#delete")).to_be_visible()


def test_the_service_goes_away_and_comes_back_during_a_job(painting: Visit, worker: Part) -> None:
    painting.expected += ["ERR_", "50[0-9]"]
    id, before = painting.shown(), iteration(painting)
    with worker.halted("service worker"):
        painting.service.stop()
        expect(painting.at("#banner")).to_be_visible()
        expect(painting.at("#banner-text")).to_contain_text("answer")
        expect(painting.at("#summary")).to_contain_text("photo.png")
        painting.service.start(wait=False)  # it is ready once the worker lives
        eventually(lambda: painting.service.answers("/livez"), START_S, "it does not answer")
    expect(painting.at("#banner")).to_be_hidden()
    painting.until("Painting")
    painted_past(painting, before)
    assert painting.shown() == id


def test_paint_is_sent_once_the_service_is_back(
    visit: Visit, service: RunningService, photo_png: bytes, texture_png: bytes
) -> None:
    visit.expected += ["ERR_", "50[0-9]"]
    ready(visit, photo_png, texture_png)
    visit.set(size="64", iterations="3")
    service.stop()
    visit.at("#paint").click()
    expect(visit.at("#paint-label")).to_have_text("Sending …")
    expect(visit.at("#banner")).to_be_visible()
    the_banner_covers_nothing(visit)
    service.start()
    visit.done()
    assert len([job for job in service.get("/v1/transfers").json()["items"] if job["options"]["size"] == 64]) == 1


def the_banner_covers_nothing(visit: Visit) -> None:
    """Neither the head of the picture where the page is scrolled, nor the last button where it is not."""
    foot = "document.getElementById('stop-sending').getBoundingClientRect().bottom"
    assert visit.page.evaluate(f"scrollTo(0, 0), {foot} <= innerHeight")
    visit.page.evaluate("scrollTo(0, 90)")
    stage, banner = (visit.at(selector).bounding_box() for selector in ("#stage", "#banner"))
    assert stage is not None
    assert banner is not None
    assert stage["y"] >= banner["y"] + banner["height"]


def test_what_is_missing_or_no_picture_is_said_beside_where_it_belongs(visit: Visit, texture_png: bytes) -> None:
    visit.at("#paint").click()
    expect(visit.at("#invite .problem")).to_contain_text("Choose a photograph first")
    expect(visit.at("#styles [data-loc=styles] .problem")).to_contain_text("Pick at least one style")
    visit.choose_content(file("notes.jpg", b"no picture", "image/jpeg"))
    words = visit.at("#invite .problem")
    expect(words).to_contain_text(re.compile("notes.jpg. .* be read as a picture"))
    described = visit.at("#choose-content").get_attribute("aria-describedby")
    assert described == words.get_attribute("id")
    visit.page.set_input_files("#style-file", [file("notes.txt", b"no picture", "text/plain")])
    expect(visit.at("#styles .problem:visible")).to_contain_text(re.compile("notes.txt. .* be read"))
    words_of_the_api_stand_beside_the_picture_that_they_are_about(visit, texture_png)
    a_draft_that_the_browser_does_not_keep(visit)


def a_draft_that_the_browser_does_not_keep(visit: Visit) -> None:
    visit.page.evaluate(NO_ROOM)
    visit.at("#strength").fill("0.3")
    expect(visit.at("#unkept")).to_be_visible()
    assert visit.at("html").get_attribute("data-draft") == "lost"
    visit.page.evaluate("room()")
    visit.at("#strength").fill("0.4")
    expect(visit.at("#unkept")).to_be_hidden()


def words_of_the_api_stand_beside_the_picture_that_they_are_about(visit: Visit, texture_png: bytes) -> None:
    visit.expected.append("422")
    tiny = png(np.zeros((4, 4, 3), np.uint8))
    visit.choose_content(file("tiny.png", tiny))
    visit.add_styles(file("fine.png", texture_png), file("dot.png", tiny))
    visit.at("#paint").click()
    expect(visit.at("#draft-caption .problem")).to_contain_text("4 x 4 pixels are too few")
    expect(visit.at("#mix li:nth-child(2) .problem")).to_contain_text("4 x 4 pixels are too few")
    expect(visit.at("#mix li:nth-child(1) .problem")).to_be_hidden()
    visit.choose_content(file("half.png", texture_png[: len(texture_png) // 2]))
    visit.at("#paint").click()
    expect(visit.at("#draft-caption .problem")).to_contain_text("of its pixels are there")


def test_a_field_s_error_stands_beside_its_control_until_it_is_changed(
    visit: Visit, photo_png: bytes, texture_png: bytes
) -> None:
    ready(visit, photo_png, texture_png)
    for size in ("", "64.5", "5000"):
        visit.set(size=size, seed="-1")
        visit.at("#paint").click()
        expect(visit.at("[data-loc=size] .problem")).to_have_text("A whole number from 32 to 4096.")
    expect(visit.at("[data-loc=seed] .problem")).to_have_text("A whole number, 0 or more.")
    for name in ("size", "seed"):
        words = visit.at(f"[data-loc={name}] .problem")
        expect(words).to_be_visible()
        expect(visit.at(f"#{name}")).to_have_attribute("aria-invalid", "true")
        expect(visit.at(f"#{name}")).to_have_attribute("aria-describedby", words.get_attribute("id") or "")
    expect(visit.at("#size")).to_be_focused()
    visit.at("#size").fill("64")
    expect(visit.at("[data-loc=size] .problem")).to_be_hidden()
    expect(visit.at("#size")).not_to_have_attribute("aria-invalid", "true")


def test_pictures_that_are_too_large_together(visit: Visit, texture_png: bytes) -> None:
    visit.expected += ["413", "ERR_"]
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    ready(visit, png(noise), texture_png)
    visit.at("#paint").click()
    expect(visit.at("#paint-problem")).to_contain_text("larger than 1.5 MiB")
    expect(visit.at("#paint-problem")).to_contain_text("Choose smaller pictures")
    expect(visit.at("#content-name")).to_have_text("photo.png")


def test_too_many_waiting_jobs_are_waited_for(painting: Visit) -> None:
    painting.expected.append("429")
    first = painting.shown()
    second = painting.paint()
    expect(painting.at("#job-status")).to_have_text("Waiting")
    painting.at("#paint").click()
    expect(painting.at("#banner-text")).to_contain_text("of your jobs wait already")
    expect(painting.at("#stop-sending")).to_be_visible()
    painting.at("#stop-sending").click()
    expect(painting.at("#banner")).to_be_hidden()
    assert painting.shown() == second
    painting.service.cancel(first)
    assert painting.page.evaluate(PASSES, {"name": "waiting_jobs", "value": 3, "used": 3})
    assert not painting.page.evaluate(PASSES, {"name": "daily_cost", "value": 3, "used": 3})
