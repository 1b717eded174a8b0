"""Walks through the studio in which no request is refused: nothing is fetched that is gone or isn't there yet.

The console of the browser would say of a refused request that it failed; here the answers are looked at as well.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from front_door import RunningService, eventually, png
from painters.painting_presets import put_painting_preset
from playwright.sync_api import Response, expect
from studio.test_studio_painters import LONG, PAINTED, learn_for, lesson
from studio.test_studio_presets import manage, row, tile
from studio.visiting import Visit, file

pytestmark = pytest.mark.slow

NUMBER = re.compile(r"\d")
PAINTS, LEARNS, SHOWN = "paints-at-once", "learns", "shown"


@pytest.fixture
def refused(visit: Visit) -> list[str]:
    """The requests that the service refused so far."""
    found: list[str] = []

    def look(response: Response) -> None:
        if response.status >= 400:
            found.append(f"{response.status} {response.request.method} {response.url}")

    visit.page.on("response", look)
    return found


def test_a_preset_whose_picture_is_deleted_shows_its_style_again(
    visit: Visit, refused: list[str], photo_png: bytes, texture: np.ndarray
) -> None:
    visit.service.put_style(SHOWN, png(texture[:64, 300:364])).raise_for_status()
    visit.reload()
    tile(visit, SHOWN).click()
    visit.choose_content(file("photo.png", photo_png))
    visit.set(size="256", iterations="30")
    for way in ("stage", "gallery"):
        id = visit.paint()
        visit.done()
        expect(tile(visit, SHOWN).locator("img")).to_have_js_property("naturalHeight", 170)
        if way == "stage":
            visit.at("#delete").click()
        else:
            visit.at("#gallery-select").click()
            visit.at(f'[data-job="{id}"] .pick').click()
            visit.at("#selection-delete").click()
        visit.at("#delete-yes").click()
        expect(tile(visit, SHOWN).locator("img")).to_have_js_property("naturalHeight", 64)
        manage(visit)
        expect(row(visit, SHOWN).locator("img")).to_have_js_property("naturalHeight", 64)
        visit.at("#manage-close").click()
    assert refused == []


def only_left(service: RunningService, strength: float) -> str:
    """Wait until a painting of this strength is the only one in the preset; return its id."""

    def found() -> list[tuple[str, float]]:
        jobs = service.get("/v1/transfers?limit=100").json()["items"]
        theirs = [job for job in jobs if job["options"]["styles"][0].get("preset") == PAINTS]
        return [(job["id"], job["options"]["strength"]) for job in theirs]

    eventually(lambda: [own for _, own in found()] == [strength], 60, f"not {strength} alone")
    return found()[0][0]


def test_instant_pictures_that_are_gone_are_not_asked_for(
    visit: Visit, refused: list[str], service: RunningService, photo_png: bytes, texture: np.ndarray
) -> None:
    service.put_style("never-asked-for", png(texture[:96, :96])).raise_for_status()
    pack = service.get("/v1/styles/never-asked-for/pack").content
    put_painting_preset(service, PAINTS, pack, 3)
    visit.reload()
    visit.choose_content(file("photo.png", photo_png))
    visit.set(size="256")
    tile(visit, PAINTS).click()
    expect(visit.at("#instant-words")).to_have_text(PAINTED)
    visit.reload()  # the preset shows the picture that is there now
    expect(visit.at("#instant-words")).to_have_text(PAINTED)
    visit.at("#strength").fill("0.8")
    job = only_left(service, 0.8)
    manage(visit)
    expect(row(visit, PAINTS).locator("img")).to_have_js_property("complete", value=True)
    visit.at("#manage-close").click()
    visit.at("#gallery-select").click()
    visit.at(f'[data-job="{job}"] .pick').click()
    visit.at("#selection-delete").click()
    visit.at("#delete-yes").click()
    expect(visit.at(f'[data-job="{job}"]')).to_have_count(0)
    visit.at("#strength").fill("0.3")
    only_left(service, 0.3)
    assert refused == []


def test_a_preset_that_learns_may_be_renamed_and_deleted(
    visit: Visit, refused: list[str], texture: np.ndarray
) -> None:
    visit.service.put_style(LEARNS, png(texture[300:396, :96])).raise_for_status()
    visit.reload()
    tile(visit, LEARNS).click()
    learn_for(visit, LONG)
    lesson(visit, LEARNS).get_by_role("button", name="Teach it").click()
    expect(lesson(visit, LEARNS).locator("output")).to_have_text(NUMBER)
    with visit.service.halted("service worker"):
        manage(visit)
        row(visit, LEARNS).get_by_text("Edit").click()
        visit.at("#edit-name").fill(f"{LEARNS}-still")
        visit.at("#edit-save").click()
        expect(lesson(visit, f"{LEARNS}-still").locator("output")).to_have_text(NUMBER)
    row(visit, f"{LEARNS}-still").get_by_text("Delete").click()
    row(visit, f"{LEARNS}-still").get_by_label("Yes, delete").click()
    expect(visit.at("#undo")).to_contain_text("is deleted")
    expect(lesson(visit, f"{LEARNS}-still")).to_have_count(0)
    visit.page.wait_for_timeout(1500)  # the stream of the learning would have ended by now
    assert refused == []
