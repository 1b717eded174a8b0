"""Painters at the studio: they paint while somebody chooses, and presets are taught one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from front_door import RunningService, eventually, png
from painters.painting_presets import put_painting_preset
from playwright.sync_api import Locator, Route, expect
from studio.test_studio_access import check
from studio.visiting import Visit, file

pytestmark = pytest.mark.slow

SHORT, LONG = 0.01, 1.0  # minutes of learning
LEARNED_MS = 180_000  # with what comes before and after, on a busy machine
ONE, OTHER = "studio-paints", "studio-paints-too"
PAINTED = re.compile(r"^Painted in \d+(\.\d)? s by the painter")


@pytest.fixture(scope="module")
def presets(service: RunningService, texture: np.ndarray) -> tuple[str, str]:
    """Two presets with painters."""
    service.put_style("studio-untaught", png(texture[:96, :96])).raise_for_status()
    pack = service.get("/v1/styles/studio-untaught/pack").content
    for seed, name in enumerate((ONE, OTHER)):
        put_painting_preset(service, name, pack, seed)
    return ONE, OTHER


@pytest.fixture
def looking(visit: Visit, presets: tuple[str, str], photo_png: bytes) -> Iterator[Visit]:
    """Somebody who has chosen a photograph, and sees the first preset's painting of it."""
    visit.choose_content(file("photo.png", photo_png))
    visit.set(size="64", iterations="2")
    visit.at(f'[data-preset="{presets[0]}"]').click()
    expect(visit.at("#instant-words")).to_have_text(PAINTED)
    yield visit
    for job in paintings(visit.service):
        requests.delete(visit.service.url + job["links"]["self"], timeout=60).raise_for_status()


def pick(visit: Visit, name: str) -> None:
    visit.at(f'[data-preset="{name}"]').click()


def paintings(service: RunningService) -> list[dict[str, Any]]:
    """The transfers in these tests' presets that painters alone painted."""
    found = []
    for job in service.get("/v1/transfers?limit=100").json()["items"]:
        presets = {style.get("preset") or "" for style in job["options"]["styles"]}
        is_painting = job["options"]["method"] == "painter" and not job["progress"]["iterations"]
        if is_painting and all(preset.startswith("studio-") for preset in presets):
            found.append(job)
    return found


def left(service: RunningService, strength: float) -> dict[str, Any]:
    """Wait until a painting of this strength is the only one that is left."""

    def strengths() -> list[float]:
        return [job["options"]["strength"] for job in paintings(service)]

    eventually(lambda: strengths() == [strength], 60, f"not {strength} alone")
    return paintings(service)[0]


def test_painters_paint_while_one_chooses(looking: Visit, presets: tuple[str, str]) -> None:
    check(looking)
    pick(looking, presets[1])
    expect(looking.at("#instant-words")).to_contain_text(f"{presets[0]} and {presets[1]}")
    looking.at("#strength").fill("0.9")
    options = left(looking.service, 0.9)["options"]
    assert [style["preset"] for style in options["styles"]] == list(presets)
    assert options["size"] == 64
    looking.at("#mix [data-field=scale]").first.fill("1")
    expect(looking.at("#instant-words")).to_contain_text(
        "Only Paint uses the scale of the strokes and the iterations."
    )
    looking.set(iterations="90")  # the default
    expect(looking.at("#instant-words")).to_contain_text("Only Paint uses the scale of the strokes.")
    with looking.page.expect_download() as download:
        looking.at("#instant-download").click()
    job = left(looking.service, 0.9)
    looking.page.set_viewport_size({"width": 390, "height": 844})
    looking.at("#size").scroll_into_view_if_needed()
    expect(looking.at("#peek")).to_be_visible()
    expect(looking.at("#summary-photo")).to_be_hidden()
    looking.at("#peek").click()
    expect(looking.at("#peek")).to_be_hidden()
    expect(looking.at("#summary-photo")).to_be_visible()
    assert Path(download.value.path()).read_bytes() == looking.service.get(job["links"]["image"]).content


def test_a_dial_beside_a_finished_painting_goes_back_to_the_draft(looking: Visit) -> None:
    id = looking.paint()
    looking.done()
    assert looking.service.job(id)["progress"]["iterations"] == 2
    looking.at("#job-new").click()
    expect(looking.at("#instant-words")).to_have_text(PAINTED)
    expect(looking.at("#compare")).to_be_visible()
    looking.open(f"/#/{id}")
    looking.done()
    looking.at("#strength").fill("0.7")
    expect(looking.at("#draft-caption")).to_be_visible()
    left(looking.service, 0.7)
    assert looking.service.job(id)["status"] == "succeeded"
    looking.at("#mix li button").first.click()
    expect(looking.at("#compare")).to_be_hidden()


def test_only_the_newest_is_painted_while_an_older_one_is_on_its_way(looking: Visit) -> None:
    held: list[Route] = []
    sent: list[float] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(json.loads(re.search(r"\{.*\}", route.request.post_data or "")[0])["strength"])  # type: ignore[index]
            if len(sent) == 1:
                return held.append(route)
        return route.continue_()

    looking.page.route("**/v1/transfers", hold)
    with looking.page.expect_request("**/v1/transfers"):
        looking.at("#strength").fill("0.1")
    for strength in ("0.2", "0.3", "0.4"):
        looking.at("#strength").fill(strength)
        looking.page.wait_for_timeout(300)
    held[0].continue_()
    expect(looking.at("#instant-download")).to_be_visible()
    left(looking.service, 0.4)
    assert sent == [0.1, 0.4]
    looking.page.unroute("**/v1/transfers", hold)
    a_key_that_may_not_paint_is_told_once(looking)


def a_key_that_may_not_paint_is_told_once(looking: Visit) -> None:
    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.url)
            return route.fulfill(status=403, json={"detail": "this takes a key with the scope run"})
        return route.continue_()

    sent: list[str] = []
    looking.expected.append("403")
    looking.page.route("**/v1/transfers", refuse)
    looking.at("#strength").fill("0.5")
    expect(looking.at("#instant-words")).to_contain_text("a key with the scope run")
    looking.at("#strength").fill("0.6")
    looking.page.wait_for_timeout(300)
    assert len(sent) == 1
    looking.page.unroute("**/v1/transfers", refuse)


def test_a_painting_whose_losses_are_not_there_yet_is_shown(looking: Visit) -> None:
    job = left(looking.service, 0.5)

    def without_losses(route: Route) -> None:
        found = route.fetch().json()
        for picture in (found["result"], *found["result"]["variants"]):
            picture["losses"] = None
        route.fulfill(json=found)

    looking.page.route(f"**/v1/transfers/{job['id']}", without_losses)
    looking.open(f"/#/{job['id']}")
    looking.done()
    looking.at("#job-details summary").click()
    expect(looking.at("#job-options div").filter(has_text="Content loss")).to_contain_text("not measured yet")


def learn_for(visit: Visit, minutes: float) -> None:
    """Let what is taught from now on learn so long, and for small pictures."""

    def shorter(route: Route) -> None:
        if route.request.method == "PUT":
            return route.continue_(post_data=json.dumps({"size": 64, "minutes": minutes}))
        return route.continue_()

    visit.page.unroute("**/painter")
    visit.page.route("**/painter", shorter)


def lesson(visit: Visit, name: str) -> Locator:
    return visit.at(f'[data-lesson="{name}"]')


def status(service: RunningService, name: str) -> str:
    return str(service.get(f"/v1/styles/{name}/painter").json()["status"])


def test_a_preset_is_taught_and_paints(visit: Visit, photo_png: bytes, texture: np.ndarray) -> None:
    name = "studio-pupil"
    visit.service.put_style(name, png(texture[96:192, :96])).raise_for_status()
    visit.reload()
    visit.choose_content(file("photo.png", photo_png))
    visit.set(size="64")
    pick(visit, name)
    row = lesson(visit, name)
    learn_for(visit, LONG)
    row.get_by_role("button", name="Teach it").click()
    expect(row.locator(".sheet")).to_be_visible()
    expect(row.locator("output")).to_have_text(re.compile(r"\d"))
    visit.page.wait_for_function("() => document.querySelector('.lesson progress').value > 0")
    with visit.service.halted("service worker"):
        visit.at("#mix li button").first.click()
        visit.at("html[data-draft=saved]").wait_for()
        visit.reload()
        expect(row.locator(".sheet")).to_be_visible()
        check(visit)
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(0)
    assert status(visit.service, name) == "none"
    pick(visit, name)
    learn_for(visit, SHORT)
    row.get_by_role("button", name="Teach it").click()
    expect(visit.at("#instant-words")).to_have_text(PAINTED, timeout=LEARNED_MS)
    expect(row).to_have_count(0)


def test_why_a_preset_could_not_learn_is_said(visit: Visit, texture: np.ndarray) -> None:
    name = "studio-unlucky"
    presets = visit.service.data / "blobs" / "styles"  # elsewhere a comparison may write files
    before = set(presets.rglob("*"))
    visit.service.put_style(name, png(texture[192:288, :96])).raise_for_status()
    picture = max(set(presets.rglob("*")) - before, key=lambda path: path.is_file() and path.stat().st_size)
    data = picture.read_bytes()
    picture.write_bytes(data[:-100] + bytes(100))
    visit.reload()
    pick(visit, name)
    learn_for(visit, SHORT)
    lesson(visit, name).get_by_role("button", name="Teach it").click()
    why = lesson(visit, name).locator(".problem")
    expect(why).to_contain_text("It could not learn: the file")
    visit.at("html[data-draft=saved]").wait_for()
    visit.reload()
    expect(why).to_contain_text("It could not learn: the file")
    picture.write_bytes(data)
    learn_for(visit, LONG)
    lesson(visit, name).get_by_role("button", name="Try again").click()
    lesson(visit, name).get_by_role("button", name="Cancel").click()
    lesson(visit, name).get_by_role("button", name="Teach it").wait_for()
    assert status(visit.service, name) == "none"


@pytest.mark.usefixtures("presets")
def test_a_preset_that_learns_anew_in_vain_is_not_said_to_have_learned(visit: Visit) -> None:
    name = "studio-in-vain"
    put_painting_preset(visit.service, name, visit.service.get("/v1/styles/studio-untaught/pack").content, seed=2)
    url, body = f"{visit.service.url}/v1/styles/{name}/painter", {"size": 64, "minutes": LONG}
    requests.put(url, json=body, timeout=60).raise_for_status()
    failed = {"status": "ready", "error": {"detail": "the learning failed"}}
    visit.page.route(f"**/styles/{name}/painter", lambda route: route.fulfill(json=route.fetch().json() | failed))
    visit.reload()
    expect(visit.at("#said")).to_have_text(f"{name} could not learn anew, and keeps its painter.")
    requests.delete(url, timeout=60).raise_for_status()
